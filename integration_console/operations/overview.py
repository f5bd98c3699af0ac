"""Is everything all right? The health of each connection and of its resources, and what needs a person.

Everything here comes from rows that runs left behind and from bounded walks over indexes: no table is counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from flask import current_app
from sqlalchemy import func, select

from .. import clock, services
from ..models import Checkpoint, Connection, Issue, RunPart, SyncRun, db
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


@dataclass(frozen=True)
class Hour:
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
    now, last, live = clock.now(), _last_runs(), _live_runs()
    records = _record_counts()
    found = [Health(c, last.get(c.id), live.get(c.id), records.get(c.id, 0)) for c in connections]
    for one in found:
        one.status, one.need = _judge(one, now)
    return sorted(found, key=lambda one: _ORDER.index(one.status))


def issues_need() -> Need:
    """The open problems as one thing that needs a person."""
    open_ = select(func.count(), func.min(Issue.first_seen_at)).where(Issue.state == "open")
    count, since = db.session.execute(open_).one()
    what = "One problem is open under Errors." if count == 1 else f"{count} problems are open under Errors."
    return Need(what, since, "See the problems", grave=False)


def worker_need() -> Need | None:
    """Said when no worker is at work: then nothing is read, whatever the connections look like."""
    workers = health.workers()
    if any(health.is_alive(worker) for worker in workers):
        return None
    since = workers[0].seen_at if workers else None
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


def _last_runs() -> dict[int, SyncRun]:
    """The last ended run of every connection: one look into an index for each."""
    return {run.connection_id: run for run in db.session.scalars(_LAST_RUNS)}


_NEWEST = (
    select(SyncRun.id)
    .where(SyncRun.connection_id == Connection.id, SyncRun.state.in_(ENDED_STATES), SyncRun.kind != "record")
    .order_by(SyncRun.id.desc())
    .limit(1)
    .correlate(Connection)
    .scalar_subquery()
)
_LAST_RUNS = select(SyncRun).where(SyncRun.id.in_(select(_NEWEST).where(Connection.status != "removed")))


def _live_runs() -> dict[int, SyncRun]:
    """What is under way; of several runs of one connection the one that is running."""
    live = db.session.scalars(select(SyncRun).where(SyncRun.state.in_(LIVE_STATES)))
    return {run.connection_id: run for run in sorted(live, key=lambda run: run.state == "running")}


def _record_counts() -> dict[int, int]:
    rows = select(Checkpoint.connection_id, func.sum(Checkpoint.record_count)).group_by(Checkpoint.connection_id)
    return {connection_id: int(total) for connection_id, total in db.session.execute(rows)}


def add_hours(cards: Iterable[Health]) -> None:
    """Fill in the last 24 hours of some connections, an hour a slot, from the runs they had."""
    by_id = {one.connection.id: one for one in cards}
    now = clock.now()
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    states: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    query = select(SyncRun.connection_id, SyncRun.queued_at, SyncRun.state).where(
        SyncRun.connection_id.in_(by_id), SyncRun.id > last_before(first)
    )
    for connection_id, at, state in db.session.execute(query):
        states[connection_id, (at - first) // _HOUR][state] += 1
    edges = [first + number * _HOUR for number in range(HOURS + 1)]
    for connection_id, one in by_id.items():
        one.hours = [_hour(*span, states[connection_id, number]) for number, span in enumerate(pairwise(edges))]


def _hour(since: datetime, until: datetime, states: Counter[str]) -> Hour:
    words = {_ENDED_AS.get(state, "attention") if state in ENDED_STATES else "running" for state in states}
    worst = min(words, key=_ORDER.index, default="never")
    ended = sum(count for state, count in states.items() if state in ENDED_STATES)
    return Hour(since, until, worst, states.total(), ended, states["done"])


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
