"""The way of an hour: records found by when they take place, and by what they were made of."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TAKES_PLACE = sa.text("starts_at IS NOT NULL")
# What was read before is found, too: the lines of bills by their activity, activities by their reference.
MADE_OF = {"line_items": ("activity", "id"), "activities": ("reference",)}


def upgrade() -> None:
    op.create_index(
        "ix_record_starts_at", "record", ["connection_id", "resource", "starts_at", "id"],
        sqlite_where=TAKES_PLACE, postgresql_where=TAKES_PLACE,
    )  # fmt: skip
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for resource, path in MADE_OF.items():
        steps = "$." + ".".join(path) if on_sqlite else "{" + ",".join(path) + "}"
        value = f"json_extract(data, '{steps}')" if on_sqlite else f"data #>> '{steps}'"
        op.execute(
            f"UPDATE record SET owner_id = substr(CAST({value} AS VARCHAR), 1, 200) WHERE resource = '{resource}'"
            " AND owner_id IS NULL AND connection_id IN (SELECT id FROM connection WHERE service = 'clio')"
        )


def downgrade() -> None:
    op.execute("UPDATE record SET owner_id = NULL WHERE resource IN ('line_items', 'activities')")
    op.drop_index("ix_record_starts_at", table_name="record")
