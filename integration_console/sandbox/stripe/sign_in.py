"""Stripe Connect: one account lets a platform in. Tokens do not end; the platform signs with its own secret key.

Source: the official client 16.1.0 (`OAuth`), docs.stripe.com/connect/oauth-reference
"""

from urllib.parse import parse_qsl, urlencode

from ..oauth import OTHER, SignIn, oauth_error
from ..server import Answer, Request, on, public


class StripeSignIn(SignIn):
    label = "Stripe"
    token_life_s = 10 * 365 * 86_400
    account_id: str
    other_account_id = "acct_1SbxSomeoneElse"

    def grants(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return scopes or ("read_only",)

    def account_named(self, token: str | None) -> str:
        """The id of the account a token opens."""
        return self.other_account_id if self.account_of(token) == OTHER else self.account_id

    def tell(self, access: str, refresh: str | None) -> dict:
        return {
            "access_token": access,
            "livemode": False,
            "refresh_token": refresh,
            "token_type": "bearer",
            "scope": " ".join(self.scopes_of(access)) or "read_write",
            "stripe_publishable_key": "pk_test_sandbox",
            "stripe_user_id": self.account_named(access),
        }

    def approve_page(self, request: Request) -> Answer:
        asked = request.one("scope", "read_only")
        if asked not in ("read_only", "read_write"):
            return oauth_error(400, "invalid_scope", f"There is no scope {asked}")
        return super().approve_page(request)

    def exchange(self, request: Request) -> Answer:
        """Only the secret key is asked for; a redirect address need not come again."""
        sent = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        known = self._codes.get(sent.get("code", ""), "")
        filled = {
            "client_id": self.client_id,
            "client_secret": self._secret_in(request, sent),
            "redirect_uri": getattr(known, "redirect_uri", known),
        }
        request.body = urlencode({**filled, **sent}).encode()
        return super().exchange(request)

    @on("POST", "/oauth/deauthorize")
    @public
    def deauthorize(self, request: Request) -> Answer:
        sent = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        secret = self._secret_in(request, sent)
        if secret != self.client_secret and not self.is_alive(secret):
            return oauth_error(401, "invalid_client", "No such platform key")
        if sent.get("client_id", self.client_id) != self.client_id:
            return oauth_error(400, "invalid_client", "No such application")
        name = sent.get("stripe_user_id")
        tokens = [token for token in [*self._access, *self._refresh] if self.account_named(token) == name]
        if not tokens:
            return oauth_error(400, "invalid_client", "This account is not connected to the application")
        for token in tokens:
            self.revoke(token)
        return Answer(200, {"stripe_user_id": name})

    def _secret_in(self, request: Request, sent: dict) -> str:
        return sent.get("client_secret") or (request.headers.get("Authorization") or "").partition(" ")[2]
