"""Sending a person away for consent (OAuth) and taking them back: each consent good once, for whoever began it.

A page begins one bound to its browser; the API begins one bound to its caller, and `returns.py` says where that
caller's browser goes afterwards. Where the tokens open several accounts, or one that is connected already, they wait
sealed until a person has chosen.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import orjson
from flask import current_app
from sqlalchemy import update

from ... import clock, services
from ...errors import AlreadyConnected, InvalidInput, NeedsPerson, WrongAccount
from ...models import Connection, OAuthState, db
from ...services.base import Account, OAuth, Service
from ...storage.transactions import Recorder
from ...transport import auth
from ...transport.tokens import TokenEndpoint
from ..sealed import kept, vault
from . import connections, proof, returns
from .app_settings import AppSettings

GOOD_FOR = timedelta(minutes=10)


@dataclass(frozen=True)
class Leaving:
    """A consent that was begun."""

    address: str  # where to send the browser
    state: str  # our own, which it comes back with


@dataclass(frozen=True)
class Returned:
    """How a consent came out."""

    asked: OAuthState  # return_to, their_state, by_program: where the browser goes next
    connection: Connection | None  # None while a person still has to choose


def available(service_key: str) -> bool:
    """Whether the service's application is set up well enough to ask for consent."""
    app = AppSettings.of(services.by_key(service_key))
    return bool(app.get("client_id") and app.get("client_secret"))


def program(owner: str) -> str:
    """What binds a consent to a caller of the API, as `bound_to`; the owner is whoever its tokens belong to."""
    return sha256(f"program:{owner}".encode()).hexdigest()


def begin(
    service_key: str, *, name: str, settings: Mapping[str, str], by: str, bound_to: str, by_program: bool = False,
    connection: Connection | None = None, permissions: Iterable[str] = (), return_to: str = "", their_state: str = "",
) -> Leaving:  # fmt: skip
    """Begin a consent: where to send the browser, and the state it comes back with.

    bound_to: 64 characters that only whoever began it has at the end too: a browser session's, or `program(owner)`
    with by_program. connection: renew this one. permissions: the scopes to ask for; the declared ones when empty.
    return_to: an address registered with us where the browser goes in the end, with their_state given back to it.
    Raises InvalidInput when the service's application is not set up, the name is none, a permission is none of the
    service's, or return_to is not registered.
    """
    service = services.by_key(service_key)
    app = AppSettings.of(service)
    if not available(service_key) and services_consent(service):
        raise InvalidInput(
            f"The {service.label} application is not set up yet: "
            "enter its client id and secret under Settings, Services.",
            field="service",
        )
    name, settings = proof.checked_name(name), {key: value for key, value in settings.items() if value}
    state = random.token_urlsafe(32)
    way, client = app.way(service, settings), app.client(service)
    scopes = checked_permissions(service, permissions, connection)
    returns.check(return_to)
    insecure = current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS
    address, verifier = auth.authorize_address(way, client, state=state, scopes=scopes, insecure=insecure)
    db.session.add(OAuthState(
        state_hash=_hash(state), session_hash=bound_to, by_program=by_program, service=service.key, name=name,
        settings=settings, permissions=list(scopes), connection_id=connection.id if connection else None,
        redirect_uri=client.redirect_uri, asked_by=by, return_to=return_to or None, their_state=their_state or None,
        verifier=vault().seal(f"oauth:{_hash(state)}", verifier) if verifier else None,
        expires_at=clock.now() + GOOD_FOR,
    ))  # fmt: skip
    db.session.commit()
    return Leaving(address, state)


def services_consent(service: Service) -> OAuth | None:
    """How a service asks for consent; None when it is connected with a key only."""
    return next((way for way in service.ways if isinstance(way, OAuth)), None)


def checked_permissions(
    service: Service, wanted: Iterable[str], connection: Connection | None = None
) -> tuple[str, ...]:
    """The scopes to ask for: those wanted, else what the connection was asked for before, else the declared ones.

    Raises InvalidInput for one the service does not have, and where one is left out without which no account is told:
    people would give their consent for nothing.
    """
    way, wanted = services_consent(service), tuple(dict.fromkeys(wanted))
    if way is None:
        return ()
    told = tuple((AppSettings.of(service).get("scopes") or "").split())
    known = (*way.scopes, *way.optional_scopes, *told)
    for each in wanted:
        if each not in known:
            there = f"There are: {', '.join(known)}." if known else "What it may do is decided in its application."
            raise InvalidInput(f"{service.label} has no permission {each[:100]!r}. {there}", field="permissions")
    if wanted and (missing := next((each for each in way.needed if each not in wanted), None)):
        raise InvalidInput(
            f"{service.label} cannot be connected without the permission {missing}: without it "
            f"{way.stops_without.get(missing, 'the account cannot be told')}.",
            field="permissions",
        )
    before = tuple(each for each in connection.permissions if each in known) if connection else ()
    return wanted or before or told or way.scopes


# -- the way back ------------------------------------------------------------------------------------------------------


def of(service_key: str, state: str) -> OAuthState | None:
    """The consent of that state as it was begun, spent or not: whose it is, and where its browser goes in the end."""
    return db.session.query(OAuthState).filter_by(state_hash=_hash(state), service=service_key).one_or_none()


def finish(
    service_key: str, *, state: str, code: str, error: str, bound_to: str, told: Mapping[str, str] | None = None,
    iss: str = "",
) -> Returned:  # fmt: skip
    """Take the person back: exchange the code, prove the account, keep or renew the connection.

    told: everything the address came back with, for services that tell the account there; iss: who says it speaks.
    Where several accounts could be meant, or the one is connected already, nothing is kept yet: see `choose`.
    Raises InvalidInput for a state that is unknown, used, too old or somebody else's (no token call is made then),
    NeedsPerson when consent was refused, WrongAccount when another account consented.
    """
    asked = _spend(service_key, state, bound_to)
    service = services.by_key(asked.service)
    if error or not code:
        raise NeedsPerson(
            f"{service.label} did not give its consent ({error or 'no code came back'}). Nothing was changed."
        )
    way = AppSettings.of(service).way(service, asked.settings)
    _check_issuer(service, way, iss)
    given = _exchange(asked, service, way, code)
    said = _said(service, way, given, told or {})
    if asked.connection_id:
        return Returned(asked, _renew(asked, given, said))
    settings = said | asked.settings
    checked = proof.Given(
        service, proof.checked_name(asked.name), given, proof.checked_settings(service, settings, given),
        tuple(asked.permissions),
    )  # fmt: skip
    found = proof.accounts(service, given, checked.settings)
    left = proof.fitting(found, checked.settings) or found
    if len(left) > 1 or connections.twin_of(service.key, left[0].id):
        _let_wait(asked, checked, left)
        return Returned(asked, None)
    return Returned(asked, connections.keep(checked, left[0], by=asked.asked_by or "", again=False))


def choose(service_key: str, *, state: str, account_id: str, bound_to: str, again: bool = False) -> Returned:
    """Keep the account a person chose of those their consent opens.

    again: they know that it is connected already and want a second connection.
    Raises InvalidInput when there is nothing to choose any more or no such account, AlreadyConnected without `again`.
    """
    asked = waiting(service_key, state, bound_to)
    found = next((Account(**one) for one in asked.choices if one["id"] == account_id), None)
    if found is None:
        raise InvalidInput("Choose one of the accounts.", field="account")
    if not again and (twin := connections.twin_of(service_key, account_id)):
        raise AlreadyConnected(connections.twin_told(found, twin), details={"connections": [twin.id]})
    sealed = asked.pending
    stored = orjson.loads(vault().open(_waits_as(asked), sealed or ""))
    ours = (OAuthState.id == asked.id, OAuthState.pending == sealed)
    taken = db.session.execute(update(OAuthState).where(*ours).values(pending=None, choices=[])).rowcount  # type: ignore[attr-defined]
    if not taken:
        raise _too_late()
    given = proof.Given(
        services.by_key(service_key), asked.name, stored["credentials"], stored["settings"], tuple(asked.permissions)
    )
    return Returned(asked, connections.keep(given, found, by=asked.asked_by or "", again=True))


def waiting(service_key: str, state: str, bound_to: str) -> OAuthState:
    """A consent that waits for the choice of an account, in its `choices`. Raises InvalidInput when there is none."""
    asked = of(service_key, state)
    if asked is None or asked.session_hash != bound_to or not asked.pending or asked.expires_at <= clock.now():
        raise _too_late()
    return asked


def _let_wait(asked: OAuthState, given: proof.Given, found: list[Account]) -> None:
    """Keep the tokens sealed until a person has chosen, for ten minutes from now."""
    stored = orjson.dumps({"credentials": given.credentials, "settings": given.settings}).decode()
    asked.pending = vault().seal(_waits_as(asked), stored)
    asked.choices = [
        {
            "id": a.id, "name": a.name, "facts": dict(a.facts), "scopes": list(a.scopes), "settings": dict(a.settings),
        }
        for a in found
    ]  # fmt: skip
    asked.expires_at = clock.now() + GOOD_FOR
    db.session.commit()


def _waits_as(asked: OAuthState) -> str:
    return f"oauth:{asked.state_hash}:tokens"


def _too_late() -> InvalidInput:
    return InvalidInput("This consent is unknown, used already or too old. Please begin again.", field="state")


def _spend(service_key: str, state: str, bound_to: str) -> OAuthState:
    asked = of(service_key, state)
    spent = 0
    if asked is not None and asked.session_hash == bound_to and asked.expires_at > clock.now():
        unused = (OAuthState.id == asked.id, OAuthState.used_at.is_(None))
        spent = db.session.execute(update(OAuthState).where(*unused).values(used_at=clock.now())).rowcount  # type: ignore[attr-defined]
    db.session.commit()
    if asked is None or not spent:
        raise _too_late()
    return asked


def _check_issuer(service: Service, way: OAuth, iss: str) -> None:
    """Another sign-in server's answer must not be taken for this one's (RFC 9207)."""
    parts = urlsplit(way.authorize_url)
    if iss and iss.rstrip("/") not in (way.issuer.rstrip("/"), f"{parts.scheme}://{parts.netloc}"):
        raise InvalidInput(
            f"The answer says it comes from {iss[:200]}, which is not {service.label}. Nothing was changed.",
            field="state",
        )


def _renew(asked: OAuthState, given: dict, said: Mapping[str, str]) -> Connection:
    """Give a connection its new tokens, unless the service said right away that they are another account's (K5)."""
    connection = connections.find(asked.connection_id or 0)
    for name, value in said.items():
        if connection.settings.get(name, value) != value:
            raise WrongAccount(
                f"You signed in to another account ({value}) than {connection.account_name}. Nothing was changed. "
                "To use both, add a second connection."
            )
    return connections.reconnect(connection, given, by=asked.asked_by or "", permissions=asked.permissions)


def _exchange(asked: OAuthState, service: Service, way: OAuth, code: str) -> dict:
    client = replace(AppSettings.of(service).client(service), redirect_uri=asked.redirect_uri)
    verifier = vault().open(f"oauth:{asked.state_hash}", asked.verifier) if asked.verifier else None
    recorder = Recorder(None, None, service.key)
    insecure = current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS
    endpoint = TokenEndpoint(
        service=service, url=way.token_url, record=recorder, secrets=[client.secret, code], insecure=insecure
    )
    db.session.rollback()  # nothing is held open while we wait for the service (D5)
    try:
        return kept(auth.exchange(endpoint, way, client, code, verifier=verifier, service=service.label))
    finally:
        recorder.flush(db.session())
        db.session.commit()


def _said(service: Service, way: OAuth, given: Mapping, told: Mapping[str, str]) -> dict[str, str]:
    """Settings that come with the tokens or beside the code, such as the location or company a person chose."""
    with_tokens = {ours: str(given[theirs]) for theirs, ours in service.token_settings.items() if given.get(theirs)}
    beside = {ours: told[theirs][:200] for theirs, ours in way.told_on_return.items() if told.get(theirs)}
    return beside | with_tokens


def _hash(state: str) -> str:
    return sha256(state.encode()).hexdigest()
