"""Calls that ended as nearly all do are in no index of statuses and outcomes: each is recorded with less work."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UNUSUAL = {"status": sa.text("(status IS NULL OR status <> 200)"), "outcome": sa.text("outcome <> 'ok'")}


def upgrade() -> None:
    for column, some in UNUSUAL.items():
        op.drop_index(f"ix_transaction_{column}_started_at_id", "transaction")
        op.create_index(
            f"ix_transaction_unusual_{column}", "transaction", [column, "started_at", "id"],
            sqlite_where=some, postgresql_where=some,
        )  # fmt: skip


def downgrade() -> None:
    for column in UNUSUAL:
        op.drop_index(f"ix_transaction_unusual_{column}", "transaction")
        op.create_index(f"ix_transaction_{column}_started_at_id", "transaction", [column, "started_at", "id"])
