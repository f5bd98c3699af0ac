"""Session tokens of the firm's own sign-in provider (JWT): whose they are, checked against its published keys.

The algorithm is fixed by the kind of key, never by the token. Who somebody is says the token; what they may, our row.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
import structlog
from flask import current_app
from flask_login import UserMixin
from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import clock
from ...errors import ConsoleError, InvalidInput, Unavailable
from ...models import User, db, reading
from ...transport import outside, wire

log = structlog.get_logger(__name__)

LEEWAY_S = 60  # their clock and ours
FRESH_S = 3600  # keys are fetched anew after this
STALE_S = 24 * 3600  # and used at most this long while they cannot be
AGAIN_S = 30  # an unknown key is not looked for more often
_LARGEST = 256 * 1024
_LONGEST = 8000  # characters of a token
_KINDS: dict[tuple[Any, Any], str] = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}
_RSA_BITS = 2048


@dataclass(frozen=True)
class Person(UserMixin):
    """A person who came with a session token: what they may is what their role may."""

    user_id: int
    email: str
    name: str
    role: str
    time_zone: str | None

    @property
    def shown_name(self) -> str:
        """The name, or the address of somebody who gave none."""
        return self.name or self.email

    @property
    def known_as(self) -> str:
        """Under what their doings are remembered."""
        return f"{self.email} by session token"[:320]


def holder(text: str) -> Person | None:
    """Who came with this token; None when it opens nothing.

    Raises Unavailable when the provider's keys cannot be had.
    """
    settings = current_app.config["SETTINGS"]
    if not settings.API_JWKS_URL or len(text) > _LONGEST or text.count(".") != 2:
        return None
    try:
        key_id = jwt.get_unverified_header(text).get("kid")
        key = _ring(settings).key(str(key_id)) if key_id else None
        claims = _claims(text, key, settings) if key else None
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        log.info("A session token was refused", why=type(error).__name__)
        return None
    email = claims and claims.get("email")
    return _person(email) if isinstance(email, str) and claims and claims.get("email_verified", True) is True else None


def _claims(text: str, key: jwt.PyJWK, settings: Any) -> dict[str, Any] | None:
    ours = {name.strip() for name in settings.API_JWT_AUDIENCE.split(",") if name.strip()}
    now = clock.now().timestamp()
    claims = jwt.decode(
        text, key, algorithms=[key.algorithm_name], issuer=settings.API_JWT_ISSUER,
        options={"require": ["exp", "iss"], "verify_aud": False, "verify_exp": False, "verify_nbf": False,
                 "verify_iat": False},
    )  # fmt: skip
    if not _in_time(claims, now):
        return None
    for_whom = claims.get("aud") or claims.get("azp")
    named = for_whom if isinstance(for_whom, list) else [for_whom]
    return claims if ours & {name for name in named if isinstance(name, str)} else None


def _in_time(claims: dict[str, Any], now: float) -> bool:
    """By our own clock, which a test may turn."""
    ends, begins = claims["exp"], claims.get("nbf", 0)
    plain = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (ends, begins))
    return plain and begins - LEEWAY_S <= now < ends + LEEWAY_S


def _person(email: str) -> Person | None:
    wanted = select(User.id, User.email, User.name, User.role, User.time_zone)
    with reading(), Session(db.engine) as session:
        found = session.execute(wanted.where(User.email == email.strip().lower(), User.active)).first()
    return Person(*found) if found else None


# -- the provider's keys --------------------------------------------------------------------------------------------


@dataclass
class _Ring:
    """The keys of one provider, as this process last fetched them."""

    url: str
    insecure: bool
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: float = -1e9  # by clock.now
    tried_at: float = -1e9
    lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, key_id: str) -> jwt.PyJWK | None:
        """A key by its id; one we do not know is looked for once, and not again for half a minute."""
        with self.lock:
            now = clock.now().timestamp()
            known = key_id in self.keys and now - self.fetched_at < FRESH_S
            if not known and now - self.tried_at >= AGAIN_S:
                self.tried_at = now
                self._fetch(now)
            if now - self.fetched_at >= STALE_S:
                raise Unavailable("The keys of the sign-in provider cannot be had just now.")
            return self.keys.get(key_id)

    def _fetch(self, now: float) -> None:
        try:
            place = outside.look(self.url, insecure=self.insecure)
            reply = outside.request("GET", place, {"Accept": "application/json"}, largest=_LARGEST)
            if reply.status != 200:
                raise InvalidInput(f"It answered with status {reply.status}.")
            keys = _usable(orjson.loads(reply.body))
        except (ConsoleError, ValueError, wire.NotSent, wire.Lost, wire.TooLong) as error:
            log.warning("The keys of the sign-in provider could not be fetched", why=str(error)[:200])
            return
        self.keys, self.fetched_at = keys, now


def _usable(document: Any) -> dict[str, jwt.PyJWK]:
    """The keys for signatures of the two kinds we take, by their id."""
    found = {}
    for one in document.get("keys", ()) if isinstance(document, dict) else ():
        kind = _KINDS.get((one.get("kty"), one.get("crv"))) if isinstance(one, dict) else None
        if not kind or one.get("use", "sig") != "sig" or one.get("alg", kind) != kind or not one.get("kid"):
            continue
        try:
            key = jwt.PyJWK(one, kind)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if kind == "ES256" or key.key.key_size >= _RSA_BITS:
            found[str(one["kid"])] = key
    return found


_rings: dict[tuple[str, bool], _Ring] = {}


def _ring(settings: Any) -> _Ring:
    place = (settings.API_JWKS_URL, settings.ALLOW_INSECURE_UPSTREAMS)
    return _rings.setdefault(place, _Ring(*place))
