"""The health of each resource of a connection, from what the last runs did with it and how far it was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select

from ... import clock, services
from ...models import Checkpoint, Connection, RunPart, SyncRun, db
from ...services.base import Resource
from ..accounts import slots
from .overview import GRACE


def last_slot(connection: Connection, now: datetime) -> datetime | None:
    """The last time a read was due; None when it is only read when asked."""
    following = slots.next_due(connection.frequency, connection.time_zone, now)
    if following is None:
        return None
    for back in (timedelta(hours=2), timedelta(days=2), timedelta(days=15), timedelta(days=400)):
        slot = slots.next_due(connection.frequency, connection.time_zone, now - back)
        while slot and slot <= now:
            found, slot = slot, slots.next_due(connection.frequency, connection.time_zone, slot)
            if slot is None or slot > now:
                return found
    return None


@dataclass(frozen=True)
class ResourceHealth:
    """How one resource of a connection is."""

    resource: Resource
    point: Checkpoint | None
    part: RunPart | None  # what the last run that touched it did with it
    on: bool
    status: str  # ok, late, never, running, attention, failed, paused


def of_resources(connection: Connection) -> list[ResourceHealth]:
    """Every resource of a connection, in the order of its service."""
    service = services.by_key(connection.service)
    off = set(connection.settings.get("resources_off", ()))
    points = {p.resource: p for p in db.session.scalars(select(Checkpoint).filter_by(connection_id=connection.id))}
    parts = _last_parts(connection.id)
    slot = last_slot(connection, clock.now())
    found = []
    for name, resource in service.resources.items():
        point, part, on = points.get(name), parts.get(name), name not in off
        found.append(ResourceHealth(resource, point, part, on, _resource_word(resource, point, part, on, slot)))
    return found


def _resource_word(
    resource: Resource, point: Checkpoint | None, part: RunPart | None, on: bool, slot: datetime | None
) -> str:
    if not on:
        return "paused"
    if part and part.live:
        return "running" if part.state == "running" else "waiting"
    if part and part.state in ("failed", "interrupted"):
        return "failed" if part.state == "failed" else "attention"
    if point is None or point.last_read_at is None:
        return "never"
    if part and part.state == "done" and (not part.complete or part.refused):
        return "attention"
    rest = timedelta(seconds=current_app.config["SETTINGS"].REFERENCE_SECONDS) if resource.reference else timedelta(0)
    late = slot and clock.now() - slot > GRACE and point.last_read_at < slot - rest
    return "late" if late else "ok"


def _last_parts(connection_id: int) -> dict[str, RunPart]:
    """What happened last to each resource, in the newest runs of a connection."""
    runs = select(SyncRun.id).where(SyncRun.connection_id == connection_id, SyncRun.kind != "record")
    newest = db.session.scalars(runs.order_by(SyncRun.id.desc()).limit(30)).all()
    parts = db.session.scalars(select(RunPart).where(RunPart.run_id.in_(newest)).order_by(RunPart.run_id))
    return {part.resource: part for part in parts if part.state != "skipped"}
