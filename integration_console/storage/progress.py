"""The three small writes that go with every page: the lease kept, the part's line, the bookmark.

Handed straight to the driver, as the page's records and calls are: SQLAlchemy's way there costs ten times what the
database needs for them, for each of a thousand pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from .. import clock
from ..models.base import dump_json
from .bulk import sqlite_time

_KEEP = """
    UPDATE sync_run SET lease_until = {until}
    WHERE id = :run AND epoch = :held AND state = 'running' RETURNING cancel_requested
"""
_KEEP_ON_SQLITE = _KEEP.format(until=":until")
_KEEP_ON_POSTGRESQL = _KEEP.format(until="clock_timestamp() + make_interval(secs => :lease_s)")
_MARK = """
    INSERT INTO checkpoint ({names}) VALUES ({values}) ON CONFLICT (connection_id, resource) DO UPDATE SET {changes}
"""
_NEW_POINT: dict[str, Any] = {"state": {}, "record_count": 0}


def keep_lease(session: Session, run_id: int, epoch: int, lease_s: float) -> bool | None:
    """Renew a run's lease. None when it is another's by now, else whether a cancel was asked for (D2)."""
    until = clock.now() + timedelta(seconds=lease_s)  # PostgreSQL reads its own clock
    statement = _KEEP_ON_SQLITE if _is_sqlite(session) else _KEEP_ON_POSTGRESQL
    row = _run(session, statement, {"run": run_id, "held": epoch, "until": until, "lease_s": lease_s}, answers=True)
    return None if row is None else bool(row[0])


def write_part(session: Session, part_id: int, more: Mapping[str, float], values: Mapping[str, Any]) -> None:
    """A run's line for one resource: add to some of its columns, set others; those not named stay."""
    _run(session, _part_statement(tuple(more), tuple(values)), {"part": part_id, **more, **values})


def save_point(session: Session, connection_id: int, resource: str, values: Mapping[str, Any]) -> None:
    """Where a read of the resource goes on, or where it ended, in the transaction of the page before it (P1)."""
    facts = {"connection_id": connection_id, "resource": resource, **_NEW_POINT, **values}
    _run(session, _point_statement(tuple(facts), tuple(values)), facts)


@lru_cache
def _part_statement(more: tuple[str, ...], values: tuple[str, ...]) -> str:
    changes = [f"{name} = {name} + :{name}" for name in more] + [f"{name} = :{name}" for name in values]
    return f"UPDATE run_part SET {', '.join(changes)} WHERE id = :part"


@lru_cache
def _point_statement(names: tuple[str, ...], changed: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in changed)
    return _MARK.format(names=", ".join(names), values=", ".join(f":{name}" for name in names), changes=changes)


@lru_cache
def _psycopg(statement: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", statement)


def _run(session: Session, statement: str, values: Mapping[str, Any], *, answers: bool = False) -> Any:
    driver: Any = session.connection().connection.driver_connection
    sqlite = _is_sqlite(session)
    facts = {name: _plain(value, sqlite) for name, value in values.items()}
    if sqlite:
        cursor = driver.execute(statement, facts)
    else:
        cursor = driver.cursor()
        cursor.execute(_psycopg(statement), facts)
    row = cursor.fetchone() if answers else None
    cursor.close()
    return row


def _plain(value: Any, sqlite: bool) -> Any:
    """A value as the driver takes it."""
    if isinstance(value, dict):
        return dump_json(value)
    return sqlite_time(value) if sqlite and isinstance(value, datetime) else value


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
