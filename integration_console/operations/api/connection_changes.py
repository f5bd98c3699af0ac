"""Changes a program makes to a connection: checked together, kept together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ... import services
from ...errors import InvalidInput
from ...models import Connection, db
from ..accounts import connections, consent, preflight
from ..sealed import unseal
from . import integrations, pending, webhook_targets


def make(
    connection: Connection, given: Mapping[str, str | None], permissions: Sequence[str] | None, *, by: str, owner: str
) -> str | None:
    """Change what is named; the address for consent where other permissions are wanted.

    given: webhook_url (None: nowhere) and sync_frequency.
    Raises InvalidInput; then nothing is changed.
    """
    schedule = None
    if "sync_frequency" in given:
        schedule = _fitting(connection, integrations.schedule_of(given["sync_frequency"] or "", connection.time_zone))
    address = given.get("webhook_url")
    url = webhook_targets.checked(address, "settings.webhookUrl") if address else None
    wanted = _changed(connection, permissions)
    if wanted is not None:
        consent.checked_permissions(services.by_key(connection.service), wanted)
    number = connection.id
    if "webhook_url" in given:
        webhook_targets.set_url(connection, url, by=by)
    if schedule:
        connections.set_schedule(connection, *schedule, by=by)
    db.session.commit()
    if wanted is None:
        return None
    return _ask_for(connections.find(number), wanted, by, owner)


def _fitting(connection: Connection, schedule: tuple[str, str]) -> tuple[str, str]:
    try:
        preflight.check_schedule(connection, schedule[0])
    except InvalidInput as error:
        raise InvalidInput(str(error), field="settings.syncFrequency") from None
    return schedule


def _changed(connection: Connection, permissions: Sequence[str] | None) -> Sequence[str] | None:
    """The permissions to ask for; None when they are what the connection has, and its sign-in is not lost."""
    if permissions is None:
        return None
    lost = connection.status == "needs_reconnect"
    if not lost and set(permissions) in (set(connection.scopes), set(connection.permissions)):
        return None
    if "access_token" not in unseal(connection):
        label = services.by_key(connection.service).label
        raise InvalidInput(f"What a {label} key may do is set at {label}, not here.", field="permissions")
    return permissions


def _ask_for(connection: Connection, permissions: Sequence[str], by: str, owner: str) -> str:
    """Begin a consent for the same account; what is in force stays so until it is given."""
    plain = {name: str(value) for name, value in connection.settings.items() if isinstance(value, str)}
    leaving, _ = pending.begin(
        connection.service, name=connection.name, settings=plain, permissions=permissions, by=by, owner=owner,
        connection=connection,
    )  # fmt: skip
    return leaving.address
