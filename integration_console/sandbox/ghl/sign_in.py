"""How a person chooses a location and signs in at HighLevel."""

from ..oauth import OTHER
from ..server import Answer, Request
from .scopes import GhlScopes


class GhlSignIn(GhlScopes):
    """HighLevel: tokens live a day, every refresh token works once."""

    label = "GoHighLevel"
    token_life_s = 86_399
    rotates = True
    sign_in_path = "/oauth/chooselocation"
    location_id: str
    company_id: str
    user_ids: list[str]

    def location_of(self, token: str | None) -> str:
        """The location a token opens."""
        return "otherLocation00000000" if self.account_of(token) == OTHER else self.location_id

    def tell(self, access: str, refresh: str | None) -> dict:
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.token_life_s,
            "refresh_token": refresh,
            "scope": " ".join(self.scopes_held(access)),
            "userType": "Location",
            "locationId": self.location_of(access),
            "companyId": self.company_id,
            "approvedLocations": [],
            "userId": self.user_ids[0],
            "planId": "sandbox",
            "isBulkInstallation": False,
        }

    def exchange(self, request: Request) -> Answer:
        if "form-urlencoded" not in (request.headers.get("Content-Type") or ""):
            return Answer(
                422, {"statusCode": 422, "message": ["grant_type should not be empty"], "error": "Unprocessable Entity"}
            )
        return super().exchange(request)
