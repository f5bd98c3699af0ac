"""What keeps the database quick."""

from __future__ import annotations

from sqlalchemy import text

from ...models import db

LOOKED_AT = 1_000  # rows of each index: half a second at a million calls, while which nobody else writes


def look_over() -> None:
    """Let SQLite's planner see how its tables are filled, of which it knows nothing by itself; PostgreSQL looks anyway.

    Else it cannot tell that an index is led by a handful of accounts, and reads all of it for one upstream id.
    """
    if db.engine.dialect.name != "sqlite":
        return
    db.session.execute(text(f"PRAGMA analysis_limit = {LOOKED_AT}"))
    db.session.execute(text("ANALYZE"))
    db.session.commit()
