"""A mapping as the engine uses it, and what one line makes of a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ... import services
from ...errors import BadRecord
from ...models import DataMapping, MappingVersion
from ...services.base import Resource
from ...services.writing import CUSTOM, MISSING, Field, value_of
from .. import transforms
from ..transforms import OTHER, Options, Spot, Transform, World, empty, folded
from .document import MappingDocument, MappingOptions, split_options

TOWARDS = {"both": ("right", "left"), "to_right": ("right",), "to_left": ("left",), "link": ()}
ID = "id"  # among the plain values of both sides: the upstream's own id


@dataclass(frozen=True)
class Side:
    """One side: a resource of a connection."""

    connection_id: int
    service: str
    resource: str

    @property
    def kind(self) -> Resource:
        """The resource as its service declares it."""
        return services.by_key(self.service).resources[self.resource]

    @property
    def operations(self) -> frozenset[str]:
        """What may be done there at all: create, update, delete (W8)."""
        return services.by_key(self.service).writing.writable.get(self.resource, frozenset())

    @property
    def label(self) -> str:
        """What a person calls it: "Clio contacts"."""
        return f"{services.by_key(self.service).label} {self.kind.label.lower()}"

    def fields(self) -> list[Field]:
        """What can be mapped at any account."""
        return services.by_key(self.service).writing.fields(self.resource)

    def plain(self, external_id: str, data: Dict[str, Any]) -> dict[str, Any]:
        """A record's plain values by field name, its id among them."""
        return {**services.by_key(self.service).writing.plain(self.resource, data), ID: external_id}


FieldsOf = Callable[[Side], Iterable[Field]]


@dataclass(frozen=True)
class Line:
    """One line: which fields go where, through which transform."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    direction: str = "both"
    transform: Transform = field(default_factory=lambda: transforms.TRANSFORMS["copy"])
    options: Options = field(default_factory=Options)
    required: bool = False
    winner: str | None = None
    blank: str = "clear"
    only_create: bool = False
    default: Any = None

    @cached_property
    def key(self) -> str:
        """By which links and conflicts know it: "left|right"."""
        return f"{','.join(self.left)}|{','.join(self.right)}"

    def fields(self, side: str) -> tuple[str, ...]:
        """The fields of a side it reads."""
        return self.left if side == "left" else self.right

    def written(self, side: str) -> tuple[str, ...]:
        """The fields of a side it writes and compares."""
        return self.fields(side)[:1] if self.transform.context else self.fields(side)

    def goes(self, towards: str) -> bool:
        """Whether values travel to this side."""
        return towards in TOWARDS[self.direction]


@dataclass(frozen=True)
class Mapping:
    """One version of a mapping. A run uses one throughout and names it (W9)."""

    id: int
    name: str
    flow: str | None
    version: int
    left: Side
    right: Side
    direction: str
    rule: str = "ask"
    keys: tuple[dict, ...] = ()
    filters: tuple[dict, ...] = ()
    options: MappingOptions = field(default_factory=MappingOptions)
    lines: tuple[Line, ...] = ()

    def side(self, name: str) -> Side:
        """Its left or right side."""
        return self.left if name == "left" else self.right

    def goes(self, towards: str) -> bool:
        """Whether anything travels to this side."""
        return towards in TOWARDS[self.direction]

    @property
    def match_keys(self) -> list[dict]:
        """The keys that compare records, for sync/matching/."""
        return [key for key in self.keys if key["by"] != "link"]

    @property
    def link_flows(self) -> list[str]:
        """The flows whose links count as this mapping's pairs, before any key; see World.linked_id."""
        return [key["flow"] for key in self.keys if key["by"] == "link"]

    def lines_towards(self, side: str) -> list[Line]:
        """The lines that write this side."""
        return [line for line in self.lines if line.goes(side)] if self.goes(side) else []

    def creates(self, side: str) -> bool:
        """Whether a record without a partner is made on this side."""
        return self.goes(side) and (self.options.creates_right if side == "right" else self.options.creates_left)

    def deletes(self, side: str) -> bool:
        """Whether a record is removed on this side when its partner is gone."""
        return self.goes(side) and (self.options.deletes_right if side == "right" else self.options.deletes_left)

    def winner_of(self, line: Line) -> str:
        """Who wins where both sides changed it: left, right, newest, or ask."""
        return line.winner or self.rule


def of(mapping: DataMapping, version: MappingVersion, fields_of: FieldsOf = Side.fields) -> Mapping:
    """A stored version, ready for use.

    fields_of: what can be mapped at a side, its account's own fields among it.
    """
    left = Side(mapping.left_connection_id, mapping.left_connection.service, mapping.left_resource)
    right = Side(mapping.right_connection_id, mapping.right_connection.service, mapping.right_resource)
    return Mapping(
        mapping.id, mapping.name, mapping.flow, version.number, left, right, version.direction,
        version.rule, tuple(version.keys), tuple(version.filters), MappingOptions.model_validate(version.options),
        _lines(left, right, version.fields, fields_of),
    )  # fmt: skip


def of_document(document: MappingDocument, left: Side, right: Side, *, number: int = 0, version: int = 0) -> Mapping:
    """A document that need not be stored, ready for checks and previews. number: the mapping's, if it has one."""
    return Mapping(
        number, document.name, document.flow, version, left, right, document.direction, document.rule,
        tuple(key.model_dump(mode="json", by_alias=True) for key in document.keys),
        tuple(one.model_dump(mode="json", by_alias=True) for one in document.filters),
        document.options, _lines(left, right, document.lines, Side.fields),
    )  # fmt: skip


def _lines(left: Side, right: Side, rows: Iterable[Any], fields_of: FieldsOf) -> tuple[Line, ...]:
    """Lines from their stored words. Where a field lasts, what is emptied on the other side is left there."""
    parts = ("left", "right", "direction", "transform", "options", "required", "winner", "blank")
    lines = [line(*(getattr(row, part) for part in parts)) for row in rows]
    lefts = _lasting(left, {name for one in lines for name in one.left}, fields_of)
    rights = _lasting(right, {name for one in lines for name in one.right}, fields_of)
    return tuple(
        replace(one, blank="keep") if lefts.intersection(one.left) or rights.intersection(one.right) else one
        for one in lines
    )


def _lasting(side: Side, names: set[str], fields_of: FieldsOf) -> frozenset[str]:
    """Those of these fields that no mapping empties. The account is asked for its own where one is named."""
    fields = fields_of(side) if any(name.startswith(CUSTOM) for name in names) else side.fields()
    return frozenset(one.name for one in fields if one.lasting and one.name in names)


def line(
    left: str, right: str, direction: str = "both", transform: str = "copy", options: Dict[str, Any] | None = None,
    required: bool = False, winner: str | None = None, blank: str = "clear",
) -> Line:  # fmt: skip
    """A line from its stored words. Raises InvalidInput for a transform or an option there is not."""
    own, general = split_options(options or {})
    named = transforms.by_name(transform)
    return Line(
        tuple(filter(None, left.split(","))), tuple(filter(None, right.split(","))), direction, named,
        transforms.options_of(named, own), required, winner, blank, **general,
    )  # fmt: skip


# -- values -----------------------------------------------------------------------------------------------------------


def value_on(line: Line, side: str, plain: Dict[str, Any]) -> Any:
    """What a line compares on a side: a value, or a list of them where it writes several fields there.

    MISSING when the record did not tell (P6); None where the line has no field on this side.
    """
    names = line.written(side)
    if len(names) == 1:
        return value_of(plain, names[0])
    values = [value_of(plain, name) for name in names]
    return MISSING if MISSING in values else (values or None)


def spread(line: Line, side: str, value: Any) -> dict[str, Any]:
    """A line's value on a side as fields to write: {field: value}; empty when nothing travels."""
    names = line.written(side)
    if value is MISSING or not names:
        return {}
    if len(names) == 1:
        return {names[0]: value}
    return {name: one for name, one in zip(names, value, strict=False) if one is not MISSING}


def carry_over(
    line: Line, source_plain: Dict[str, Any], towards: str, world: World, *, creating: bool = False,
    there: Dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    """What a source record's values become on the other side; MISSING when nothing is to be written there.

    source_plain: the plain values of the record on the side the values come from.
    there: those of the record they go to, as it is now; none while it is to be made.
    creating: the record is about to be made: there is nothing yet that could be cleared, so what is missing counts
    as empty, and what comes out empty is not written.
    Whether the line goes that way, and `only_create`, is for the caller.
    Raises BadRecord naming the target field, Wait when a record it names is not there yet.
    """
    side = OTHER[towards]
    values = [value_of(source_plain, name) for name in line.fields(side)]
    if MISSING in values:
        if not creating:
            return MISSING
        values = [None if value is MISSING else value for value in values]
    try:
        result = _run(line, values, Spot(world, towards, line.fields(side), line.fields(towards), there or {}))
        return _finished(line, result, len(line.written(towards)), creating)
    except BadRecord as error:
        error.field = error.field or next(iter(line.written(towards)), None)
        raise


def _run(line: Line, values: list, spot: Spot) -> Any:
    """Forward is left to right, and from right to left for a line that goes only there."""
    if spot.towards == "right" or line.direction == "to_left":
        return line.transform.forward(values, line.options, spot)
    if line.transform.backward is None:
        raise BadRecord(f"“{line.transform.label}” cannot be turned round.")
    return line.transform.backward(values, line.options, spot)


def _finished(line: Line, result: Any, targets: int, creating: bool) -> Any:
    """The blank rule, and whether what is required is there."""
    if targets > 1 and isinstance(result, list):
        each = [_blank(line, value) for value in [*result, *[None] * targets][:targets]]
        value: Any = MISSING if all(one is MISSING for one in each) else each
        lacking = all(one is None or one is MISSING for one in each)
    else:
        value = _blank(line, result)
        lacking = value is None or value is MISSING
    if line.required and lacking and (creating or value is not MISSING):
        raise BadRecord("This must not be empty on the other side.")
    return MISSING if creating and lacking else value


def _blank(line: Line, value: Any) -> Any:
    """What an emptied source does to the other side."""
    if value is MISSING or not empty(value):
        return value
    if line.blank == "keep":
        return MISSING
    return line.default if line.blank == "default" else None


# -- who takes part ---------------------------------------------------------------------------------------------------


def takes_part(mapping: Mapping, side: str, plain: Dict[str, Any]) -> bool:
    """Whether a record may be linked anew, or be created on the other side: every filter of its side must hold."""
    return all(_holds(one, value_of(plain, one["field"])) for one in mapping.filters if one["side"] == side)


def _holds(wanted: Dict[str, Any], value: Any) -> bool:
    nothing = value is MISSING or empty(value)
    how = wanted.get("is", "in")
    if how in ("empty", "filled"):
        return nothing == (how == "empty")
    held = value if isinstance(value, list) else [] if nothing else [value]
    found = not {folded(one) for one in held}.isdisjoint(map(folded, wanted["values"]))
    return found == (how == "in")
