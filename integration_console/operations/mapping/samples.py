"""A real record sent through a mapping's lines, for the editor: what each value is and what it becomes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from ...errors import BadRecord, Wait
from ...models import DataMapping, MappingVersion, Record, RecordLink, db
from ...services.writing import MISSING, value_of
from ...storage import records
from ...sync.mapping import Line, Mapping, carry_over, takes_part, value_on
from ...sync.transforms import OTHER, empty
from ..finding import search
from . import crossings

PAIRED = ("linked", "paused", "waiting", "aside", "ambiguous")
MOST_FOUND = 8


@dataclass(frozen=True)
class Carried:
    """One line with a record's value: what it is, what it becomes, what is on the other side now."""

    source: list[Any]  # one value a source field; MISSING where the record did not tell
    result: Any = MISSING  # MISSING: nothing travels
    there: Any = MISSING  # what the partner holds; MISSING without one
    failure: str = ""  # why it cannot travel
    waits: str = ""  # for what
    travels: bool = True  # whether the line goes this way at all


@dataclass(frozen=True)
class Sample:
    """One record and its lines, in their order."""

    record: Record
    side: str  # the record's own
    partner: Record | None
    takes_part: bool
    lines: list[Carried]
    before: int | None  # the records beside it, for previous and next
    after: int | None

    @property
    def failures(self) -> int:
        """How many lines could not be carried."""
        return sum(bool(line.failure) for line in self.lines)


def of(mapping: DataMapping, version: MappingVersion, record_id: int | None = None) -> Sample | None:
    """What a version makes of a record of either side; the first of the side values come from when none is named.

    None when there is no such record in this mapping, or no record at all.
    """
    record = records.get(db.session(), record_id) if record_id else _first(mapping, version)
    side = _side(mapping, record)
    if record is None or side is None or record.deleted_at is not None:
        return None
    crossing = crossings.of(mapping, version.number, lambda: nullcontext(db.session()))
    engine, partner = crossing.mapping, _partner(mapping, side, record)
    plain = engine.side(side).plain(record.external_id, record.data)
    theirs = engine.side(OTHER[side]).plain(partner.external_id, partner.data) if partner else None
    lines = [_carried(engine, line, side, plain, theirs, crossing.world) for line in engine.lines]
    return Sample(
        record, side, partner, takes_part(engine, side, plain), lines, _beside(record, before=True),
        _beside(record, before=False),
    )  # fmt: skip


def _carried(engine: Mapping, line: Line, side: str, plain: dict, theirs: dict | None, world: Any) -> Carried:
    source = [value_of(plain, name) for name in line.fields(side)]
    there = value_on(line, OTHER[side], theirs) if theirs is not None else MISSING
    if not (engine.goes(OTHER[side]) and line.goes(OTHER[side])):
        return Carried(source, there=there, travels=False)
    try:
        result = carry_over(line, plain, OTHER[side], world, creating=theirs is None, there=theirs)
    except BadRecord as error:
        return Carried(source, there=there, failure=str(error))
    except Wait as error:
        return Carried(source, there=there, waits=str(error))
    return Carried(source, result, there)


def find(mapping: DataMapping, side: str, text: str) -> list[Record]:
    """Records of a side whose name holds this text, or whose id it is."""
    connection_id, resource = _end(mapping, side)
    return list(
        records.browse(
            db.session(), connection_id=connection_id, resource=resource, text=text, among=search.may_hold(text),
            limit=MOST_FOUND,
        )
    )  # fmt: skip


def _first(mapping: DataMapping, version: MappingVersion) -> Record | None:
    for side in ("right", "left") if version.direction == "to_left" else ("left", "right"):
        connection_id, resource = _end(mapping, side)
        found = db.session.scalar(_live(connection_id, resource).order_by(Record.id).limit(1))
        if found is not None:
            return found
    return None


def _live(connection_id: int, resource: str):
    return select(Record).where(
        Record.connection_id == connection_id, Record.resource == resource, Record.deleted_at.is_(None)
    )


def _end(mapping: DataMapping, side: str) -> tuple[int, str]:
    if side == "left":
        return mapping.left_connection_id, mapping.left_resource
    return mapping.right_connection_id, mapping.right_resource


def _side(mapping: DataMapping, record: Record | None) -> str | None:
    if record is None:
        return None
    place = record.connection_id, record.resource
    return next((side for side in ("left", "right") if place == _end(mapping, side)), None)


def _beside(record: Record, *, before: bool) -> int | None:
    query = _live(record.connection_id, record.resource).with_only_columns(Record.id)
    if before:
        query = query.where(Record.id < record.id).order_by(Record.id.desc())
    else:
        query = query.where(Record.id > record.id).order_by(Record.id)
    return db.session.scalar(query.limit(1))


def _partner(mapping: DataMapping, side: str, record: Record) -> Record | None:
    mine = RecordLink.left_record_id if side == "left" else RecordLink.right_record_id
    link = db.session.scalar(
        select(RecordLink).where(RecordLink.mapping_id == mapping.id, mine == record.id, RecordLink.state.in_(PAIRED))
    )
    return (link.right_record if side == "left" else link.left_record) if link else None


def links_of(record: Record) -> list[RecordLink]:
    """The pairs a record is in, under any mapping."""
    query = select(RecordLink).where(
        or_(RecordLink.left_record_id == record.id, RecordLink.right_record_id == record.id),
        RecordLink.state.not_in(("different",)),
    )
    return list(db.session.scalars(query.order_by(RecordLink.id.desc()).limit(50)))


__all__ = ["MISSING", "Carried", "Sample", "empty", "find", "links_of", "of"]
