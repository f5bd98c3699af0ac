"""Signing in the way Clio and HighLevel do it: a page to approve on, codes, access and refresh tokens."""

import secrets
import time
from html import escape
from urllib.parse import urlencode, urlsplit

from .server import Answer, Request, Upstream, on, public

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><main><h1>{title}</h1><p>{question}</p>
<form method="post" action="{path}">{hidden}
<button type="submit" name="decision" value="approve">Approve</button>
<button type="submit" name="decision" value="refuse">Refuse</button>
</form></main></body></html>"""


class SignIn(Upstream):
    """Hands out and checks tokens. A ready pair is always there, the same after every start."""

    token_life_s = 3600
    rotates = False  # a refresh token is spent by its use and a new one comes with the answer
    sign_in_path = "/oauth/authorize"

    def open_sign_in(self) -> None:
        self.auth_url, self.token_url = self.url + self.sign_in_path, self.url + "/oauth/token"
        self.client_id, self.client_secret = f"sandbox-{self.key}-app", f"sandbox-{self.key}-app-secret"
        self.access_token, self.refresh_token = f"sandbox-{self.key}-access", f"sandbox-{self.key}-refresh"
        self._codes: dict[str, str] = {}
        self._access: dict[str, float] = {self.access_token: time.time() + self.token_life_s}
        self._refresh: set[str] = {self.refresh_token}

    def token_answer(self) -> dict:
        """The answer an earlier sign-in got: a token pair that works."""
        return self.tell(self.access_token, self.refresh_token)

    def tell(self, access: str, refresh: str | None) -> dict:
        raise NotImplementedError

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

    # The page

    def approve_page(self, request: Request) -> Answer:
        asked = {name: values[-1] for name, values in request.query.items()}
        if asked.get("client_id") != self.client_id or not urlsplit(asked.get("redirect_uri", "")).scheme:
            return Answer(400, "The client_id or redirect_uri is not valid", {"Content-Type": "text/plain"})
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
        )
        page = PAGE.format(
            title=f"Sandbox {self.key}: allow access?",
            path=self.sign_in_path,
            hidden=hidden,
            question=f"An application asks for the records of {escape(self.firm.name)}.",
        )
        return Answer(200, page, {"Content-Type": "text/html; charset=utf-8"})

    def decide(self, request: Request) -> Answer:
        sent = request.form()
        told = {"state": sent["state"]} if "state" in sent else {}
        if sent.get("decision") == "approve":
            code = secrets.token_urlsafe(20)
            self._codes[code] = sent.get("redirect_uri", "")
            told = {"code": code, **told}
        else:
            told = {"error": "access_denied", **told}
        back = sent.get("redirect_uri", "")
        return Answer(302, "", {"Location": f"{back}{'&' if '?' in back else '?'}{urlencode(told)}"})

    # The exchange

    def exchange(self, request: Request) -> Answer:
        sent = request.form()
        if (sent.get("client_id"), sent.get("client_secret")) != (self.client_id, self.client_secret):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        if sent.get("grant_type") == "authorization_code":
            return self._by_code(sent)
        if sent.get("grant_type") == "refresh_token":
            return self._by_refresh(sent)
        return oauth_error(400, "unsupported_grant_type", "The grant type is not supported")

    def _by_code(self, sent: dict) -> Answer:
        known = self._codes.pop(sent.get("code", ""), None)
        if known is None or known != sent.get("redirect_uri", known):
            return oauth_error(400, "invalid_grant", "The authorization code is invalid or expired")
        return Answer(200, self.tell(self._new_access(), self._new_refresh()))

    def _by_refresh(self, sent: dict) -> Answer:
        refresh = sent.get("refresh_token", "")
        if refresh not in self._refresh:
            return oauth_error(400, "invalid_grant", "This refresh token is invalid")
        if not self.rotates:
            return Answer(200, self.tell(self._new_access(), None))
        self._refresh.discard(refresh)
        return Answer(200, self.tell(self._new_access(), self._new_refresh()))

    def _new_access(self) -> str:
        token = f"{self.key}-{secrets.token_urlsafe(24)}"
        self._access[token] = time.time() + self.token_life_s
        return token

    def _new_refresh(self) -> str:
        token = f"{self.key}-refresh-{secrets.token_urlsafe(24)}"
        self._refresh.add(token)
        return token


def oauth_error(status: int, kind: str, told: str) -> Answer:
    return Answer(status, {"error": kind, "error_description": told})


class ClioSignIn(SignIn):
    """Clio: tokens live 30 days, refresh tokens do not rotate and are not sent again."""

    token_life_s = 2_592_000

    def tell(self, access: str, refresh: str | None) -> dict:
        told = {"token_type": "bearer", "access_token": access, "expires_in": self.token_life_s}
        return {**told, "refresh_token": refresh} if refresh else told

    @on("GET", "/oauth/authorize")
    @public
    def authorize(self, request: Request) -> Answer:
        return self.approve_page(request)

    @on("POST", "/oauth/authorize")
    @public
    def authorized(self, request: Request) -> Answer:
        return self.decide(request)

    @on("POST", "/oauth/token")
    @public
    def token(self, request: Request) -> Answer:
        return self.exchange(request)

    @on("POST", "/oauth/deauthorize")
    @public
    def deauthorize(self, request: Request) -> Answer:
        token = (request.headers.get("Authorization") or "").partition(" ")[2]
        if not self.is_alive(token):
            return oauth_error(401, "invalid_token", "The access token is not valid")
        self.revoke()
        return Answer(200, {})


class GhlSignIn(SignIn):
    """HighLevel: tokens live a day, every refresh token works once."""

    token_life_s = 86_399
    rotates = True
    sign_in_path = "/oauth/chooselocation"
    location_id: str
    company_id: str
    user_ids: list[str]

    def tell(self, access: str, refresh: str | None) -> dict:
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.token_life_s,
            "refresh_token": refresh,
            "scope": "contacts.readonly contacts.write opportunities.readonly opportunities.write",
            "userType": "Location",
            "locationId": self.location_id,
            "companyId": self.company_id,
            "approvedLocations": [],
            "userId": self.user_ids[0],
            "planId": "sandbox",
            "isBulkInstallation": False,
        }

    @on("GET", "/oauth/chooselocation")
    @public
    def choose_location(self, request: Request) -> Answer:
        return self.approve_page(request)

    @on("POST", "/oauth/chooselocation")
    @public
    def chosen(self, request: Request) -> Answer:
        return self.decide(request)

    @on("POST", "/oauth/token")
    @public
    def token(self, request: Request) -> Answer:
        if "form-urlencoded" not in (request.headers.get("Content-Type") or ""):
            return Answer(
                422, {"statusCode": 422, "message": ["grant_type should not be empty"], "error": "Unprocessable Entity"}
            )
        return self.exchange(request)
