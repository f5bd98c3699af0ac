"""Xero's way of signing in: PKCE or a secret, organisations chosen on the page, refresh tokens that work once.

Source: developer.xero.com, "OAuth 2.0"; scopes of applications made since 2026-03-02.
"""

import base64
import hashlib
import time
from html import escape
from urllib.parse import parse_qs, unquote, urlencode

from ..oauth import SignIn, oauth_error
from ..server import Answer, Request, on, public

GRACE_S = 1800  # in which a spent refresh token works once more, should its answer have been lost
BROAD = ("accounting.transactions", "accounting.transactions.read", "accounting.reports.read")
ALL_SCOPES = (
    "offline_access accounting.contacts accounting.invoices accounting.banktransactions.read accounting.settings.read"
)
# The scopes that let a call in, one of them; of reading, the same with .read too.
NEEDS = {
    "Contacts": ("accounting.contacts",),
    "Invoices": ("accounting.invoices", "accounting.transactions"),
    "BankTransactions": ("accounting.banktransactions", "accounting.transactions"),
    "Accounts": ("accounting.settings",),
    "TaxRates": ("accounting.settings",),
    "Organisation": ("accounting.settings",),
}


class XeroSignIn(SignIn):
    """Xero: access tokens live half an hour; each refresh brings a new refresh token."""

    label = "Xero"
    remembered: tuple[str, ...] = ("_opened", "_spent", "_cut_off")
    token_life_s = 1800
    rotates = True
    sign_in_path = "/identity/connect/authorize"
    token_path = "/connect/token"
    takes_broad_scopes = False  # an application made before 2026-03-02
    tenants: list

    def open_sign_in(self) -> None:
        super().open_sign_in()
        everybody = tuple(one.tenant_id for one in self.tenants)
        tokens = (self.access_token, self.refresh_token)
        self._opened: dict[str, tuple[tuple[str, ...], str]] = dict.fromkeys(tokens, (everybody, ALL_SCOPES))
        self._asked: dict[str, dict] = {}  # code -> what the consent was for
        self._spent: dict[str, float] = {}
        self._cut_off: set[str] = set()  # tenants that were disconnected

    def tell(self, access: str, refresh: str | None) -> dict:
        return {
            "access_token": access,
            "expires_in": self.token_life_s,
            "token_type": "Bearer",
            "refresh_token": refresh,
            "scope": self._opened[access][1],
        }

    def tenants_of(self, token: str) -> list:
        """The organisations a token opens."""
        allowed = self._opened.get(token, ((), ""))[0]
        return [one for one in self.tenants if one.tenant_id in allowed and one.tenant_id not in self._cut_off]

    def disconnect(self, tenant_id: str) -> None:
        """Somebody at Xero takes the application's access to this organisation away."""
        with self.lock:
            self._cut_off.add(tenant_id)

    def may(self, token: str, noun: str, method: str) -> bool:
        """Whether a token's scopes allow this call."""
        granted = self._opened.get(token, ((), ""))[1].split()
        needed = NEEDS.get(noun, ())
        reads = [f"{scope}.read" for scope in needed] if method == "GET" else []
        return not needed or any(scope in granted for scope in (*needed, *reads))

    # The page

    def approve_page(self, request: Request) -> Answer:
        asked = request.one("scope") or ""
        if not self.takes_broad_scopes and any(scope in BROAD for scope in asked.split()):
            told = {"error": "invalid_scope", **({"state": request.one("state")} if request.one("state") else {})}
            return Answer(302, "", {"Location": f"{request.one('redirect_uri')}?{urlencode(told)}"})
        answer = super().approve_page(request)
        if answer.status == 200:
            boxes = "".join(
                f'<p><label><input type="checkbox" name="tenant" value="{one.tenant_id}" checked> '
                f"{escape(one.name)}</label></p>"
                for one in self.tenants
            )
            button = '<button type="submit" name="decision" value="approve">'
            answer.body = str(answer.body).replace(button, boxes + button)
        return answer

    def decide(self, request: Request) -> Answer:
        known = set(self._codes)
        answer = super().decide(request)
        sent, chosen = request.form(), parse_qs(request.body.decode("utf-8", "replace")).get("tenant", [])
        for code in set(self._codes) - known:
            everybody = [one.tenant_id for one in self.tenants]
            if sent.get("decision") == "other":
                chosen = everybody[1:]
            self._asked[code] = {
                "tenants": tuple(one for one in everybody if one in chosen) or tuple(everybody),
                "scope": sent.get("scope") or ALL_SCOPES,
                "challenge": sent.get("code_challenge", ""),
                "redirect_uri": sent.get("redirect_uri", ""),
            }
            self._cut_off.difference_update(self._asked[code]["tenants"])
        return answer

    # The exchange

    def exchange(self, request: Request) -> Answer:
        sent = request.form()
        if not self._knows(request, sent):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        if sent.get("grant_type") == "authorization_code":
            return self._first_tokens(sent)
        if sent.get("grant_type") == "refresh_token":
            return self._next_tokens(sent.get("refresh_token", ""))
        return oauth_error(400, "unsupported_grant_type", "The grant type is not supported")

    @on("POST", "/connect/revocation")
    @public
    def revocation(self, request: Request) -> Answer:
        sent = request.form()
        if not self._knows(request, sent):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        if sent.get("token") in self._refresh:
            self.revoke()
        return Answer(200, "")

    def _knows(self, request: Request, sent: dict) -> bool:
        """By HTTP Basic; an application without a secret names itself in the form and proves its PKCE verifier."""
        scheme, _, pair = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return sent.get("client_id") == self.client_id and "code_verifier" in sent
        try:
            name, _, secret = base64.b64decode(pair).decode().partition(":")
        except ValueError:
            return False
        return (unquote(name), unquote(secret)) == (self.client_id, self.client_secret)

    def _first_tokens(self, sent: dict) -> Answer:
        code = sent.get("code", "")
        asked = self._asked.pop(code, None)
        self._codes.pop(code, None)
        if asked is None or asked["redirect_uri"] != sent.get("redirect_uri"):
            return oauth_error(400, "invalid_grant", "The authorization code is invalid or expired")
        if asked["challenge"] and asked["challenge"] != challenge_of(sent.get("code_verifier", "")):
            return oauth_error(400, "invalid_grant", "The code verifier does not fit the challenge")
        return Answer(200, self._pair(asked["tenants"], asked["scope"]))

    def _next_tokens(self, refresh: str) -> Answer:
        is_late = time.time() - self._spent.get(refresh, 0) > GRACE_S
        if refresh not in self._refresh and (refresh not in self._spent or is_late):
            return oauth_error(400, "invalid_grant", "This refresh token is invalid")
        if refresh in self._refresh:
            self._refresh.discard(refresh)
            self._spent[refresh] = time.time()
        return Answer(200, self._pair(*self._opened[refresh]))

    def _pair(self, tenants: tuple[str, ...], scope: str) -> dict:
        access, refresh = self._new_access(), None
        self._opened[access] = (tenants, scope)
        if "offline_access" in scope.split():
            refresh = self._new_refresh()
            self._opened[refresh] = (tenants, scope)
        told = self.tell(access, refresh)
        return told if refresh else {name: value for name, value in told.items() if name != "refresh_token"}

    def revoke(self, token: str | None = None) -> None:
        super().revoke(token)
        with self.lock:
            if token is None:
                self._spent.clear()


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
