"""What a table, another record or a linked record says: value maps, choices, references, practice areas, matters."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from ...errors import BadRecord, Wait
from ...services.writing import MISSING
from .base import OTHER, Options, Spot, empty, folded, text_of, transform

Value = str | int | float | bool
Side = Literal["left", "right"]


class Table(Options):
    """Pairs of values, [from, to], and what becomes of one that is not among them."""

    pairs: tuple[tuple[Value, Value | None], ...] = Field(default=(), max_length=1000)
    otherwise: Literal["keep", "empty", "refuse"] = "keep"

    @cached_property
    def there(self) -> dict[str, Any]:
        """By what it is compared as, the first pair first."""
        return {folded(source): target for source, target in reversed(self.pairs)}

    @cached_property
    def back(self) -> dict[str, Any]:
        """The other way."""
        return {folded(target): source for source, target in reversed(self.pairs) if target is not None}


def value_map_back(value, options: Table, spot: Spot):
    """Translate by the same table, from right to left; of several that fit the first."""
    return _translate(value, options.back, options, spot)


@transform("Value table", back=value_map_back, options=Table, gives="any")
def value_map(value, options, spot: Spot):
    """Translate values by a table; those it does not know are collected for the admin.

    >>> value_map("Closed", Table(pairs=(("open", False), ("closed", True))), None)
    True
    """
    return _translate(value, options.there, options, spot)


def _translate(value: Any, table: dict[str, Any], options: Table, spot: Spot) -> Any:
    if isinstance(value, list):
        raise BadRecord("This is a list of values, where one is needed.")
    fold = folded(value)
    if fold in table:
        return table[fold]
    return None if empty(value) else unknown(value, options.otherwise, spot)


def unknown(value: Any, otherwise: str, spot: Spot, message: str = "", wait_for: str = "") -> Any:
    """Note a value that nobody knew, and do with it what the line says."""
    text = text_of(value)
    spot.world.note_unmatched(spot.field, text)
    if otherwise == "wait":
        raise Wait(message, resource=wait_for, external_id=text)
    if otherwise == "refuse":
        raise BadRecord(message or f"The value table does not know “{text[:80]}”.")
    return None if otherwise == "empty" else MISSING


class ChoiceOptions(Options):
    """`otherwise`: what becomes of a choice the other side does not offer."""

    otherwise: Literal["keep", "empty", "refuse"] = "keep"


@transform("Choice by its words", name="custom", back="same", options=ChoiceOptions, takes="text choice", gives="any")
def custom_choice(value, options, spot: Spot):
    """Pick the choice of the other side's custom field that has the same words.

    >>> from types import SimpleNamespace as World
    >>> there = World(choice_text=lambda side, field, value: "Slip and fall",
    ...               choice_id=lambda side, field, text: {"Slip and fall": "771"}.get(text))
    >>> custom_choice("opt-3", ChoiceOptions(), Spot(there, "right", ("custom:a",), ("custom:9",)))
    '771'
    """
    if empty(value):
        return None
    words = spot.world.choice_text(spot.source_side, spot.field, text_of(value))
    found = spot.world.choice_id(spot.towards, spot.targets[0], words)
    return unknown(words, options.otherwise, spot) if found is None else found


# -- other records ----------------------------------------------------------------------------------------------------


class LinkedOptions(Options):
    """`flow`: the mapping that links those records, by flow key or number; `side`: on which side of it ours lie."""

    flow: str = Field(min_length=1, max_length=60)
    side: Side = "left"


def linked_back(value, options: LinkedOptions, spot: Spot):
    """The linked record the other way."""
    return _linked(value, options.flow, OTHER[options.side], spot)


@transform("Linked record", back=linked_back, options=LinkedOptions, takes="ref text", gives="ref")
def linked(value, options, spot: Spot):
    """Name the record on the other side that another mapping has linked; waits until there is one.

    >>> from types import SimpleNamespace as World
    >>> there = World(linked_id=lambda flow, side, external_id: {"g1": "901"}.get(external_id))
    >>> linked("g1", LinkedOptions(flow="contacts"), Spot(there, "right", ("contactId",), ("client.id",)))
    '901'
    """
    return _linked(value, options.flow, options.side, spot)


def _linked(value: Any, flow: str, side: str, spot: Spot) -> Any:
    if empty(value):
        return None
    external_id = text_of(value)
    found = spot.world.linked_id(flow, side, external_id)
    if found is None:
        raise Wait(resource=spot.world.link_resource(flow, side), external_id=external_id, flow=flow, side=side)
    return found


class SameOptions(Options):
    """Our `resource` and the `field` of it to compare; the other side's likewise."""

    resource: str = Field(default="users", max_length=60)
    field: str = Field(default="email", max_length=300)
    other_resource: str = Field(default="users", max_length=60)
    other_field: str = Field(default="email", max_length=300)
    otherwise: Literal["keep", "empty", "refuse", "wait"] = "keep"


def same_back(value, options: SameOptions, spot: Spot):
    """The same the other way."""
    return _same(value, (options.other_resource, options.other_field), (options.resource, options.field), options, spot)


@transform("Same person there", back=same_back, options=SameOptions, takes="ref text", gives="ref")
def same(value, options, spot: Spot):
    """Name the record on the other side that has the same e-mail, or another field that tells.

    >>> from types import SimpleNamespace as World
    >>> there = World(value_of=lambda side, resource, external_id, field: "Ana@Firm.example",
    ...               id_of=lambda side, resource, field, value: "345")
    >>> same("u1", SameOptions(), Spot(there, "right", ("assignedTo",), ("responsible_attorney.id",)))
    '345'
    """
    return _same(value, (options.resource, options.field), (options.other_resource, options.other_field), options, spot)


def _same(value: Any, ours: tuple[str, str], theirs: tuple[str, str], options: SameOptions, spot: Spot) -> Any:
    if empty(value):
        return None
    external_id = text_of(value)
    told = spot.world.value_of(spot.source_side, ours[0], external_id, ours[1])
    found = None if empty(told) else spot.world.id_of(spot.towards, theirs[0], theirs[1], text_of(told))
    if found is not None:
        return found
    who = external_id if empty(told) else text_of(told)
    return unknown(
        who, options.otherwise, spot, wait_for=theirs[0],
        message=f"There is nobody on the other side who is known as {who[:80]}.",
    )  # fmt: skip


# -- legal work -------------------------------------------------------------------------------------------------------


@transform("Practice area by its words", takes="text", gives="ref")
def practice_area(values, options, spot: Spot):
    """Find out which of the firm's practice areas a text is about; when not sure, nothing is written.

    >>> from types import SimpleNamespace as World
    >>> there = World(practice_area_id=lambda side, text: "12" if "whiplash" in text else None)
    >>> spot = Spot(there, "right", ("name", "source"), ("practice_area.id",))
    >>> practice_area(["Rear-ended, whiplash", None], None, spot), practice_area(["Hello"], None, spot) is MISSING
    ('12', True)
    """
    text = " ".join(filter(None, map(text_of, values)))
    found = spot.world.practice_area_id(spot.towards, text) if text.strip() else None
    return MISSING if found is None else found


class MatterOptions(Options):
    """`otherwise`: what becomes of time whose matter is not found."""

    otherwise: Literal["keep", "empty", "refuse", "wait"] = "wait"


@transform("Matter of the time", options=MatterOptions, takes="ref text", gives="ref")
def matter_of_time(values, options, spot: Spot):
    """Find the matter by the project's link, else by the one matter number in the description.

    The fields in this order: project, description.

    >>> from types import SimpleNamespace as World
    >>> there = World(matter_of_time=lambda side, project, description: {"p1": "55"}.get(project))
    >>> matter_of_time(["p1", "Call"], MatterOptions(), Spot(there, "right", ("projectId", "note"), ("matter.id",)))
    '55'
    """
    project, description = [*(text_of(value) or None for value in values), None, None][:2]
    found = spot.world.matter_of_time(spot.towards, project, description)
    if found is not None:
        return found
    return unknown(
        project or (description or "")[:80] or "no project", options.otherwise, spot, wait_for="matters",
        message="No matter is linked with the project, and the description names none.",
    )  # fmt: skip
