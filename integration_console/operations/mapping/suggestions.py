"""Lines a mapping could have: fields of both sides that nobody mapped yet and that are called alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz
from sqlalchemy import select

from ...models import Connection, DataMapping, Record, db
from ...services.writing import Field
from ...sync.mapping import Mapping
from ...sync.mapping.checks import ALSO_TAKES
from ...sync.transforms import OTHER
from . import mappings

MOST_VALUES = 60
ALIKE = 85.0  # of 100: how alike two names must be
SAME_MEANING = ({"postal code", "zip", "zip code", "postcode"}, {"state", "province", "state or province"},
                {"e-mail", "email", "e-mail address"}, {"phone", "telephone", "phone number"},
                {"date of birth", "birthday", "born"})  # fmt: skip


@dataclass(frozen=True)
class Suggestion:
    """One line to add, and why."""

    left: Field
    right: Field
    direction: str
    transform: str
    why: str

    @property
    def line(self) -> dict:
        """As a document has it."""
        return {
            "left": self.left.name, "right": self.right.name, "direction": self.direction, "transform": self.transform,
        }  # fmt: skip


def of(mapping: DataMapping) -> list[Suggestion]:
    """What fits by name and type and has no line yet; the best fit for each field, once."""
    version = mappings.in_engine(mapping)
    left, right = (mappings.fields_of(side) for side in (version.left, version.right))
    used = {side: {name for line in version.lines for name in line.fields(side)} for side in OTHER}
    free_left = [field for field in left if field.name not in used["left"]]
    free_right = [field for field in right if field.name not in used["right"]]
    return list(_pairs(version, free_left, free_right))


def values_of(connection: Connection, field: Field) -> list[tuple[str, str]]:
    """What a field that names another record may hold: (id, label), by label; nothing for other fields."""
    if field.type != "ref" or not field.of:
        return []
    query = select(Record.external_id, Record.label).where(
        Record.connection_id == connection.id, Record.resource == field.of, Record.deleted_at.is_(None)
    )
    return [(number, label or "") for number, label in db.session.execute(query.order_by(Record.id).limit(MOST_VALUES))]


def _pairs(version: Mapping, left: Iterable[Field], right: list[Field]):
    taken: set[str] = set()
    scored = sorted(
        ((score, one, other) for one in left for other in right if (score := _alike(one, other)) >= ALIKE),
        key=lambda found: -found[0],
    )
    used: set[str] = set()
    for score, one, other in scored:
        direction = _direction(version, one, other)
        if one.name in used or other.name in taken or direction is None:
            continue
        used.add(one.name)
        taken.add(other.name)
        same = "the same name" if score >= 100 else "nearly the same name"
        yield Suggestion(one, other, direction, _transform(one, other), f"{same} and a type that fits")


def _alike(one: Field, other: Field) -> float:
    """How alike two fields are called, out of 100; 0 where their types do not fit. Type ref never fits by itself."""
    if "ref" in (one.type, other.type):
        return 0.0
    a, b = one.label.casefold().strip(), other.label.casefold().strip()
    if any(a in words and b in words for words in SAME_MEANING):
        return 100.0
    return fuzz.token_sort_ratio(a, b)


def _direction(version: Mapping, one: Field, other: Field) -> str | None:
    """The ways the mapping goes in which the target can be written and takes that type."""
    right = version.goes("right") and other.writable and _fits(one, other)
    left = version.goes("left") and one.writable and _fits(other, one)
    return "both" if right and left else "to_right" if right else "to_left" if left else None


def _fits(source: Field, target: Field) -> bool:
    return source.type == target.type or source.type in ALSO_TAKES.get(target.type, ())


def _transform(one: Field, other: Field) -> str:
    """The transform made for a type both sides have, else plain copying."""
    return one.type if one.type == other.type and one.type in ("email", "phone", "date") else "copy"
