"""A mapping as a document: what is exported, imported, shipped, compared, and checked before it is stored.

{"format": "mapping/1", "name": "Contacts", "flow": null,
 "left": {"service": "ghl", "resource": "contacts"}, "right": {"service": "clio", "resource": "contacts"},
 "direction": "both", "rule": "ask", "keys": [{"by": "email", "left": "email", "right": "email"}],
 "filters": [{"side": "left", "field": "type", "is": "in", "values": ["lead"]}],
 "options": {"creates_right": true},
 "lines": [{"left": "email", "right": "email", "direction": "both", "transform": "email"}]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ... import clock, services
from ...errors import ConsoleError, InvalidInput
from ...models import DataMapping, MappingVersion
from .. import transforms
from ..transforms.matter_numbers import DEFAULT_PATTERNS, check_pattern

FORMAT: Literal["mapping/1"] = "mapping/1"
MOST_LINES = 300

Direction = Literal["both", "to_right", "to_left"]
WholeDirection = Literal["both", "to_right", "to_left", "link"]  # link: pairs are found, and nothing is written
Rule = Literal["left", "right", "newest", "ask"]
Side = Literal["left", "right"]
Value = str | int | float | bool


def _names(text: str) -> str:
    """Field names with commas between them, none twice and no blanks around them."""
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    if not all(names):
        raise ValueError("there is a comma without a field before or after it")
    if len(set(names)) < len(names):
        raise ValueError("a field is named twice")
    return ",".join(names)


def _zone(zone: str | None) -> str | None:
    if zone is not None and zone not in clock.zones():
        raise ValueError("there is no such time zone")
    return zone


Names = Annotated[str, Field(max_length=300), AfterValidator(_names)]
Pattern = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_pattern)]


class Strict(BaseModel):
    """A part of the document. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class End(Strict):
    """One side: which resource of which service."""

    service: str
    resource: str

    @model_validator(mode="after")
    def _known(self) -> End:
        _plainly(lambda: services.resource_of(services.by_key(self.service), self.resource))
        return self


class Key(Strict):
    """One way to find the record on the other side that is the same.

    field, email, phone, name: see sync/matching/. link: the pair that another mapping (`flow`) has linked.
    """

    by: Literal["field", "email", "phone", "name", "link"]
    left: Names = ""
    right: Names = ""
    with_: tuple[tuple[Names, Names], ...] = Field(default=(), alias="with")
    flow: str | None = Field(default=None, max_length=60)

    @model_validator(mode="after")
    def _whole(self) -> Key:
        if self.by == "link":
            if not self.flow:
                raise ValueError("a key by link names the flow that links")
        elif not (self.left and self.right):
            raise ValueError("a key names a field on each side")
        return self


class Filter(Strict):
    """Which records of a side take part."""

    side: Side
    field: str = Field(min_length=1, max_length=300)
    is_: Literal["in", "not in", "empty", "filled"] = Field(default="in", alias="is")
    values: tuple[Value, ...] = Field(default=(), max_length=500)

    @model_validator(mode="after")
    def _whole(self) -> Filter:
        if self.is_ in ("in", "not in") and not self.values:
            raise ValueError("a filter needs a value to look for")
        return self


class MappingOptions(Strict):
    """What a mapping may do besides changing the fields of pairs."""

    creates_right: bool = False
    creates_left: bool = False
    deletes_right: bool = False
    deletes_left: bool = False
    closed: bool = False  # closed matters are written, too
    write_cap: int = Field(default=500, ge=1, le=100_000)  # writes a run
    brake_creates: int | None = Field(default=None, ge=1, le=100_000)  # unannounced, they stop it; None: the firm's
    zone: Annotated[str | None, AfterValidator(_zone)] = None  # in which moments become days; None: the firm's
    country: str = Field(default="US", pattern="^[A-Z]{2}$")  # of telephone numbers without a country's code
    rounding_minutes: Literal[0, 6, 15] = 0
    number_patterns: tuple[Pattern, ...] = Field(default=DEFAULT_PATTERNS, max_length=20)


class LineOptions(Strict):
    """Options that every line may have, whatever its transform."""

    only_create: bool = False  # written when the record is made, and never again
    default: Value | None = None  # for the blank rule "default"


class LineDocument(Strict):
    """One line. `options` holds the transform's and the line's own."""

    left: Names = ""
    right: Names = ""
    direction: Direction = "both"
    transform: str = "copy"
    options: dict[str, Any] = Field(default_factory=dict)
    required: bool = False
    winner: Rule | None = None
    blank: Literal["keep", "clear", "default"] = "clear"
    note: str = Field(default="", max_length=2000)

    @property
    def key(self) -> str:
        """By which the line is known: its fields."""
        return f"{self.left}|{self.right}"

    @model_validator(mode="after")
    def _whole(self) -> LineDocument:
        wanted = {"both": ("left", "right"), "to_right": ("right",), "to_left": ("left",)}[self.direction]
        if not all(getattr(self, side) for side in wanted):
            raise ValueError("the line names no field to write")
        own, more = split_options(self.options)
        _plainly(lambda: transforms.options_of(transforms.by_name(self.transform), own))
        LineOptions.model_validate(more)
        if self.blank == "default" and more.get("default") is None:
            raise ValueError("there is no default to write where the field is empty")
        return self


class MappingDocument(Strict):
    """A whole mapping, without the connections it runs between."""

    format: Literal["mapping/1"] = FORMAT
    name: str = Field(min_length=1, max_length=200)
    flow: str | None = Field(default=None, max_length=60)
    left: End
    right: End
    direction: WholeDirection
    rule: Rule = "ask"
    keys: tuple[Key, ...] = Field(default=(), max_length=20)
    filters: tuple[Filter, ...] = Field(default=(), max_length=50)
    options: MappingOptions = Field(default_factory=MappingOptions)
    lines: tuple[LineDocument, ...] = Field(default=(), max_length=MOST_LINES)
    note: str = Field(default="", max_length=2000)

    @model_validator(mode="after")
    def _each_line_once(self) -> MappingDocument:
        twice = [key for key, count in Counter(line.key for line in self.lines).items() if count > 1]
        if twice:
            raise ValueError(f"two lines pair the same fields: {twice[0].replace('|', ' and ')}")
        return self

    def to_json(self) -> dict:
        """As it is stored and exported."""
        return self.model_dump(mode="json", by_alias=True)

    def to_bytes(self) -> bytes:
        """As a file that people can read."""
        return orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2) + b"\n"

    def changed(self, **parts: Any) -> MappingDocument:
        """The same with some parts replaced, checked as a whole. Raises InvalidInput."""
        return read({**self.to_json(), **parts})


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A line's options as the transform's own and the ones every line may have."""
    general = LineOptions.model_fields
    own = {name: value for name, value in options.items() if name not in general}
    return own, {name: value for name, value in options.items() if name in general}


def read(data: bytes | str | Mapping[str, Any]) -> MappingDocument:
    """A document from JSON or its parts. Raises InvalidInput naming the place: lines.3.options."""
    try:
        if isinstance(data, bytes | str):
            data = orjson.loads(data)
        return MappingDocument.model_validate(data)
    except orjson.JSONDecodeError:
        raise InvalidInput("This file is no mapping: it is not written in JSON.", field="file") from None
    except ValidationError as error:
        told = dict(map(_told, error.errors(include_url=False, include_context=False, include_input=False)))
        raise InvalidInput(next(iter(told.values())), fields=told) from None


def _told(fault: Mapping[str, Any]) -> tuple[str, str]:
    """Where a fault is, and what is wrong there."""
    where = ".".join(str(step) for step in fault["loc"]) or "mapping"
    reason = fault["msg"].removeprefix("Value error, ").splitlines()[-1].partition(" [type=")[0].strip()
    if fault["type"] == "string_too_short":
        reason = "this cannot be empty"
    return where, f"{where}: {reason[:1].lower()}{reason[1:]}.".replace("..", ".")


def document_of(mapping: DataMapping, version: MappingVersion) -> MappingDocument:
    """One stored version as a document."""
    return read({
        "name": mapping.name, "flow": mapping.flow,
        "left": {"service": mapping.left_connection.service, "resource": mapping.left_resource},
        "right": {"service": mapping.right_connection.service, "resource": mapping.right_resource},
        "direction": version.direction, "rule": version.rule, "keys": version.keys, "filters": version.filters,
        "options": version.options, "note": version.note,
        "lines": [
            {
                "left": row.left, "right": row.right, "direction": row.direction, "transform": row.transform,
                "options": row.options, "required": row.required, "winner": row.winner, "blank": row.blank,
                "note": row.note,
            }
            for row in version.fields
        ],
    })  # fmt: skip


def _plainly(ask) -> None:
    """Our own refusals as pydantic wants them."""
    try:
        ask()
    except ConsoleError as error:
        raise ValueError(str(error)) from None
