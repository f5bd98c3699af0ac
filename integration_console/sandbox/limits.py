"""How fast an upstream lets itself be called."""

import math
import time
from collections import deque
from dataclasses import dataclass


@dataclass
class Room:
    """What is left after one call: `refused` says that this call was one too many."""

    limit: int
    remaining: int
    reset_in_s: float
    refused: bool = False

    @property
    def wait_s(self) -> int:
        return max(1, math.ceil(self.reset_in_s))


class Windows:
    """Counts calls per token in windows of `per_s` seconds.

    A fixed window begins with its first call and forgets everything at its end; a sliding
    one forgets each call `per_s` seconds after it was made.
    """

    def __init__(self, kind: str = "fixed") -> None:
        self.kind = kind
        self._fixed: dict[str, tuple[float, int]] = {}
        self._sliding: dict[str, deque] = {}

    def take(self, token: str, limit: int, per_s: float) -> Room:
        count = self._count_sliding if self.kind == "sliding" else self._count_fixed
        return count(token, limit, per_s, time.monotonic())

    def _count_fixed(self, token, limit, per_s, now) -> Room:
        began, used = self._fixed.get(token, (now, 0))
        if now - began >= per_s:
            began, used = now, 0
        refused = used >= limit
        used += not refused
        self._fixed[token] = (began, used)
        return Room(limit, limit - used, began + per_s - now, refused)

    def _count_sliding(self, token, limit, per_s, now) -> Room:
        calls = self._sliding.setdefault(token, deque())
        while calls and now - calls[0] >= per_s:
            calls.popleft()
        refused = len(calls) >= limit
        if not refused:
            calls.append(now)
        return Room(limit, limit - len(calls), calls[0] + per_s - now if calls else per_s, refused)

    def forget(self) -> None:
        self._fixed.clear()
        self._sliding.clear()
