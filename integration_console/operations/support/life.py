"""A record's life: every write, change, conflict, delivery, failure and call of it and of its partners, on one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import CompoundSelect, Result, Row, and_, bindparam, case, func, null, or_, select, union_all

from ... import services
from ...errors import NotFound
from ...models import (
    Change,
    Conflict,
    DataMapping,
    DeadLetter,
    ErrorLog,
    Record,
    RecordLink,
    Transaction,
    db,
)
from ...storage import deliveries
from ...sync.outcome import as_sentence
from ..finding import traces
from ..mapping import pairs, writes

MOST = 200  # of each kind; a longer life is told from its end
# Made once, and of what is told only: to build a question takes longer than the database needs to answer it, and to
# make whole objects of the rows longer still.
_COPY = (
    Record.id, Record.connection_id, Record.resource, Record.external_id, Record.label, Record.first_seen_at,
    Record.written_at, Record.written_run_id, Record.deleted_at,
)  # fmt: skip
_PAIR = (
    RecordLink.id.label("link_id"), RecordLink.mapping_id, RecordLink.state, RecordLink.reason, RecordLink.how,
    RecordLink.decided_by, RecordLink.decided_at, RecordLink.created_at,
)  # fmt: skip
_RECORD: Any = bindparam("record")
_PARTNER = case((RecordLink.left_record_id == _RECORD, RecordLink.right_record_id), else_=RecordLink.left_record_id)
_PAIRS = (
    select(*_COPY, *_PAIR)
    .select_from(RecordLink).outerjoin(Record, Record.id == _PARTNER)
    .where(or_(RecordLink.left_record_id == _RECORD, RecordLink.right_record_id == _RECORD))
    .order_by(RecordLink.id.desc()).limit(MOST)
)  # fmt: skip
_EVERYONE: CompoundSelect[Any] = union_all(  # each pair with the partner in it, and the record itself
    select(_PAIRS.subquery()), select(*_COPY, *(null() for _ in _PAIR)).where(Record.id == _RECORD)
)
_CHANGES = (
    select(
        Change.connection_id, Change.resource, Change.record_id, Change.op, Change.state, Change.message, Change.wanted,
        Change.before, Change.after, Change.asked_by, Change.cause, Change.run_id, Change.sent_run_id,
        Change.created_at, Change.sent_at, Change.done_at,
        select(func.max(Transaction.id)).where(Transaction.call_key == Change.call_key).scalar_subquery().label("call"),
    )
    .where(Change.record_id.in_(bindparam("records", expanding=True)))
    .order_by(Change.id.desc()).limit(MOST)
)  # fmt: skip
_CONFLICTS = (
    select(
        Conflict.id, Conflict.link_id, Conflict.left_field, Conflict.held, Conflict.winner, Conflict.settled_by,
        Conflict.run_id, Conflict.created_at,
    )
    .where(Conflict.link_id.in_(bindparam("links", expanding=True)))
    .order_by(Conflict.id.desc()).limit(MOST)
)  # fmt: skip
_NAMED_IT = select(
    Transaction.id, Transaction.started_at, Transaction.method, Transaction.path_template, Transaction.status,
    Transaction.run_id, Transaction.service, Transaction.url, Transaction.response_body,
).where(
    Transaction.id.in_(bindparam("numbers", expanding=True)), Transaction.connection_id == bindparam("connection"),
    Transaction.resource == bindparam("resource"),
)  # fmt: skip
_FAILED = (
    select(ErrorLog.created_at, ErrorLog.message, ErrorLog.run_id, ErrorLog.issue_id)
    .where(ErrorLog.issue_id.in_(bindparam("issues", expanding=True)), ErrorLog.external_id == bindparam("identity"))
    .order_by(ErrorLog.id.desc()).limit(MOST)
)  # fmt: skip
_REFUSED = select(DeadLetter.connection_id, DeadLetter.resource, DeadLetter.identity, DeadLetter.issue_id).where(
    DeadLetter.connection_id.in_(bindparam("connections", expanding=True)),
    DeadLetter.resource.in_(bindparam("resources", expanding=True)),
    DeadLetter.identity.in_(bindparam("identities", expanding=True)), DeadLetter.issue_id.is_not(None),
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One thing that happened to the record or a partner."""

    at: datetime
    kind: str  # seen, written, sent, conflict, paired, arrived, failed, called, gone
    record: Row
    text: str
    fields: tuple[tuple[str, Any, Any], ...] = ()  # label, before, after
    by: str = ""
    run_id: int | None = None
    call_id: int | None = None
    conflict_id: int | None = None
    delivery_id: int | None = None
    issue_id: int | None = None


@dataclass(frozen=True)
class Life:
    """The record, its partners on the other sides, and what happened, the newest first."""

    records: list[Row]  # itself first
    events: list[Event]


def of(number: int, accounts: Mapping[int, Row]) -> Life:
    """Everything kept about a record and those it is paired with.

    accounts: every connection, by number. Raises NotFound.
    """
    rows = _ask(_EVERYONE, record=number).all()
    own = next((row for row in rows if row.link_id is None), None)
    if own is None:
        raise NotFound("There is no such record.")
    links = sorted((row for row in rows if row.link_id), key=lambda row: row.link_id, reverse=True)
    records = {one.id: one for one in (own, *links) if one.id}
    everyone = list(records.values())
    sent = list(_sent(records, accounts))
    events = [
        *_copies(everyone), *sent, *_calls(everyone, {one.call_id for one in sent}), *_conflicts(links, own),
        *_pairs(links, own), *_deliveries(everyone), *_failures(everyone),
    ]  # fmt: skip
    return Life(everyone, sorted(events, key=lambda one: one.at, reverse=True))


def concerned(call: Transaction, change: Change | None) -> list[Record]:
    """The records a call was about: of a write its target and what its values came from, else the one it asked for."""
    sources = {one.get("record_id") for one in change.sources.values()} if change else set()
    named = {change.external_id} if change else set(traces.in_address(call.url, call.path_template, "{id}"))
    if not sources and not named:
        return []
    target = and_(
        Record.connection_id == call.connection_id, Record.resource == call.resource, Record.external_id.in_(named)
    )
    found = db.session.scalars(select(Record).where(or_(target, Record.id.in_(sources - {None}))))
    return sorted(found, key=lambda one: (one.external_id not in named, one.id))


def _ask(question: Any, **values: Any) -> Result:
    return db.session.connection().execute(question, values)


def _copies(records: Iterable[Row]) -> Iterator[Event]:
    for one in records:
        yield Event(one.first_seen_at, "seen", one, "First read by the console.")
        if one.written_at != one.first_seen_at:
            yield Event(one.written_at, "written", one, "Our copy was last written.", run_id=one.written_run_id)
        if one.deleted_at:
            yield Event(one.deleted_at, "gone", one, "It was no longer at the service.", run_id=one.written_run_id)


def _sent(records: Mapping[int, Row], accounts: Mapping[int, Row]) -> Iterator[Event]:
    """What the console wrote to the services, field by field, and out of which record."""
    changes = _ask(_CHANGES, records=list(records)).all()
    words = writes.Words(changes, accounts)
    for one in changes:
        values = tuple(
            (
                words.label(one, name),
                words.value(one, name, one.before.get(name)),
                words.value(one, name, one.after.get(name, wanted)),
            )
            for name, wanted in one.wanted.items()
        )
        what = {"create": "Made", "update": "Changed", "delete": "Deleted"}.get(one.op, one.op)
        state = {"done": "", "dead": " and refused", "dropped": " and dropped"}.get(one.state, f", {one.state}")
        yield Event(
            one.done_at or one.sent_at or one.created_at, "sent", records[one.record_id or 0],
            f"{what} by the console{state}. {as_sentence(one.message)}".strip(), values, one.asked_by or one.cause,
            one.sent_run_id or one.run_id, one.call,
        )  # fmt: skip


def _calls(records: Sequence[Row], told: set[int | None]) -> Iterator[Event]:
    """Calls that asked for one of them or were answered with it; those of a write are told with it."""
    each = traces.calls_naming_each([record.external_id for record in records], MOST)
    for record, numbers in zip(records, each, strict=True):
        named = set(numbers) - told
        asked = {"numbers": list(named), "connection": record.connection_id, "resource": record.resource}
        for one in _ask(_NAMED_IT, **asked) if named else ():
            if not _is_of(one, record):
                continue
            said = f"answered {one.status}" if one.status else "no answer came"
            yield Event(one.started_at, "called", record, f"{one.method} {one.path_template}: {said}.",
                        run_id=one.run_id, call_id=one.id)  # fmt: skip


def _is_of(call: Row, record: Row) -> bool:
    """Whether it is this record that a call named: an address within another one may have the same short number."""
    if record.external_id in traces.in_address(call.url, call.path_template, "{id}"):
        return True
    service = services.every().get(call.service)
    kind = service.resources.get(record.resource) if service else None
    return kind is not None and record.external_id in traces.answered_with(call.response_body, kind)


def _conflicts(links: Iterable[Row], record: Row) -> Iterator[Event]:
    by_number = {link.link_id: link for link in links}
    left_of = cache(lambda mapping_id: pairs.sides(db.session.get_one(DataMapping, mapping_id))["left"])
    for one in _ask(_CONFLICTS, links=list(by_number)) if by_number else ():
        called = left_of(by_number[one.link_id].mapping_id).label(one.left_field) or one.left_field
        values = ((called, one.held.get("left"), one.held.get("right")),)
        won = f"The {one.winner} side won." if one.winner else "A person is asked."
        yield Event(one.created_at, "conflict", record, f"Both sides changed {called}. {won}", values,
                    one.settled_by or "", one.run_id, conflict_id=one.id)  # fmt: skip


def _pairs(links: Iterable[Row], record: Row) -> Iterator[Event]:
    words = {"linked": "Paired", "cut": "The pair was cut", "ambiguous": "Several partners were possible",
             "gone": "Its partner was deleted", "paused": "The pair was paused"}  # fmt: skip
    for link in links:
        if text := words.get(link.state):
            why = link.reason or link.how
            yield Event(link.decided_at or link.created_at, "paired", record, f"{text}. {why}".strip(),
                        by=link.decided_by or "")  # fmt: skip


def _deliveries(records: Sequence[Row]) -> Iterator[Event]:
    """Webhooks that named one of them."""
    for record, told in zip(records, deliveries.about(db.session(), records, MOST), strict=True):
        for one in told:
            said = f"A webhook came: {one.kind}. {one.outcome or ''}".strip()
            yield Event(one.received_at, "arrived", record, said, run_id=one.run_id, delivery_id=one.id)


def _failures(records: Sequence[Row]) -> Iterator[Event]:
    names = [(one.connection_id, one.resource, one.external_id) for one in records]
    these = dict(zip(("connections", "resources", "identities"), zip(*names, strict=True), strict=True))
    refused = _ask(_REFUSED, **these).all()
    for record, name in zip(records, names, strict=True):
        issues = {issue for *of, issue in refused if tuple(of) == name}
        for one in _ask(_FAILED, issues=list(issues), identity=record.external_id) if issues else ():
            yield Event(one.created_at, "failed", record, one.message, run_id=one.run_id, issue_id=one.issue_id)
