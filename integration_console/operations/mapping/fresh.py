"""A mapping begun from nothing: what may stand on its sides, and a draft with the match keys that go without saying."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from ... import services
from ...errors import InvalidInput
from ...models import Connection, DataMapping, db
from ...services.resource import Resource
from ...sync import mapping as engine
from . import mappings

UNMISTAKABLE = ("email", "phone")  # types of fields that say whose record it is, the surest first


def places() -> list[tuple[Connection, list[Resource]]]:
    """The connected accounts by name, each with what of it can be mapped; accounts without any are left out."""
    accounts = db.session.scalars(select(Connection).filter_by(status="connected").order_by(Connection.name))
    found = [(one, list(_mappable(one))) for one in accounts]
    return [(one, resources) for one, resources in found if resources]


def begin(
    name: str, left: tuple[Connection, str], right: tuple[Connection, str], direction: str, *, by: str
) -> DataMapping:
    """A draft without lines between two resources; without a name it is called by what stands on its sides.

    Raises InvalidInput with the field: left, right, name or direction.
    """
    ends = {side: _resource(*place, side) for side, place in (("left", left), ("right", right))}
    called = (
        f"{services.by_key(place[0].service).label} {ends[side].label[:1].lower()}{ends[side].label[1:]}"
        for side, place in (("left", left), ("right", right))
    )
    document = engine.read({
        "name": name or " and ".join(called), "direction": direction,
        "left": {"service": left[0].service, "resource": left[1]},
        "right": {"service": right[0].service, "resource": right[1]},
        "keys": list(_keys(left, right)),
    })  # fmt: skip
    return mappings.create(document, left[0], right[0], by=by)


def _mappable(account: Connection) -> Iterator[Resource]:
    service = services.by_key(account.service)
    yield from (one for key, one in service.resources.items() if not one.trust and service.writing.fields(key))


def _resource(account: Connection, key: str, side: str) -> Resource:
    found = next((one for one in _mappable(account) if one.key == key), None)
    if account.status != "connected" or found is None:
        raise InvalidInput("Choose what of an account stands on this side.", field=side)
    return found


def _keys(*places: tuple[Connection, str]) -> Iterator[dict[str, Any]]:
    """One for each kind of field that both sides have and that names one person."""
    fields = [services.by_key(account.service).writing.fields(resource) for account, resource in places]
    for kind in UNMISTAKABLE:
        names = [next((one.name for one in side if one.type == kind), None) for side in fields]
        if all(names):
            yield {"by": kind, "left": names[0], "right": names[1]}
