"""Opening an account: its credentials unsealed, its budget found, its tokens fresh."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from flask import current_app

from ... import clock, services
from ...errors import Conflict, NeedsPerson
from ...models import Connection, db
from ...services.base import Limit, Service, Upstream
from ...storage.transactions import Recorder
from ...transport.limits import Budget, parse_limits
from ...transport.pacing import open_store
from ..sealed import unseal
from .app_settings import AppSettings
from .keys import Keys


@dataclass
class Opened:
    """An account ready to be called."""

    service: Service
    upstream: Upstream
    recorder: Recorder
    budget: Budget
    connection_id: int | None
    can_revoke: bool
    revoke: Callable[[], None]


def limits_of(connection: Connection) -> tuple[Limit, ...]:
    """How fast this account may be called, as declared or set; the upstream's headers may say otherwise later."""
    service = services.by_key(connection.service)
    return _limits(service, AppSettings.of(service), connection.settings)


def _limits(service: Service, app: AppSettings, settings: Mapping[str, str]) -> tuple[Limit, ...]:
    told = app.get("limits")
    return parse_limits(told) if told else service.limits_for(settings)


def keys_of(connection: Connection, run_id: int | None = None) -> Keys:
    """A connection's credentials, unsealed. Raises NeedsPerson when there are none."""
    service = services.by_key(connection.service)
    return Keys(service, connection.id, unseal(connection), connection.settings, run_id)


def open_account(
    connection: Connection,
    *,
    run_id: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    within_s: float | None = None,
) -> Opened:
    """Make a connection's account callable, with fresh tokens.

    within_s: how long a try may take, and how long we wait for our turn, where that is less than usual; a call that has
        taken longer is not tried again. See also `briefly`.

    Raises NeedsPerson when its tokens cannot be renewed, TryLater when the token endpoint does not answer.
    """
    service = services.by_key(connection.service)
    keys = keys_of(connection, run_id)
    # Tokens and keys are counted where the vendor counts them: by account where it says so, else by connection.
    key = f"{service.key}:{connection.account_id if service.budget_by_account else connection.id}"
    opened = _open(service, keys, connection.settings, key, should_stop, within_s)
    opened.upstream.account_id = connection.account_id
    db.session.rollback()  # a look holds SQLite's writer lock: nothing is held while we wait for an upstream (D5)
    keys.renew_if_due()
    return opened


_briefly: ContextVar[float | None] = ContextVar("briefly", default=None)


@contextmanager
def briefly(within_s: float) -> Iterator[None]:
    """Whatever account is opened meanwhile, in this thread, is called as with `within_s`: others wait for us."""
    before = _briefly.set(within_s)
    try:
        yield
    finally:
        _briefly.reset(before)


@contextmanager
def calling(connection: Connection, *, within_s: float | None = None) -> Iterator[Opened]:
    """A connection's account for a call or two outside a run. No transaction is open meanwhile.

    At the end, however it comes, the calls are in the log, and a sign-in that was lost is noted at the connection.
    Raises NeedsPerson, Conflict when the connection may not be called now.
    """
    number, since = must_be_callable(connection).id, connection.status_since
    opened = open_account(connection, within_s=within_s)
    try:
        yield opened
    except NeedsPerson as error:
        db.session.rollback()
        note_lost_sign_in(number, str(error), since)
        raise
    finally:
        db.session.rollback()
        opened.recorder.flush(db.session())
        if seen := budget_seen(opened.budget.state()):
            db.session.get_one(Connection, number).budget = seen
        db.session.commit()


def must_be_callable(connection: Connection) -> Connection:
    """The connection itself. Raises NeedsPerson when it must be reconnected, Conflict when it is paused or removed."""
    if connection.status == "needs_reconnect":
        reason = connection.status_reason or "Its sign-in is no longer valid."
        raise NeedsPerson(f"The connection {connection.name} needs to be reconnected. {reason}")
    if connection.status != "connected":
        raise Conflict(
            f"The connection {connection.name} {'is paused' if connection.status == 'paused' else 'was removed'}."
        )
    return connection


def note_lost_sign_in(connection_id: int, why: str, since: datetime) -> None:
    """Nothing is read any more until a person reconnects it.

    since: its status_since when it was opened; where that is another by now, a person has just reconnected it.
    """
    connection = db.session.get_one(Connection, connection_id, populate_existing=True)
    if connection.status == "connected" and connection.status_since == since:
        connection.status, connection.status_reason, connection.status_since = "needs_reconnect", why, clock.now()
        db.session.commit()


def open_trial(service: Service, credentials: dict[str, Any], settings: Mapping[str, str]) -> Opened:
    """The same for credentials nobody has stored yet."""
    opened = _open(service, Keys(service, None, credentials, settings), settings, f"{service.key}:trial")
    db.session.rollback()
    return opened


def _open(
    service: Service, keys: Keys, settings: Mapping[str, str], budget_key: str,
    should_stop: Callable[[], bool] = lambda: False, within_s: float | None = None,
) -> Opened:  # fmt: skip
    config, others_wait = current_app.config["SETTINGS"], _briefly.get()
    within_s, first = within_s or others_wait, others_wait is not None
    store = open_store(config.database_url, config.INSTANCE_DIR / "limits")
    budget = Budget(budget_key, _limits(service, keys.app, settings), store, first=first)
    told = keys.app.get("limits")  # what a person set holds for each kind of call
    apart = {
        template: Budget(f"{budget_key}:{template}", parse_limits(told) if told else declared, store, first=first)
        for template, declared in service.limits_apart(settings).items()
    }
    upstream = Upstream(
        service=service, base_url=keys.app.base_url(service, settings), settings=settings, authorize=keys.headers,
        budget=budget, record=keys.recorder if config.RECORD_CALLS else None,
        refresh=keys.renew if keys.renewable else None, secrets=keys.secrets, 
        deadline_s=min(filter(None, (config.CALL_DEADLINE_SECONDS, within_s))), patience_s=min(60, within_s or 60),
        max_bytes=int(config.MAX_ANSWER_MIB * 1024 * 1024), insecure=keys.insecure, should_stop=should_stop,
        apart=apart, headers=service.headers_for(settings), within_s=within_s,
    )  # fmt: skip
    return Opened(service, upstream, keys.recorder, budget, keys.connection_id, keys.revocable, keys.revoke)


def budget_seen(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the upstream's headers last said, as the pages' column keeps it; empty when nothing is known."""
    return {**orjson.loads(orjson.dumps(dict(state))), "at": clock.now().isoformat()} if state else {}
