"""Where a connection's events are told: the address, checked before it is kept, and the secret that signs."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from flask import current_app
from sqlalchemy import delete, select, update

from ... import clock
from ...errors import Conflict, InvalidInput, SealBroken
from ...models import Connection, WebhookMessage, WebhookTarget, db
from ...transport import outside, standard_webhooks
from .. import audit
from ..sealed import vault

OLD_SECRET_FOR = timedelta(hours=24)  # after a new one is made, both sign


def of(connection_id: int) -> WebhookTarget | None:
    """The target of a connection; None when nothing is told."""
    return db.session.scalar(select(WebhookTarget).where(WebhookTarget.connection_id == connection_id))


def checked(url: str, field: str = "webhookUrl") -> str:
    """The address, when it may be called. Raises InvalidInput saying why it may not."""
    try:
        insecure = current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS
        return outside.look(url.strip(), insecure=insecure).url
    except InvalidInput as error:
        raise InvalidInput(str(error), field=field) from None


def set_url(connection: Connection, url: str | None, *, by: str) -> str | None:
    """Tell events to a checked address from now on, or to none; the secret when one was made. The caller commits."""
    target, now = of(connection.id), clock.now()
    before = target.url if target else None
    if not url:
        if target:
            db.session.delete(target)
            unsent = (WebhookMessage.connection_id == connection.id, WebhookMessage.state.in_(("pending", "sending")))
            db.session.execute(delete(WebhookMessage).where(*unsent))
            audit.about("webhook address removed", connection, actor=by)
        return None
    if url == before:
        return None
    audit.about("webhook address set", connection, actor=by)  # not the address: it may hold a secret of theirs
    if target:
        target.url, target.updated_at, target.failed_at, target.failure = url, now, None, None
        return None
    secret = standard_webhooks.new_secret()
    db.session.add(WebhookTarget(
        connection_id=connection.id, url=url, secret=_sealed(connection.id, secret), looked_until=now, created_at=now,
        updated_at=now,
    ))  # fmt: skip
    db.session.flush()
    return secret


def new_secret(connection: Connection, *, by: str) -> str:
    """Make another secret; for a day the old one signs, too, where a key still opens it.

    Raises Conflict when nothing is told anywhere.
    """
    target = of(connection.id)
    if target is None:
        raise Conflict("Set the address first: without one there is nothing to sign.")
    secret, until = standard_webhooks.new_secret(), clock.now() + OLD_SECRET_FOR
    signing = secret
    with suppress(SealBroken):
        signing = f"{secret} {keys_of(target)[0]} {until.isoformat()}"
    target.secret = _sealed(connection.id, signing)
    target.updated_at = clock.now()
    audit.about("webhook secret replaced", connection, actor=by)
    db.session.commit()
    return secret


def keys_of(target: WebhookTarget) -> list[str]:
    """The secrets that sign now, the newest first."""
    parts = vault().open(f"webhook_target:{target.connection_id}", target.secret).split()
    if len(parts) == 3 and (until := clock.parse(parts[2])) and until > clock.now():
        return parts[:2]
    return parts[:1]


def try_again(connection: Connection, *, by: str) -> int:
    """Send what was given up once more; how many messages."""
    given_up = (WebhookMessage.connection_id == connection.id, WebhookMessage.state == "dead")
    again = update(WebhookMessage).where(*given_up)
    count = db.session.execute(again.values(state="pending", tries=0, due_at=clock.now(), ended_at=None)).rowcount  # type: ignore[attr-defined]
    if target := of(connection.id):
        target.failed_at = target.failure = None
    audit.about("webhook messages sent again", connection, actor=by, count=count)
    db.session.commit()
    return count


def _sealed(connection_id: int, text: str) -> str:
    return vault().seal(f"webhook_target:{connection_id}", text)
