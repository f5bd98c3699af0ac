"""The API's counts and repeatable calls, and the webhooks we send."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "call_count",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_call_count"),
    )
    op.create_table(
        "repeatable_call",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_repeatable_call"),
        sa.UniqueConstraint("name", name="uq_repeatable_call_name"),
    )
    op.create_index("ix_repeatable_call_created_at", "repeatable_call", ["created_at"])
    op.create_table(
        "pending_connection",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("permissions", JSON, nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("frequency", sa.String(length=100), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pending_connection"),
        sa.UniqueConstraint("key", name="uq_pending_connection_key"),
        sa.UniqueConstraint("state_hash", name="uq_pending_connection_state_hash"),
    )
    op.create_index("ix_pending_connection_expires_at", "pending_connection", ["expires_at"])
    op.create_table(
        "webhook_target",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("looked_until", MOMENT, nullable=False),
        sa.Column("failed_at", MOMENT, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_webhook_target_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_target"),
        sa.UniqueConstraint("connection_id", name="uq_webhook_target_connection_id"),
    )
    op.create_table(
        "webhook_message",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_webhook_message_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_message"),
        sa.UniqueConstraint("key", name="uq_webhook_message_key"),
        sa.UniqueConstraint("connection_id", "event", name="uq_webhook_message_connection_id_event"),
    )
    op.create_index("ix_webhook_message_state_due_at", "webhook_message", ["state", "due_at"])
    op.create_index("ix_sync_run_ended_at", "sync_run", ["ended_at"])


def downgrade() -> None:
    op.drop_index("ix_sync_run_ended_at", "sync_run")
    for table in ("webhook_message", "webhook_target", "pending_connection", "repeatable_call", "call_count"):
        op.drop_table(table)
