"""Problems: whose they are, how long they sleep, and what people note on them; a refused write sent with other values."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("issue") as batch_op:
        batch_op.add_column(sa.Column("assignee", sa.String(length=320), nullable=True))
        batch_op.add_column(sa.Column("snoozed_until", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("snoozed_count", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("retry_run_id", sa.Integer(), nullable=True))
    op.create_table(
        "issue_note",
        sa.Column("id", BIG, nullable=False),
        sa.Column("issue_id", BIG, nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issue.id"], name=op.f("fk_issue_note_issue_id_issue"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_note")),
    )
    op.create_index("ix_issue_note_issue_id_id", "issue_note", ["issue_id", "id"])
    op.create_table(
        "issue_mention",
        sa.Column("id", BIG, nullable=False),
        sa.Column("note_id", BIG, nullable=False),
        sa.Column("issue_id", BIG, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["note_id"], ["issue_note.id"], name=op.f("fk_issue_mention_note_id_issue_note"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issue.id"], name=op.f("fk_issue_mention_issue_id_issue"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_mention")),
    )
    op.create_index("ix_issue_mention_email_seen_at", "issue_mention", ["email", "seen_at"])
    op.create_index(op.f("ix_issue_mention_issue_id"), "issue_mention", ["issue_id"])
    op.create_index(op.f("ix_issue_mention_note_id"), "issue_mention", ["note_id"])
    op.add_column("change", sa.Column("edits_id", sa.Integer(), nullable=True))
    op.add_column("change", sa.Column("issue_id", sa.Integer(), nullable=True))
    op.create_index("ix_change_issue_id_id", "change", ["issue_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_change_issue_id_id", "change")
    op.drop_column("change", "issue_id")
    op.drop_column("change", "edits_id")
    op.drop_table("issue_mention")
    op.drop_table("issue_note")
    with op.batch_alter_table("issue") as batch_op:
        for name in ("retry_run_id", "snoozed_count", "snoozed_until", "assignee"):
            batch_op.drop_column(name)
