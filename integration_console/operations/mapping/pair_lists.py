"""Pairs of records as lists and side by side: what waits for a person, what is paired, what was cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import defer, joinedload, load_only, selectinload

from ...errors import InvalidInput, NotFound
from ...models import DataMapping, Record, RecordLink, db
from ...models.base import UtcDateTime
from ...models.link import LINK_STATES
from ...storage.walks import united
from .. import several
from . import pairs

PAGE = 50
OVER = ("different", "cut", "gone")  # rows in these states hold no record back from another pair


class Place(NamedTuple):
    """Where a page of pairs ended."""

    at: datetime
    id: int


@dataclass(frozen=True)
class Choice:
    """One record that may be the other half."""

    record: Record
    score: int
    why: str
    lines: list[pairs.Compared]
    taken_by: RecordLink | None  # the pair it is in already


@dataclass(frozen=True)
class Detail:
    """One row with both sides."""

    link: RecordLink
    sides: dict[str, pairs.Side]
    held: str  # the side whose record waits; of a pair the left one
    record: Record | None
    lines: list[pairs.Compared]  # of a pair, or of what the record that waits says
    choices: list[Choice]


def listing(
    state: str = "ambiguous", mapping_id: int | None = None, after: Place | None = None, limit: int = PAGE
) -> tuple[list[RecordLink], Place | None]:
    """Rows in one state and where the next page begins. What waits for a person comes oldest first, else newest first.

    Raises InvalidInput when there is no such state.
    """
    if state not in LINK_STATES:
        raise InvalidInput(f"There is no state {state!r}. There are: {', '.join(LINK_STATES)}.", field="state")
    oldest_first = state == "ambiguous"
    numbers = [mapping_id] if mapping_id else db.session.scalars(select(DataMapping.id)).all()
    found = _places(numbers, state, after, oldest_first, limit + 1)
    rows = {link.id: link for link in db.session.scalars(_with_records([place.id for place in found[:limit]]))}
    place = found[limit - 1] if len(found) > limit else None
    return [rows[one.id] for one in found[:limit] if one.id in rows], place


def _places(mapping_ids: Iterable[int], state: str, after: Place | None, oldest_first: bool, limit: int) -> list[Place]:
    """Each mapping's first ones along its index, in one question; of them the first."""
    walks = [_of_mapping(one, state, after, oldest_first).limit(limit) for one in mapping_ids]
    found = [Place(*row) for row in united(db.session(), walks)]
    return sorted(found, reverse=not oldest_first)[:limit]


def _of_mapping(mapping_id: int, state: str, after: Place | None, oldest_first: bool) -> Select:
    waits = func.coalesce(RecordLink.decided_at, RecordLink.created_at) if oldest_first else _ANY_TIME
    query = select(waits.label("at"), RecordLink.id)
    query = query.where(RecordLink.mapping_id == mapping_id, RecordLink.state == state)
    if not oldest_first:
        query = query.where(RecordLink.id < after.id) if after is not None else query
        return query.order_by(RecordLink.id.desc())
    if after is not None:
        query = query.where(tuple_(waits, RecordLink.id) > tuple_(literal(after.at, UtcDateTime()), literal(after.id)))
    return query.order_by(waits, RecordLink.id)


_ANY_TIME = literal(datetime(2000, 1, 1, tzinfo=UTC), UtcDateTime())  # newest first goes by number alone


def _with_records(ids: Sequence[int]):
    names = load_only(Record.label, Record.external_id, Record.connection_id, Record.resource, Record.deleted_at)
    return (
        select(RecordLink)
        .where(RecordLink.id.in_(ids))
        .options(
            defer(RecordLink.base), defer(RecordLink.writes), joinedload(RecordLink.mapping),
            selectinload(RecordLink.left_record).options(names), selectinload(RecordLink.right_record).options(names),
        )
    )  # fmt: skip


def found(state: str, mapping_id: int | None = None) -> several.Found:
    """The numbers of every row in one state, the longest waiting first. Raises InvalidInput."""
    if state not in LINK_STATES:
        raise InvalidInput(f"There is no state {state!r}. There are: {', '.join(LINK_STATES)}.", field="state")
    known = [mapping_id] if mapping_id else select(DataMapping.id)
    waits = func.coalesce(RecordLink.decided_at, RecordLink.created_at)
    query = select(RecordLink.id).where(RecordLink.mapping_id.in_(known), RecordLink.state == state)
    return several.found(query.order_by(waits, RecordLink.id))


def names(link_ids: Iterable[int], shown: Callable[[Record], str]) -> dict[int, str]:
    """What the record of each row is called, as `shown` says it."""
    rows = db.session.scalars(_with_records(list(link_ids)))
    return {link.id: shown(record) for link in rows if (record := link.left_record or link.right_record)}


def mappings() -> list[DataMapping]:
    """Every mapping, for the filter of a list."""
    return list(db.session.scalars(select(DataMapping).order_by(DataMapping.name, DataMapping.id)))


def by_id(link_id: int) -> RecordLink:
    """The row with that number. Raises NotFound."""
    if link := db.session.get(RecordLink, link_id):
        return link
    raise NotFound("There is no such pair.")


def detail(link_id: int) -> Detail:
    """One row with what both sides say. Raises NotFound."""
    link = by_id(link_id)
    both, lines = pairs.sides(link.mapping), pairs.lines_of(link.mapping)
    held, agreed = held_side(link), pairs.agreement(link.mapping)
    left, right = link.left_record, link.right_record
    found = _candidates(link) if link.state == "ambiguous" else {}
    told = [("left", left), ("right", right), *((pairs.other(held), one) for one in found.values())]
    named = pairs.names_in(both, lines, told)

    def compared(left: Record | None, right: Record | None) -> list[pairs.Compared]:
        return pairs.side_by_side(both, lines, left, right, agreed(left, right), named)

    record = left if held == "left" else right
    return Detail(link, both, held, record, compared(left, right), _choices(link, found, compared))


def held_side(link: RecordLink) -> str:
    """The side whose record the row holds; of a pair the left one."""
    return "left" if link.left_record_id is not None else "right"


def _candidates(link: RecordLink) -> dict[int, Record]:
    """The records that may be the other half, as far as they are still there."""
    ids = [one["record_id"] for one in link.candidates]
    query = select(Record).where(Record.id.in_(ids), Record.deleted_at.is_(None))
    return {record.id: record for record in db.session.scalars(query)}


def _choices(link: RecordLink, found: dict[int, Record], compared: Callable) -> list[Choice]:
    held = held_side(link)
    taken = {
        number: pair
        for pair in db.session.scalars(active(link.mapping_id, pairs.other(held), list(found)))
        if pair.id != link.id and (number := record_of(pair, pairs.other(held))) and is_pair(pair)
    }
    choices = []
    for one in link.candidates:
        if record := found.get(one["record_id"]):
            lines = compared(link.left_record, record) if held == "left" else compared(record, link.right_record)
            choices.append(Choice(record, one.get("score", 0), one.get("why", ""), lines, taken.get(record.id)))
    return choices


def active(mapping_id: int, side: str, record_ids: Sequence[int]):
    """The rows that hold these records now, paired or waiting."""
    column = RecordLink.left_record_id if side == "left" else RecordLink.right_record_id
    return select(RecordLink).where(
        RecordLink.mapping_id == mapping_id, column.in_(record_ids), RecordLink.state.not_in(OVER)
    )


def record_of(link: RecordLink, side: str) -> int | None:
    """The number of the record on this side."""
    return link.left_record_id if side == "left" else link.right_record_id


def is_pair(link: RecordLink) -> bool:
    """Whether it holds records of both sides."""
    return link.left_record_id is not None and link.right_record_id is not None
