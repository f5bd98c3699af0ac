"""Services and connections as the Integrations API tells of them: opaque ids and the contract's own words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from ... import services
from ...errors import InvalidInput, NotFound
from ...models import Connection, db
from ...services.base import ApiKey, OAuth, Service
from ..accounts import consent, slots
from . import sync_status, webhook_targets

PREFIX = "conn_"
PENDING = "pending"
# needs_reconnect is told as one of two: tokens have a term and "expired", a key has none.
_LOST = Connection.status == "needs_reconnect"
STATUSES: dict[str, ColumnElement[bool]] = {
    "connected": Connection.status == "connected",
    "paused": Connection.status == "paused",
    "expired": and_(_LOST, Connection.expires_at.is_not(None)),
    "error": and_(_LOST, Connection.expires_at.is_(None)),
}
DEFAULT, MOST = 50, 200  # connections on one page


def catalogue() -> list[dict[str, Any]]:
    """Every service: what it is, whether it can be connected, and whether it is."""
    connected = set(db.session.scalars(select(Connection.service).where(Connection.status == "connected").distinct()))
    return [
        {
            "id": service.key, "name": service.label, "description": service.description, "category": service.category,
            "features": _features(service), "isAvailable": _available(service), "isConnected": service.key in connected,
        }
        for service in services.every().values()
    ]  # fmt: skip


def _features(service: Service) -> list[str]:
    found = ["oauth"] if uses_consent(service) else []
    found += ["api_key"] if uses_key(service) else []
    found += ["full_sync", "incremental_sync"]
    found += ["write"] if service.writing.writable else []
    return found + (["webhooks"] if getattr(service, "webhook", None) else [])


def uses_consent(service: Service) -> bool:
    """Whether people give their consent for it at the service."""
    return any(isinstance(way, OAuth) for way in service.ways)


def uses_key(service: Service) -> bool:
    """Whether a key lets us in."""
    return any(isinstance(way, ApiKey) for way in service.ways)


def _available(service: Service) -> bool:
    return uses_key(service) or consent.available(service.key)


# -- connections ------------------------------------------------------------------------------------------------------


def id_of(connection: Connection) -> str:
    """A connection's id for programs."""
    return PREFIX + connection.key


def find(text: str, service: str | None = None) -> Connection:
    """The connection of that id. Raises NotFound, also when it is another service's."""
    found = None
    if text.startswith(PREFIX) and len(text) < 60:
        found = db.session.scalar(select(Connection).where(Connection.key == text.removeprefix(PREFIX)))
    if found is None or found.status == "removed" or (service and found.service != service):
        raise NotFound("There is no such connection.")
    return found


def listing(
    *, service: str | None = None, status: str | None = None, limit: int = DEFAULT, after: str | None = None
) -> tuple[list[Connection], str | None]:
    """Connections, the newest first, and where the next page begins. Raises InvalidInput for a cursor that is none."""
    query = select(Connection).where(Connection.status != "removed")
    if service:
        query = query.where(Connection.service == service)
    if status:
        query = query.where(STATUSES[status])
    if after is not None:
        query = query.where(Connection.id < _place(after))
    found = list(db.session.scalars(query.order_by(Connection.id.desc()).limit(limit + 1)))
    return found[:limit], id_of(found[limit - 1]) if len(found) > limit else None


def _place(cursor: str) -> int:
    """A page begins behind the last connection of the one before, also when that was removed meanwhile."""
    key = cursor.removeprefix(PREFIX)[:60]
    if number := db.session.scalar(select(Connection.id).where(Connection.key == key)):
        return number
    raise InvalidInput("This is no nextCursor of a page before.", field="cursor")


def describe(connections: Iterable[Connection]) -> list[dict[str, Any]]:
    """Connections as the list shows them."""
    connections = list(connections)
    syncs, known = sync_status.words_of(connections), services.every()
    return [
        {
            "id": id_of(one), "service": one.service,
            "serviceName": known[one.service].label if one.service in known else one.service,
            "status": status_of(one), "connectedAt": one.created_at, "lastSyncAt": one.last_sync_at,
            "syncStatus": syncs[one.id], "permissions": list(one.scopes), "expiresAt": one.expires_at,
        }
        for one in connections
    ]  # fmt: skip


def status_of(connection: Connection) -> str:
    """The contract's word for how a connection stands."""
    if connection.status == "needs_reconnect":
        return "expired" if connection.expires_at else "error"
    return connection.status


def settings_of(connection: Connection) -> dict[str, Any]:
    """What a program may set."""
    target = webhook_targets.of(connection.id)
    named = connection.frequency in slots.FREQUENCIES
    frequency = connection.frequency if named else f"{connection.frequency} {connection.time_zone}"
    return {"webhookUrl": target.url if target else None, "syncFrequency": frequency}


def schedule_of(text: str, zone: str) -> tuple[str, str]:
    """A syncFrequency as frequency and time zone; `zone` where it names none.

    Raises InvalidInput when it is no schedule.

    >>> schedule_of("30 7 * * 1-5 Europe/Berlin", "UTC")
    ('30 7 * * 1-5', 'Europe/Berlin')
    """
    words = text.split()
    line, zone = (" ".join(words[:5]), words[5]) if len(words) == 6 else (" ".join(words), zone)
    try:
        slots.check(line, zone)
    except InvalidInput as error:
        raise InvalidInput(str(error), field="settings.syncFrequency") from None
    return line, zone
