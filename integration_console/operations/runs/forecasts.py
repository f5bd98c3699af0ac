"""What a read will take before it is asked for: records, calls and time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from ... import services
from ...models import Checkpoint, Connection, db
from ..accounts import preflight
from . import runs


@dataclass(frozen=True)
class Forecast:
    """What a read of one resource will take."""

    resource: str
    label: str
    records: int | None  # None when it was never read
    calls: int | None
    seconds: float | None


def of(connection: Connection, only: Iterable[str] = ()) -> list[Forecast]:
    """The calls and seconds a full read will take, from the last counts and the known limits."""
    service = services.by_key(connection.service)
    points = {p.resource: p for p in db.session.scalars(select(Checkpoint).filter_by(connection_id=connection.id))}
    result, limits_of = [], preflight.limits_of_resources(connection)
    for name in runs.chosen(connection, service, list(only)):
        resource, point = service.resources[name], points.get(name)
        known = point.record_count if point and point.last_read_at else None
        owner = points.get(preflight.owner_of(resource))
        owners = owner.record_count if owner else 0
        calls = None if known is None else preflight.whole(resource, known, owners)
        seconds = None
        if calls is not None:
            seconds = max(calls * 0.3, max(calls / limit.calls * limit.per_s for limit in limits_of(resource)))
        result.append(Forecast(name, resource.label, known, calls, seconds))
    return result
