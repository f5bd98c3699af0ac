"""Opening an account: its credentials unsealed, its budget found, its tokens fresh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import current_app

from .. import clock, services
from ..models import Connection, db
from ..services.base import Limit, Service, Upstream
from ..storage.transactions import Recorder
from ..transport.limits import Budget, parse_limits
from ..transport.pacing import open_store
from .app_settings import AppSettings
from .keys import Keys
from .sealed import unseal


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
    told = AppSettings.of(service).get("limits")
    return parse_limits(told) if told else service.limits_for(connection.settings)


def open_account(
    connection: Connection, *, run_id: int | None = None, should_stop: Callable[[], bool] = lambda: False
) -> Opened:
    """Make a connection's account callable, with fresh tokens.

    Raises NeedsPerson when its tokens cannot be renewed, TryLater when the token endpoint does not answer.
    """
    service = services.by_key(connection.service)
    keys = Keys(service, connection.id, unseal(connection), connection.settings, run_id)
    # Tokens and keys are counted where the vendor counts them: by account where it says so, else by connection.
    key = f"{service.key}:{connection.account_id if service.budget_by_account else connection.id}"
    opened = _open(service, keys, connection.settings, key, limits_of(connection), should_stop)
    opened.upstream.account_id = connection.account_id
    db.session.rollback()  # a look holds SQLite's writer lock: nothing is held while we wait for an upstream (D5)
    keys.renew_if_due()
    return opened


def open_trial(service: Service, credentials: dict[str, Any], settings: Mapping[str, str]) -> Opened:
    """The same for credentials nobody has stored yet."""
    told = AppSettings.of(service).get("limits")
    limits = parse_limits(told) if told else service.limits_for(settings)
    opened = _open(service, Keys(service, None, credentials, settings), settings, f"{service.key}:trial", limits)
    db.session.rollback()
    return opened


def _open(
    service: Service, keys: Keys, settings: Mapping[str, str], budget_key: str, limits: tuple[Limit, ...],
    should_stop: Callable[[], bool] = lambda: False,
) -> Opened:  # fmt: skip
    config = current_app.config["SETTINGS"]
    budget = Budget(budget_key, limits, open_store(config.database_url, config.INSTANCE_DIR / "limits"))
    upstream = Upstream(
        service=service, base_url=keys.app.base_url(service, settings), settings=settings, authorize=keys.headers,
        budget=budget, record=keys.recorder if config.RECORD_CALLS else None,
        refresh=keys.renew if keys.renewable else None, secrets=keys.secrets, deadline_s=config.CALL_DEADLINE_SECONDS,
        max_bytes=int(config.MAX_ANSWER_MIB * 1024 * 1024), insecure=keys.insecure, should_stop=should_stop,
    )  # fmt: skip
    return Opened(service, upstream, keys.recorder, budget, keys.connection_id, keys.revocable, keys.revoke)


def budget_seen(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the upstream's headers last said, as the pages' column keeps it; empty when nothing is known."""
    return {**orjson.loads(orjson.dumps(dict(state))), "at": clock.now().isoformat()} if state else {}
