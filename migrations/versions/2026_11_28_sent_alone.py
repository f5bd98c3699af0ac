"""The last run that sent what belongs to no mapping is found however many runs a removed mapping left behind."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ALONE = sa.text("resource = 'outbox'")
RUN = sa.text("kind = 'push' AND mapping_id IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_run_part_alone", "run_part", ["connection_id", "run_id"], sqlite_where=ALONE, postgresql_where=ALONE
    )
    op.drop_index("ix_sync_run_alone", "sync_run")


def downgrade() -> None:
    op.create_index("ix_sync_run_alone", "sync_run", ["connection_id", "id"], sqlite_where=RUN, postgresql_where=RUN)
    op.drop_index("ix_run_part_alone", "run_part")
