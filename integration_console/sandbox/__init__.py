"""Stand-in upstreams on this machine, filled with an invented firm.

    with Sandbox() as sandbox:
        sandbox.clio.api_url    # what CLIO_API_URL would hold
        sandbox.clio.ledger()   # how many records of each resource there really are

For trying the console out and for testing it. A stand-in, not a truth: where it and a vendor's
document differ, it is wrong. It listens on loopback only and imports nothing of the house.
"""

import threading
from typing import Any

from .clio import Clio
from .clockify import Clockify
from .firm import Firm
from .ghl import Ghl
from .quickbooks import QuickBooks
from .server import Upstream
from .slack import Slack
from .stripe import Stripe
from .xero import Xero

STAND_INS: tuple[type[Upstream], ...] = (
    Clio,
    Ghl,
    Clockify,
    Slack,
    Stripe,
    QuickBooks,
    Xero,
)  # in the order of their ports
KEYS = tuple(one.key for one in STAND_INS)
PORTS = (0,) * len(KEYS)  # any that are free
STIR_EVERY_S = 3.0


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
        limits = limits or {}
        self.upstreams: dict[str, Any] = {
            one.key: one(self.firm, limits=limits.get(one.key), port=port, window=window)
            for one, port in zip(STAND_INS, ports, strict=True)
        }
        self.upstreams["clockify"].has_entities = clockify_entities
        self._alive = alive
        self._over = threading.Event()

    def __getattr__(self, key: str) -> Any:
        """A stand-in by its key: sandbox.clio."""
        if key in KEYS:
            return self.upstreams[key]
        raise AttributeError(key)

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

    def described(self) -> dict[str, dict]:
        """Everything another process needs to connect, as the command line prints it."""
        return {key: {"api_url": one.api_url, **one.way_in(), **one.facts()} for key, one in self.upstreams.items()}

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    def _stir(self) -> None:
        while not self._over.wait(STIR_EVERY_S):
            for upstream in self.upstreams.values():
                upstream.stir()
