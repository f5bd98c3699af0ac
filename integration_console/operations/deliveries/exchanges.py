"""A sender hands us its secret: taken only in an exchange we began ourselves, minutes ago (H6)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import clock
from ...errors import Unproved
from ...models import WebhookSubscription
from ...transport.paging import dig
from ..accounts.hook_secrets import secret_of, set_secret

BEGUN_WITHIN = timedelta(minutes=10)
SHORTEST, LONGEST = 8, 500
_NUMBER_AT = ("data.id", "webhook_id", "meta.webhook_id", "id")  # the manual says that it is there, not where


def take(session: Session, connection_ids: Iterable[int], secret: str, body: Any) -> str:
    """Keep the secret with the hook it is for, in the caller's transaction; the word to send back.

    Raises Unproved when we asked for nothing, for another hook, or know better from the service itself.
    """
    if not (SHORTEST <= len(secret) <= LONGEST and secret.isascii() and secret.isprintable()):
        raise Unproved("The secret of the exchange is none.")
    row = _asked_for(session, list(connection_ids), body)
    known = secret_of(row)
    if known is None:
        set_secret(row, secret)
    elif not hmac.compare_digest(known.encode(), secret.encode()):
        raise Unproved("The service itself told us another secret.")
    if row.external_id:
        row.state, row.message = "active", None
    return secret


def _asked_for(session: Session, connection_ids: list[int], body: Any) -> WebhookSubscription:
    """The hook we are making. Its number may not have been told to us yet: then there is only one such."""
    begun = (WebhookSubscription.state == "asked", WebhookSubscription.asked_at > clock.now() - BEGUN_WITHIN)
    query = select(WebhookSubscription).where(WebhookSubscription.connection_id.in_(connection_ids), *begun)
    rows = list(session.scalars(query.with_for_update()))
    numbers = {str(number) for at in _NUMBER_AT if (number := dig(body, at)) is not None}
    named = [row for row in rows if row.external_id in numbers] if numbers else []
    unnumbered = [row for row in rows if row.external_id is None]
    found = named or unnumbered or ([] if numbers else rows)
    if len(found) != 1:
        raise Unproved("No exchange of a secret is under way.")
    return found[0]
