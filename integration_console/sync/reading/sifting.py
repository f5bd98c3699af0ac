"""One page as it came -> rows ready to keep, and records refused with their reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from pydantic import ValidationError

from ... import clock
from ...models.record import field_name
from ...services.base import Resource
from ...storage.records import Incoming


@dataclass(frozen=True)
class Refused:
    """A record that came but cannot be kept."""

    external_id: str | None
    field: str | None
    reason: str
    payload: bytes
    updated_at: datetime | None


@dataclass
class Sifted:
    """What one page held."""

    rows: list[Incoming] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


_NO_RECORD = "it is not an object with fields"


def sift(resource: Resource, items: list[Any], *, owner: str | None = None, asked_at: datetime | None = None) -> Sifted:
    """Validate a page and make each good record ready to store; one bad record spoils no other (P5).

    asked_at: when the page was asked for, where that is known.
    """
    sifted = Sifted()
    validate, ready = resource.validate, sifted.rows.append
    for item in items:  # each validated and made ready while it is warm: a page at a time costs a tenth more
        try:
            validate(item)
            ready(_row(resource, item, owner, asked_at))
        except ValidationError as error:
            sifted.refused.append(_refuse(resource, item, *_first_fault(error)))
        except (ValueError, TypeError) as error:
            sifted.refused.append(_refuse(resource, item, resource.changed or resource.id, str(error)))
    return sifted


def mend(resource: Resource, item: Mapping[str, Any], ours: Mapping[str, Any]) -> Sifted:
    """A record that cannot be kept as it came, with what our copy says in place of each field at fault.

    What neither says is left out, which clears nothing (P6).
    """
    tried: set[str] = set()
    while (sifted := sift(resource, [item])).refused:
        name = (sifted.refused[0].field or "").partition(".")[0]
        if not name or name in tried:
            return sift(resource, [ours])
        tried.add(name)
        item = {other: value for other, value in item.items() if other != name}
        if name in ours:
            item = {**item, name: ours[name]}
    return sifted


def newest(sifted: Sifted, latest: datetime) -> datetime | None:
    """The newest time of change on this page as the upstream wrote it; None when it sends none.

    latest: a time after this one has not come yet, so it says nothing of when a record changed.
    """
    return max((row.updated_at for row in sifted.rows if row.updated_at and row.updated_at <= latest), default=None)


def oldest_refused(refused: Iterable[Refused]) -> datetime | None:
    """The earliest time of change among refused records: the mark must not pass it (P3)."""
    return min((r.updated_at for r in refused if r.updated_at), default=None)


def _first_fault(error: ValidationError) -> tuple[str | None, str]:
    fault = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(step) for step in fault["loc"]) or None
    return where, fault["msg"] if where else _NO_RECORD


def _row(resource: Resource, item: dict, owner: str | None, asked_at: datetime | None) -> Incoming:
    # A copy of its size: orjson leaves a text in the room it was written in, eight times what its longest field takes.
    data = memoryview(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).tobytes()
    external_id = str(item[resource.id])
    if not 0 < len(external_id) <= 200:
        raise ValueError("the id is empty or longer than 200 characters")
    return Incoming(
        external_id,
        data,
        blake2b(data, digest_size=16).digest(),
        resource.name_of(item),
        owner or _text(resource.owner_of(item)),
        clock.parse(resource.start_of(item)),
        clock.parse(resource.change_of(item)),
        asked_at,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:200]


def _refuse(resource: Resource, item: Any, where: str | None, reason: str) -> Refused:
    found = item.get(resource.id) if isinstance(item, dict) else None
    external_id = str(found)[:200] if isinstance(found, str | int) and str(found) else None
    try:
        changed = clock.parse(resource.change_of(item)) if isinstance(item, dict) else None
    except (ValueError, TypeError):
        changed = None
    return Refused(external_id, where, _plain(where, reason), orjson.dumps(item), changed)


def _plain(where: str | None, reason: str) -> str:
    """A sentence for a person: pydantic's own reasons read well after the name of the field."""
    reason = reason[:1].lower() + reason[1:]
    what = f"field “{field_name(where)}”" if where else "record"
    return f"The {what} cannot be used: {reason}."
