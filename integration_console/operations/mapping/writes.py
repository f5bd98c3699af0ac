"""Writes as they are looked up: a page of the outbox, whom each is about, and the call that decided it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from ... import services
from ...models import Change, Connection, DataMapping, Record, RecordLink, Transaction, db
from ...models.change import WAITING_STATES
from ...services.writing import CUSTOM, Field, by_name
from ...storage import pages
from .. import several
from ..finding.named import Named
from . import crossings

PAGE = 50

Fields = dict[tuple[int, str], dict[str, Field]]  # (connection, resource) -> by name


@dataclass(frozen=True)
class Wanted:
    """Which writes: everything when empty. run_id: those it sent or wanted."""

    states: tuple[str, ...] = ()
    op: str = ""
    connection_id: int | None = None
    mapping_id: int | None = None
    run_id: int | None = None
    link_id: int | None = None
    issue_id: int | None = None


class Words:
    """What the fields of some writes are called, and what their values name."""

    def __init__(self, changes: Iterable[Change | Row], accounts: Mapping[int, Connection | Row] | None = None) -> None:
        changes = list(changes)
        self._fields = fields_of(changes, accounts)
        self._named = Named(
            (one.connection_id, _field(self._fields, one, name), value)
            for one in changes
            for values in (one.before, one.wanted, one.after)
            for name, value in values.items()
        )

    def label(self, change: Change | Row, name: str) -> str:
        """What a field is called."""
        return label_of(self._fields, change, name)

    def value(self, change: Change | Row, name: str, value: Any) -> Any:
        """A field's value, with the name of the record it refers to."""
        return self._named(change.connection_id, _field(self._fields, change, name), value)


@dataclass(frozen=True)
class Slice:
    """One page of writes, the newest first, and where the pages beside it begin."""

    changes: list[Change]
    older: int | None = None
    newer: int | None = None
    records: dict[int, Record] = field(default_factory=dict)  # by the change's number: our copy of its target
    origins: dict[int, Record] = field(default_factory=dict)  # of a making without a target: what it was to be made of
    calls: dict[str, int] = field(default_factory=dict)  # call key -> its number in the call log
    mappings: dict[int, str] = field(default_factory=dict)  # names
    words: Words = field(default_factory=lambda: Words([]))


def browse(wanted: Wanted, *, older: int | None = None, newer: int | None = None, limit: int = PAGE) -> Slice:
    """Writes before the number `older`, or after the number `newer`; the newest when neither is given."""
    rows, below, above = pages.walked(db.session(), _matching(wanted), Change.id, limit, older=older, newer=newer)
    targets = _targets(rows)
    origins = _origins([change for change in rows if change.op == "create" and change.id not in targets])
    return Slice(rows, below, above, targets, origins, calls_of(rows), _names(rows), Words(rows))


def _matching(wanted: Wanted):
    query = select(Change)
    for column, value in (
        (Change.connection_id, wanted.connection_id), (Change.mapping_id, wanted.mapping_id),
        (Change.link_id, wanted.link_id), (Change.op, wanted.op or None), (Change.sent_run_id, wanted.run_id),
        (Change.issue_id, wanted.issue_id),
    ):  # fmt: skip
        if value is not None:
            query = query.where(column == value)
    return query.where(Change.state.in_(wanted.states)) if wanted.states else query


def _targets(changes: Iterable[Change]) -> dict[int, Record]:
    """Our copies of what was written: of an update the one it names, of a create the one that came of it."""
    by_number = {change.id: change.record_id for change in changes if change.record_id}
    rows = db.session.scalars(select(Record).where(Record.id.in_(set(by_number.values()))))
    found = {row.id: row for row in rows}
    return {number: found[record] for number, record in by_number.items() if record in found}


def _origins(changes: list[Change]) -> dict[int, Record]:
    """What these are to be made of: the record on the other side of their pair."""
    changes = [change for change in changes if change.link_id]
    if not changes:
        return {}
    links = select(RecordLink.id, RecordLink.left_record_id, RecordLink.right_record_id)
    rows = db.session.execute(links.where(RecordLink.id.in_({change.link_id for change in changes})))
    pairs = {link: [number for number in both if number] for link, *both in rows}
    numbers = {number for both in pairs.values() for number in both}
    found = {row.id: row for row in db.session.scalars(select(Record).where(Record.id.in_(numbers)))}
    return {
        change.id: found[number] for change in changes for number in pairs.get(change.link_id or 0, ())
        if number in found and number != change.record_id
    }  # fmt: skip


def _names(changes: Iterable[Change]) -> dict[int, str]:
    ids = {change.mapping_id for change in changes if change.mapping_id}
    rows = db.session.execute(select(DataMapping.id, DataMapping.name).where(DataMapping.id.in_(ids)))
    return dict(rows.all())


def fields_of(changes: Iterable[Change | Row], accounts: Mapping[int, Connection | Row] | None = None) -> Fields:
    """The fields of these writes as their services have them. accounts: connections by number, where they are known."""
    names: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for change in changes:
        names[change.connection_id, change.resource] |= {*change.wanted, *change.before, *change.after}
    find = accounts.__getitem__ if accounts else partial(db.session.get_one, Connection)
    return {
        (number, resource): _fields(find(number), resource, any(name.startswith(CUSTOM) for name in found))
        for (number, resource), found in names.items()
    }


def _fields(connection: Connection | Row, resource: str, customs: bool) -> dict[str, Field]:
    custom = crossings.definitions(db.session(), connection.id) if customs else ()
    return by_name(services.by_key(connection.service).writing.fields(resource, custom))


def label_of(fields: Fields, change: Change | Row, name: str) -> str:
    """What people call a field; its own name where the service no longer has it."""
    known = _field(fields, change, name)
    return known.label if known else name.removeprefix("custom:")


def _field(fields: Fields, change: Change | Row, name: str) -> Field | None:
    return fields.get((change.connection_id, change.resource), {}).get(name)


def calls_of(changes: Iterable[Change]) -> dict[str, int]:
    """The calls that decided these writes, by their key, as far as the call log still has them."""
    keys = list({change.call_key for change in changes if change.call_key})
    return dict(db.session.connection().execute(_CALLS, {"keys": keys}).all()) if keys else {}


_CALLS = (
    select(Transaction.call_key, func.max(Transaction.id))
    .where(Transaction.call_key.in_(bindparam("keys", expanding=True)))
    .group_by(Transaction.call_key)
)


def of_call(call: Transaction) -> Change | None:
    """The write that a call decided."""
    if call.run_id is None:
        return None
    query = select(Change).where(Change.sent_run_id == call.run_id, Change.call_key == call.call_key)
    return db.session.scalar(query.limit(1))


def count_waiting() -> dict[str, int]:
    """How many writes are in each state that is not the end of it, and how many were refused."""
    wanted = (*WAITING_STATES, "dead")
    query = select(Change.state, func.count()).where(Change.state.in_(wanted)).group_by(Change.state)
    return dict(db.session.execute(query).all())


def found_refused(wanted: Wanted) -> several.Found:
    """Those of these writes that were refused, the newest first."""
    query = _matching(wanted).where(Change.state == "dead").order_by(Change.id.desc())
    return several.found(query.with_only_columns(Change.id))


def count_some(wanted: Wanted, most: int = several.MOST_COUNTED, *, above: int | None = None) -> int:
    """How many writes there are of these, with `above` only those of a higher number; to one more than `most`."""
    numbers = _matching(wanted).with_only_columns(Change.id)
    return several.count(numbers if above is None else numbers.where(Change.id > above), most)


def by_number(numbers: Iterable[int]) -> list[Change]:
    """The writes of these numbers."""
    return list(db.session.scalars(select(Change).where(Change.id.in_(list(numbers)))))


def count(wanted: Wanted) -> int:
    """How many writes there are of these."""
    return db.session.scalar(_matching(wanted).with_only_columns(func.count())) or 0
