"""How fast an upstream lets itself be called: declared windows, what its headers say, and the budget shared by all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Limit:
    """So many calls in so many seconds."""

    calls: int
    per_s: float


@dataclass(frozen=True)
class Seen:
    """What an answer's headers said about our limits."""

    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    daily_limit: int | None = None
    daily_remaining: int | None = None
    daily_reset_at: datetime | None = None


@dataclass(frozen=True)
class LimitHeaders:
    """The names of the headers in which an upstream tells what is left."""

    limit: str = ""
    remaining: str = ""
    reset: str = ""
    reset_form: str = "unix"  # "unix", "seconds" left, "milliseconds" left
    daily_limit: str = ""
    daily_remaining: str = ""
    daily_reset: str = ""  # milliseconds left

    def read(self, headers: Mapping[str, str], now: datetime) -> Seen | None:
        """What these headers say; None when they say nothing."""
        return None


def parse_limits(text: str) -> tuple[Limit, ...]:
    """Read "50/60,1000/3600": calls per seconds."""
    return tuple(Limit(int(c), float(s)) for c, s in (part.split("/") for part in text.split(",")))


class Budget:
    """The right to call one account, shared by threads and processes."""

    def __init__(self, key: str, limits: tuple[Limit, ...], store: Any = None) -> None:
        self.key, self.limits, self.store = key, limits, store

    def wait(self, deadline_s: float | None = None, should_stop: Callable[[], bool] = lambda: False) -> float:
        """Wait for our turn; the milliseconds waited."""
        return 0.0

    def saw(self, seen: Seen | None) -> None:
        """Believe the upstream's headers over what was declared."""

    def slow_down(self, until: datetime) -> None:
        """Nobody calls this account before then."""

    def state(self) -> dict[str, Any]:
        """What pages show."""
        return {"limit": None, "remaining": None, "reset_at": None, "windows": []}
