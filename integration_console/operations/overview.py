"""Is everything all right? The health of each connection and of its resources, and what needs a person.

Everything here comes from rows that runs left behind and from bounded walks over indexes: no table is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from flask import current_app
from sqlalchemy import Row, bindparam, func, select, union_all

from .. import clock, services
from ..models import Checkpoint, Connection, RunPart, SyncRun, db
from ..models.base import UtcDateTime
from ..models.run import ENDED_STATES, LIVE_STATES
from ..services.base import Resource
from . import health, slots
from .advice import ADVICE
from .run_history import last_before

GRACE = timedelta(minutes=15)  # how long after its time a read counts as late
HOURS, _HOUR = 24, timedelta(hours=1)
_ORDER = ("failed", "attention", "late", "never", "paused", "running", "waiting", "ok")  # the worst first
_ENDED_AS = {"done": "ok", "done_with_problems": "attention", "failed": "failed"}


@dataclass(frozen=True)
class Need:
    """Something that needs a person."""

    what: str
    since: datetime | None
    action: str  # what its button says
    connection_id: int | None = None
    run_id: int | None = None
    grave: bool = True  # nothing arrives; otherwise something is missing, late or odd
    status: str = "attention"
    cause: str = ""  # whose side it is, in a few words


class Hour(NamedTuple):
    """What the runs of one hour came to."""

    since: datetime
    until: datetime
    state: str  # the worst of them
    runs: int
    ended: int
    well: int


@dataclass
class Health:
    """How one connection is."""

    connection: Connection
    last: SyncRun | None  # the last run that ended, single records left out
    live: SyncRun | None
    records: int = 0
    status: str = "ok"  # a word of the pages: ok, running, waiting, attention, failed, paused, never, late
    need: Need | None = None
    hours: list[Hour] = field(default_factory=list)  # the last 24, the oldest first

    @property
    def share(self) -> float | None:
        """The share of the day's runs that ended well; None when none ended."""
        ended = sum(hour.ended for hour in self.hours)
        return sum(hour.well for hour in self.hours) / ended if ended else None


def of_connections(connections: Iterable[Connection]) -> list[Health]:
    """The health of each, the worst first."""
    connections = list(connections)
    now, (last, live), records = clock.now(), _runs(), _record_counts()
    found = [Health(c, last.get(c.id), live.get(c.id), records.get(c.id, 0)) for c in connections]
    for one in found:
        one.status, one.need = _judge(one, now)
    return sorted(found, key=lambda one: _ORDER.index(one.status))


def issues_need(count: int, since: datetime | None) -> Need:
    """So many open problems as one thing that needs a person."""
    what = "One problem is open under Errors." if count == 1 else f"{count} problems are open under Errors."
    return Need(what, since, "See the problems", grave=False)


def worker_need() -> Need | None:
    """Said when no worker is at work: then nothing is read, whatever the connections look like."""
    since = health.last_heard()
    if since and since > health.heard_since():
        return None
    what = "No worker is running: nothing is read until one is started with flask serve or flask worker."
    return Need(what, since, "See the workers", status="late")


# -- one connection -----------------------------------------------------------------------------------------------


def _judge(one: Health, now: datetime) -> tuple[str, Need | None]:
    """The word for a connection, and what a person has to do about it."""
    connection, last = one.connection, one.last
    if connection.status == "paused":
        return "paused", None
    if connection.status == "needs_reconnect":
        reason = connection.status_reason or "Its sign-in is no longer valid."
        return "attention", _need(one, f"needs to be reconnected. {reason}", connection.status_since, "Reconnect")
    if one.live and one.live.state == "running":
        return "running", None
    if last is None:
        if one.live or now - connection.created_at < GRACE:
            return ("waiting" if one.live else "never"), None
        return "never", _need(one, "was never read.", connection.created_at, "Read it now", grave=False)
    if last.state != "done":
        grave = last.state in ("failed", "needs_person")
        said = f"{_ENDED_WORDS[last.state]} {last.message or ''}".strip()
        word = _ENDED_AS.get(last.state, "attention")
        return word, _need(one, said, last.ended_at, "See the run", run=last, grave=grave)
    if connection.next_due_at and connection.next_due_at < now - GRACE and not one.live:
        said = "is late: its read did not start."
        return "late", _need(one, said, connection.next_due_at, "Look at it", grave=False)
    return "ok", None


_ENDED_WORDS = {
    "done_with_problems": "was not read completely.",
    "failed": "could not be read.",
    "interrupted": "was stopped before everything was read.",
    "needs_person": "stopped and needs you.",
}


def _need(one: Health, said: str, since: datetime | None, action: str, *, run=None, grave: bool = True) -> Need:
    status = "failed" if run is not None and run.state == "failed" else "attention" if grave or run else "late"
    kind = run.failure_kind if run is not None else "connection" if action == "Reconnect" else ""
    cause = ADVICE[kind].cause if kind in ADVICE else ""
    return Need(
        f"{one.connection.name} {said}", since, action, one.connection.id, run.id if run else None, grave, status, cause
    )


def _runs() -> tuple[dict[int, SyncRun], dict[int, SyncRun]]:
    """The last ended run of every connection, and what is under way; of several the one that is running."""
    found = sorted(db.session.scalars(_LAST_AND_LIVE), key=lambda run: (run.state == "running", run.id))
    last = {run.connection_id: run for run in found if run.state in ENDED_STATES}
    return last, {run.connection_id: run for run in found if run.state in LIVE_STATES}


_NEWEST = (
    select(SyncRun.id)
    .where(SyncRun.connection_id == Connection.id, SyncRun.state.in_(ENDED_STATES), SyncRun.kind != "record")
    .order_by(SyncRun.id.desc())
    .limit(1)
    .correlate(Connection)
    .scalar_subquery()
)
_LAST_AND_LIVE = select(SyncRun).where(
    SyncRun.id.in_(
        union_all(
            select(_NEWEST).where(Connection.status != "removed"),  # one look into an index for each connection
            select(SyncRun.id).where(SyncRun.state.in_(LIVE_STATES)),
        )
    )
)
_RECORD_COUNTS = select(Checkpoint.connection_id, func.sum(Checkpoint.record_count)).group_by(Checkpoint.connection_id)


def _record_counts() -> dict[int, int]:
    return {connection_id: int(total) for connection_id, total in db.session.execute(_RECORD_COUNTS)}


def add_hours(cards: Iterable[Health]) -> None:
    """Fill in the last 24 hours of some connections, an hour a slot, from the runs they had."""
    by_id = {one.connection.id: one for one in cards}
    now = clock.now()
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    states: dict[tuple[int, datetime], dict[str, int]] = defaultdict(dict)
    for connection_id, hour, state, count in _by_hour(by_id, first):
        states[connection_id, hour][state] = count
    edges = [first + number * _HOUR for number in range(HOURS + 1)]
    for connection_id, one in by_id.items():
        one.hours = [_hour(*span, states.get((connection_id, span[0]), {})) for span in pairwise(edges)]


_HOUR_OF = {  # when a run was asked for, without minutes
    "sqlite": func.strftime("%Y-%m-%d %H:00:00", SyncRun.queued_at, type_=UtcDateTime()),
    "postgresql": func.date_trunc("hour", SyncRun.queued_at, "UTC", type_=UtcDateTime()),
}
_BY_HOUR = {
    kind: select(SyncRun.connection_id, hour.label("hour"), SyncRun.state, func.count())
    .where(
        SyncRun.connection_id.in_(bindparam("connections", expanding=True)),
        SyncRun.id > last_before(bindparam("since", type_=UtcDateTime())),
    )
    .group_by(SyncRun.connection_id, hour.label("hour"), SyncRun.state)
    for kind, hour in _HOUR_OF.items()
}


def _by_hour(connections: Iterable[int], since: datetime) -> Sequence[Row[int, datetime, str, int]]:
    """How many runs of each connection were asked for in each hour, by how they stand."""
    query = _BY_HOUR[db.session.get_bind().dialect.name]
    return db.session.execute(query, {"connections": [*connections], "since": since}).all()


def _hour(since: datetime, until: datetime, states: dict[str, int]) -> Hour:
    if not states:
        return Hour(since, until, "never", 0, 0, 0)
    words = {_ENDED_AS.get(state, "attention") if state in ENDED_STATES else "running" for state in states}
    worst = min(words, key=_ORDER.index)
    ended = sum(count for state, count in states.items() if state in ENDED_STATES)
    return Hour(since, until, worst, sum(states.values()), ended, states.get("done", 0))


# -- resources ----------------------------------------------------------------------------------------------------


def last_slot(connection: Connection, now: datetime) -> datetime | None:
    """The last time a read was due; None when it is only read when asked."""
    following = slots.next_due(connection.frequency, connection.time_zone, now)
    if following is None:
        return None
    for back in (timedelta(hours=2), timedelta(days=2), timedelta(days=15), timedelta(days=400)):
        slot = slots.next_due(connection.frequency, connection.time_zone, now - back)
        while slot and slot <= now:
            found, slot = slot, slots.next_due(connection.frequency, connection.time_zone, slot)
            if slot is None or slot > now:
                return found
    return None


@dataclass(frozen=True)
class ResourceHealth:
    """How one resource of a connection is."""

    resource: Resource
    point: Checkpoint | None
    part: RunPart | None  # what the last run that touched it did with it
    on: bool
    status: str  # ok, late, never, running, attention, failed, paused


def of_resources(connection: Connection) -> list[ResourceHealth]:
    """Every resource of a connection, in the order of its service."""
    service = services.by_key(connection.service)
    off = set(connection.settings.get("resources_off", ()))
    points = {p.resource: p for p in db.session.scalars(select(Checkpoint).filter_by(connection_id=connection.id))}
    parts = _last_parts(connection.id)
    slot = last_slot(connection, clock.now())
    found = []
    for name, resource in service.resources.items():
        point, part, on = points.get(name), parts.get(name), name not in off
        found.append(ResourceHealth(resource, point, part, on, _resource_word(resource, point, part, on, slot)))
    return found


def _resource_word(
    resource: Resource, point: Checkpoint | None, part: RunPart | None, on: bool, slot: datetime | None
) -> str:
    if not on:
        return "paused"
    if part and part.live:
        return "running" if part.state == "running" else "waiting"
    if part and part.state in ("failed", "interrupted"):
        return "failed" if part.state == "failed" else "attention"
    if point is None or point.last_read_at is None:
        return "never"
    if part and part.state == "done" and (not part.complete or part.refused):
        return "attention"
    rest = timedelta(seconds=current_app.config["SETTINGS"].REFERENCE_SECONDS) if resource.reference else timedelta(0)
    late = slot and clock.now() - slot > GRACE and point.last_read_at < slot - rest
    return "late" if late else "ok"


def _last_parts(connection_id: int) -> dict[str, RunPart]:
    """What happened last to each resource, in the newest runs of a connection."""
    runs = select(SyncRun.id).where(SyncRun.connection_id == connection_id, SyncRun.kind != "record")
    newest = db.session.scalars(runs.order_by(SyncRun.id.desc()).limit(30)).all()
    parts = db.session.scalars(select(RunPart).where(RunPart.run_id.in_(newest)).order_by(RunPart.run_id))
    return {part.resource: part for part in parts if part.state != "skipped"}
