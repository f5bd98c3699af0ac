"""Stand-in upstreams on this machine, filled with an invented firm.

    with Sandbox() as sandbox:
        sandbox.clio.api_url    # what CLIO_API_URL would hold
        sandbox.clio.ledger()   # how many records of each resource there really are

For trying the console out and for testing it. A stand-in, not a truth: where it and a vendor's
document differ, it is wrong. It listens on loopback only and imports nothing of the house.
"""

import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from .firm import Firm
from .memory import Memory, day_of
from .server import Upstream


def _found() -> list[type[Upstream]]:
    """What each folder here declares as its STAND_IN, in the order of their usual ports."""
    folders = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__) if module.ispkg]
    return sorted((folder.STAND_IN for folder in folders), key=lambda one: one.usual_port)


STAND_INS = {one.key: one for one in _found()}
KEYS = tuple(STAND_INS)
STIR_EVERY_S = 3.0


class Sandbox:
    """limits: {"clio": (calls, seconds), ...}; services left out keep the vendor's own.

    ports: {"clio": 8101, ...}; services left out get any that is free.
    alive: a few records change by themselves every few seconds.
    clockify_entities: Clockify also answers its experimental entity-changes addresses.
    memory: a folder in which the next sandbox finds all that was changed in this one, and whom it let in.
    """

    def __init__(
        self,
        *,
        size="small",
        limits=None,
        alive=False,
        ports: Mapping[str, int] | None = None,
        window="fixed",
        clockify_entities=False,
        seed=7,
        today=None,
        memory: Path | None = None,
    ) -> None:
        self.firm = Firm(size=size, seed=seed, today=day_of(memory) if memory and not today else today)
        limits, ports = limits or {}, ports or {}
        self.upstreams: dict[str, Any] = {
            key: stand_in(self.firm, limits=limits.get(key), port=ports.get(key, 0), window=window)
            for key, stand_in in STAND_INS.items()
        }
        if clockify := self.upstreams.get("clockify"):
            clockify.has_entities = clockify_entities
        self._alive, self._memory = alive, memory and Memory(memory, self.upstreams.values())
        self._over = threading.Event()

    def __getattr__(self, key: str) -> Any:
        """A stand-in by its key: sandbox.clio."""
        if key in KEYS:
            return self.upstreams[key]
        raise AttributeError(key)

    def start(self) -> "Sandbox":
        if self._memory:
            self._memory.open()
        for upstream in self.upstreams.values():
            upstream.start()
        if self._alive:
            threading.Thread(target=self._stir, daemon=True).start()
        return self

    def stop(self) -> None:
        self._over.set()
        for upstream in self.upstreams.values():
            upstream.stop()
        if self._memory:
            self._memory.close()

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
