"""Connect, test, pause, resume, reconnect and remove accounts; open one for a run."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from .. import clock, services
from ..errors import Conflict, InvalidInput, NeedsPerson, NotFound, WrongAccount
from ..models import Connection, SyncRun, db
from ..models.run import LIVE_STATES
from ..services.base import Account, ApiKey, OAuth, Service
from . import audit, slots, subscriptions
from .accounts import Opened, budget_seen, limits_of, open_account, open_trial
from .holds import stop
from .sealed import kept_answer, seal

__all__ = [
    "Opened", "add", "budget_seen", "every", "find", "limits_of", "open_account", "pause", "reconnect", "remove",
    "rename", "resume", "set_resource", "set_schedule", "test",
]  # fmt: skip


def every(*, removed: bool = False) -> list[Connection]:
    """All connections by name; removed ones only when asked for."""
    query = select(Connection).order_by(Connection.name, Connection.id)
    return list(db.session.scalars(query if removed else query.where(Connection.status != "removed")))


def find(connection_id: int) -> Connection:
    """The connection of that number. Raises NotFound."""
    connection = db.session.get(Connection, connection_id)
    if connection is None or connection.status == "removed":
        raise NotFound(f"There is no connection {connection_id}.")
    return connection


# -- connecting -----------------------------------------------------------------------------------------------------


def add(
    service_key: str, *, name: str, credentials: Mapping[str, Any], settings: Mapping[str, str] | None = None,
    by: str, frequency: str = "hourly", time_zone: str = "UTC",
) -> Connection:  # fmt: skip
    """Connect an account after a test call with these credentials has named it; nothing is kept when that fails.

    credentials: {"api_key": ...} or an OAuth token answer {"access_token", "refresh_token", "expires_in", ...}.
    Raises InvalidInput for what is missing, and what the service said about the credentials.
    """
    service = services.by_key(service_key)
    name = _checked_name(name)
    slots.check(frequency, time_zone)
    settings = _checked_settings(service, settings or {}, credentials)
    kept = _checked_credentials(service, credentials)
    account, settings = _prove(service, kept, settings)
    now = clock.now()
    connection = Connection(
        key=random.token_urlsafe(18), service=service.key, name=name, account_id=account.id, account_name=account.name,
        scopes=list(account.scopes or kept.get("scopes", ())), status="connected", status_since=now, status_by=by,
        settings=settings, frequency=frequency, time_zone=time_zone, created_by=by, created_at=now, budget={},
        next_due_at=slots.next_due(frequency, time_zone, now, first=True),
    )  # fmt: skip
    db.session.add(connection)
    db.session.flush()
    seal(connection, kept)
    audit.add("connection added", connection.name, actor=by, service=service.key, account=account.name)
    db.session.commit()
    return connection


def reconnect(connection: Connection, credentials: Mapping[str, Any], *, by: str) -> Connection:
    """Give a connection new credentials; the old ones stay until the new ones are proved to be the same account's.

    Raises WrongAccount when they are another's (K5).
    """
    service = services.by_key(connection.service)
    kept = _checked_credentials(service, credentials)
    account, _ = _prove(service, kept, dict(connection.settings))
    if connection.account_id and account.id != connection.account_id:
        raise WrongAccount(
            f"These credentials belong to {account.name}, but this connection is {connection.account_name}. "
            "Nothing was changed. To use both, add a second connection."
        )
    seal(connection, kept)
    connection.account_id, connection.account_name = account.id, account.name
    _set_status(connection, "connected", by, None)
    audit.add("connection renewed", connection.name, actor=by, account=account.name)
    db.session.commit()
    return connection


def _prove(service: Service, credentials: dict, settings: dict) -> tuple[Account, dict]:
    """Whom these credentials belong to, by one call; settings the account itself tells are filled in."""
    opened = open_trial(service, credentials, settings)
    try:
        account = service.account(opened.upstream)
    except NeedsPerson as error:
        raise _not_let_in(service, settings, error) from None
    finally:
        opened.recorder.flush(db.session())
        db.session.commit()
    told = {name: str(value) for name, value in account.facts.items() if name in _setting_names(service)}
    return account, {**told, **settings}


def _not_let_in(service: Service, settings: Mapping[str, str], error: NeedsPerson) -> NeedsPerson:
    """A refusal of credentials that were only just entered: nobody has to reconnect anything."""
    if error.status != 401:
        return error
    _, it_says, words = str(error).partition(" It says: ")
    region = settings.get("region", "").upper()
    hint = f" Are they of the region {region}? An account lives in one." if region and service.regions else ""
    message = f"{service.label} does not accept these credentials.{hint}{it_says}{words}"
    return NeedsPerson(message, status=error.status, raw=error.raw, code=error.code)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= 200:
        raise InvalidInput("Give the connection a name of 1 to 200 characters.", field="name")
    return name


def _setting_names(service: Service) -> set[str]:
    return (
        {c.name for c in service.credentials if not c.secret}
        | {s for s in ("region",) if service.regions}
        | set(service.options)
    )


def _checked_settings(service: Service, settings: Mapping[str, str], credentials: Mapping[str, Any]) -> dict[str, str]:
    allowed = _setting_names(service)
    for name in settings:
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise InvalidInput(f"{service.label} has no setting {name!r}. There are: {known}.", field=name)
    region = settings.get("region")
    if region and region not in service.regions:
        raise InvalidInput(
            f"{service.label} has no region {region!r}. There are: {', '.join(service.regions)}.", field="region"
        )
    if "access_token" not in credentials:
        for wanted in service.credentials:
            if wanted.required and not wanted.secret and not settings.get(wanted.name):
                raise InvalidInput(f"{wanted.label} is missing (setting {wanted.name}).", field=wanted.name)
    return {name: str(value).strip() for name, value in settings.items() if str(value).strip()}


def _checked_credentials(service: Service, given: Mapping[str, Any]) -> dict[str, Any]:
    """What will be sealed: a key, or tokens with the moment they end."""
    if "access_token" in given:
        if not any(isinstance(way, OAuth) for way in service.ways):
            raise InvalidInput(f"{service.label} is connected with a key, not with tokens.", field="credentials")
        return kept_answer(given)
    way = next((way for way in service.ways if isinstance(way, ApiKey)), None)
    if way is None:
        raise InvalidInput(f"{service.label} is connected by consent (OAuth), not with a key.", field="credentials")
    value = str(given.get(way.credential) or "").strip()
    if not value or any(ord(c) < 33 or ord(c) > 126 for c in value):
        raise InvalidInput(
            f"The {service.label} key is missing or has characters a key cannot have.", field=way.credential
        )
    return {way.credential: value}


# -- looking after --------------------------------------------------------------------------------------------------


def test(connection: Connection) -> Account:
    """One cheap call with the stored credentials: whom they belong to.

    Raises what the service said; WrongAccount when they are no longer this connection's.
    """
    opened = open_account(connection)
    try:
        account = opened.service.account(opened.upstream)
    finally:
        opened.recorder.flush(db.session())
        db.session.commit()
        connection.budget = budget_seen(opened.budget.state())
        db.session.commit()
    if connection.account_id and account.id != connection.account_id:
        raise WrongAccount(f"The credentials now belong to {account.name} instead of {connection.account_name}.")
    return account


def pause(connection: Connection, *, by: str, reason: str = "") -> None:
    """Start nothing new and stop what runs at its page edge, until resumed."""
    _set_status(connection, "paused", by, reason or f"Paused by {by}.")
    _stop_runs(connection, f"The connection was paused by {by}.")
    audit.add("connection paused", connection.name, actor=by, reason=reason)
    db.session.commit()


def resume(connection: Connection, *, by: str) -> None:
    """Go on as scheduled. Raises Conflict when it was not paused."""
    if connection.status != "paused":
        raise Conflict(f"{connection.name} is not paused.")
    _set_status(connection, "connected", by, None)
    connection.next_due_at = slots.next_due(connection.frequency, connection.time_zone, clock.now(), first=True)
    audit.add("connection resumed", connection.name, actor=by)
    db.session.commit()


def remove(connection: Connection, *, by: str) -> str:
    """Wipe the secrets and stop everything; the history stays. Tells whether the service took its tokens back."""
    left = subscriptions.take_away_all(connection)
    said = " ".join(filter(None, (left, _revoke(connection))))
    _set_status(connection, "removed", by, f"Removed by {by}.")
    _stop_runs(connection, f"The connection was removed by {by}.")
    connection.credentials, connection.expires_at, connection.next_due_at = None, None, None
    audit.add("connection removed", connection.name, actor=by, revoked=said)
    db.session.commit()
    return said


def _revoke(connection: Connection) -> str:
    """Have the service take its tokens back where it does that; removal must not depend on the other side."""
    try:
        opened = open_account(connection)
    except Exception as error:
        return f"The service did not take the tokens back: {error}"
    if not opened.can_revoke:
        return "The key still works at the service until it is deleted there."
    try:
        opened.revoke()
        return "The service took the tokens back."
    except Exception as error:
        return f"The service did not take the tokens back: {error}"
    finally:
        opened.recorder.flush(db.session())


def rename(connection: Connection, name: str, *, by: str) -> None:
    """Give it another name."""
    audit.add("connection renamed", connection.name, actor=by, after=name)
    connection.name = _checked_name(name)
    db.session.commit()


def set_schedule(connection: Connection, frequency: str, time_zone: str, *, by: str) -> None:
    """manual, 15min, hourly, daily, weekly, or a cron line; slots are local times of the zone.

    Raises InvalidInput when the cron line or the zone is none.
    """
    slots.check(frequency, time_zone)
    audit.add(
        "schedule changed", connection.name, actor=by, before=connection.frequency, after=frequency, zone=time_zone
    )
    connection.frequency, connection.time_zone = frequency, time_zone
    connection.next_due_at = slots.next_due(frequency, time_zone, clock.now())
    db.session.commit()


def set_resource(connection: Connection, resource: str, on: bool, *, by: str) -> None:
    """Switch the reading of one resource on or off. Raises InvalidInput when there is none of that name."""
    services.resource_of(services.by_key(connection.service), resource)
    off = set(connection.settings.get("resources_off", ()))
    off = off - {resource} if on else off | {resource}
    connection.settings = {**connection.settings, "resources_off": sorted(off)}
    audit.add("resource switched " + ("on" if on else "off"), connection.name, actor=by, resource=resource)
    db.session.commit()


def _set_status(connection: Connection, status: str, by: str, reason: str | None) -> None:
    connection.status, connection.status_by, connection.status_reason = status, by, reason
    connection.status_since = clock.now()


def _stop_runs(connection: Connection, message: str) -> None:
    live = select(SyncRun).where(SyncRun.connection_id == connection.id, SyncRun.state.in_(LIVE_STATES))
    for run in list(db.session.scalars(live)):
        stop(db.session(), run, message)
