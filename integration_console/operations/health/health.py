"""Whether the console can do its work: database, schema, worker, disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, delete, func, inspect, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from ... import clock
from ...models import Change, DeadLetter, Heartbeat, Lease, Setting, SyncRun, db
from ...models.base import UtcDateTime, little_patience
from ...models.run import LIVE_STATES
from ...storage import schema

BUSY = "busy: something else is being written just now"  # nothing is amiss: who never ends silences the worker
DISK_FLOOR_MIB = 200


@dataclass(frozen=True)
class Part:
    """One thing that must work."""

    name: str
    fine: bool
    word: str  # "ok", or what is wrong or holds it up


def parts() -> list[Part]:
    """Every part, each looked at now."""
    return [_part(name, look) for name, look in _LOOKS.items()]


def workers() -> list[Heartbeat]:
    """Worker processes, the one heard last first."""
    return list(db.session.scalars(select(Heartbeat).order_by(Heartbeat.seen_at.desc()).limit(20)))


def last_heard() -> datetime | None:
    """When any worker was heard last; None before the first."""
    return db.session.scalar(LAST_HEARD, {"latest": clock.latest()})


_LATEST = bindparam("latest", type_=UtcDateTime())  # what is dated later was said by a clock that was ahead
LAST_HEARD = select(Heartbeat.seen_at).where(Heartbeat.seen_at <= _LATEST).order_by(Heartbeat.seen_at.desc()).limit(1)


def is_alive(worker: Heartbeat) -> bool:
    """Whether a worker was heard within two ticks."""
    return heard_since() < worker.seen_at <= clock.latest()


def heard_since() -> datetime:
    """A worker not heard since this moment counts as gone."""
    return clock.now() - timedelta(seconds=max(2 * current_app.config["SETTINGS"].TICK_SECONDS, 10))


def backlog() -> dict[str, Any]:
    """What waits to be done, since when, and which worker has the clock (S5)."""
    runs = _by_state(SyncRun, LIVE_STATES)
    changes = _by_state(Change, ("pending", "retry", "uncertain", "dead"))
    clock_lease = db.session.get(Lease, "clock")
    return {
        "runs": runs,
        "oldest_queued_at": db.session.scalar(select(func.min(SyncRun.queued_at)).where(SyncRun.state == "queued")),
        "dead_letters": db.session.scalar(select(func.count()).where(DeadLetter.resolved_at.is_(None))),
        "changes": changes,
        "leader": clock_lease.owner if clock_lease else None,
        "leader_epoch": clock_lease.epoch if clock_lease else 0,
        "leader_until": clock_lease.until if clock_lease else None,
    }


def _by_state(model: type[SyncRun] | type[Change], states: tuple[str, ...]) -> dict[str, int]:
    query = select(model.state, func.count()).where(model.state.in_(states)).group_by(model.state)
    found = {state: int(count) for state, count in db.session.execute(query)}
    return {state: found.get(state, 0) for state in states}


def _part(name: str, look) -> Part:
    try:
        trouble = look()
    except (SQLAlchemyError, OSError) as error:
        db.session.rollback()
        if isinstance(error, OperationalError) and "locked" in str(error.orig):
            return Part(name, True, BUSY)
        trouble = "cannot be reached"
    return Part(name, not trouble, trouble or "ok")


def _database() -> str:
    """Writable: a row would be removed, uncommitted. That a database has no tables yet is the schema's line."""
    db.session.rollback()
    if not inspect(db.session.connection()).has_table(Setting.__tablename__):
        return ""
    db.session.rollback()
    with db.engine.connect() as connection, little_patience(connection):
        connection.execute(delete(Setting).where(Setting.name == "health.probe"))
        connection.rollback()
    return ""


def _schema() -> str:
    here = schema.current(db.session.connection())
    db.session.rollback()
    if here == schema.newest():
        return ""
    older = here is None or here in schema.known()
    return "run `flask db upgrade`" if older else "made by another version of the console"


def _worker() -> str:
    last = last_heard()
    db.session.rollback()
    if last is None:
        return "never started"
    return "" if last > heard_since() else "not heard of lately"


def _disk() -> str:
    free = shutil.disk_usage(current_app.config["SETTINGS"].INSTANCE_DIR).free // 2**20
    return "" if free > DISK_FLOOR_MIB else f"only {free} MiB left"


_LOOKS = {"database": _database, "schema": _schema, "worker": _worker, "disk": _disk}
