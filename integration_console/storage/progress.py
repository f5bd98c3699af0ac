"""The small writes that go with every page: the lease kept, the part's line, the bookmark."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from .. import clock
from . import driver

_KEEP = """
    UPDATE sync_run SET lease_until = {until}
    WHERE id = :run AND epoch = :held AND state = 'running' RETURNING cancel_requested
"""
_KEEP_ON_SQLITE = _KEEP.format(until=":until")
_KEEP_ON_POSTGRESQL = _KEEP.format(until="clock_timestamp() + make_interval(secs => :lease_s)")
_MARK = """
    INSERT INTO checkpoint ({names}) VALUES ({values}) ON CONFLICT (connection_id, resource) DO UPDATE SET {changes}
"""
_WAS_READ = """
    SELECT 1 FROM checkpoint WHERE connection_id = :connection AND resource = :resource AND last_read_at IS NOT NULL
"""
_NEW_POINT: dict[str, Any] = {"state": {}, "record_count": 0}


def keep_lease(session: Session, run_id: int, epoch: int, lease_s: float) -> bool | None:
    """Renew a run's lease. None when it is another's by now, else whether a cancel was asked for (D2)."""
    until = clock.now() + timedelta(seconds=lease_s)  # PostgreSQL reads its own clock
    statement = _KEEP_ON_SQLITE if driver.is_sqlite(session) else _KEEP_ON_POSTGRESQL
    rows = driver.run(session, statement, {"run": run_id, "held": epoch, "until": until, "lease_s": lease_s})
    return bool(rows[0][0]) if rows else None


def write_part(session: Session, part_id: int, more: Mapping[str, float], values: Mapping[str, Any]) -> None:
    """A run's line for one resource: add to some of its columns, set others; those not named stay."""
    driver.run(session, _part_statement(tuple(more), tuple(values)), {"part": part_id, **more, **values})


def save_point(session: Session, connection_id: int, resource: str, values: Mapping[str, Any]) -> None:
    """Where a read of the resource goes on, or where it ended, in the transaction of the page before it (P1)."""
    facts = {"connection_id": connection_id, "resource": resource, **_NEW_POINT, **values}
    driver.run(session, _point_statement(tuple(facts), tuple(values)), facts)


def was_read(session: Session, connection_id: int, resource: str) -> bool:
    """Whether a resource was ever read whole."""
    asked = {"connection": connection_id, "resource": resource}
    return bool(driver.run(session, _WAS_READ, asked))


@lru_cache
def _part_statement(more: tuple[str, ...], values: tuple[str, ...]) -> str:
    changes = [f"{name} = {name} + :{name}" for name in more] + [f"{name} = :{name}" for name in values]
    return f"UPDATE run_part SET {', '.join(changes)} WHERE id = :part"


@lru_cache
def _point_statement(names: tuple[str, ...], changed: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in changed)
    return _MARK.format(names=", ".join(names), values=", ".join(f":{name}" for name in names), changes=changes)
