"""Send one request: wait our turn, try, time it, report it, raise what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .call import Answer, Attempt, Call
from .limits import Budget, LimitHeaders

DECISIONS = (
    "fine", "nothing", "retry", "slow down", "refresh", "refused", "missing", "not allowed", "needs a person", "unusable",
)  # fmt: skip


class Upstream:
    """One account at one service, ready to be called."""

    def __init__(
        self, *, service: Any, base_url: str, settings: Mapping[str, str], authorize: Callable[[], dict[str, str]],
        budget: Budget, record: Callable[[Attempt], None] | None = None, refresh: Callable[[], None] | None = None,
        secrets: Callable[[], Iterable[str]] = tuple, deadline_s: float = 60, max_bytes: int = 20 << 20,
        insecure: bool = False, extra_origins: Iterable[str] = (), headers: Mapping[str, str] | None = None,
        explain: Callable[[Answer], tuple[str, str, str | None]] | None = None,
        decide: Callable[[Answer], str | None] | None = None, limit_headers: LimitHeaders | None = None,
        should_stop: Callable[[], bool] = lambda: False, patience_s: float = 60, account_id: str | None = None,
    ) -> None:  # fmt: skip
        self.service, self.settings, self.account_id = service, settings, account_id
        self.waited_ms, self.calls = 0.0, 0

    def send(self, call: Call) -> Answer:
        """Carry one call out and return its answer; raise what any other answer means."""
        raise NotImplementedError
