"""Signing in the way Intuit does it: the company is named only on the way back, the client proves itself by Basic."""

from ..oauth import OTHER, SignIn, oauth_error
from ..server import Answer, Request, on, public

OTHER_REALM = "9130350000000000002"  # somebody else's company, with nothing in it
REFRESH_LIFE_S = 100 * 86_400


class QuickBooksSignIn(SignIn):
    """Access tokens live an hour; a refresh answers a new refresh token and spends the old one."""

    label = "QuickBooks"
    token_life_s = 3600
    rotates = True
    sign_in_path = "/connect/oauth2"
    token_path = "/oauth2/v1/tokens/bearer"
    realm_id = "4620816365000000001"

    def open_sign_in(self) -> None:
        super().open_sign_in()
        self.revoke_url = self.url + "/v2/oauth2/tokens/revoke"

    def realm_of(self, token: str) -> str:
        return OTHER_REALM if self.account_of(token) == OTHER else self.realm_id

    def back_with(self, account: str) -> dict[str, str]:
        return {"realmId": OTHER_REALM if account == OTHER else self.realm_id}

    def tell(self, access: str, refresh: str | None) -> dict:
        return {
            "token_type": "bearer",
            "access_token": access,
            "expires_in": self.token_life_s,
            "refresh_token": refresh,
            "x_refresh_token_expires_in": REFRESH_LIFE_S,
        }

    def exchange(self, request: Request) -> Answer:
        if not (request.headers.get("Authorization") or "").lower().startswith("basic "):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        return super().exchange(request)

    @on(
        "POST", "/v2/oauth2/tokens/revoke", "/oauth2/v1/tokens/revoke"
    )  # the second: beside a token address of one's own
    @public
    def revoked(self, request: Request) -> Answer:
        if self._client(request, {}) != (self.client_id, self.client_secret):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        token = request.json().get("token", "")
        if token not in self._refresh and not self.is_alive(token):
            return oauth_error(400, "invalid_request", "The token is not known")
        self.revoke()
        return Answer(200, "")
