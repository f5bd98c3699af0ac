"""Harbor: an imaginary service whose consent has everything that real ones have one by one.

PKCE, HTTP Basic, scopes by comma, its firm told beside the code, several firms in one sign-in, tokens that die of
idleness and of age, and a revocation in JSON. It stands in for services that are not written yet.
"""

import datetime as dt
from contextlib import contextmanager

from integration_console import services
from integration_console.sandbox.firm import Firm
from integration_console.sandbox.oauth import OTHER, SignIn
from integration_console.sandbox.server import Answer, Request, on, public
from integration_console.services.base import Account, Call, Limit, OAuth, Resource, Service, dig
from integration_console.services.shapes import UpstreamRecord


class Berth(UpstreamRecord):
    """A place for a ship."""

    id: str
    name: str | None = None


class HarborService(Service):
    """Any number of firms in one sign-in."""

    key = "harbor"
    label = "Harbor"
    description = "Berths of a harbor."
    category = "Tests"
    source = "https://harbor.example"
    source_read = dt.date(2026, 1, 1)
    base_url = "https://api.harbor.example"
    ways = (
        OAuth(
            "https://harbor.example/oauth/authorize",
            "https://harbor.example/oauth/token",
            revoke_url="https://harbor.example/oauth/revoke", revoke_as="json", revoke_auth="basic",
            revoke_fields={"token": "{refresh_token}", "firm": "{firm_code}"},
            scopes=("berths.read", "ships.read"), optional_scopes=("berths.write",), scope_separator=",",
            stops_without={"ships.read": "ships cannot be read"}, pkce=True, client_auth="basic", rotates=True,
            told_on_return={"harborId": "harbor_id"}, idle=dt.timedelta(days=60), life=dt.timedelta(days=365),
            issuer="https://issuer.harbor.example",
        ),
    )  # fmt: skip
    options = ("firm_id",)
    limits = (Limit(1000, 1),)
    berths = Resource("/berths", Berth, changed=None)

    def account(self, upstream) -> Account:
        """The firm the connection is for; the first until that is chosen."""
        found, wanted = self.accounts(upstream), upstream.settings.get("firm_id")
        return next((account for account in found if account.id == wanted), found[0])

    def accounts(self, upstream) -> list[Account]:
        """Every firm of the sign-in."""
        firms = upstream.send(Call("GET", "/firms")).data
        return [
            Account(dig(f, "id"), dig(f, "name"), {"Plan": "Quay"}, settings={"firm_id": dig(f, "id")}) for f in firms
        ]


class Harbor(SignIn):
    """Its stand-in."""

    key = "harbor"
    rotates = True
    scope_separator = ","
    refused: tuple[str, ...] = ()  # scopes it does not grant

    def __init__(self) -> None:
        super().__init__(Firm(size="small"))
        self.open_sign_in()
        self.firms = {"": [("F1", "Harbor One")], OTHER: [("F9", "Other Harbor")]}
        self.taken_back: list[dict] = []

    def tell(self, access: str, refresh: str | None) -> dict:
        """As Harbor says it."""
        told = {"access_token": access, "expires_in": self.token_life_s, "firm_code": "HC1"}
        scope = {"scope": ",".join(self.scopes_of(access))} if self.scopes_of(access) else {}
        return told | scope | ({"refresh_token": refresh} if refresh else {})

    def grants(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """All but the refused ones."""
        return tuple(scope for scope in scopes if scope not in self.refused)

    def back_with(self, account: str) -> dict[str, str]:
        """The harbor, told nowhere else."""
        return {"harborId": "H9" if account == OTHER else "H1"}

    def gate(self, request: Request) -> Answer | None:
        """Tokens only."""
        request.holder = (request.headers.get("Authorization") or "").partition(" ")[2]
        return None if self.is_alive(request.holder) else Answer(401, {"error": "invalid_token"})

    @on("POST", "/oauth/revoke")
    @public
    def take_back(self, request: Request) -> Answer:
        """JSON, and a good status for everything."""
        if self._client(request, {}) != (self.client_id, self.client_secret):
            return Answer(200, {"ok": False, "error": "bad_client"})
        self.taken_back.append(request.json())
        self.revoke()
        return Answer(200, {"ok": True})

    @on("GET", "/firms")
    def listed(self, request: Request) -> Answer:
        """The firms this token opens."""
        return Answer(200, [{"id": i, "name": name} for i, name in self.firms[self.account_of(request.holder)]])

    @on("GET", "/berths")
    def berths(self, request: Request) -> Answer:
        """What it holds."""
        return Answer(200, [{"id": "1", "name": "North"}])


@contextmanager
def harbor_open(monkeypatch):
    """Harbor runs, and the house knows the service."""
    upstream, service = Harbor(), HarborService()
    known = dict(services.every())
    monkeypatch.setattr(services, "every", lambda: {**known, "harbor": service})
    for name in ("api_url", "auth_url", "token_url", "client_id", "client_secret"):
        monkeypatch.setenv(f"HARBOR_{name}".upper(), getattr(upstream, name))
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.stop()
