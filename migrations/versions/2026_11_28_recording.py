"""Indexes hold what is rare: calls that did not end as nearly all do, and the few runs that have not ended."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UNUSUAL = {"status": sa.text("(status IS NULL OR status <> 200)"), "outcome": sa.text("outcome <> 'ok'")}

LIVE = sa.text("state IN ('queued', 'running', 'waiting')")


def upgrade() -> None:
    op.create_index("ix_sync_run_live", "sync_run", ["id"], sqlite_where=LIVE, postgresql_where=LIVE)
    for column, some in UNUSUAL.items():
        op.drop_index(f"ix_transaction_{column}_started_at_id", "transaction")
        op.create_index(
            f"ix_transaction_unusual_{column}", "transaction", [column, "started_at", "id"],
            sqlite_where=some, postgresql_where=some,
        )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_sync_run_live", "sync_run")
    for column in UNUSUAL:
        op.drop_index(f"ix_transaction_unusual_{column}", "transaction")
        op.create_index(f"ix_transaction_{column}_started_at_id", "transaction", [column, "started_at", "id"])
