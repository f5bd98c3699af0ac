"""How a person chooses a location and signs in at HighLevel."""

from ..oauth import OTHER
from ..server import Answer, Request
from .scopes import GhlScopes


class GhlSignIn(GhlScopes):
    """HighLevel: tokens live a day, every refresh token works once.

    for_agency: whoever signs in chooses the agency, and the tokens open no location by themselves.
    """

    label = "GoHighLevel"
    token_life_s = 86_399
    rotates = True
    for_agency = False
    sign_in_path = "/oauth/chooselocation"
    location_id: str
    company_id: str
    user_ids: list[str]

    def location_of(self, token: str | None) -> str:
        """The location a token opens."""
        return "otherLocation00000000" if self.account_of(token) == OTHER else self.location_id

    def tell(self, access: str, refresh: str | None) -> dict:
        whose = (
            {"userType": "Company"}
            if self.for_agency
            else {"userType": "Location", "locationId": self.location_of(access)}
        )
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.token_life_s,
            "refresh_token": refresh,
            "scope": " ".join(self.scopes_held(access)),
            **whose,
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
