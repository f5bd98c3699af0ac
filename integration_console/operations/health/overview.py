"""Is everything all right? The health of each connection, and what needs a person.

Everything here comes from rows that runs left behind and from bounded walks over indexes: no table is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    bindparam,
    cast,
    func,
    select,
)

from ... import clock
from ...models import Checkpoint, Connection, RunPart, SyncRun, db
from ...models.base import UtcDateTime
from ...models.run import ENDED_STATES, READ, READS
from ..advice import ADVICE
from ..runs.run_history import last_before
from . import health, last_runs

GRACE = timedelta(minutes=15)  # how long after its time a read counts as late
HOURS, _HOUR, _HOUR_S = 24, timedelta(hours=1), 3600
LOOKED_BACK = 30  # reads
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
    last: SyncRun | None  # the last read that ended, single records left out
    live: SyncRun | None
    carried: SyncRun | None = None  # of the last runs of its mappings that ended the one that ended worst
    records: int = 0
    status: str = "ok"  # a word of the pages: ok, running, waiting, attention, failed, paused, never, late
    need: Need | None = None
    hours: list[Hour] = field(default_factory=list)  # the last 24, the oldest first

    @property
    def share(self) -> float | None:
        """The share of the day's runs that ended well; None when none ended."""
        ended = sum(hour.ended for hour in self.hours)
        return sum(hour.well for hour in self.hours) / ended if ended else None


def of_connections(connections: Iterable[Connection], known: last_runs.Runs | None = None) -> list[Health]:
    """The health of each, the worst first. known: the runs, where a page has asked for them anyway."""
    now, (last, carried, live, _), records = clock.now(), known or last_runs.found(), _record_counts()
    found = [Health(c, last.get(c.id), live.get(c.id), carried.get(c.id), records.get(c.id, 0)) for c in connections]
    for one in found:
        one.status, one.need = _judge(one, now)
    return sorted(found, key=lambda one: _ORDER.index(one.status))


def issues_need(count: int, since: datetime | None) -> Need:
    """So many open problems as one thing that needs a person."""
    what = "One problem is open under Errors." if count == 1 else f"{count} problems are open under Errors."
    return Need(what, since, "See the problems", grave=False)


def worker_need(heard: datetime | None) -> Need | None:
    """Said when no worker is at work: then nothing is read, whatever the connections look like. heard: the last one."""
    if heard and heard > health.heard_since():
        return None
    what = "No worker is running: nothing is read until one is started with flask serve or flask worker."
    return Need(what, heard, "See the workers", status="late")


# -- one connection -----------------------------------------------------------------------------------------------


def _judge(one: Health, now: datetime) -> tuple[str, Need | None]:
    """The word for a connection, and what a person has to do about it."""
    connection, last = one.connection, one.last
    if connection.status == "paused":
        return "paused", None
    if connection.status == "needs_reconnect":
        reason = connection.status_reason or "Its sign-in is no longer valid."
        return "attention", _need(one, f"needs to be reconnected. {reason}", connection.status_since, "Reconnect")
    trouble = _trouble(connection, last) if last is not None else None
    undone = one.carried if one.carried and one.carried.state != "done" else None
    if one.live and one.live.state == "running":
        wrong = trouble or undone
        return "running", _ended_need(one, wrong) if wrong else None
    if last is None:
        if one.live or now - connection.created_at < GRACE:
            return ("waiting" if one.live else "never"), None
        return "never", _need(one, "was never read.", connection.created_at, "Read it now", grave=False)
    if wrong := trouble or undone:
        return _ended_as(wrong), _ended_need(one, wrong)
    if one.live and one.live.kind in READS and one.live.queued_at < now - GRACE:
        said = f"is late: its read waits. {one.live.message or ''}".strip()
        return "late", _need(one, said, one.live.queued_at, "Look at it", grave=False)
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
_CARRIED_WORDS = {
    "done_with_problems": "has a mapping that was not carried completely.",
    "failed": "has a mapping that could not be carried.",
    "interrupted": "has a mapping that was stopped before all of it was carried.",
    "needs_person": "has a mapping that stopped and needs you.",
}


def _trouble(connection: Connection, last: SyncRun) -> SyncRun | None:
    """The read that tells what is missing now: the last one, or an earlier one."""
    off = _off(connection)
    left_out = {part.resource for part in last.parts if not _is_fine(part)} if off and last.state != "done" else set()
    if last.state != "done" and not (left_out and left_out <= off):
        return last
    return next(unmended(connection, last), None)


def unmended(connection: Connection, last: SyncRun) -> Iterator[SyncRun]:
    """Reads until the last one that left out what nobody has read well since, the newest first.

    A read of one resource proves no other. What is switched off by now is missing to nobody.
    """
    if not last.in_part:
        return
    earlier = select(SyncRun).where(
        SyncRun.connection_id == last.connection_id, READ, SyncRun.state.in_(ENDED_STATES), SyncRun.id <= last.id
    )
    well = _off(connection)
    for run in db.session.scalars(earlier.order_by(SyncRun.id.desc()).limit(LOOKED_BACK)):
        fine = {part.resource for part in run.parts if _is_fine(part)}
        if any(part.resource not in fine | well for part in run.parts):
            yield run
        if not run.in_part and run.state != "interrupted":
            return
        well |= fine


def _off(connection: Connection) -> set[str]:
    return set(connection.settings.get("resources_off", ()))


def _is_fine(part: RunPart) -> bool:
    return part.state == "skipped" or (part.state == "done" and part.complete and not part.refused)


def _ended_as(run: SyncRun) -> str:
    return "failed" if run.state == "failed" else "attention"


def _ended_need(one: Health, run: SyncRun) -> Need:
    since = one.connection.status_since
    if run.failure_kind == "connection" and run.ended_at and run.ended_at < since:
        said = "was connected again. What it missed comes with the next read."
        return _need(one, said, since, "See the run", run=run, grave=False)
    words = _ENDED_WORDS if run.kind in READS else _CARRIED_WORDS
    ended = words.get(run.state, words["done_with_problems"])  # whatever it says of itself, a part was left out
    said, grave = f"{ended} {run.message or ''}".strip(), run.state in ("failed", "needs_person")
    return _need(one, said, run.ended_at, "See the run", run=run, grave=grave)


def _need(one: Health, said: str, since: datetime | None, action: str, *, run=None, grave: bool = True) -> Need:
    status = "failed" if run is not None and run.state == "failed" else "attention" if grave or run else "late"
    kind = run.failure_kind if run is not None else "connection" if action == "Reconnect" else ""
    cause = ADVICE[kind].cause if kind in ADVICE else ""
    return Need(
        f"{one.connection.name} {said}", since, action, one.connection.id, run.id if run else None, grave, status, cause
    )


_RECORD_COUNTS = select(Checkpoint.connection_id, func.sum(Checkpoint.record_count)).group_by(Checkpoint.connection_id)


def _record_counts() -> dict[int, int]:
    return {connection_id: int(total) for connection_id, total in db.session.execute(_RECORD_COUNTS)}


def add_hours(cards: Iterable[Health]) -> None:
    """Fill in the last 24 hours of some connections, an hour a slot, from the runs they had."""
    by_id = {one.connection.id: one for one in cards}
    now = clock.now()
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    states: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for connection_id, hour, state, count in _by_hour(by_id, first):
        states[connection_id, hour][state] = count
    edges = [first + number * _HOUR for number in range(HOURS + 1)]
    spans = [(int(since.timestamp()) // _HOUR_S, since, until) for since, until in pairwise(edges)]
    for connection_id, one in by_id.items():
        one.hours = [_hour(since, until, states.get((connection_id, hour), {})) for hour, since, until in spans]


_HOUR_OF: dict[str, ColumnElement[int]] = {  # when a run was asked for, in hours since 1970: no moment to be made of it
    "sqlite": cast(func.strftime("%s", SyncRun.queued_at), BigInteger) // _HOUR_S,
    "postgresql": cast(func.floor(func.extract("epoch", SyncRun.queued_at) / _HOUR_S), BigInteger),
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


def _by_hour(connections: Iterable[int], since: datetime) -> Sequence[Row[int, int, str, int]]:
    """How many runs of each connection were asked for in each hour, by how they stand."""
    query = _BY_HOUR[db.session.get_bind().dialect.name]
    return db.session.connection().execute(query, {"connections": [*connections], "since": since}).all()


def _hour(since: datetime, until: datetime, states: dict[str, int]) -> Hour:
    if not states:
        return Hour(since, until, "never", 0, 0, 0)
    words = {_ENDED_AS.get(state, "attention") if state in ENDED_STATES else "running" for state in states}
    worst = min(words, key=_ORDER.index)
    ended = sum(count for state, count in states.items() if state in ENDED_STATES)
    return Hour(since, until, worst, sum(states.values()), ended, states.get("done", 0))
