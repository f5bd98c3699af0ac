"""Indexes for what the pages ask of large tables."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# What a matter says, in the very words the queries have: see operations/matter_list.py. No model declares these.
_SAID = {
    "sqlite": {
        "status": """lower(CAST(JSON_EXTRACT(data, '$."status"') AS VARCHAR))""",
        "area": """CAST(JSON_EXTRACT(data, '$."practice_area"."name"') AS VARCHAR)""",
        "due": """CAST(JSON_EXTRACT(data, '$."statute_of_limitations"."due_at"') AS VARCHAR)""",
        "settled": """lower(CAST(JSON_EXTRACT(data, '$."statute_of_limitations"."status"') AS VARCHAR))""",
    },
    "postgresql": {
        "status": "lower(CAST((data #>> '{status}') AS VARCHAR))",
        "area": "CAST((data #>> '{practice_area, name}') AS VARCHAR)",
        "due": "CAST((data #>> '{statute_of_limitations, due_at}') AS VARCHAR)",
        "settled": "lower(CAST((data #>> '{statute_of_limitations, status}') AS VARCHAR))",
    },
}
_MATTERS = "resource = 'matters' AND deleted_at IS NULL"
_DUE = "coalesce({status}, '') <> 'closed' AND coalesce({settled}, '') <> 'complete' AND {due} IS NOT NULL"
_INDEXES = {
    "ix_record_matter_status": "record (connection_id, ({status}), id) WHERE " + _MATTERS,
    "ix_record_matter_area": "record (connection_id, ({area}), id) WHERE " + _MATTERS,
    "ix_record_matter_due": f"record (({{due}})) WHERE {_MATTERS} AND {_DUE}",
}


def upgrade() -> None:
    said = _SAID[op.get_bind().dialect.name]
    for name, what in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {what.format(**said)}")
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
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
