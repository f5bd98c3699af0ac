"""The last run of a mapping, and the last that sent what belongs to none, is found however many others there were."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ALONE = sa.text("resource = 'outbox'")


def upgrade() -> None:
    op.create_index(
        "ix_run_part_alone", "run_part", ["connection_id", "run_id"], sqlite_where=ALONE, postgresql_where=ALONE
    )
    op.create_index("ix_sync_run_mapping_id_id", "sync_run", ["mapping_id", "id"])
    op.drop_index("ix_sync_run_mapping_id", "sync_run")


def downgrade() -> None:
    op.create_index("ix_sync_run_mapping_id", "sync_run", ["mapping_id"])
    op.drop_index("ix_sync_run_mapping_id_id", "sync_run")
    op.drop_index("ix_run_part_alone", "run_part")
