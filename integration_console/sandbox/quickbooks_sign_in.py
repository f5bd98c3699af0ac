"""Signing in the way Intuit does it: the company is named only on the way back, the client proves itself by Basic."""

from base64 import b64decode
from html import escape
from urllib.parse import unquote, urlencode

from .oauth import SignIn, oauth_error
from .server import Answer, Request, on, public

OTHER_REALM = "9130350000000000002"  # a second company of the same people, with nothing in it
REFRESH_LIFE_S = 100 * 86_400


class QuickBooksSignIn(SignIn):
    """Access tokens live an hour; a refresh answers a new refresh token and spends the old one."""

    token_life_s = 3600
    rotates = True
    sign_in_path = "/connect/oauth2"
    realm_id = "4620816365000000001"

    def open_sign_in(self) -> None:
        super().open_sign_in()
        self.token_url = self.url + "/oauth2/v1/tokens/bearer"
        self.revoke_url = self.url + "/v2/oauth2/tokens/revoke"
        self._realms: dict[str, str] = {}  # of a code or token; the main company's when it is not named

    def realm_of(self, token: str) -> str:
        return self._realms.get(token, self.realm_id)

    def tell(self, access: str, refresh: str | None) -> dict:
        return {
            "token_type": "bearer",
            "access_token": access,
            "expires_in": self.token_life_s,
            "refresh_token": refresh,
            "x_refresh_token_expires_in": REFRESH_LIFE_S,
        }

    @on("GET", "/connect/oauth2")
    @public
    def authorize(self, request: Request) -> Answer:
        page = self.approve_page(request)
        if page.status == 200:
            other = f'<button type="submit" name="decision" value="other">Approve {escape("Ashby Holdings")}</button>\n'
            page.body = str(page.body).replace(
                '<button type="submit" name="decision" value="refuse">',
                other + '<button type="submit" name="decision" value="refuse">',
            )
        return page

    @on("POST", "/connect/oauth2")
    @public
    def authorized(self, request: Request) -> Answer:
        sent = request.form()
        other = sent.get("decision") == "other"
        if other:
            request.body = urlencode({**sent, "decision": "approve"}).encode()
        answer = self.decide(request)
        if "code=" in answer.headers.get("Location", ""):
            realm = OTHER_REALM if other else self.realm_id
            self._realms[next(reversed(self._codes))] = realm
            answer.headers["Location"] += f"&realmId={realm}"
        return answer

    @on("POST", "/oauth2/v1/tokens/bearer")
    @public
    def token(self, request: Request) -> Answer:
        if not self._is_client(request):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        sent = request.form()
        kind, spent = sent.get("grant_type"), sent.get("code") or sent.get("refresh_token") or ""
        if kind not in ("authorization_code", "refresh_token"):
            return oauth_error(400, "unsupported_grant_type", "The grant type is not supported")
        answer = self._by_code(sent) if kind == "authorization_code" else self._by_refresh(sent)
        if isinstance(answer.body, dict) and answer.status == 200:
            realm = self.realm_of(spent)
            self._realms[answer.body["access_token"]] = self._realms[answer.body["refresh_token"]] = realm
        return answer

    @on("POST", "/v2/oauth2/tokens/revoke")
    @public
    def revoked(self, request: Request) -> Answer:
        if not self._is_client(request):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        token = request.json().get("token", "")
        if token not in self._refresh and not self.is_alive(token):
            return oauth_error(400, "invalid_request", "The token is not known")
        self.revoke()
        return Answer(200, "")

    def _is_client(self, request: Request) -> bool:
        scheme, _, pair = (request.headers.get("Authorization") or "").partition(" ")
        try:
            found = b64decode(pair).decode()
        except ValueError:
            return False
        name, _, secret = found.partition(":")
        named = (unquote(name), unquote(secret)) == (self.client_id, self.client_secret)
        return scheme.lower() == "basic" and named
