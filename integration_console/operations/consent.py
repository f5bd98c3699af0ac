"""Sending a person away for consent (OAuth) and taking them back: each consent good once, for one browser."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from flask import current_app
from sqlalchemy import update

from .. import clock, services
from ..errors import InvalidInput, NeedsPerson
from ..models import Connection, OAuthState, db
from ..storage.transactions import Recorder
from ..transport import auth
from ..transport.tokens import TokenEndpoint
from . import connections
from .app_settings import AppSettings
from .sealed import kept, vault

GOOD_FOR = timedelta(minutes=10)


def available(service_key: str) -> bool:
    """Whether the service's application is set up well enough to ask for consent."""
    app = AppSettings.of(services.by_key(service_key))
    return bool(app.get("client_id") and app.get("client_secret"))


def begin(
    service_key: str,
    *,
    name: str,
    settings: Mapping[str, str],
    by: str,
    session_hash: str,
    connection: Connection | None = None,
    permissions: tuple[str, ...] | None = None,
) -> str:
    """The address to send the browser to. `session_hash` ties the way back to the same signed-in browser (X7).

    Raises InvalidInput when the service's application is not set up.
    """
    service = services.by_key(service_key)
    app = AppSettings.of(service)
    if not available(service_key):
        raise InvalidInput(
            f"The {service.label} application is not set up yet: "
            "enter its client id and secret under Settings, Services.",
            field="service",
        )
    settings = {name: value for name, value in settings.items() if value}
    state = random.token_urlsafe(32)
    way, client = app.way(service, settings), app.client(service)
    way = replace(way, scopes=permissions) if permissions else way
    insecure = current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS
    address, verifier = auth.authorize_address(way, client, state=state, insecure=insecure)
    db.session.add(OAuthState(
        state_hash=_hash(state), session_hash=session_hash, service=service.key, name=name, settings=settings,
        connection_id=connection.id if connection else None, redirect_uri=client.redirect_uri, asked_by=by,
        verifier=vault().seal(f"oauth:{_hash(state)}", verifier) if verifier else None,
        expires_at=clock.now() + GOOD_FOR,
    ))  # fmt: skip
    db.session.commit()
    return address


def finish(service_key: str, *, state: str, code: str, error: str, session_hash: str) -> Connection:
    """Take the person back: exchange the code, prove the account, keep or renew the connection.

    Raises InvalidInput for a state that is unknown, used, too old or another browser's (no token call is made then),
    NeedsPerson when consent was refused, WrongAccount when another account consented.
    """
    asked = _spend(service_key, state, session_hash)
    service = services.by_key(asked.service)
    if error or not code:
        raise NeedsPerson(
            f"{service.label} did not give its consent ({error or 'no code came back'}). Nothing was changed."
        )
    given = _exchange(asked, code)
    settings = asked.settings | {k: v for k, v in _told(service, given).items() if k not in asked.settings}
    if asked.connection_id:
        connection = connections.find(asked.connection_id)
        return connections.reconnect(connection, given, by=asked.asked_by or "")
    return connections.add(service.key, name=asked.name, credentials=given, settings=settings, by=asked.asked_by or "")


def _spend(service_key: str, state: str, session_hash: str) -> OAuthState:
    asked = db.session.query(OAuthState).filter_by(state_hash=_hash(state), service=service_key).one_or_none()
    spent = 0
    if asked is not None and asked.session_hash == session_hash and asked.expires_at > clock.now():
        unused = (OAuthState.id == asked.id, OAuthState.used_at.is_(None))
        spent = db.session.execute(update(OAuthState).where(*unused).values(used_at=clock.now())).rowcount  # type: ignore[attr-defined]
    db.session.commit()
    if asked is None or not spent:
        raise InvalidInput("This consent is unknown, used already or too old. Please begin again.", field="state")
    return asked


def _exchange(asked: OAuthState, code: str) -> dict:
    service = services.by_key(asked.service)
    app = AppSettings.of(service)
    way, client = app.way(service, asked.settings), replace(app.client(service), redirect_uri=asked.redirect_uri)
    verifier = vault().open(f"oauth:{asked.state_hash}", asked.verifier) if asked.verifier else None
    recorder = Recorder(None, None, service.key)
    insecure = current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS
    endpoint = TokenEndpoint(
        service=service, url=way.token_url, record=recorder, secrets=[client.secret, code], insecure=insecure
    )
    db.session.rollback()  # nothing is held open while we wait for the service (D5)
    try:
        return kept(auth.exchange(endpoint, way, client, code, verifier=verifier))
    finally:
        recorder.flush(db.session())
        db.session.commit()


def _told(service, given: Mapping) -> dict[str, str]:
    """Settings that come with the tokens, such as the location a person chose."""
    return {ours: str(given[theirs]) for theirs, ours in service.token_settings.items() if given.get(theirs)}


def _hash(state: str) -> str:
    return sha256(state.encode()).hexdigest()
