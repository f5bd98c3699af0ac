"""Signing in the way real services do it: a page to approve on, codes, access and refresh tokens, revocation.

A service's stand-in says what is its own: `tell` (its token answer), `back_with` (what it tells beside the code), its
paths, and whose records another account's token opens (`account_of`).
"""

import base64
import secrets
import time
from binascii import Error as NotBase64
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from urllib.parse import unquote, urlencode, urlsplit

from .server import Answer, Request, Upstream, on, public

OTHER = "other"  # the account of somebody else, to try what happens when a person picks the wrong one
CODE_LIFE_S = 600
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,">
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}}
code{{overflow-wrap:anywhere}}button{{font:inherit;padding:.5rem 1rem;margin:0 .5rem .5rem 0}}</style></head>
<body><main><h1>{title}</h1><p>{question}</p>{asked}
<form method="post" action="{path}">{hidden}
<button type="submit" name="decision" value="approve">Approve</button>
<button type="submit" name="decision" value="refuse">Refuse</button>
<button type="submit" name="decision" value="{other}">Approve for another account</button>
</form></main></body></html>"""


@dataclass
class Grant:
    """What a code was given out for, besides its redirect address."""

    account: str  # "" for the firm's own
    scopes: tuple[str, ...]
    challenge: str  # of PKCE; "" when the sender used none
    until: float


class SignIn(Upstream):
    """Hands out and checks tokens. A ready pair is always there, the same after every start."""

    token_life_s = 3600
    rotates = False  # a refresh token is spent by its use and a new one comes with the answer
    sign_in_path = "/oauth/authorize"
    token_path = "/oauth/token"
    scope_separator = " "
    label = ""  # what people call the service
    other_name = "Someone Else & Partners"  # the other account's
    remembered: tuple[str, ...] = ("_access", "_refresh", "_given")

    def open_sign_in(self) -> None:
        self.auth_url, self.token_url = self.url + self.sign_in_path, self.url + self.token_path
        self.client_id, self.client_secret = f"sandbox-{self.key}-app", f"sandbox-{self.key}-app-secret"
        self.access_token, self.refresh_token = f"sandbox-{self.key}-access", f"sandbox-{self.key}-refresh"
        self._codes: dict[str, str] = {}  # code -> the redirect address it is bound to
        self._grants: dict[str, Grant] = {}  # code -> the rest
        self._access: dict[str, float] = {self.access_token: time.time() + self.token_life_s}
        self._refresh: set[str] = {self.refresh_token}
        self._given: dict[str, tuple[str, tuple[str, ...]]] = {}  # token -> account, scopes

    def token_answer(self) -> dict:
        """The answer an earlier sign-in got: a token pair that works."""
        return self.tell(self.access_token, self.refresh_token)

    def way_in(self) -> dict:
        return {
            "auth_url": self.auth_url,
            "token_url": self.token_url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "token": self.token_answer(),
        }

    def tell(self, access: str, refresh: str | None) -> dict:
        raise NotImplementedError

    def back_with(self, account: str) -> dict[str, str]:
        """What the address a person is sent back to says beside code and state."""
        return {}

    def grants(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """The scopes given of those asked for."""
        return scopes

    def account_of(self, token: str | None) -> str:
        """Whose token this is: "" for the firm's own, OTHER for somebody else's."""
        return self._given.get(token or "", ("", ()))[0]

    def scopes_of(self, token: str | None) -> tuple[str, ...]:
        """What a token was granted; nothing when its sign-in asked for nothing in particular."""
        return self._given.get(token or "", ("", ()))[1]

    def is_alive(self, token: str) -> bool:
        return self._access.get(token, 0) > time.time()

    def expire(self) -> None:
        """End every access token; refresh tokens keep working."""
        with self.lock:
            self._access.clear()

    def revoke(self, token: str | None = None) -> None:
        with self.lock:
            if token is None:
                self._access.clear()
                self._refresh.clear()
            else:
                self._access.pop(token, None)
                self._refresh.discard(token)

    def _control_expire(self, request, sent):
        self.expire()
        return {"expired": True}

    # Its addresses

    @on("GET", "sign_in_path")
    @public
    def authorize(self, request: Request) -> Answer:
        return self.approve_page(request)

    @on("POST", "sign_in_path")
    @public
    def authorized(self, request: Request) -> Answer:
        return self.decide(request)

    @on("POST", "token_path")
    @public
    def token(self, request: Request) -> Answer:
        return self.exchange(request)

    # The page

    def approve_page(self, request: Request) -> Answer:
        asked = {name: values[-1] for name, values in request.query.items()}
        if asked.get("client_id") != self.client_id or not urlsplit(asked.get("redirect_uri", "")).scheme:
            return Answer(400, "The client_id or redirect_uri is not valid", {"Content-Type": "text/plain"})
        if asked.get("response_type", "code") != "code":
            return Answer(400, "The response_type is not supported", {"Content-Type": "text/plain"})
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
        )
        scopes = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in self._asked_scopes(asked))
        page = PAGE.format(
            title=f"Sandbox of {self.label or self.key}: allow access?",
            path=self.sign_in_path,
            hidden=hidden,
            other=OTHER,
            asked=f"<p>It asks for:</p><ul>{scopes}</ul>" if scopes else "",
            question=f"An application asks for the records of {escape(self.firm.name)}.",
        )
        return Answer(200, page, {"Content-Type": "text/html; charset=utf-8"})

    def decide(self, request: Request) -> Answer:
        sent = request.form()
        told = {"state": sent["state"]} if "state" in sent else {}
        if sent.get("decision") in ("approve", OTHER):
            account = OTHER if sent["decision"] == OTHER else ""
            told = {"code": self._new_code(sent, account), **told, **self.back_with(account)}
        else:
            told = {"error": "access_denied", **told}
        back = sent.get("redirect_uri", "")
        return Answer(302, "", {"Location": f"{back}{'&' if '?' in back else '?'}{urlencode(told)}"})

    def _new_code(self, sent: dict, account: str) -> str:
        code = secrets.token_urlsafe(20)
        self._codes[code] = sent.get("redirect_uri", "")
        self._grants[code] = Grant(
            account,
            self.grants(self._asked_scopes(sent)),
            sent.get("code_challenge", "") if sent.get("code_challenge_method", "S256") == "S256" else "plain",
            time.time() + CODE_LIFE_S,
        )
        return code

    def _asked_scopes(self, asked: dict) -> tuple[str, ...]:
        return tuple(each for each in asked.get("scope", "").replace(self.scope_separator, " ").split() if each)

    # The exchange

    def exchange(self, request: Request) -> Answer:
        sent = request.form()
        if self._client(request, sent) != (self.client_id, self.client_secret):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        if sent.get("grant_type") == "authorization_code":
            return self._by_code(sent)
        if sent.get("grant_type") == "refresh_token":
            return self._by_refresh(sent)
        return oauth_error(400, "unsupported_grant_type", "The grant type is not supported")

    def _client(self, request: Request, sent: dict) -> tuple[str | None, str | None]:
        """Who asks: by HTTP Basic, else by the form."""
        scheme, _, told = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return sent.get("client_id"), sent.get("client_secret")
        try:
            name, _, secret = base64.b64decode(told).decode().partition(":")
        except (NotBase64, UnicodeDecodeError):
            return None, None
        return unquote(name), unquote(secret)

    def _by_code(self, sent: dict) -> Answer:
        bound_to = self._codes.pop(sent.get("code", ""), None)
        known = self._grants.pop(sent.get("code", ""), None)
        if known is None or known.until < time.time() or bound_to != sent.get("redirect_uri"):
            return oauth_error(400, "invalid_grant", "The authorization code is invalid or expired")
        if known.challenge and known.challenge != _challenge(sent.get("code_verifier", "")):
            return oauth_error(400, "invalid_grant", "The code_verifier does not fit the code_challenge")
        access, refresh = self._new_access(), self._new_refresh()
        self._given[access] = self._given[refresh] = (known.account, known.scopes)
        return Answer(200, self.tell(access, refresh))

    def _by_refresh(self, sent: dict) -> Answer:
        refresh = sent.get("refresh_token", "")
        if refresh not in self._refresh:
            return oauth_error(400, "invalid_grant", "This refresh token is invalid")
        given, access, new = self._given.get(refresh, ("", ())), self._new_access(), None
        self._given[access] = given
        if self.rotates:
            self._refresh.discard(refresh)
            new = self._new_refresh()
            self._given[new] = given
        return Answer(200, self.tell(access, new))

    def _new_access(self) -> str:
        token = f"{self.key}-{secrets.token_urlsafe(24)}"
        self._access[token] = time.time() + self.token_life_s
        return token

    def _new_refresh(self) -> str:
        token = f"{self.key}-refresh-{secrets.token_urlsafe(24)}"
        self._refresh.add(token)
        return token


def _challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def oauth_error(status: int, kind: str, told: str) -> Answer:
    return Answer(status, {"error": kind, "error_description": told})
