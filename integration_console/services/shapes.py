"""The shape of a record: the pydantic models of what services send, and what follows from them.

A model is the one place that names a resource's fields: it validates what arrives, makes the list of fields we ask for,
and gives the columns of the reporting view.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from ..transport.paging import dig

Money = Annotated[float, "money"]  # validated as a number; kept exactly as sent, reported as NUMERIC
Unix = Annotated[int, "unix"]  # seconds since 1970; kept as sent, reported as a moment


@dataclass(frozen=True)
class Minor:
    """Marks whole numbers of a currency's smallest unit; kept as sent, reported in major units as NUMERIC.

    The vendor's own lists: what it sends without decimals, and with three. All others have two.
    """

    currency: str = "currency"  # the field of the same record that names it
    zero: tuple[str, ...] = ()  # in upper case
    three: tuple[str, ...] = ()

    def places(self, currency: str) -> int:
        """How many decimals amounts of a currency have; case does not matter.

        >>> Minor(zero=("JPY",)).places("jpy"), Minor().places("usd")
        (0, 2)
        """
        code = currency.upper()
        return 0 if code in self.zero else 3 if code in self.three else 2


class UpstreamRecord(BaseModel):
    """The fields we rely on in one kind of record. Others are kept, not refused; missing ones are fine."""

    # Most processes read a few kinds of the sixty there are: what validates one is made when the first comes.
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, allow_inf_nan=False, defer_build=True)


@dataclass(frozen=True)
class Column:
    """One typed column of a resource, as reports and pages show it."""

    name: str  # client_name
    path: tuple[str, ...]  # ("client", "name")
    type: str  # text, integer, number, money, boolean, date, time, json
    unix: bool = False  # sent as seconds since 1970
    minor: Minor | None = None  # sent in the currency's smallest unit

    def value_in(self, record: Mapping[str, Any]) -> Any:
        """What a record holds in this column, as reports show it; as it was sent where that cannot be."""
        value = dig(record, ".".join(self.path))
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if self.unix and abs(value) < _LAST_MOMENT:
            return (_EPOCH + timedelta(seconds=value)).isoformat()
        currency = dig(record, ".".join((*self.path[:-1], self.minor.currency))) if self.minor else None
        if self.minor and isinstance(currency, str):
            return Decimal(value).scaleb(-self.minor.places(currency))
        return value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT = 250_000_000_000  # in the year 9892


_TYPES = {int: "integer", float: "number", bool: "boolean", str: "text", date: "date", datetime: "time"}
_MARKED = {"money": "money", "unix": "time"}


def columns(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[Column]:
    """The typed columns of a model; nested objects flattened one level: client{name} -> client_name."""
    for name, info in model.model_fields.items():
        path = (*prefix, _sent_name(name, info))
        annotation = _bare(info.annotation)
        is_list = get_origin(annotation) is list
        if not is_list and not prefix and (inner := _nested(annotation)):
            yield from columns(inner, path)
            continue
        marks = (*info.metadata, *getattr(annotation, "__metadata__", ()))
        kind = next((_MARKED[one] for one in marks if isinstance(one, str) and one in _MARKED), None)
        minor = next((one for one in marks if isinstance(one, Minor)), None)
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        kind = "money" if minor else kind or ("json" if is_list else _TYPES.get(annotation, "json"))
        yield Column("_".join(path), path, kind, "unix" in marks, minor)


def field_list(model: type[BaseModel], *, inside: bool = False) -> str:
    """A model as a list of fields to ask for: `id,etag,client{id,name}`.

    One level of braces: upstreams that take a list of fields refuse a second.
    """
    parts = []
    for name, info in model.model_fields.items():
        inner = None if inside else _nested(info.annotation)
        parts.append(_sent_name(name, info) + (f"{{{field_list(inner, inside=True)}}}" if inner else ""))
    return ",".join(parts)


@cache
def lean(model: type[BaseModel]) -> Any:
    """A model as a typed dict: it refuses the same records eight times as fast, as no objects are made of them."""
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        annotation: Any = info.annotation
        if inner := _nested(annotation):
            one = lean(inner)
            annotation = (types.GenericAlias(list, (one,)) if get_origin(_bare(annotation)) is list else one) | None
        fields[_sent_name(name, info)] = annotation if info.is_required() else NotRequired[annotation]
    make: Any = TypedDict
    made = make(model.__name__, fields)
    made.__pydantic_config__ = model.model_config | {"defer_build": False}
    return made


def _sent_name(name: str, info: Any) -> str:
    return info.alias or name


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Client | None` or `list[Value] | None`, if there is one."""
    annotation = _bare(annotation)
    if get_origin(annotation) is list:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """An annotation without Optional: `int | None` -> int."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0] if len(inner) == 1 else str
    return annotation
