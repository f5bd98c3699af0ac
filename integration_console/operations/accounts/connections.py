"""Connect, test, pause, resume, reconnect and remove accounts; open one for a run."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select

from ... import clock, services
from ...errors import AlreadyConnected, Conflict, NotFound, WrongAccount, together
from ...models import Connection, SyncRun, WebhookMessage, WebhookTarget, db
from ...models.run import LIVE_STATES
from ...services.base import Account, Service
from .. import audit
from ..holds import stop
from ..sealed import seal
from . import preflight, proof, slots, subscriptions
from .accounts import Opened, budget_seen, limits_of, open_account

__all__ = [
    "Opened", "add", "budget_seen", "every", "find", "keep", "limits_of", "open_account", "pause", "reconnect",
    "remove", "rename", "resume", "set_resource", "set_schedule", "test", "twin_of", "twin_told",
]  # fmt: skip


def every(*, removed: bool = False) -> list[Connection]:
    """All connections by name; removed ones only when asked for."""
    return list(db.session.scalars(_EVERY if removed else _PRESENT))


_EVERY = select(Connection).order_by(Connection.name, Connection.id)
_PRESENT = _EVERY.where(Connection.status != "removed")


def find(connection_id: int) -> Connection:
    """The connection of that number. Raises NotFound."""
    connection = db.session.get(Connection, connection_id)
    if connection is None or connection.status == "removed":
        raise NotFound(f"There is no connection {connection_id}.")
    return connection


# -- connecting -----------------------------------------------------------------------------------------------------


def add(
    service_key: str, *, name: str, credentials: Mapping[str, Any], settings: Mapping[str, str] | None = None,
    by: str, frequency: str = "hourly", time_zone: str = "UTC", permissions: Iterable[str] = (), again: bool = True,
) -> Connection:  # fmt: skip
    """Connect an account after a test call with these credentials has named it; nothing is kept when that fails.

    credentials: {"api_key": ...} or an OAuth token answer {"access_token", "refresh_token", "expires_in", ...}.
    again: whether a second connection of one account is meant; without, AlreadyConnected is raised.
    Raises InvalidInput for what is missing, a schedule that does not fit the account's limits, or credentials of
    several accounts where no setting says which; and what the service said about the credentials.
    """
    service = services.by_key(service_key)
    slots.check(frequency, time_zone)
    named, kept, plain = together(
        lambda: proof.checked_name(name), lambda: proof.checked_credentials(service, credentials),
        lambda: proof.checked_settings(service, settings or {}, credentials),
    )  # fmt: skip
    given = proof.Given(service, named, kept, plain, tuple(permissions))
    account = proof.pick(proof.accounts(service, given.credentials, given.settings), given.settings)
    return keep(given, account, by=by, frequency=frequency, time_zone=time_zone, again=again)


def keep(
    given: proof.Given, account: Account, *, by: str, frequency: str = "hourly", time_zone: str = "UTC", again: bool
) -> Connection:
    """Store a connection whose account was just proved. Raises as `add`."""
    service, now, kept = given.service, clock.now(), given.credentials
    if not again and (twin := twin_of(service.key, account.id)):
        raise AlreadyConnected(twin_told(account, twin), details={"connections": [twin.id]})
    settings = proof.settings_of(service, account, given.settings)
    preflight.check(service, settings, frequency)
    by_consent = "access_token" in kept
    connection = Connection(
        key=random.token_urlsafe(18), service=service.key, name=given.name, account_id=account.id,
        account_name=account.name, scopes=proof.granted(given, account), permissions=list(given.permissions),
        facts=dict(account.facts), status="connected", status_since=now, status_by=by, settings=settings,
        frequency=frequency, time_zone=time_zone, created_by=by, created_at=now, budget={},
        consented_at=now if by_consent else None,
        next_due_at=slots.next_due(frequency, time_zone, now, first=True),
    )  # fmt: skip
    db.session.add(connection)
    db.session.flush()
    seal(connection, kept)
    audit.about("connection added", connection, actor=by, service=service.key, account=account.name)
    db.session.commit()
    return connection


def twin_of(service_key: str, account_id: str, but: int | None = None) -> Connection | None:
    """The connection this account has already; None when it has none."""
    query = select(Connection).filter_by(service=service_key, account_id=account_id).order_by(Connection.id)
    return db.session.scalars(query.where(Connection.status != "removed", Connection.id != (but or 0))).first()


def twin_told(account: Account, twin: Connection) -> str:
    """What to think about before an account is connected once more."""
    return (
        f"{account.name} is connected already, as {twin.name}. A second connection reads everything twice and shares "
        "its limit of calls."
    )


def reconnect(
    connection: Connection, credentials: Mapping[str, Any], *, by: str, permissions: Iterable[str] = ()
) -> Connection:
    """Give a connection new credentials; the old ones stay until the new ones are proved to be the same account's.

    Raises WrongAccount when they are another's (K5).
    """
    service = services.by_key(connection.service)
    kept = proof.checked_credentials(service, credentials)
    settings = {name: value for name, value in connection.settings.items() if isinstance(value, str)}
    account = _the_same(connection, proof.accounts(service, kept, settings))
    seal(connection, kept)
    given = proof.Given(service, connection.name, kept, settings, tuple(permissions))
    connection.account_id, connection.account_name = account.id, account.name
    connection.scopes, connection.permissions = proof.granted(given, account), list(given.permissions)
    connection.settings = _found_anew(connection, service, account)
    connection.facts, connection.end_told = dict(account.facts), None
    connection.consented_at = clock.now() if "access_token" in kept else None
    _set_status(connection, "connected", by, None)
    audit.about("connection renewed", connection, actor=by, account=account.name)
    db.session.commit()
    return connection


def _found_anew(connection: Connection, service: Service, account: Account) -> dict[str, Any]:
    """Its settings, with what was found out about the account as it is now; what a person chose stays."""
    names = proof.setting_names(service)
    chosen = {n: v for n, v in connection.settings.items() if n not in names or connection.facts.get(n) != v}
    return {**{n: str(v) for n, v in account.facts.items() if n in names}, **chosen}


def _the_same(connection: Connection, found: list[Account]) -> Account:
    """The pinned account among those the new credentials open."""
    for account in found:
        if account.id == connection.account_id or connection.account_id is None:
            return account
    names = ", ".join(account.name for account in found[:5]) or "nobody"
    raise WrongAccount(
        f"These credentials belong to {names}, but this connection is {connection.account_name}. "
        "Nothing was changed. To use both, add a second connection."
    )


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
    audit.about("connection paused", connection, actor=by, reason=reason)
    db.session.commit()


def resume(connection: Connection, *, by: str) -> None:
    """Go on as scheduled. Raises Conflict when it was not paused."""
    if connection.status != "paused":
        raise Conflict(f"{connection.name} is not paused.")
    _set_status(connection, "connected", by, None)
    connection.next_due_at = slots.next_due(connection.frequency, connection.time_zone, clock.now(), first=True)
    audit.about("connection resumed", connection, actor=by)
    db.session.commit()


def remove(connection: Connection, *, by: str) -> str:
    """Wipe the secrets and stop everything; the history stays. Tells whether the service took its tokens back."""
    left = subscriptions.take_away_all(connection)
    said = " ".join(filter(None, (left, _revoke(connection))))
    _set_status(connection, "removed", by, f"Removed by {by}.")
    _stop_runs(connection, f"The connection was removed by {by}.")
    connection.credentials, connection.expires_at, connection.next_due_at = None, None, None
    _tell_nobody(connection.id)
    audit.about("connection removed", connection, actor=by, revoked=said)
    db.session.commit()
    return said


def _tell_nobody(number: int) -> None:
    """Its address for events goes, with the secret that signs: no page leads there any more."""
    unsent = (WebhookMessage.connection_id == number, WebhookMessage.state.in_(("pending", "sending")))
    db.session.execute(delete(WebhookMessage).where(*unsent))
    db.session.execute(delete(WebhookTarget).where(WebhookTarget.connection_id == number))


def _revoke(connection: Connection) -> str:
    """Have the service take its tokens back where it does that; removal must not depend on the other side."""
    try:
        opened = open_account(connection)
    except Exception as error:
        return f"The service did not take the tokens back: {error}"
    if not opened.can_revoke:
        return "The key still works at the service until it is deleted there."
    service_key, account_id = connection.service, connection.account_id or ""
    try:
        if twin := twin_of(service_key, account_id, connection.id):
            return f"The sign-in stays at the service: {twin.name} is of the same account and would lose it, too."
        db.session.rollback()  # nothing is held open while we wait for the service (D5)
        others = opened.service.leave(opened.upstream)
        if twin := next(filter(None, (twin_of(service_key, other) for other in others)), None):
            return f"The service gave this account up; the sign-in stays, for {twin.name} needs it, too."
        db.session.rollback()
        opened.revoke()
        return "The service took the tokens back."
    except Exception as error:
        return f"The service did not take the tokens back: {error}"
    finally:
        opened.recorder.flush(db.session())


def rename(connection: Connection, name: str, *, by: str) -> None:
    """Give it another name."""
    audit.about("connection renamed", connection, actor=by, before=connection.name, after=name)
    connection.name = proof.checked_name(name)
    db.session.commit()


def set_schedule(connection: Connection, frequency: str, time_zone: str, *, by: str) -> None:
    """manual, 15min, hourly, daily, weekly, or a cron line; slots are local times of the zone.

    Raises InvalidInput when the cron line or the zone is none, or when so many reads do not fit the account's limits.
    """
    slots.check(frequency, time_zone)
    preflight.check_schedule(connection, frequency)
    audit.about("schedule changed", connection, actor=by, before=connection.frequency, after=frequency, zone=time_zone)
    connection.frequency, connection.time_zone = frequency, time_zone
    connection.next_due_at = slots.next_due(frequency, time_zone, clock.now())
    db.session.commit()


def set_switches(connection: Connection, given: Mapping[str, str], *, by: str) -> None:
    """How it is read: its service's switches; what is empty is as usual, or as the service said.

    Raises InvalidInput when a value cannot be, or when the schedule does not fit the limits that come with it.
    """
    proof.check_switches(services.by_key(connection.service), given)
    others = {name: value for name, value in connection.settings.items() if name not in given}
    chosen = {name: value or connection.facts.get(name) for name, value in given.items()}
    connection.settings = others | {name: value for name, value in chosen.items() if value}
    preflight.check_schedule(connection, connection.frequency)
    audit.about("reading changed", connection, actor=by, **given)
    db.session.commit()


def set_resource(connection: Connection, resource: str, on: bool, *, by: str) -> None:
    """Switch the reading of one resource on or off. Raises InvalidInput when there is none of that name."""
    services.resource_of(services.by_key(connection.service), resource)
    off = set(connection.settings.get("resources_off", ()))
    off = off - {resource} if on else off | {resource}
    connection.settings = {**connection.settings, "resources_off": sorted(off)}
    audit.about("resource switched " + ("on" if on else "off"), connection, actor=by, resource=resource)
    db.session.commit()


def _set_status(connection: Connection, status: str, by: str, reason: str | None) -> None:
    connection.status, connection.status_by, connection.status_reason = status, by, reason
    connection.status_since = clock.now()


def _stop_runs(connection: Connection, message: str) -> None:
    live = select(SyncRun).where(SyncRun.connection_id == connection.id, SyncRun.state.in_(LIVE_STATES))
    for run in list(db.session.scalars(live)):
        stop(db.session(), run, message)
