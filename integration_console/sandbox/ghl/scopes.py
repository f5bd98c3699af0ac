"""Which scope a call takes, as `security` in the published documents has it, and whose token holds which.

Source: GitHub GoHighLevel/highlevel-api-docs (2026-06-19), apps/*.json. Single custom fields are in there without any.
"""

import re

from ..oauth import SignIn
from ..server import Request

# The first that fits a path; reading takes `.readonly`, anything else `.write`. None: no scope is documented.
AREAS = tuple(
    (re.compile(path), area)
    for path, area in (
        (r"/contacts(/.*)?", "contacts"),
        (r"/opportunities(/.*)?", "opportunities"),
        (r"/users(/.*)?", "users"),
        (r"/calendars(/[^/]+)?", "calendars"),
        (r"/locations/[^/]+/customFields", "locations/customFields"),
        (r"/locations/[^/]+/customFields/.+", None),
        (r"/locations/[^/]+/tags", "locations/tags"),
        (r"/locations/[^/]+/tasks/search", "locations/tasks"),
        (r"/locations/[^/]+", "locations"),
    )
)
READS_BY_POST = ("/contacts/search", "/opportunities/search", "/tasks/search")
ALL = tuple(f"{area}.{leave}" for _, area in AREAS if area for leave in ("readonly", "write"))


class GhlScopes(SignIn):
    api_key: str
    withheld: frozenset[str] = frozenset()

    def withhold(self, *scopes: str) -> None:
        """From now on every token, and the key too, is without these; none gives them all back."""
        self.withheld = frozenset(scopes)

    def scopes_held(self, token: str) -> tuple[str, ...]:
        """What a token may do: what its sign-in asked for, and everything where that asked for nothing."""
        return tuple(scope for scope in self.scopes_of(token) or ALL if scope not in self.withheld)

    def lacks_scope(self, request: Request, token: str) -> bool:
        needed = scope_for(request.method, self.short_path(request))
        return needed is not None and needed not in self.scopes_held(token)

    def _control_withhold(self, request: Request, sent: dict) -> dict:
        self.withhold(*sent["scopes"])
        return {"withheld": sorted(self.withheld)}


def scope_for(method: str, path: str) -> str | None:
    """
    >>> scope_for("POST", "/contacts/search"), scope_for("PUT", "/contacts/17"), scope_for("GET", "/calendars/")
    ('contacts.readonly', 'contacts.write', 'calendars.readonly')
    """
    path = path.rstrip("/")
    area = next((area for pattern, area in AREAS if pattern.fullmatch(path)), None)
    reads = method == "GET" or path.endswith(READS_BY_POST)
    return area and f"{area}.{'readonly' if reads else 'write'}"
