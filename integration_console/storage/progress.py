"""The three small writes that go with every page: the lease kept, the part's counts, the bookmark.

Handed straight to the driver, as the page's records and calls are: SQLAlchemy's way there costs ten times what the
database needs for them, for each of a thousand pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from .. import clock
from ..models.base import dump_json
from .bulk import sqlite_time

COUNTS = ("seen", "new", "changed", "same", "refused", "pages", "calls", "waited_seconds")

_KEEP = """
    UPDATE sync_run SET lease_until = {until}
    WHERE id = :run AND epoch = :held AND state = 'running' RETURNING cancel_requested
"""
_ADD = f"""
    UPDATE run_part SET {", ".join(f"{name} = {name} + :{name}" for name in COUNTS)}, until = :until,
    upstream_count = :said WHERE id = :part
"""
_MARK = "UPDATE checkpoint SET cursor = :walk WHERE id = :point"


def _psycopg(statement: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", statement)


_ON_SQLITE = {"keep": _KEEP.format(until=":until"), "add": _ADD, "mark": _MARK}
_ON_POSTGRESQL = {
    "keep": _psycopg(_KEEP.format(until="clock_timestamp() + make_interval(secs => :lease_s)")),
    "add": _psycopg(_ADD),
    "mark": _psycopg(_MARK),
}


def keep_lease(session: Session, run_id: int, epoch: int, lease_s: float) -> bool | None:
    """Renew a run's lease. None when it is another's by now, else whether a cancel was asked for (D2)."""
    until = sqlite_time(clock.now() + timedelta(seconds=lease_s))  # PostgreSQL reads its own clock
    row = _run(session, "keep", {"run": run_id, "held": epoch, "until": until, "lease_s": lease_s}, answers=True)
    return None if row is None else bool(row[0])


def add_to_part(
    session: Session, part_id: int, more: Mapping[str, float], *, newest: datetime | None, said: int | None
) -> None:
    """Add a page's counts to its part of the run; those not named stay."""
    until = sqlite_time(newest) if _is_sqlite(session) else newest
    counts = {name: more.get(name, 0) for name in COUNTS}
    _run(session, "add", {"part": part_id, "until": until, "said": said, **counts})


def save_bookmark(session: Session, checkpoint_id: int, walk: dict) -> None:
    """Where the read goes on, in the transaction of the page before it (P1)."""
    _run(session, "mark", {"point": checkpoint_id, "walk": dump_json(walk)})


def _run(session: Session, name: str, values: dict[str, Any], *, answers: bool = False) -> Any:
    driver: Any = session.connection().connection.driver_connection
    if _is_sqlite(session):
        cursor = driver.execute(_ON_SQLITE[name], values)
    else:
        cursor = driver.cursor()
        cursor.execute(_ON_POSTGRESQL[name], values)
    row = cursor.fetchone() if answers else None
    cursor.close()
    return row


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
