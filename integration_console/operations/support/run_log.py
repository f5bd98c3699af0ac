"""What happened in a run, one message after the other: put together from what is kept anyway, in order of time.

The run and its lines, the calls it made, the writes it sent and its failures: each is a source that is read in order
from where a page begins, so a page stays small however long the run was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Any

import orjson
from sqlalchemy import Row, Select, and_, func, or_, select

from ... import services
from ...models import Change, Connection, DataMapping, ErrorLog, RunPart, SyncRun, Transaction, db
from ...models.error import SPEAKS_OF_VALUES
from ...sync.outcome import as_sentence
from ...transport.redact import Redactor
from .support_packet import secrets_of

LEVELS = ("detail", "step", "warning", "error")  # the least first
KINDS = {"txt": "text/plain; charset=utf-8", "jsonl": "application/jsonl"}
PAGE, LOT = 200, 1_000
FINE = ("ok", "nothing", "refresh")  # outcomes of calls that nobody needs to look at
_BEGINS, _CALL, _WRITE, _FAILURE, _ENDS = range(5)  # in this order where the moment is the same
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ASKED = {
    "schedule": "Asked for by the schedule.", "command": "Asked for at the command line.",
    "retry": "Asked for to read failed records again.", "mapping": "Asked for: there was something new to carry.",
    "undo": "Asked for to take writes back.", "webhook": "Asked for by a webhook.",
    "check": "Asked for by the nightly check.", "date": "Asked for: a limitation date moved in its task.",
}  # fmt: skip
_DONE = {"create": "Made", "update": "Changed", "delete": "Deleted"}
_ENDED = {"done": "step", "done_with_problems": "warning", "interrupted": "warning"}


@dataclass(frozen=True)
class Place:
    """Where a message stands among the others."""

    at: datetime
    rank: int
    number: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.rank}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """The place an address names; none when it names none."""
        try:
            micros, rank, number = map(int, text.split("-"))
            return cls(_EPOCH + timedelta(microseconds=micros), rank, number)
        except (ValueError, OverflowError):
            return None

    @property
    def order(self) -> tuple:
        """As it sorts."""
        return self.at, self.rank, self.number


@dataclass(frozen=True)
class Message:
    """One line of the log; a number tells what it is about."""

    place: Place
    level: str
    text: str
    call_id: int | None = None
    write_id: int | None = None
    problem_id: int | None = None


@dataclass(frozen=True)
class Page:
    """Some messages, the newest last, and where those before them end."""

    messages: list[Message]
    earlier: Place | None = None


@dataclass(frozen=True)
class _Source:
    rank: int
    at: Any
    number: Any
    query: Select
    message: Callable[[Row], Message]

    def before(self, place: Place | None, limit: int) -> list[Message]:
        query = self.query
        if place is not None:
            same = {True: self.at == place.at, False: and_(self.at == place.at, self.number < place.number)}
            beside = [same[self.rank < place.rank]] if self.rank <= place.rank else []
            query = query.where(or_(self.at < place.at, *beside))
        rows = db.session.execute(query.order_by(self.at.desc(), self.number.desc()).limit(limit))
        return [self.message(row) for row in rows]

    def all(self) -> Iterator[Message]:
        query, ordered = self.query, (self.at, self.number)
        while rows := db.session.execute(query.order_by(*ordered).limit(LOT)).all():
            yield from map(self.message, rows)
            last = rows[-1]
            query = self.query.where(or_(self.at > last.at, and_(self.at == last.at, self.number > last.id)))


def latest(run: SyncRun, *, least: str, before: Place | None = None, contents: bool) -> Page:
    """The newest messages from that level on, or those before a place. contents: whether values may be told."""
    own = [one for one in _own(run) if _shown(one, least) and (before is None or one.place.order < before.order)]
    found = [*own, *(one for source in _sources(run, least, contents) for one in source.before(before, PAGE + 1))]
    found.sort(key=lambda one: one.place.order)
    page = found[-PAGE:]
    return Page(page, page[0].place if len(found) > PAGE else None)


def lines(run_id: int, kind: str, *, least: str, contents: bool) -> Iterator[str]:
    """The whole log as text or as JSON lines, with every secret we hold taken out once more (X2)."""
    run = db.session.get_one(SyncRun, run_id)
    hide = Redactor(secrets_of(_connections(run)))
    own = sorted((one for one in _own(run) if _shown(one, least)), key=lambda one: one.place.order)
    streams = [own, *(source.all() for source in _sources(run, least, contents))]
    for one in merge(*streams, key=lambda message: message.place.order):
        text, moment = hide.text(one.text), one.place.at.isoformat(timespec="milliseconds")
        about = {"call": one.call_id, "write": one.write_id, "problem": one.problem_id}
        about = {name: number for name, number in about.items() if number is not None}
        if kind == "jsonl":
            yield orjson.dumps({"at": moment, "level": one.level, "text": text, **about}).decode() + "\n"
        else:
            told = "".join(f" ({name} {number})" for name, number in about.items())
            yield f"{moment} {one.level:<7} {' '.join(text.split())}{told}\n"


def _connections(run: SyncRun) -> list[Connection]:
    mapping = db.session.get(DataMapping, run.mapping_id) if run.mapping_id else None
    return [run.connection, mapping.left_connection, mapping.right_connection] if mapping else [run.connection]


def _shown(message: Message, least: str) -> bool:
    return LEVELS.index(message.level) >= LEVELS.index(least)


# -- the run itself ---------------------------------------------------------------------------------------------------


def _own(run: SyncRun) -> Iterable[Message]:
    asked = f"Asked for by {run.asked_by}." if run.asked_by else _ASKED.get(run.cause, "Asked for.")
    yield Message(Place(run.queued_at, _BEGINS, 0), "step", asked)
    if run.started_at:
        yield Message(Place(run.started_at, _BEGINS, 1), "step", "A worker began it.")
    for part in run.parts:
        if part.started_at:
            yield Message(Place(part.started_at, _BEGINS, 2 + part.id), "step", _begins(run, part))
        if part.ended_at:
            level = "error" if part.state == "failed" else "warning" if part.refused else "step"
            yield Message(Place(part.ended_at, _ENDS, part.id), level, _ends(run, part))
    if run.ended_at:
        said = run.message or f"It ended: {run.state.replace('_', ' ')}."
        yield Message(Place(run.ended_at, _ENDS, 2**62), _ENDED.get(run.state, "error"), as_sentence(said))


def _begins(run: SyncRun, part: RunPart) -> str:
    if run.kind == "push":
        return f"Carrying version {run.mapping_version}." if run.mapping_version else "Sending single writes."
    how = {"full": " everything", "record": " named records", "incremental": " what changed"}.get(part.mode or "", "")
    return f"{_called(run, part)}: reading{how}."


def _ends(run: SyncRun, part: RunPart) -> str:
    words = ("looked at", "made", "deleted", "refused") if run.kind == "push" else ("seen", "new", "gone", "not kept")
    seen, new, gone, refused = words
    counts = (
        f"{part.seen:,} {seen}, {part.new:,} {new}, {part.changed:,} changed, {part.deleted:,} {gone}, "
        f"{part.refused:,} {refused}."
    )
    beside = " ".join(as_sentence(text) for text in (part.message, part.note) if text and text != run.message)
    return f"{_called(run, part)}: {part.state}. {counts} {beside}".strip()


def _called(run: SyncRun, part: RunPart) -> str:
    if run.kind == "push":
        return "Carried"
    service = services.every().get(run.connection.service)
    known = service.resources.get(part.resource) if service else None
    return known.label if known else part.resource


# -- what it left behind ----------------------------------------------------------------------------------------------


def _sources(run: SyncRun, least: str, contents: bool) -> list[_Source]:
    failed = _failures(run, contents)  # also every call and write that was refused for good
    return [failed] if least == "error" else [_calls(run, least), _writes(run, least, contents), failed]


def _calls(run: SyncRun, least: str) -> _Source:
    made = Transaction
    query = select(
        made.started_at.label("at"), made.id, made.method, made.path_template, made.status, made.outcome, made.attempt,
        made.duration_ms, made.waited_ms,
    ).where(made.run_id == run.id)  # fmt: skip
    if least != "detail":
        query = query.where(made.outcome.not_in(FINE))
    return _Source(_CALL, made.started_at, made.id, query, _call)


def _call(row: Row) -> Message:
    facts = [str(row.status or "no answer"), *([] if row.outcome in FINE else [row.outcome])]
    facts += [f"{row.duration_ms:,.0f} ms", *([f"waited {row.waited_ms / 1000:.1f} s"] if row.waited_ms >= 50 else [])]
    facts += [f"try {row.attempt}"] if row.attempt > 1 else []
    level = "detail" if row.outcome in FINE else "warning"
    text = f"{row.method} {row.path_template}: {', '.join(facts)}."
    return Message(Place(row.at, _CALL, row.id), level, text, call_id=row.id)


def _writes(run: SyncRun, least: str, contents: bool) -> _Source:
    at = func.coalesce(Change.done_at, Change.sent_at)
    states = ("retry", "uncertain", "pending", "dropped", *(("done",) if least == "detail" else ()))
    query = (
        select(at.label("at"), Change.id, Change.op, Change.resource, Change.external_id, Change.state, Change.message,
               Connection.service)
        .join(Connection, Change.connection_id == Connection.id)
        .where(Change.sent_run_id == run.id, at.is_not(None), Change.state.in_(states))
    )  # fmt: skip

    def message(row: Row) -> Message:
        service = services.every().get(row.service)
        what = f"{row.resource} {row.external_id or 'not known yet'} at {service.label if service else row.service}"
        place = Place(row.at, _WRITE, row.id)
        if row.state == "done":
            return Message(place, "detail", f"{_DONE[row.op]}: {what}.", write_id=row.id)
        why = f" {as_sentence(row.message)}" if row.message and contents else ""
        how = "not sent any more" if row.state == "dropped" else "waits for another try"
        return Message(place, "warning", f"Write of {what}: {how}.{why}", write_id=row.id)

    return _Source(_WRITE, at, Change.id, query, message)


def _failures(run: SyncRun, contents: bool) -> _Source:
    query = select(
        ErrorLog.created_at.label("at"), ErrorLog.id, ErrorLog.kind, ErrorLog.message, ErrorLog.resource,
        ErrorLog.external_id, ErrorLog.issue_id,
    ).where(ErrorLog.run_id == run.id)  # fmt: skip

    def message(row: Row) -> Message:
        hidden = row.kind in SPEAKS_OF_VALUES and not contents
        about = " ".join(filter(None, (row.resource, row.external_id)))
        text = "A value could not be used." if hidden else as_sentence(row.message)
        return Message(
            Place(row.at, _FAILURE, row.id), "error", f"{about}: {text}" if about else text, problem_id=row.issue_id
        )

    return _Source(_FAILURE, ErrorLog.created_at, ErrorLog.id, query, message)
