"""The secrets that prove deliveries: sealed in their subscriptions, two at a time while one is rolled (H2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ... import clock
from ...errors import SealBroken
from ...models import WebhookSubscription, db
from ...services.base import Service, Webhook
from ..sealed import vault
from .app_settings import AppSettings


@dataclass(frozen=True)
class Hook:
    """One secret a delivery may be proved with, and whose it is."""

    secret: str
    connection_id: int | None = None  # none: the sender's published key, which is nobody's in particular
    subscription_id: int | None = None
    topic: str = ""


def hooks_of(session: Session, service: Service, webhook: Webhook, connection_ids: Iterable[int]) -> list[Hook]:
    """Everything that may prove a delivery to these connections; empty means that none can (H2)."""
    if webhook.published_keys:
        told = AppSettings.of(service).get("webhook_key")
        db.session.rollback()  # nothing is held open
        return [Hook(key.strip()) for key in (told.split(",") if told else webhook.published_keys)]
    now = clock.now()
    return [
        Hook(secret, row.connection_id, row.id, row.topic)
        for row in session.execute(_LIVE, {"connections": list(connection_ids)})
        for secret in _secrets(row, now)
    ]


# Made once: this stands between a sender and its answer.
_LIVE = select(
    WebhookSubscription.id, WebhookSubscription.connection_id, WebhookSubscription.topic, WebhookSubscription.secret,
    WebhookSubscription.old_secret, WebhookSubscription.old_until,
).where(
    WebhookSubscription.connection_id.in_(bindparam("connections", expanding=True)),
    WebhookSubscription.state != "unwanted",
)  # fmt: skip


def _secrets(row: Any, now: datetime) -> list[str]:
    old = row.old_secret if row.old_until and row.old_until > now else None
    return [opened for sealed in (row.secret, old) if sealed and (opened := _opened(row.id, sealed))]


def _opened(number: int, sealed: str) -> str | None:
    """None when no key opens it: then it proves nothing, and the page says so."""
    try:
        return _unsealed(vault(), f"webhook:{number}", sealed)
    except SealBroken:
        return None


@lru_cache(maxsize=4096)
def _unsealed(opener, owner: str, sealed: str) -> str:
    return opener.open(owner, sealed)


def secret_of(row: WebhookSubscription) -> str | None:
    """The secret of one subscription; None when it has none, or no key opens it."""
    return _opened(row.id, row.secret) if row.secret else None


def set_secret(row: WebhookSubscription, secret: str, *, old_until: datetime | None = None) -> None:
    """Give a subscription a new secret, in the caller's transaction. The row must have its number.

    old_until: until when what was signed with the one before counts too.
    """
    if secret_of(row) == secret:
        return
    row.old_secret, row.old_until = (row.secret, old_until) if row.secret and old_until else (None, None)
    row.secret = vault().seal(f"webhook:{row.id}", secret)
