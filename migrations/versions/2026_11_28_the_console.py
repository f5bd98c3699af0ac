"""Who made a draft nobody has touched is called as everywhere else: the console."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DRAFTS = (("data_mapping", "created_by"), ("mapping_version", "changed_by"))


def upgrade() -> None:
    for table, column in DRAFTS:  # the lines of the audit log stay as they were written
        op.execute(f"UPDATE {table} SET {column} = 'the console' WHERE {column} = 'console'")


def downgrade() -> None:
    for table, column in DRAFTS:
        op.execute(f"UPDATE {table} SET {column} = 'console' WHERE {column} = 'the console'")
