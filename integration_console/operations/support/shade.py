"""A write played again in the shade: what today's mapping would make of it, beside what was sent. Nothing is sent."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from ...errors import BadRecord, Conflict, Wait
from ...models import Change, DataMapping, Record, RecordLink, db
from ...sync.carrying.same import same
from ...sync.mapping import Line, Mapping, carry_over, spread, takes_part
from ...sync.transforms import OTHER
from ...sync.world import World
from ..mapping import crossings


@dataclass(frozen=True)
class Difference:
    """One field: what was sent, what would be sent now."""

    field: str
    sent: Any = None
    now: Any = None
    was_sent: bool = True
    would_be_sent: bool = True
    why: str = ""  # why nothing can be worked out for it now

    @property
    def same(self) -> bool:
        """Whether the value sent then would be sent again."""
        return not self.why and self.was_sent and self.would_be_sent and same(self.sent, self.now)


@dataclass(frozen=True)
class Shade:
    """The write, worked out anew."""

    change: Change
    mapping: DataMapping
    version: int  # of today
    source: Record
    takes_part: bool  # whether the mapping still carries this record at all
    fields: list[Difference]

    @property
    def differs(self) -> bool:
        """Whether the write would be another one today, or none."""
        return not self.takes_part or any(not one.same for one in self.fields)


def of(change: Change) -> Shade:
    """Work a write out with today's mapping and our copy of the record it came from.

    Raises Conflict when there is nothing to work it out with: no mapping, no active version, no source record.
    """
    mapping = db.session.get(DataMapping, change.mapping_id) if change.mapping_id else None
    if mapping is None or mapping.active_version is None:
        raise Conflict("This write belongs to no active mapping, so there is nothing to work it out with.")
    if change.op == "delete":
        raise Conflict("A deletion carries no values that could be worked out again.")
    left = (mapping.left_connection_id, mapping.left_resource) == (change.connection_id, change.resource)
    towards = "left" if left else "right"
    source = _source(change, OTHER[towards])
    if source is None or source.deleted_at is not None:
        raise Conflict("The record this write came from is not there any more.")
    crossing = crossings.of(mapping, mapping.active_version, lambda: nullcontext(db.session()))
    engine, side = crossing.mapping, OTHER[towards]
    plain = engine.side(side).plain(source.external_id, source.data)
    target = db.session.get(Record, change.record_id) if change.op == "update" and change.record_id else None
    there = engine.side(towards).plain(target.external_id, target.data) if target else None
    now = _worked_out(engine, towards, plain, crossing.world, creating=change.op == "create", there=there)
    return Shade(change, mapping, mapping.active_version, source, takes_part(engine, side, plain), _beside(change, now))


def _source(change: Change, side: str) -> Record | None:
    """The record of the other side: the pair's, else the one the values were noted to come from."""
    link = db.session.get(RecordLink, change.link_id) if change.link_id else None
    if link is not None and (record := getattr(link, f"{side}_record")) is not None:
        return record
    numbers = {one.get("record_id") for one in change.sources.values()} - {None}
    return db.session.get(Record, min(numbers)) if len(numbers) == 1 else None


def _worked_out(
    engine: Mapping, towards: str, plain: dict[str, Any], world: World, *, creating: bool, there: dict[str, Any] | None
) -> dict[str, tuple[Any, str]]:
    """Field of the target -> what it would hold, or why that cannot be told."""
    found: dict[str, tuple[Any, str]] = {}
    for line in engine.lines:
        if not (engine.goes(towards) and line.goes(towards)) or (line.only_create and not creating):
            continue
        found |= _of_line(line, towards, plain, world, creating, there)
    return found


def _of_line(
    line: Line, towards: str, plain: dict[str, Any], world: World, creating: bool, there: dict[str, Any] | None
) -> dict[str, tuple[Any, str]]:
    try:
        value = carry_over(line, plain, towards, world, creating=creating, there=there)
    except (BadRecord, Wait) as error:
        return {name: (None, str(error)) for name in line.written(towards)}
    return {name: (one, "") for name, one in spread(line, towards, value).items()}


def _beside(change: Change, now: dict[str, tuple[Any, str]]) -> list[Difference]:
    """What was sent, field by field; of a new record also what would be sent besides. An update sends only what
    differs there, so that what it did not send says nothing.
    """
    fields = [
        Difference(name, value, now.get(name, (None, ""))[0], True, name in now, now.get(name, (None, ""))[1])
        for name, value in change.wanted.items()
    ]
    if change.op == "create":
        more = [(name, told) for name, told in now.items() if name not in change.wanted and not same(told[0], None)]
        fields += [Difference(name, None, value, False, True, why) for name, (value, why) in more]
    return fields
