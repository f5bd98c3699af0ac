"""Permissions asked and granted, facts of an account, and consents that wait for the choice of an account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("connection") as batch_op:
        batch_op.add_column(sa.Column("permissions", JSON, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("facts", JSON, nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("consented_at", MOMENT, nullable=True))
        batch_op.add_column(sa.Column("end_told", sa.Integer(), nullable=True))
    # What has tokens that end was connected by consent, and is to be kept alive too.
    op.execute("UPDATE connection SET consented_at = created_at WHERE expires_at IS NOT NULL")
    with op.batch_alter_table("oauth_state") as batch_op:
        batch_op.add_column(sa.Column("by_program", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("permissions", JSON, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("return_to", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("their_state", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("pending", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("choices", JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("oauth_state") as batch_op:
        for name in ("choices", "pending", "their_state", "return_to", "permissions", "by_program"):
            batch_op.drop_column(name)
    with op.batch_alter_table("connection") as batch_op:
        for name in ("end_told", "consented_at", "facts", "permissions"):
            batch_op.drop_column(name)
