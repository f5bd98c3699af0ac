"""A record's deliveries and an account's last reads are found without walking past all the others."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# The id of what a delivery is about, in the very words the query has: see storage/deliveries.py. No model declares it.
ABOUT = {
    "sqlite": "CAST(JSON_EXTRACT(records, '$[0][1]') AS VARCHAR)",
    "postgresql": "CAST((records #>> '{0, 1}') AS VARCHAR)",
}
READ = sa.text("kind IN ('full', 'incremental')")


def upgrade() -> None:
    op.create_index("ix_sync_run_reads", "sync_run", ["connection_id", "id"], sqlite_where=READ, postgresql_where=READ)
    about = ABOUT[op.get_bind().dialect.name]
    op.execute(f"CREATE INDEX ix_delivery_about ON delivery (connection_id, ({about}), id)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_delivery_about")
    op.drop_index("ix_sync_run_reads", "sync_run")
