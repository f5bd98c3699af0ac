"""Stand-in upstreams: Clio, HighLevel, Clockify, Slack, QuickBooks and Xero on this machine, filled with an invented firm.

    with Sandbox() as sandbox:
        sandbox.clio.api_url    # what CLIO_API_URL would hold
        sandbox.clio.ledger()   # how many records of each resource there really are

For trying the console out and for testing it. A stand-in, not a truth: where it and a vendor's
document differ, it is wrong. It listens on loopback only and imports nothing of the house.
"""

import threading

from .clio import Clio
from .clockify import Clockify
from .firm import Firm
from .ghl import Ghl
from .oauth import SignIn
from .quickbooks import QuickBooks
from .server import Upstream
from .slack import Slack
from .xero import Xero

STIR_EVERY_S = 3.0
KEYS = ("clio", "ghl", "clockify", "slack", "quickbooks", "xero")  # in the order of their ports
PORTS = (0,) * len(KEYS)  # any that are free


class Sandbox:
    """limits: {"clio": (calls, seconds), ...}; services left out keep the vendor's own.

    alive: a few records change by themselves every few seconds.
    clockify_entities: Clockify also answers its experimental entity-changes addresses.
    """

    def __init__(
        self,
        *,
        size="small",
        limits=None,
        alive=False,
        ports=PORTS,
        window="fixed",
        clockify_entities=False,
        seed=7,
        today=None,
    ) -> None:
        self.firm = Firm(size=size, seed=seed, today=today)
        limits, (clio, ghl, clockify, slack, quickbooks, xero) = limits or {}, ports
        self.clio = Clio(self.firm, limits=limits.get("clio"), port=clio, window=window)
        self.ghl = Ghl(self.firm, limits=limits.get("ghl"), port=ghl, window=window)
        self.clockify = Clockify(self.firm, limits=limits.get("clockify"), port=clockify, window=window)
        self.slack = Slack(self.firm, limits=limits.get("slack"), port=slack, window=window)
        self.quickbooks = QuickBooks(self.firm, limits=limits.get("quickbooks"), port=quickbooks, window=window)
        self.xero = Xero(self.firm, limits=limits.get("xero"), port=xero, window=window)
        told = (self.clio, self.ghl, self.clockify, self.slack, self.quickbooks, self.xero)
        self.upstreams: dict[str, Upstream] = {upstream.key: upstream for upstream in told}
        self.clockify.has_entities = clockify_entities
        self._alive = alive
        self._over = threading.Event()

    def start(self) -> "Sandbox":
        for upstream in self.upstreams.values():
            upstream.start()
        if self._alive:
            threading.Thread(target=self._stir, daemon=True).start()
        return self

    def stop(self) -> None:
        self._over.set()
        for upstream in self.upstreams.values():
            upstream.stop()

    def described(self) -> dict:
        """Everything another process needs to connect, as the command line prints it."""
        clio, ghl, clockify, slack = self.clio, self.ghl, self.clockify, self.slack
        quickbooks, xero = self.quickbooks, self.xero
        told: dict[str, dict] = {key: {"api_url": upstream.api_url} for key, upstream in self.upstreams.items()}
        by_consent: tuple[SignIn, ...] = (clio, ghl, slack, quickbooks, xero)
        for signed_in in by_consent:
            told[signed_in.key].update(
                auth_url=signed_in.auth_url,
                token_url=signed_in.token_url,
                client_id=signed_in.client_id,
                client_secret=signed_in.client_secret,
                token=signed_in.token_answer(),
            )
        told["ghl"].update(api_key=ghl.api_key, location_id=ghl.location_id, webhook_key=ghl.hook_key.public)
        told["clockify"].update(api_key=clockify.api_key, workspace_id=clockify.workspace_id)
        told["slack"].update(api_key=slack.api_key, team_id=slack.team_id, signing_secret=slack.signing_secret)
        told["quickbooks"].update(realm_id=quickbooks.realm_id, webhook_secret=quickbooks.verifier)
        told["xero"].update(tenant_id=xero.tenant_id, webhook_secret=xero.webhook_key)
        return told

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    def _stir(self) -> None:
        while not self._over.wait(STIR_EVERY_S):
            for upstream in self.upstreams.values():
                upstream.stir()
