"""A knock at the door: who is it, is it proved, keep it once, answer. The work comes later, in deliveries.py (H1).

Nothing here calls an upstream, and nothing is answered well before it is committed. What cannot be proved is refused
in one way, whether the connection exists or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import orjson
from flask import current_app
from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ... import clock, services
from ...errors import BadAnswer, Malformed, Unproved
from ...models import Connection, db, reading
from ...services.base import Answer, Event, Notice, Service, Webhook
from ...storage.storable import without_nul
from ...storage.transactions import Recorder
from ...transport.call import Attempt, new_key
from ...transport.redact import Redactor
from ..accounts.app_settings import AppSettings
from ..accounts.hook_secrets import Hook, hooks_of
from ..people import throttle
from . import exchanges
from .inbox import Letter, keep

MOST_EVENTS = 5_000  # in one body

# Made once: this stands between a sender and its answer.
_OF_SERVICE = select(Connection).where(Connection.service == bindparam("service"), Connection.status != "removed")
_OF_KEY = _OF_SERVICE.where(Connection.key == bindparam("connection_key"))


@dataclass(frozen=True)
class Knock:
    """One request at the webhook door, as it came."""

    host: str
    headers: Mapping[str, str]
    body: bytes
    began: float = field(default_factory=clock.monotonic)


@dataclass(frozen=True)
class Reply:
    """What is answered well: nothing, or a word the sender wants back."""

    word: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Door:
    """Where it was knocked: a service, and the connections it may be for."""

    service: Service
    webhook: Webhook
    connections: list[Connection]
    hooks: list[Hook]


def receive(service_key: str, connection_key: str | None, knock: Knock) -> Reply:
    """Take one delivery. When this returns, it is committed.

    connection_key: None where the address names only the service; the secret that fits then tells whose it is.
    Raises Unproved, Malformed, TooMany; what shows that our database is away passes on, and nothing was kept.
    """
    door = _door(service_key, connection_key)
    try:
        return _let_in(door, knock)
    except (Unproved, Malformed) as error:
        _note_refusal(door, knock, error)
        raise


def _door(service_key: str, connection_key: str | None) -> _Door:
    service = services.every().get(service_key)
    if service is None or service.webhook is None:
        raise Unproved("No such service calls us.")
    with reading(), Session(db.engine, expire_on_commit=False) as session:
        which = _OF_SERVICE if connection_key is None else _OF_KEY
        connections = list(
            session.scalars(which, {"service": service.key, "connection_key": without_nul(connection_key)})
        )
        if not connections:
            raise Unproved("There is no such connection.")
        hooks = hooks_of(session, service, service.webhook, [connection.id for connection in connections])
    return _Door(service, service.webhook, connections, hooks)


def _let_in(door: _Door, knock: Knock) -> Reply:
    if door.webhook.exchange and (brought := _header(knock.headers, door.webhook.exchange)) is not None:
        return _exchange(door, knock, brought)
    hook = _proved(door, knock)
    notice = Notice(knock.body, knock.headers, _parsed(knock.body), hook.topic)
    if (word := _said(lambda: door.webhook.challenge(notice))) is not None:
        return Reply(str(word))
    events = _said(lambda: _events(door.webhook, notice))
    here = next((one for one in door.connections if hook.connection_id in (None, one.id)), door.connections[0])
    for key in _counted_for(door, here, events):
        throttle.spend(f"webhooks:{key}", current_app.config["SETTINGS"].WEBHOOKS_PER_MINUTE)
    client_id = _client_id(door.service) if any(event.app for event in events) else None
    letter = Letter(
        door.service, door.webhook, here, hook.subscription_id, knock.headers, knock.body, new_key(), client_id
    )
    redactor = _redactor(tuple(one.secret for one in door.hooks if not door.webhook.published_keys))
    with Session(db.engine) as session, session.begin():
        _note(session, door, knock, letter.call_key, redactor, here=here, kind=events[0].kind if events else "")
        keep(session, letter, events, redactor)
    return Reply()


def _counted_for(door: _Door, here: Connection, events: list[Event]) -> list[str]:
    """The keys of the connections a body speaks of: where one address serves many accounts, each has its own number."""
    others = {without_nul(event.account) for event in events if event.account and event.account != here.account_id}
    if not door.webhook.shared or not others:
        return [here.key]
    named = select(Connection.key).where(
        Connection.service == door.service.key, Connection.account_id.in_(others), Connection.status != "removed"
    )
    with reading(), Session(db.engine) as session:
        return sorted(session.scalars(named)) or [here.key]


def _proved(door: _Door, knock: Knock) -> Hook:
    if not door.hooks:
        raise Unproved("No secret is known for this connection.")
    secrets = list(dict.fromkeys(hook.secret for hook in door.hooks))
    fitting = door.webhook.signature.prove(knock.body, knock.headers, secrets, clock.now())
    return next(hook for hook in door.hooks if hook.secret == fitting)


def _exchange(door: _Door, knock: Knock, brought: str) -> Reply:
    try:
        body = _parsed(knock.body) if knock.body else {}
    except Malformed:
        raise Unproved("The body of the exchange cannot be read.") from None
    with Session(db.engine) as session, session.begin():
        back = exchanges.take(session, [connection.id for connection in door.connections], brought, body)
    return Reply(headers={door.webhook.exchange: back})


def _events(webhook: Webhook, notice: Notice) -> list[Event]:
    events = list(webhook.events(notice))
    if len(events) > MOST_EVENTS:
        raise ValueError("too many events")
    return events


def _client_id(service: Service) -> str | None:
    with reading():
        found = AppSettings.of(service).get("client_id")
        db.session.rollback()
    return found


def _said(read):
    """What a service's own function makes of a proved body. Raises Malformed when it makes nothing of it."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, OSError):
        # The last two: a moment so far off that no calendar has it.
        raise Malformed("The delivery is not of the form its sender's documents say.") from None


def _parsed(body: bytes):
    try:
        data = Answer(200, {}, body).data
    except BadAnswer:
        raise Malformed("The body is no JSON.") from None
    if not isinstance(data, dict | list):
        raise Malformed("The body is no JSON object or list.")
    return data


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)


@lru_cache(maxsize=512)
def _redactor(secrets: tuple[str, ...]) -> Redactor:
    return Redactor(secrets)


# -- the log of calls --------------------------------------------------------------------------------------------------


def _note_refusal(door: _Door, knock: Knock, error: Unproved | Malformed) -> None:
    """So that somebody can see why nothing arrives. Without the body: nobody knows whose it is."""
    if len(door.connections) != 1:
        return
    try:
        with Session(db.engine) as session, session.begin():
            status = 400 if isinstance(error, Malformed) else 401
            _note(session, door, knock, new_key(), _redactor(()), here=door.connections[0], status=status,
                  error=str(error))  # fmt: skip
    except SQLAlchemyError:
        db.session.rollback()  # the refusal itself stands


def _note(
    session: Session, door: _Door, knock: Knock, call_key: str, redactor: Redactor, *, here: Connection,
    status: int = 200, error: str | None = None, kind: str = "",
) -> None:  # fmt: skip
    """The call as a transaction, in the session's own."""
    path = f"/webhooks/{door.service.key}/{{connection}}"
    kept, cut = ("", False) if error else redactor.body(knock.body, "application/json")
    recorder = Recorder(here.id, None, door.service.key, direction="in")
    recorder(
        Attempt(
            call_key=call_key, attempt=1, service=door.service.key, resource=None, method="POST", host=knock.host[:255],
            path_template=path, url=path + (f"#{redactor.text(kind)}" if kind else ""), status=status,
            outcome="refused" if error else "ok", error=error, started_at=clock.now(),
            duration_ms=(clock.monotonic() - knock.began) * 1000, waited_ms=0.0, request_bytes=len(knock.body),
            response_bytes=0, request_headers=orjson.dumps(redactor.headers(knock.headers)).decode(),
            request_body=kept or None, body_cut=cut,
        )
    )  # fmt: skip
    recorder.flush(session)
