"""Connections that wait for a person's consent, begun by a program: they have an id before they are."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import delete, select

from .. import clock, services
from ..models import Connection, PendingConnection, db
from . import consent, integrations, slots, sync_status, webhook_targets


def begin(
    service_key: str, *, name: str, settings: Mapping[str, str], permissions: Sequence[str], by: str, owner: str,
    connection: Connection | None = None, webhook_url: str | None = None, frequency: str | None = None,
    time_zone: str | None = None, return_to: str | None = None, their_state: str | None = None,
) -> tuple[str, PendingConnection]:  # fmt: skip
    """The address to send a person to, and the row that waits for them."""
    key = connection.key if connection else random.token_urlsafe(18)
    number = connection.id if connection else None
    if connection:  # the last consent asked for is the one that counts
        db.session.execute(delete(PendingConnection).where(PendingConnection.key == key))
    address = consent.begin(
        service_key, name=name, settings=settings, by=by, session_hash=mark(key), connection=connection,
        permissions=tuple(permissions) or None,
    )  # fmt: skip
    state = parse_qs(urlsplit(address).query)["state"][0]
    row = PendingConnection(
        key=key, state_hash=_hash(state), owner=owner, service=service_key, permissions=list(permissions),
        connection_id=number, webhook_url=webhook_url, frequency=frequency, time_zone=time_zone, return_to=return_to,
        their_state=their_state, expires_at=clock.now() + consent.GOOD_FOR,
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return address, row


def of_state(service_key: str, state: str) -> PendingConnection | None:
    """The consent a program began with that state; None when a person's browser did, or nobody."""
    wanted = (PendingConnection.state_hash == _hash(state), PendingConnection.service == service_key)
    return db.session.scalar(select(PendingConnection).where(*wanted))


def finish(row: PendingConnection, *, state: str, code: str, error: str, more: Mapping[str, str]) -> Connection:
    """Take the person back; the connection gets the id it was promised, and its settings.

    Raises as consent.finish; nothing waits any more then, and a program begins anew.
    """
    kept = {name: getattr(row, name) for name in ("key", "connection_id", "webhook_url", "frequency", "time_zone")}
    service, by, number = row.service, row.owner, row.id
    try:
        connection = consent.finish(
            service, state=state, code=code, error=error, session_hash=mark(kept["key"]), **more
        )  # fmt: skip
    finally:
        db.session.rollback()
        db.session.execute(delete(PendingConnection).where(PendingConnection.id == number))
        db.session.commit()
    if kept["connection_id"] is None:
        connection.key = kept["key"]
        connection.frequency, connection.time_zone = kept["frequency"], kept["time_zone"]
        connection.next_due_at = slots.next_due(connection.frequency, connection.time_zone, clock.now(), first=True)
        webhook_targets.set_url(connection, kept["webhook_url"], by=connection.created_by or by)
        db.session.commit()
    return connection


def drop(text: str) -> bool:
    """Wait no longer; whether anything of that id waited."""
    gone = delete(PendingConnection).where(*_waiting(), PendingConnection.key == text.removeprefix(integrations.PREFIX))
    count = db.session.execute(gone).rowcount  # type: ignore[attr-defined]
    db.session.commit()
    return bool(count)


def with_them(
    service: str | None, status: str | None, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of connections; those that wait for consent stand first, being the newest."""
    waiting: list[PendingConnection] = []
    if cursor is None and status in (None, integrations.PENDING):
        query = select(PendingConnection).where(*_waiting())
        query = query.where(PendingConnection.service == service) if service else query
        most = limit if status else limit // 2  # there is always room for what is connected
        waiting = list(db.session.scalars(query.order_by(PendingConnection.id.desc()).limit(most)))
    told = [_line(row) for row in waiting]
    if status == integrations.PENDING:
        return told, None
    room = limit - len(told)
    found, following = integrations.listing(service=service, status=status, limit=room, after=cursor)
    return [*told, *integrations.describe(found)], following


def describe(text: str) -> dict[str, Any]:
    """One connection, or one that waits, with its settings. Raises NotFound."""
    key = text.removeprefix(integrations.PREFIX)
    query = select(PendingConnection).where(*_waiting(), PendingConnection.key == key)
    if text.startswith(integrations.PREFIX) and (row := db.session.scalar(query)):
        named = row.frequency in slots.FREQUENCIES
        frequency = row.frequency if named else f"{row.frequency} {row.time_zone}"
        return _line(row) | {"settings": {"webhookUrl": row.webhook_url, "syncFrequency": frequency}}
    connection = integrations.find(text)
    return integrations.describe([connection])[0] | {"settings": integrations.settings_of(connection)}


def _waiting() -> tuple:
    """A renewal waits, too, but its connection is there already."""
    return PendingConnection.connection_id.is_(None), PendingConnection.expires_at > clock.now()


def _line(row: PendingConnection) -> dict[str, Any]:
    return {
        "id": integrations.PREFIX + row.key, "service": row.service, "serviceName": services.by_key(row.service).label,
        "status": integrations.PENDING, "connectedAt": None, "lastSyncAt": None, "syncStatus": sync_status.NEVER,
        "permissions": row.permissions, "expiresAt": None,
    }  # fmt: skip


def mark(key: str) -> str:
    """What ties a consent to the program that began it, as a browser's mark ties it to a browser (X7)."""
    return sha256(f"program:{key}".encode()).hexdigest()


def _hash(state: str) -> str:
    return sha256(state.encode()).hexdigest()
