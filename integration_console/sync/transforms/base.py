"""What a transform is: a named little function with checked options, and what it may look up.

A transform is written as a plain function: `trim(value)`, `date(value, options, spot)`, or with `values` for the first
argument where it reads several fields. Its docstring's first line is its help text in the editor. It may give MISSING:
then nothing travels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from ...errors import BadRecord

OTHER = {"left": "right", "right": "left"}
ANY: frozenset[str] = frozenset()  # of types: every one


class Options(BaseModel):
    """A transform's options. Unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class World(Protocol):
    """What transforms may look up, all of it in our own copies. Sides are those of the mapping at work."""

    @property
    def zone(self) -> ZoneInfo:
        """In which times become dates: the mapping's, else the firm's."""

    @property
    def options(self) -> Any:
        """The mapping's own options; see sync/mapping/."""

    def linked_id(self, flow: str, side: str, external_id: str) -> str | None:
        """The partner of a record that lies on this side of another mapping; None when it has none yet."""

    def link_resource(self, flow: str, side: str) -> str:
        """What lies on this side of that mapping: "contacts"."""

    def value_of(self, side: str, resource: str, external_id: str, field: str) -> Any:
        """A field of a record of the connection on this side; None when there is nothing."""

    def id_of(self, side: str, resource: str, field: str, value: str) -> str | None:
        """The only record there whose field holds this value, however it is capitalised."""

    def under(self, side: str, resource: str, field: str, external_id: str) -> list[dict[str, Any]]:
        """The live records of the connection on this side whose field names that record, as they came, by their ids."""

    def was_read_before(self, side: str, resource: str, other: str, external_id: str) -> bool:
        """Whether that list was read last before that record of another one came as it is now."""

    def choice_text(self, side: str, field: str, value: str) -> str:
        """The words of a choice of a custom field; the value itself where choices have no ids."""

    def choice_id(self, side: str, field: str, text: str) -> str | None:
        """The choice with these words as that side writes it; None when there is none."""

    def practice_area_id(self, side: str, text: str) -> str | None:
        """The firm's practice area a text is about; None when not sure, or when the firm has none of that name."""

    def matter_of_time(self, side: str, project: str | None, description: str | None) -> str | None:
        """The matter that time on this project, with this description, is for."""

    def note_unmatched(self, field: str, value: str) -> None:
        """Remember a value nobody knew, for the admin."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a transform is at work: in which world, towards which side, from which fields to which."""

    world: World
    towards: str  # left, right
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    there: Mapping[str, Any] = field(default_factory=dict)  # the target's record as it is now; empty: it is to be made

    @property
    def source_side(self) -> str:
        """The side the values come from."""
        return OTHER[self.towards]

    @property
    def field(self) -> str:
        """The field a value that nobody knows is noted under."""
        return self.sources[0] if self.sources else ""


Run = Callable[[Sequence[Any], Any, Spot], Any]
Fault = Callable[[Any, tuple[str, ...], tuple[str, ...]], str | None]


@dataclass(frozen=True)
class Transform:
    """One entry of the closed list."""

    name: str
    label: str
    help: str
    forward: Run = field(repr=False)
    backward: Run | None = field(default=None, repr=False)
    back: str | None = None  # the name of the function for the way back; None: such a line goes one way
    options: type[Options] = Options
    takes: frozenset[str] = ANY  # types of source fields
    gives: frozenset[str] | None = None  # types it can give; empty: whatever is wanted; None: the source's own
    many: bool = False  # reads several fields
    back_many: bool = False  # and on the way back
    context: bool = False  # of several fields only the first of each side is written; the others are looked at
    fault: Fault | None = field(default=None, repr=False)  # what is wrong with options and fields together, in words
    # Looks at the whole record there: asked also where neither half of its line has changed. Called with what would be
    # carried and that record where nothing is; raises BadRecord where the two do not agree.
    watches: Callable[[Any, Mapping[str, Any]], None] | None = field(default=None, repr=False)


TRANSFORMS: dict[str, Transform] = {}


def transform(
    label: str,
    *,
    name: str = "",
    back: Callable | str | None = None,
    options: type[Options] = Options,
    takes: str = "",
    gives: str | None = None,
    context: bool = False,
    fault: Fault | None = None,
    watches: Callable[[Any, Mapping[str, Any]], None] | None = None,
) -> Callable:
    """Put a function on the list.

    back: the function for the other way; "same" when it is this one, and makes one spelling of many on either side.
    takes, gives: types with blanks between them; gives="any" for what fits wherever it is put.
    """

    def put(function: Callable) -> Callable:
        key = name or function.__name__.rstrip("_")
        backward = function if back == "same" else back
        TRANSFORMS[key] = Transform(
            key, label, (function.__doc__ or "").splitlines()[0], _adapted(function),
            _adapted(backward) if callable(backward) else None,
            backward.__name__.rstrip("_") if callable(backward) else None,
            options, frozenset(takes.split()),
            None if gives is None else frozenset(gives.split()) - {"any"},
            _many(function), _many(backward), context, fault, watches,
        )  # fmt: skip
        return function

    return put


def _many(function: Any) -> bool:
    return callable(function) and next(iter(signature(function).parameters)) == "values"


def _adapted(function: Callable) -> Run:
    """A function of one value, of options or not, of a spot or not: called in one way."""
    names = list(signature(function).parameters)
    several, more = names[0] == "values", len(names) - 1

    def run(values: Sequence[Any], options: Any, spot: Spot) -> Any:
        given = values if several else (values[0] if values else None)
        return function(given, *(options, spot)[:more])

    return run


# -- what transforms share --------------------------------------------------------------------------------------------


def empty(value: Any) -> bool:
    """Whether a value says that there is nothing."""
    return value is None or value == "" or value == []


def text_of(value: Any) -> str:
    """A value as text; nothing is empty text.

    >>> text_of(None), text_of(12.0), text_of(True), text_of(" a ")
    ('', '12', 'yes', ' a ')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list | Mapping):
        raise BadRecord("This is a list of values, where one is needed.")
    return str(value)


def folded(value: Any) -> str:
    """A value as it is compared: 17 is "17", and capitals count for nothing.

    >>> folded(17) == folded("17"), folded(True), folded("  Won ")
    (True, 'true', 'won')
    """
    return ("true" if value else "false") if isinstance(value, bool) else text_of(value).strip().casefold()
