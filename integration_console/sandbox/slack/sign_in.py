"""Signing in to Slack: one page, comma-separated permissions, tokens without an end unless the app rotates them."""

import base64
import time

from ..oauth import OTHER, SignIn
from ..server import Answer, Request, on, public
from .records import APP_ID, BOT_USER, TEAM_ID, id_of

ALL = (
    "channels:read",
    "channels:history",
    "groups:read",
    "groups:history",
    "users:read",
    "users:read.email",
    "team:read",
    "chat:write",
    "chat:write.public",
)
TEN_YEARS_S = 10 * 365 * 86_400
TWELVE_HOURS_S = 43_200


def no(error: str, **more) -> Answer:
    """Slack's failures have status 200."""
    return Answer(200, {"ok": False, "error": error, **more})


class SlackSignIn(SignIn):
    """rotates: set it, and tokens live twelve hours and every refresh token works once."""

    label = "Slack"
    scope_separator = ","
    remembered: tuple[str, ...] = ("scopes", "_taken_back")
    token_life_s = TEN_YEARS_S
    sign_in_path = "/oauth/v2/authorize"
    token_path = "/oauth.v2.access"

    def open_sign_in(self) -> None:
        super().open_sign_in()
        self.token_url = f"{self.api_url}/oauth.v2.access"
        self.access_token, self.refresh_token = "xoxb-sandbox-0001", "xoxe-1-sandbox-0001"
        self._access, self._refresh = {self.access_token: time.time() + TEN_YEARS_S}, {self.refresh_token}
        self.scopes: dict[str, set[str]] = {self.access_token: set(ALL)}  # of each token
        self._asked: dict[str, str] = {}  # code -> permissions
        self._taken_back: set[str] = set()

    def tell(self, access: str, refresh: str | None) -> dict:
        told = {
            "ok": True,
            "access_token": access,
            "token_type": "bot",
            "scope": ",".join(sorted(self.scopes[access])),
            "bot_user_id": id_of("users", BOT_USER),
            "app_id": APP_ID,
            "team": dict(zip(("id", "name"), self.team_of(access), strict=True)),
            "enterprise": None,
            "authed_user": {"id": id_of("users", 2)},
            "is_enterprise_install": False,
        }
        return {**told, "expires_in": TWELVE_HOURS_S, "refresh_token": refresh} if self.rotates and refresh else told

    def revoke(self, token: str | None = None) -> None:
        with self.lock:
            self._taken_back |= set(self._access) if token is None else {token}
            super().revoke(token)

    def refusal_of(self, token: str) -> str | None:
        """Why a token does not let its holder in; None when it does."""
        if not token:
            return "not_authed"
        if token in self._taken_back:
            return "token_revoked"
        if token not in self.scopes:
            return "invalid_auth"
        return None if self.is_alive(token) else "token_expired"

    def decide(self, request: Request) -> Answer:
        before = set(self._codes)
        answer = super().decide(request)
        for code in self._codes.keys() - before:
            self._asked[code] = request.form().get("scope", "")
        return answer

    @on("GET", "/oauth.v2.access")
    @public
    def access(self, request: Request) -> Answer:
        return self.exchange(request)

    def exchange(self, request: Request) -> Answer:
        sent = {**{name: values[-1] for name, values in request.query.items()}, **request.form()}
        who = _basic(request) or (sent.get("client_id"), sent.get("client_secret"))
        if who[0] != self.client_id:
            return no("invalid_client_id")
        if who[1] != self.client_secret:
            return no("bad_client_secret")
        kind = sent.get("grant_type", "authorization_code")
        if kind == "refresh_token":
            return self._renewed(sent.get("refresh_token", ""))
        return self._first(sent) if kind == "authorization_code" else no("invalid_grant_type")

    def _first(self, sent: dict) -> Answer:
        code = sent.get("code", "")
        if code not in self._codes:
            return no("invalid_code")
        if self._codes.pop(code) != sent.get("redirect_uri", ""):
            return no("bad_redirect_uri")
        wanted = set(filter(None, self._asked.pop(code, "").split(",")))
        return Answer(200, self._hand_out(wanted & set(ALL), self._grants.pop(code).account))

    def _renewed(self, refresh: str) -> Answer:
        if refresh not in self._refresh:
            return no("invalid_refresh_token")
        self._refresh.discard(refresh)
        return Answer(200, self._hand_out(set(ALL), self.account_of(refresh)))

    def _hand_out(self, scopes: set[str], account: str) -> dict:
        self.token_life_s = TWELVE_HOURS_S if self.rotates else TEN_YEARS_S
        access = self._new_access()
        self.scopes[access] = scopes
        self._given[access] = (account, tuple(sorted(scopes)))
        refresh = self._new_refresh() if self.rotates else None
        if refresh:
            self._given[refresh] = self._given[access]
        return self.tell(access, refresh)

    def team_of(self, token: str | None) -> tuple[str, str]:
        """The workspace a token opens: its id and its name."""
        return ("T0SOMEONEELSE", self.other_name) if self.account_of(token) == OTHER else (TEAM_ID, self.firm.name)


def _basic(request: Request) -> tuple[str, str] | None:
    kind, _, sent = (request.headers.get("Authorization") or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(sent).decode().partition(":")
    except ValueError:
        return ("", "")
    return name, secret
