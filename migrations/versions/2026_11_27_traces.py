"""Keyed hashes of what calls named."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_trace",
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", "transaction_id", name="pk_call_trace"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_call_trace_transaction_id", "call_trace", ["transaction_id"])


def downgrade() -> None:
    op.drop_table("call_trace")
