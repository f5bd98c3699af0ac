"""The objects of a connection: what is read of each, by which mappings it is written, and when."""

from __future__ import annotations

from dataclasses import dataclass

from ... import services
from ...models import Connection
from ...services.base import Resource
from ...sync.mapping import Mapping
from ..accounts import slots
from . import mappings


@dataclass(frozen=True)
class Object:
    """One kind of record at one account."""

    resource: Resource
    on: bool
    writable: bool  # the console can write it, whether a mapping does or not
    writers: list[Mapping]  # those that are on and write here
    readers: list[Mapping]  # those that are on and only carry it away
    when: str


def of(connection: Connection) -> list[Object]:
    """Every object of a connection, in the order of its service."""
    service = services.by_key(connection.service)
    off = set(connection.settings.get("resources_off", ()))
    schedule, active = slots.in_words(connection.frequency), mappings.active(connection.id)
    found = []
    for name, resource in service.resources.items():
        ends = [(one, side) for one in active for side in ("left", "right") if _is_of(one, side, connection.id, name)]
        writers = [one for one, side in ends if one.goes(side)]
        readers = [one for one, _ in ends if one not in writers]
        when = (
            "not read" if name in off else "with the others, at most once an hour" if resource.reference else schedule
        )
        found.append(
            Object(resource, name not in off, bool(service.writing.writable.get(name)), writers, readers, when)
        )
    return found


def _is_of(mapping: Mapping, side: str, connection_id: int, resource: str) -> bool:
    end = mapping.side(side)
    return end.connection_id == connection_id and end.resource == resource
