"""Stand-in upstreams: Clio, HighLevel, Clockify, Slack and Stripe on this machine, filled with an invented firm.

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
from .server import Upstream
from .slack import Slack
from .stripe import Stripe

KINDS = (Clio, Ghl, Clockify, Slack, Stripe)  # in the order of their ports
KEYS = tuple(kind.key for kind in KINDS)
PORTS = (0,) * len(KEYS)  # any that are free
STIR_EVERY_S = 3.0


class Sandbox:
    """limits: {"clio": (calls, seconds), ...}; services left out keep the vendor's own.

    alive: a few records change by themselves every few seconds.
    clockify_entities: Clockify also answers its experimental entity-changes addresses.
    """

    clio: Clio
    ghl: Ghl
    clockify: Clockify
    slack: Slack
    stripe: Stripe

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
        limits = limits or {}
        self.upstreams: dict[str, Upstream] = {
            kind.key: kind(self.firm, limits=limits.get(kind.key), port=port, window=window)
            for kind, port in zip(KINDS, ports, strict=True)
        }
        vars(self).update(self.upstreams)
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
        clio, ghl, clockify, slack, stripe = self.clio, self.ghl, self.clockify, self.slack, self.stripe
        told: dict[str, dict] = {key: {"api_url": upstream.api_url} for key, upstream in self.upstreams.items()}
        by_consent: tuple[SignIn, ...] = (clio, ghl, slack, stripe)
        for signed_in in by_consent:
            told[signed_in.key].update(
                auth_url=signed_in.auth_url,
                token_url=signed_in.token_url,
                client_id=signed_in.client_id,
                client_secret=signed_in.client_secret,
                token=signed_in.token_answer(),
            )
        told["ghl"].update(
            api_key=ghl.api_key,
            location_id=ghl.location_id,
            webhook_key=ghl.hook_key.public,
            hook_control=f"{ghl.url}/__sandbox__/hook",
        )
        told["clockify"].update(api_key=clockify.api_key, workspace_id=clockify.workspace_id)
        told["slack"].update(api_key=slack.api_key, team_id=slack.team_id, signing_secret=slack.signing_secret)
        told["stripe"].update(api_key=stripe.api_key)
        return told

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    def _stir(self) -> None:
        while not self._over.wait(STIR_EVERY_S):
            for upstream in self.upstreams.values():
                upstream.stir()
