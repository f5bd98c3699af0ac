"""Connections that wait for a person's consent, begun by a program: they have an id before they are."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, select

from ... import clock, services
from ...errors import Conflict, InvalidInput
from ...models import Connection, OAuthState, PendingConnection, db
from ..accounts import consent, preflight, slots
from . import integrations, places, sync_status, webhook_targets

_PLACE = "pend_"


def begin(
    service_key: str, *, name: str, settings: Mapping[str, str], permissions: Sequence[str], by: str, owner: str,
    connection: Connection | None = None, webhook_url: str | None = None, frequency: str | None = None,
    time_zone: str | None = None, return_to: str = "", their_state: str = "",
) -> tuple[consent.Leaving, str]:  # fmt: skip
    """Where to send a person, and the key of the connection this will be. Raises as consent.begin."""
    key = connection.key if connection else random.token_urlsafe(18)
    number = connection.id if connection else None
    leaving = consent.begin(
        service_key, name=name, settings=settings, by=by, bound_to=consent.program(owner), by_program=True,
        connection=connection, permissions=permissions, return_to=return_to, their_state=their_state,
    )  # fmt: skip
    if number is None:
        db.session.add(PendingConnection(
            key=key, state_hash=_hash(leaving.state), service=service_key, permissions=list(permissions),
            webhook_url=webhook_url, frequency=frequency, time_zone=time_zone,
            expires_at=clock.now() + consent.GOOD_FOR,
        ))  # fmt: skip
        db.session.commit()
    return leaving, key


def keep_promise(asked: OAuthState, connection: Connection) -> None:
    """A consent came out well: its connection gets the id and the settings it was promised."""
    row = db.session.scalar(select(PendingConnection).where(PendingConnection.state_hash == asked.state_hash))
    if row is None:
        return
    connection.key = row.key
    try:
        preflight.check_schedule(connection, row.frequency or "hourly")
        connection.frequency, connection.time_zone = row.frequency or "hourly", row.time_zone or "UTC"
    except InvalidInput:  # it does not fit this account; the page says what does
        connection.frequency = "manual"
    connection.next_due_at = slots.next_due(connection.frequency, connection.time_zone, clock.now(), first=True)
    webhook_targets.set_url(connection, row.webhook_url, by=connection.created_by or "")
    db.session.delete(row)
    db.session.commit()


def give_up(asked: OAuthState | None) -> None:
    """A consent came out badly: nothing waits for it any more."""
    if asked is not None:
        db.session.execute(delete(PendingConnection).where(PendingConnection.state_hash == asked.state_hash))
        db.session.commit()


def change(text: str, given: Mapping[str, str | None]) -> dict[str, Any] | None:
    """Change the settings of a connection that waits; as it stands then, or None when nothing of that id waits."""
    row = _find(text)
    if row is None:
        return None
    if "sync_frequency" in given:
        zone = row.time_zone or "UTC"
        row.frequency, row.time_zone = integrations.schedule_of(given["sync_frequency"] or "", zone)
    if "webhook_url" in given:
        url = given["webhook_url"]
        row.webhook_url = webhook_targets.checked(url, "settings.webhookUrl") if url else None
    db.session.commit()
    return describe(text)


def drop(text: str) -> bool:
    """Wait no longer; whether anything of that id waited."""
    gone = delete(PendingConnection).where(*_waiting(), PendingConnection.key == text.removeprefix(integrations.PREFIX))
    count = db.session.execute(gone).rowcount  # type: ignore[attr-defined]
    db.session.commit()
    return bool(count)


def with_them(
    service: str | None, status: str | None, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of connections; those that wait for consent stand first, being the newest. Raises InvalidInput."""
    waiting: list[PendingConnection] = []
    if status == integrations.PENDING or (not status and (cursor is None or places.is_one(_PLACE, cursor))):
        query = select(PendingConnection).where(*_waiting())
        query = query.where(PendingConnection.service == service) if service else query
        query = query.where(PendingConnection.id < places.number(_PLACE, cursor)) if cursor else query
        waiting = list(db.session.scalars(query.order_by(PendingConnection.id.desc()).limit(limit + 1)))
        cursor = None  # those that are connected begin behind all of them
    told, more = [_line(row) for row in waiting[:limit]], len(waiting) > limit
    if status != integrations.PENDING and not more:
        room = limit - len(told)
        found, following = integrations.listing(service=service, status=status, limit=room or 1, after=cursor)
        if room:
            return [*told, *integrations.describe(found)], following
        more = bool(found)
    return told, places.behind(_PLACE, waiting[limit - 1].id) if more else None


def describe(text: str) -> dict[str, Any]:
    """One connection, or one that waits, with its settings. Raises NotFound."""
    if row := _find(text):
        named = row.frequency in slots.FREQUENCIES
        frequency = row.frequency if named else f"{row.frequency} {row.time_zone}"
        return _line(row) | {"settings": {"webhookUrl": row.webhook_url, "syncFrequency": frequency}}
    connection = integrations.find(text)
    return integrations.describe([connection])[0] | {"settings": integrations.settings_of(connection)}


def refuse(text: str) -> None:
    """Raise Conflict when what is asked for needs a connection that only waits for consent yet."""
    if _find(text):
        raise Conflict("This connection waits for a person's consent.")


def _find(text: str) -> PendingConnection | None:
    key = text.removeprefix(integrations.PREFIX)[:60] if text.startswith(integrations.PREFIX) else ""
    return db.session.scalar(select(PendingConnection).where(*_waiting(), PendingConnection.key == key))


def _waiting() -> tuple:
    return (PendingConnection.expires_at > clock.now(),)


def _line(row: PendingConnection) -> dict[str, Any]:
    return {
        "id": integrations.PREFIX + row.key, "service": row.service, "serviceName": services.by_key(row.service).label,
        "status": integrations.PENDING, "connectedAt": None, "lastSyncAt": None, "syncStatus": sync_status.NEVER,
        "permissions": row.permissions, "expiresAt": None,
    }  # fmt: skip


def _hash(state: str) -> str:
    return sha256(state.encode()).hexdigest()
