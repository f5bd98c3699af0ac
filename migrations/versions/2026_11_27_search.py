"""The search: the telling texts of every record, by every three letters."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_record_written_at_id", "record", ["written_at", "id"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE search_entry USING fts5(text, tokenize = 'trigram')")
        return
    op.create_table(
        "search_entry",
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name="pk_search_entry"),
    )
    if _has_trigrams():
        op.execute("CREATE INDEX ix_search_entry_text ON search_entry USING gin (text gin_trgm_ops)")


def downgrade() -> None:
    op.execute("DROP TABLE search_entry")
    op.drop_index("ix_record_written_at_id", "record")


def _has_trigrams() -> bool:
    """Whether pg_trgm is there or may be made; without it a search reads every entry, and still finds."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    except sa.exc.DBAPIError:
        return False
    return True
