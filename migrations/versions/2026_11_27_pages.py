"""Indexes for what the pages ask of large tables."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# What a matter says, in the very words the queries have: see operations/matters/matter_list.py. No model declares it.
_SAID = {
    "sqlite": {
        "status": """lower(CAST(JSON_EXTRACT(data, '$."status"') AS VARCHAR))""",
        "due": """CAST(JSON_EXTRACT(data, '$."statute_of_limitations"."due_at"') AS VARCHAR)""",
        "settled": """lower(CAST(JSON_EXTRACT(data, '$."statute_of_limitations"."status"') AS VARCHAR))""",
    },
    "postgresql": {
        "status": "lower(CAST((data #>> '{status}') AS VARCHAR))",
        "due": "CAST((data #>> '{statute_of_limitations, due_at}') AS VARCHAR)",
        "settled": "lower(CAST((data #>> '{statute_of_limitations, status}') AS VARCHAR))",
    },
}
# SQLite looks at the conditions in this order, and reads the JSON anew for each: most matters have no date.
_DUE = (
    "CREATE INDEX ix_record_matter_due ON record (({due})) WHERE resource = 'matters' AND deleted_at IS NULL"
    " AND {due} IS NOT NULL AND coalesce({status}, '') <> 'closed' AND coalesce({settled}, '') <> 'complete'"
)


def upgrade() -> None:
    op.execute(_DUE.format(**_SAID[op.get_bind().dialect.name]))
    op.create_index("ix_delivery_service_id", "delivery", ["service", "id"])
    op.create_index("ix_delivery_kind_id", "delivery", ["kind", "id"])
    some = sa.text("first_id IS NOT NULL")
    op.create_index("ix_delivery_first_id", "delivery", ["first_id"], sqlite_where=some, postgresql_where=some)
    open_ = sa.text("resolved_at IS NULL")
    op.create_index("ix_dead_letter_open", "dead_letter", ["identity"], sqlite_where=open_, postgresql_where=open_)


def downgrade() -> None:
    op.drop_index("ix_dead_letter_open", "dead_letter")
    for name in ("ix_delivery_first_id", "ix_delivery_kind_id", "ix_delivery_service_id"):
        op.drop_index(name, "delivery")
    op.execute("DROP INDEX ix_record_matter_due")
