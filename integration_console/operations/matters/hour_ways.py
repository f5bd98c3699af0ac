"""The way of an hour: from the Clockify entry over the Clio activity and the line of its bill to the invoice.

All of it is read from our own copies and the pairs between them. What is doubled or missing on the way is a fault, told
in words that hold nothing of the records themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from ... import clock
from ...models import Connection, DataMapping, Record, RecordLink, SyncRun, db
from .hour_steps import Step, bill_id, ended_at, invoice_step, steps_of

ENTRIES, ACTIVITIES, LINES, BILLS, INVOICES = "time_entries", "activities", "line_items", "bills", "invoices"
CARRIES = or_(
    *(
        and_(DataMapping.left_resource == one, DataMapping.right_resource == other)
        for one, other in ((ENTRIES, ACTIVITIES), (ACTIVITIES, ENTRIES))
    )
)
UNDER_WAY = timedelta(days=1)  # time that no run has met by then is missing, whatever keeps the runs
NOT_SENT = ("draft", "awaiting_approval", "void", "deleted")  # bills that need no invoice


@dataclass(frozen=True)
class Fault:
    """Something that is not as it should be."""

    kind: str  # doubled, missing
    text: str


@dataclass
class Way:
    """One entry and what became of it."""

    entry: Record
    activities: list[Record] = field(default_factory=list)
    lines: list[Record] = field(default_factory=list)  # of bills, one for each time it was put on one
    bills: list[Record] = field(default_factory=list)
    invoices: list[tuple[Record, Record]] = field(default_factory=list)  # bill, its invoice
    reasons: list[str] = field(default_factory=list)  # why a pair is not there, as the mapping says
    under_way: bool = False  # it has only just ended: no run of a mapping could have carried it yet
    accounting: bool = False  # whether any service that holds invoices is connected
    faults: list[Fault] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        """Every step with its time and money, and what was rounded on the way to it."""
        found = steps_of(self.entry, self.activities, self.lines)
        return [*found, *(invoice_step(self.lines, bill, invoice) for bill, invoice in self.invoices)]

    @property
    def matters(self) -> set[str]:
        """The matters it was written on, by their ids at Clio."""
        return {str(one["id"]) for row in self.activities if isinstance(one := row.data.get("matter"), dict)}


def connections_of(*services: str) -> list[int]:
    """The connections there are to these services, by number."""
    query = select(Connection.id).where(Connection.service.in_(services), Connection.status != "removed")
    return list(db.session.scalars(query))


def ways_of(entries: Sequence[Record], matters: set[str] | None = None) -> list[Way]:
    """What became of each: a handful of queries for all of them together.

    matters: where only those of these are wanted, the others are not followed beyond their activities.
    """
    accounting = bool(connections_of("quickbooks", "xero"))
    every = {entry.id: Way(entry, accounting=accounting) for entry in entries}
    _follow_activities(every)
    _mark_under_way(every.values())
    ways = {n: way for n, way in every.items() if matters is None or not way.matters.isdisjoint(matters)}
    activities = {(row.connection_id, row.external_id): row for way in ways.values() for row in way.activities}
    lines = _lines_of(activities)
    bills = _bills({(row.connection_id, bill_id(row)) for rows in lines.values() for row in rows})
    invoices = _partners([bill.id for bill in bills.values()], INVOICES)
    for way in ways.values():
        for activity in way.activities:
            way.lines += lines.get((activity.connection_id, activity.external_id), [])
        numbers = dict.fromkeys((line.connection_id, bill_id(line)) for line in way.lines)
        way.bills = [bills[number] for number in numbers if number in bills]
        way.invoices = [(bill, invoice) for bill in way.bills for invoice in invoices.get(bill.id, ())]
        way.faults = list(_faults(way))
    return list(every.values())


def _follow_activities(ways: dict[int, Way]) -> None:
    """By the pairs, and by the reference every activity holds that was made of an entry."""
    paired = _partners(list(ways), ACTIVITIES)
    entries = {way.entry.external_id: way for way in ways.values()}
    query = select(Record).where(
        Record.connection_id.in_(connections_of("clio")), Record.resource == ACTIVITIES, Record.deleted_at.is_(None),
        Record.owner_id.in_(entries),
    )  # fmt: skip
    for number, way in ways.items():
        way.activities += paired.get(number, [])
    for activity in db.session.scalars(query):
        way = entries[str(activity.owner_id)]
        if activity not in way.activities:
            way.activities.append(activity)
    open_ = select(RecordLink.left_record_id, RecordLink.reason).where(
        RecordLink.left_record_id.in_(ways), RecordLink.state.in_(("waiting", "aside", "ambiguous", "paused"))
    )
    for entry_id, reason in db.session.execute(open_):
        if entry_id is not None and reason:
            ways[entry_id].reasons.append(reason)


def _mark_under_way(ways: Iterable[Way]) -> None:
    now = clock.now()
    fresh = [
        (way, ended) for way in ways
        if not way.activities and not way.reasons and (ended := ended_at(way.entry)) and ended > now - UNDER_WAY
    ]  # fmt: skip
    began = _last_runs() if fresh else {}
    for way, ended in fresh:
        if (number := way.entry.connection_id) in began:
            last = began[number]
            way.under_way = last is None or max(ended, way.entry.first_seen_at) > last


def _last_runs() -> dict[int, datetime | None]:
    """The Clockify connections whose time is carried -> when the last run that did so began; None before the first."""
    found = {}
    for mapping in db.session.scalars(select(DataMapping).where(DataMapping.state == "active", CARRIES)):
        runs = select(SyncRun.started_at).where(
            SyncRun.mapping_id == mapping.id, SyncRun.kind == "push", SyncRun.state.in_(("done", "done_with_problems"))
        )
        left = mapping.left_resource == ENTRIES
        number = mapping.left_connection_id if left else mapping.right_connection_id
        found[number] = db.session.scalar(runs.order_by(SyncRun.id.desc()).limit(1))
    return found


def _partners(record_ids: Sequence[int], resource: str) -> dict[int, list[Record]]:
    """The records of that kind these are linked with, on whichever side of a mapping they lie."""
    found: dict[int, list[Record]] = {}
    both = (RecordLink.left_record_id, RecordLink.right_record_id)
    for own, other in (both, both[::-1]):
        query = (
            select(own, Record)
            .join(Record, Record.id == other)
            .where(own.in_(record_ids), RecordLink.state == "linked", Record.resource == resource,
                   Record.deleted_at.is_(None))
            .order_by(RecordLink.id)
        )  # fmt: skip
        for number, record in db.session.execute(query):
            if number is not None and record not in found.setdefault(number, []):
                found[number].append(record)
    return found


def _lines_of(activities: Iterable[tuple[int, str]]) -> dict[tuple[int, str], list[Record]]:
    numbers = list(activities)
    query = select(Record).where(
        Record.connection_id.in_({one for one, _ in numbers}), Record.resource == LINES,
        Record.owner_id.in_({other for _, other in numbers}), Record.deleted_at.is_(None),
    )  # fmt: skip
    found: dict[tuple[int, str], list[Record]] = {}
    for record in db.session.scalars(query.order_by(Record.id)):
        found.setdefault((record.connection_id, str(record.owner_id)), []).append(record)
    return found


def _bills(numbers: set[tuple[int, str]]) -> dict[tuple[int, str], Record]:
    query = select(Record).where(
        Record.connection_id.in_({one for one, _ in numbers}), Record.resource == BILLS,
        Record.external_id.in_({other for _, other in numbers}), Record.deleted_at.is_(None),
    )  # fmt: skip
    return {(record.connection_id, record.external_id): record for record in db.session.scalars(query)}


# -- faults -----------------------------------------------------------------------------------------------------------


def _faults(way: Way) -> Iterable[Fault]:
    if not way.activities:
        if ended_at(way.entry) and not way.under_way:  # of a running timer nothing is to be made yet
            yield Fault("missing", "No activity in Clio was made of it.")
        return
    if len(way.activities) > 1:
        yield Fault("doubled", f"{len(way.activities)} activities in Clio are for this one entry.")
    billable = [one for one in way.activities if not (one.data.get("non_billable") or one.data.get("no_charge"))]
    if billable and not way.lines:
        yield Fault("missing", "It is on no bill yet.")
    for activity in way.activities:
        bills = {bill_id(line) for line in way.lines if line.owner_id == activity.external_id}
        if len(bills) > 1:
            yield Fault("doubled", f"One activity is on {len(bills)} bills.")
    yield from _invoice_faults(way)


def _invoice_faults(way: Way) -> Iterable[Fault]:
    for bill in way.bills:
        invoices = [invoice for one, invoice in way.invoices if one is bill]
        if not invoices and way.accounting and bill.data.get("state") not in NOT_SENT:
            yield Fault("missing", "Its bill has no invoice in QuickBooks or Xero.")
        if len({invoice.connection_id for invoice in invoices}) < len(invoices):
            yield Fault("doubled", f"Its bill has {len(invoices)} invoices.")
        for invoice in invoices:
            if invoice_step(way.lines, bill, invoice).seconds is None:
                yield Fault("missing", "No line of the invoice has the amount of the bill's line.")
