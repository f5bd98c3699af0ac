"""The ways upstreams let us in: a key in a header, or OAuth 2 by authorization code.

Requests and answers are built and read by oauthlib; when to refresh, and who may, is decided above (K1). The answer of
a token endpoint is never kept in a record, and an error never repeats it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from .. import clock
from ..errors import BadAnswer, NeedsPerson, TryLater, UpstreamError
from .redact import Redactor

if TYPE_CHECKING:
    from oauthlib.oauth2 import WebApplicationClient

TOKEN_DEADLINE_S = 20  # (P8)
EARLY_S = 60  # a token is renewed at least this long before its end
LONGEST_LIFE_S = 10 * 365 * 86_400

_NOTHING = Redactor()

# Sends a form to the token endpoint with these headers; status and body come back.
TokenCall = Callable[[str, Mapping[str, str]], tuple[int, bytes]]


@dataclass(frozen=True)
class ApiKey:
    """A key a person enters, sent in a header."""

    header: str
    credential: str = "api_key"
    prefix: str = ""  # "Bearer "


@dataclass(frozen=True)
class OAuth:
    """OAuth 2 by authorization code. Addresses may name {region_host}."""

    authorize_url: str
    token_url: str
    revoke_url: str | None = None
    revoke_as: str = ""  # the body of a revocation: "form", "json", or "" for none
    revoke_fields: Mapping[str, str] = field(default_factory=dict)  # {"token": "{refresh_token}"}; see Keys.revoke
    revoke_auth: str = "bearer"  # with the access token; "basic" or "secret" (as a bearer): with the client's own
    scopes: tuple[str, ...] = ()  # asked for unless a person or program chooses
    optional_scopes: tuple[str, ...] = ()  # may be chosen besides
    stops_without: Mapping[str, str] = field(default_factory=dict)  # permission -> what does not work when refused
    needed: tuple[str, ...] = ()  # of them: without these not even the account can be told
    issuer: str = ""  # its name in `iss` beside the code, where that is not the host of the authorize address
    spent_codes: tuple[str, ...] = ("invalid_grant",)  # its errors that say: this refresh token is spent or revoked
    pkce: bool = False
    client_auth: str = "body"  # where the client secret goes; or "basic"
    rotates: bool = False  # every refresh brings a new refresh token and spends the old one
    extra_params: Mapping[str, str] = field(default_factory=dict)  # in the authorize address
    body_extra: Mapping[str, str] = field(default_factory=dict)  # in requests for tokens
    scope_separator: str = " "  # between the permissions asked for
    told_on_return: Mapping[str, str] = field(default_factory=dict)  # beside the code: {"realmId": "realm_id"}, ours
    idle: timedelta | None = None  # a refresh token unused for this long is dead
    life: timedelta | None = None  # and after this long, however often it was used


@dataclass(frozen=True)
class Client:
    """Who we are to a service: the application's own registration there."""

    id: str
    secret: str
    redirect_uri: str = ""


@dataclass(frozen=True)
class Tokens:
    """What a token endpoint gave."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime | None  # None when it did not say, or said something impossible
    scopes: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)  # what else it told: locationId, companyId ...


def authorize_address(
    way: OAuth, client: Client, *, state: str, scopes: tuple[str, ...] | None = None,
    insecure: bool = False,
) -> tuple[str, str | None]:  # fmt: skip
    """The address to send a person to, and the PKCE verifier to keep until they are back.

    scopes: those to ask for; the declared ones when left out.
    """
    scopes = way.scopes if scopes is None else scopes
    url, oauth = way.authorize_url, _oauth(client.id)
    plain = insecure and url.startswith("http://")  # oauthlib refuses plain http; the test setting permits it
    extra: dict[str, Any] = dict(way.extra_params)
    verifier = None
    if way.pkce:
        verifier = oauth.create_code_verifier(64)
        challenge = oauth.create_code_challenge(verifier, "S256")
        extra |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    found = oauth.prepare_request_uri(
        url.replace("http://", "https://", 1) if plain else url,
        redirect_uri=client.redirect_uri, scope=way.scope_separator.join(scopes) or None, state=state, **extra,
    )  # fmt: skip
    return (found.replace("https://", "http://", 1) if plain else found), verifier


def exchange(
    call: TokenCall, way: OAuth, client: Client, code: str, *, verifier: str | None = None, service: str = "The service"
) -> Tokens:
    """Turn the code a person came back with into tokens.

    service: what people call it; a refusal says whose it is.
    Raises NeedsPerson when it is refused, TryLater when the service is not ready, BadAnswer when it makes no sense.
    """
    oauth = _oauth(client.id)
    extra = {**way.body_extra, **({"code_verifier": verifier} if verifier else {}), **_secret_in_body(way, client)}
    body = oauth.prepare_request_body(
        code=code, redirect_uri=client.redirect_uri, include_client_id=way.client_auth == "body", **extra
    )
    hide = Redactor((client.secret, code))
    return _tokens(*call(body, _headers(way, client)), kept=None, hide=hide, service=service)


def refresh(
    call: TokenCall, way: OAuth, client: Client, refresh_token: str, *, access_token: str = "",
    service: str = "The service",
) -> Tokens:  # fmt: skip
    """New tokens for an old refresh token; the old one is kept when the answer brings none (K2).

    access_token: the one that ends; like the others it is in no message, whatever the answer says.
    service: as in `exchange`.
    Raises as `exchange`. NeedsPerson with code "invalid_grant" means the refresh token is spent or revoked (K3).
    """
    oauth = _oauth(client.id)
    extra = {**way.body_extra, **_secret_in_body(way, client)}
    if way.client_auth == "body":
        extra["client_id"] = client.id
    body = oauth.prepare_refresh_body(refresh_token=refresh_token, **extra)
    hide = Redactor((client.secret, refresh_token, access_token))
    return _tokens(*call(body, _headers(way, client)), kept=refresh_token, hide=hide, service=service)


def revocation(way: OAuth, client: Client, credentials: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The body and headers of the call by which a service takes tokens back.

    revoke_fields may name {client_id} and whatever a token answer told: {refresh_token}, {stripe_user_id} ...
    A field whose value we do not hold is left out; {token} is the refresh token, else the access token.
    """
    access = str(credentials.get("access_token") or "")
    held = {**credentials, "client_id": client.id, "token": credentials.get("refresh_token") or access}
    fields = {name: str(held[at]) for name, value in way.revoke_fields.items() if held.get(at := value.strip("{}"))}
    headers = _basic(client)
    if way.revoke_auth != "basic":
        headers = {"Authorization": f"Bearer {client.secret if way.revoke_auth == 'secret' else access}"}
    if way.revoke_as == "json":
        return orjson.dumps(fields).decode(), headers | {"Content-Type": "application/json"}
    return urlencode(fields) if way.revoke_as == "form" else "", headers


def read_answer(given: Mapping[str, Any]) -> Tokens:
    """A token answer that came another way than from an endpoint, as from a person's terminal.

    Raises NeedsPerson or BadAnswer when it holds no usable token.
    """
    return _tokens(200, orjson.dumps(dict(given)), kept=None, hide=_NOTHING)


def refresh_due(expires_at: datetime | None, obtained_at: datetime | None, now: datetime | None = None) -> bool:
    """Whether to renew now: a tenth of its life, and at least a minute, before a token ends (K4).

    A token that lives for less than two minutes is renewed half-way, so that a new one is never due at once.
    """
    if expires_at is None:
        return False
    life = expires_at - (obtained_at or expires_at - timedelta(seconds=10 * EARLY_S))
    early = min(max(life / 10, timedelta(seconds=EARLY_S)), life / 2)
    return (now or clock.now()) >= expires_at - max(early, timedelta(0))


def _secret_in_body(way: OAuth, client: Client) -> dict[str, str]:
    return {"client_secret": client.secret} if way.client_auth == "body" else {}


def _headers(way: OAuth, client: Client) -> dict[str, str]:
    return _basic(client) if way.client_auth == "basic" else {}


def _basic(client: Client) -> dict[str, str]:
    pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


def _tokens(
    status: int, body: bytes, *, kept: str | None, hide: Redactor = _NOTHING, service: str = "The service"
) -> Tokens:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        data = None
    if status not in (200, 201) or data is None or not data.get("access_token"):
        raise _refusal(status, data, hide, service)
    expires_at = _expiry(data.pop("expires_in", None))
    data.pop("expires_at", None)
    from oauthlib.oauth2 import OAuth2Error

    try:
        token = _oauth("").parse_request_body_response(orjson.dumps(data).decode())
    except (OAuth2Error, ValueError, TypeError, AttributeError):
        raise BadAnswer(f"{service}'s answer about its tokens makes no sense.", status=status) from None
    access, new = token["access_token"], token.get("refresh_token")
    if not isinstance(access, str) or not isinstance(new, str | None):
        raise BadAnswer(f"{service}'s answer about its tokens makes no sense.", status=status)
    return Tokens(access, new or kept, expires_at, _scopes(data.get("scope")), _extra(data))


def _oauth(client_id: str) -> WebApplicationClient:
    """Loaded when it is needed: a worker whose accounts gave a key never asks for tokens."""
    from oauthlib.oauth2 import WebApplicationClient

    return WebApplicationClient(client_id)


def _refusal(status: int, data: dict | None, hide: Redactor, service: str) -> UpstreamError:
    """What an answer without tokens means. Only the service's own refusal needs a person."""
    code, said = "", ""
    if data:
        code = hide.text(str(data.get("error") or ""))[:100]
        said = hide.text(str(data.get("error_description") or data.get("message") or code))[:300]
    if data is not None and status in (200, 400, 401, 403) and (code or said):
        message = f"{service} refused to renew or grant access. Please reconnect."
        return NeedsPerson(f"{message} It says: {said}", status=status, raw=said, code=code)
    if status in (408, 425, 429) or status >= 500 or (data is None and status in (400, 401, 403)):
        return TryLater(f"{service} is not ready to give out tokens (status {status}).", status=status, raw=said)
    return BadAnswer(f"{service}'s answer about its tokens cannot be used (status {status}).", status=status, raw=said)


def _expiry(life: Any) -> datetime | None:
    """When a token ends; None for a life that is missing, not a number, or not in the future (K4)."""
    try:
        seconds = float(life)
    except (TypeError, ValueError, OverflowError):
        return None
    if isinstance(life, bool) or not seconds > 0:
        return None
    return clock.now() + timedelta(seconds=min(seconds, LONGEST_LIFE_S))


def _scopes(scope: Any) -> tuple[str, ...]:
    if isinstance(scope, str):
        return tuple(scope.replace(",", " ").split())
    return tuple(str(each) for each in scope) if isinstance(scope, list) else ()


def _extra(data: Mapping[str, Any]) -> dict[str, str]:
    """Plain facts only, nothing that could be a secret."""
    return {
        name: str(value)
        for name, value in data.items()
        if isinstance(value, str | int) and "token" not in name.lower() and name not in ("scope", "id")
    }
