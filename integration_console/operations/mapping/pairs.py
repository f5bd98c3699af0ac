"""Both sides of a pair as people read them: who they are, their fields in words, their values side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from ... import services
from ...models import Connection, DataMapping, MappingVersion, Record, db
from ...services.base import Resource
from ...services.writing import CUSTOM, Field, by_name, line_in_words, value_of
from ...sync.carrying.compare import agree
from ...sync.carrying.verdict import Half
from ...sync.matching import folding
from ..finding.named import Named, Place
from . import crossings

SIDES = ("left", "right")
CUSTOM_FIELDS = "custom_fields"  # the resource in which services keep their definitions of custom fields


def other(side: str) -> str:
    """The other side."""
    return "left" if side == "right" else "right"


@dataclass(frozen=True)
class Side:
    """One side of a mapping: the connection, the resource, and what its fields are called."""

    connection: Connection
    resource: Resource | None  # None when the service no longer has it
    fields: Mapping[str, Field] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """ "Contacts of Our Clio"."""
        return f"{self.resource.label if self.resource else 'Records'} of {self.connection.name}"

    def label(self, names: str) -> str | None:
        """What fields are called; None where one has no name for people but its own."""
        found = [self.fields.get(name) for name in _split(names)]
        return ", ".join(one.label for one in found if one) if all(found) and found else None

    def plain(self, record: Record | None) -> dict[str, Any]:
        """A record's fields as plain values; empty when there is no record."""
        if record is None or self.resource is None:
            return {}
        return services.by_key(self.connection.service).writing.plain(record.resource, record.data)

    def places(self, plain: Mapping[str, Any], names: str) -> list[Place]:
        """What a record says in these fields, each value with where it stands."""
        return [(self.connection.id, self.fields.get(name), value_of(plain, name)) for name in _split(names)]

    def value(self, plain: Mapping[str, Any], names: str, named: Named) -> str:
        """What a record says in these fields, as one text; "" when nothing."""
        values = [named(*place) for place in self.places(plain, names)]
        return " ".join(shown for value in values if (shown := in_words(value)))

    def own_values(self, record: Record) -> list[tuple[str, str]]:
        """What a record holds in the fields the firm made itself: what each is called, and its value as text."""
        plain = self.plain(record)
        return [
            (self.label(name) or f"Custom field {name.removeprefix(CUSTOM)}", text)
            for name, value in plain.items()
            if name.startswith(CUSTOM) and name != CUSTOM and (text := in_words(value))
        ]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def in_words(value: Any) -> str:
    """A plain value as text: a list with commas, yes and no, "" when there is none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(shown for one in value if (shown := in_words(one)))
    if isinstance(value, Mapping):
        return line_in_words(value)
    return str(value) if isinstance(value, str | int | float) else ""


def sides(mapping: DataMapping) -> dict[str, Side]:
    """Both sides of a mapping."""
    return {
        "left": side(mapping.left_connection, mapping.left_resource),
        "right": side(mapping.right_connection, mapping.right_resource),
    }


def side(connection: Connection, resource: str) -> Side:
    """One resource of a connection, with the names of its fields, also of those the firm made itself."""
    service = services.every().get(connection.service)
    if service is None or resource not in service.resources:
        return Side(connection, None)
    custom: Sequence[Mapping[str, Any]] = ()
    if CUSTOM_FIELDS in service.resources:
        query = select(Record.data).where(
            Record.connection_id == connection.id, Record.resource == CUSTOM_FIELDS, Record.deleted_at.is_(None)
        )
        custom = db.session.scalars(query).all()
    return Side(connection, service.resources[resource], by_name(service.writing.fields(resource, custom)))


# -- side by side -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """One line of a mapping with what both records say there."""

    left_field: str  # as the mapping names it
    right_field: str
    left_label: str | None
    right_label: str | None
    left: str
    right: str
    agree: bool | None = False  # as the mapping compares them, whatever the words; None where it carries nothing

    @property
    def verdict(self) -> str:
        """same, differs, aside where nothing is carried, or which side alone says something: left, right."""
        if not self.left or not self.right:
            return "left" if self.left else "right"
        if self.agree:
            return "same"
        phone = folding.phone(self.left)
        alike = folding.text(self.left) == folding.text(self.right) or (phone and phone == folding.phone(self.right))
        return "same" if alike else "aside" if self.agree is None else "differs"


def side_by_side(
    both: Mapping[str, Side], lines: Iterable[tuple[str, str]], left: Record | None, right: Record | None,
    agreed: Mapping[str, bool | None] = MappingProxyType({}), named: Named | None = None,
) -> list[Compared]:  # fmt: skip
    """What two records say, line by line; lines of which neither says anything are left out.

    agreed: by the keys of the lines, whether the mapping finds that they say the same. named: see `names_in`, where
    several comparisons share one.
    """
    lines = list(lines)
    named = named or names_in(both, lines, (("left", left), ("right", right)))
    mine, theirs = both["left"].plain(left), both["right"].plain(right)
    rows = [
        Compared(
            a, b, both["left"].label(a), both["right"].label(b), both["left"].value(mine, a, named),
            both["right"].value(theirs, b, named), agreed.get(f"{a}|{b}", False),
        )
        for a, b in lines
    ]  # fmt: skip
    return [row for row in rows if row.left or row.right]


def names_in(
    both: Mapping[str, Side], lines: Iterable[tuple[str, str]], records: Iterable[tuple[str, Record | None]]
) -> Named:
    """The names of all that these records, each of a side, refer to in these lines; read together."""
    fields = dict(zip(SIDES, (",".join(of) for of in zip(*lines, strict=True)), strict=False))
    told = ((both[side], both[side].plain(record), fields.get(side, "")) for side, record in records)
    return Named(place for side, plain, names in told for place in side.places(plain, names))


def agreement(mapping: DataMapping) -> Callable[[Record | None, Record | None], dict[str, bool | None]]:
    """Tells of two records which lines say the same once each value is carried over: a name of two words is a "Person".

    Answers by the lines' keys, as sync.carrying.compare.agree has it; with none where a record is missing or the
    mapping has no version.
    """
    version = _version(mapping)
    if version is None:
        return lambda left, right: {}
    crossing = crossings.of(mapping, version.number, lambda: nullcontext(db.session()))

    def agreed(left: Record | None, right: Record | None) -> dict[str, bool | None]:
        if left is None or right is None:
            return {}
        mapping, world = crossing.mapping, crossing.world
        mine, theirs = (
            Half(mapping.side(side).plain(record.external_id, record.data))
            for side, record in zip(SIDES, (left, right), strict=True)
        )
        return {line.key: agree(mapping, line, mine, theirs, world) for line in mapping.lines}

    return agreed


def _version(mapping: DataMapping) -> MappingVersion | None:
    """The active version of a mapping, else its newest."""
    wanted = select(MappingVersion).where(MappingVersion.mapping_id == mapping.id)
    if mapping.active_version is not None:
        wanted = wanted.where(MappingVersion.number == mapping.active_version)
    return db.session.scalars(wanted.order_by(MappingVersion.number.desc()).limit(1)).first()


def lines_of(mapping: DataMapping) -> list[tuple[str, str]]:
    """The fields a mapping pairs, as its active version has them, else its newest: first what it matches by."""
    version = _version(mapping)
    if version is None:
        return []
    keys = [(key.get("left", ""), key.get("right", "")) for key in version.keys]
    keys += [(pair[0], pair[1]) for key in version.keys for pair in key.get("with") or () if len(pair) == 2]
    return list(dict.fromkeys([*keys, *((line.left, line.right) for line in version.fields)]))
