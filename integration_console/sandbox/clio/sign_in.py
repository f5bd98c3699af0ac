"""How a person signs in at Clio, and how its tokens are taken back."""

from ..oauth import SignIn, oauth_error
from ..server import Answer, Request, on, public


class ClioSignIn(SignIn):
    """Clio: tokens live 30 days, refresh tokens do not rotate and are not sent again."""

    label = "Clio"
    token_life_s = 2_592_000

    def tell(self, access: str, refresh: str | None) -> dict:
        told = {"token_type": "bearer", "access_token": access, "expires_in": self.token_life_s}
        return {**told, "refresh_token": refresh} if refresh else told

    @on("POST", "/oauth/deauthorize")
    @public
    def deauthorize(self, request: Request) -> Answer:
        token = (request.headers.get("Authorization") or "").partition(" ")[2]
        if not self.is_alive(token):
            return oauth_error(401, "invalid_token", "The access token is not valid")
        self.revoke()
        return Answer(200, {})
