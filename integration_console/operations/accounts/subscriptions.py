"""Our hooks at the services, as people ask for them (H5, H6).

What is noted here the worker does, in tending.py. Where a service has no API for it, a person registers the address
there and brings the secret here.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from flask import current_app
from sqlalchemy import delete, select, update

from ... import clock, services
from ...errors import Conflict, InvalidInput, Missing
from ...models import Connection, Delivery, WebhookSubscription, db
from ...services.base import Registrar, Webhook
from .. import audit, outbound
from . import accounts
from .hook_secrets import set_secret

IN_TRANSIT = timedelta(minutes=2)  # how long what was sent before a hook's secret changed may take
OVERLAP = timedelta(hours=24)  # how long the secret before counts too, when a person rolls it
SHORTEST, LONGEST = 8, 1_000
OFF = "webhooks_off"  # in a connection's settings
BY_HAND = ""  # the topic of a hook that a person registered there


def address(connection: Connection) -> str:
    """Where its deliveries are sent."""
    base = current_app.config["SETTINGS"].BASE_URL.rstrip("/")
    return f"{base}/webhooks/{connection.service}/{connection.key}"


def of(connection: Connection) -> list[WebhookSubscription]:
    """Its hooks, in the order they were asked for."""
    query = select(WebhookSubscription).filter_by(connection_id=connection.id)
    return list(db.session.scalars(query.order_by(WebhookSubscription.id)))


def webhook_of(connection: Connection) -> Webhook:
    """How its service calls us. Raises Conflict when it does not."""
    service = services.by_key(connection.service)
    if service.webhook is None:
        raise Conflict(f"{service.label} has no webhooks. It is read on schedule.")
    return service.webhook


def in_words(connection: Connection) -> str:
    """How its service tells us of changes, and how many hooks it may have, for its preflight."""
    webhook = services.by_key(connection.service).webhook
    if webhook is None:
        return "none, it is read on schedule"
    there = sum(row.state != "unwanted" for row in of(connection))
    if webhook.registrar and (most := webhook.registrar.slots(connection.settings)):
        return f"{there} of the {most} its plan allows, one for each event"
    if webhook.registrar:
        return f"{there} registered" if there else "none registered yet"
    return "its secret is entered" if there else "set up by hand at the service"


# -- what people ask for ----------------------------------------------------------------------------------------------


def register(connection: Connection, *, by: str) -> int:
    """Ask for a hook of every kind of change we read and the account may have; how many are new.

    Raises Conflict where a person has to register them at the service.
    """
    registrar = _registrar(connection)
    there = {row.topic: row for row in of(connection)}
    asked = 0
    for topic in _topics(connection, registrar):
        row = there.get(topic)
        if row is not None and row.state in ("wanted", "asked", "active"):
            continue
        row = row or WebhookSubscription(connection_id=connection.id, topic=topic)
        want(row, connection, by)
        db.session.add(row)
        asked += 1
    _remember(connection, off=False)
    audit.about("webhooks asked for", connection, actor=by, hooks=asked)
    db.session.commit()
    return asked


def unregister(connection: Connection, *, by: str) -> None:
    """Ask for all of them to be taken away, and forget what a person brought."""
    for row in of(connection):
        if row.external_id is None:
            db.session.delete(row)
            continue
        row.state, row.next_try_at = "unwanted", None
        row.secret = row.old_secret = None
    _remember(connection, off=True)
    audit.about("webhooks given up", connection, actor=by)
    db.session.commit()


def renew(row: WebhookSubscription, *, by: str) -> None:
    """Have it renewed or made anew at the next look, without waiting for its time."""
    row.next_try_at = row.looked_at = None
    if row.state != "active":
        row.state = "wanted"
    elif row.expires_at:
        row.expires_at = clock.now() + timedelta(minutes=1)  # so that it is due, and not over
    audit.add("webhook renewal asked for", row.topic or "by hand", actor=by, connection=row.connection_id)
    db.session.commit()


def enter_secret(connection: Connection, secret: str, *, by: str) -> None:
    """Keep the signing secret a person brings from the service; the one before counts for another day (H2).

    Raises InvalidInput when it cannot be one.
    """
    webhook, secret = webhook_of(connection), secret.strip()
    if not webhook.secret:
        raise Conflict("This service's secrets are not entered by hand.")
    if not SHORTEST <= len(secret) <= LONGEST or any(ord(c) < 33 or ord(c) > 126 for c in secret):
        raise InvalidInput(f"{webhook.secret} has {SHORTEST} characters or more, no spaces.", field="secret")
    row = next((row for row in of(connection) if row.topic == BY_HAND), None)
    row = row or WebhookSubscription(connection_id=connection.id, topic=BY_HAND)
    row.url, row.state, row.asked_by, row.asked_at, row.message = address(connection), "active", by, clock.now(), None
    db.session.add(row)
    db.session.flush()
    set_secret(row, secret, old_until=clock.now() + OVERLAP)
    audit.about("webhook secret entered", connection, actor=by)
    db.session.commit()


def rotate(row: WebhookSubscription, *, by: str) -> None:
    """Have the service give a hook a new secret. Raises what it says, and OutboundPaused since a restore."""
    outbound.refuse_while_held()
    connection, number = row.connection, row.id
    registrar = _registrar(connection)
    if not registrar.rotates or not row.external_id:
        raise Conflict("This hook gets a new secret only by being made anew.")
    external_id = row.external_id
    with accounts.calling(connection) as opened:
        new = registrar.rotate(opened.upstream, external_id)
    row = db.session.get_one(WebhookSubscription, number)
    if new.secret:
        set_secret(row, new.secret, old_until=clock.now() + IN_TRANSIT)  # what is on its way bears the old one
    audit.add("webhook secret rotated", row.topic, actor=by, connection=row.connection_id)
    db.session.commit()


def find(connection: Connection, subscription_id: int) -> WebhookSubscription:
    """One of a connection's hooks. Raises Conflict when it is gone."""
    row = db.session.get(WebhookSubscription, subscription_id)
    if row is None or row.connection_id != connection.id:
        raise Conflict("This hook is no longer there.")
    return row


def want(row: WebhookSubscription, connection: Connection, by: str | None) -> None:
    """Note that it is to be made, in the caller's transaction."""
    row.state, row.message, row.url = "wanted", None, address(connection)
    row.asked_by, row.asked_at, row.next_try_at, row.expires_at = by, clock.now(), None, None


def _remember(connection: Connection, *, off: bool) -> None:
    """Whether a person gave the hooks up: then nothing makes them by itself."""
    others = {name: value for name, value in connection.settings.items() if name != OFF}
    connection.settings = {**others, OFF: True} if off else others


def _registrar(connection: Connection) -> Registrar:
    webhook = webhook_of(connection)
    if webhook.registrar is None:
        raise Conflict(f"{services.by_key(connection.service).label} lets webhooks be registered only by hand.")
    return webhook.registrar


def _topics(connection: Connection, registrar: Registrar) -> list[str]:
    off = set(connection.settings.get("resources_off", ()))
    return [topic for topic in registrar.wanted(connection.settings) if registrar.topics[topic] not in off]


def take_away_all(connection: Connection) -> str:
    """Before a connection is removed: its hooks go while its access still works. Tells how that went, if it did not.

    Raises nothing: removal must not depend on the other side.
    """
    rows = of(connection)
    there = [row.external_id for row in rows if row.external_id]
    webhook, said = services.by_key(connection.service).webhook, ""
    try:
        if there and webhook and webhook.registrar:
            opened = accounts.open_account(connection)  # also of one that is paused
            for external_id in there:
                with suppress(Missing):
                    webhook.registrar.remove(opened.upstream, external_id)
            opened.recorder.flush(db.session())
            db.session.commit()
    except Exception as error:
        db.session.rollback()
        said = f"Its webhooks are still registered there: {error}"
    db.session.execute(delete(WebhookSubscription).where(WebhookSubscription.connection_id == connection.id))
    drop_deliveries(connection.id)
    db.session.commit()
    return said


def drop_deliveries(connection_id: int) -> None:
    """Nothing is done any more with what a removed connection was told."""
    waiting = (Delivery.connection_id == connection_id, Delivery.state.in_(("waiting", "reading")))
    gone = {"state": "ignored", "outcome": "The connection was removed.", "done_at": clock.now()}
    db.session.execute(update(Delivery).where(*waiting).values(**gone))
