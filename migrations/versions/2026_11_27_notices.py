"""Rules of notification, the outbox of notices, how each connection stands, and a note on a part of a run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
UNSENT = sa.text("state IN ('waiting', 'held', 'sending')")


def upgrade() -> None:
    with op.batch_alter_table("run_part") as batch_op:
        batch_op.add_column(sa.Column("note", sa.Text(), nullable=True))
    op.create_table(
        "notification_rule",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=True),
        sa.Column("place", sa.String(length=320), nullable=False),
        sa.Column("place_name", sa.String(length=200), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("about_id", BIG_ID, nullable=True),
        sa.Column("names_records", sa.Boolean(), nullable=False),
        sa.Column("quiet_from", sa.String(length=5), nullable=True),
        sa.Column("quiet_to", sa.String(length=5), nullable=True),
        sa.Column("digest_at", sa.String(length=5), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_notification_rule_connection_id"),
        sa.ForeignKeyConstraint(["about_id"], ["connection.id"], name="fk_notification_rule_about_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notification_rule"),
    )
    op.create_table(
        "notice",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("rule_id", BIG_ID, nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("sent_text", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["rule_id"], ["notification_rule.id"], name="fk_notice_rule_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.UniqueConstraint("rule_id", "key", name="uq_notice_rule_id_key"),
    )
    op.create_index("ix_notice_created_at", "notice", ["created_at"])
    op.create_index(
        "ix_notice_unsent", "notice", ["rule_id", "next_try_at"], sqlite_where=UNSENT, postgresql_where=UNSENT
    )
    op.create_table(
        "connection_standing",
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name="fk_connection_standing_connection_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection_id", "lane", name="pk_connection_standing"),
    )


def downgrade() -> None:
    op.drop_table("connection_standing")
    op.drop_table("notice")
    op.drop_table("notification_rule")
    with op.batch_alter_table("run_part") as batch_op:
        batch_op.drop_column("note")
