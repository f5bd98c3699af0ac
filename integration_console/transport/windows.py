"""How many calls lie in a window of time, and when there is room for one more.

A row is what all processes know of one account: {"log": [ms, ...], "slots": {"3600.0": [[ms, calls], ...]}}. Short
windows keep a stamp for each call and are judged by pyrate-limiter's sliding window; of longer ones a stamp a call
would be too much to carry about (G7), so they are counted in sixty slots, each forgotten only when all of it is past.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

from pyrate_limiter import Rate
from pyrate_limiter.abstracts.algorithm import SlidingWindowLog

LOGGED_S = 120  # the longest window with a stamp for each call
SLOTS = 60

_WINDOW = SlidingWindowLog()


@dataclass(frozen=True)
class Limit:
    """So many calls in so many seconds."""

    calls: int
    per_s: float


def pause_ms(row: dict, limit: Limit, now: int) -> int:
    """Milliseconds until the window has room for one more call; 0 when it has."""
    if limit.per_s > LOGGED_S:
        return _slots_pause_ms(row, limit, now)
    log, rate = row.get("log", []), Rate(limit.calls, length_ms(limit))
    decision = _WINDOW.decide([rate], [used(row, limit, now)], 1, now, lambda back: log[-1 - back])
    return decision.retry_after_ms or 0


def _slots_pause_ms(row: dict, limit: Limit, now: int) -> int:
    too_many = used(row, limit, now) - limit.calls + 1
    for start, calls in _slots(row, limit, now):
        if too_many <= 0:
            break
        too_many -= calls
        if too_many <= 0:
            return _slot_ends(start, limit) - now
    return 0


def used(row: dict, limit: Limit, now: int) -> int:
    """How many calls a limit counts now. now: milliseconds."""
    if limit.per_s <= LOGGED_S:
        log = row.get("log", [])
        return len(log) - bisect_left(log, now - length_ms(limit))
    return sum(calls for _, calls in _slots(row, limit, now))


def count(row: dict, limits: list[Limit], now: int, calls: int = 1) -> dict:
    """The row after so many more calls, without what no window needs any longer."""
    log = row.get("log", [])
    longest = max((length_ms(limit) for limit in limits if limit.per_s <= LOGGED_S), default=0)
    log = log[bisect_left(log, now - longest) :]
    for _ in range(calls if longest else 0):
        insort(log, now)
    slots = dict(row.get("slots", {}))
    for limit in limits:
        if limit.per_s > LOGGED_S:
            slots[str(limit.per_s)] = _counted_slots(row, limit, now, calls)
    return row | {"log": log, "slots": slots}


def restamp(row: dict, began: int, now: int) -> dict:
    """Count the call made at `began` as made now."""
    log = list(row.get("log", []))
    place = bisect_left(log, began)
    if place < len(log):
        del log[place]
        insort(log, now)
    return row | {"log": log}


def _slots(row: dict, limit: Limit, now: int) -> list[list[int]]:
    return [slot for slot in row.get("slots", {}).get(str(limit.per_s), ()) if _slot_ends(slot[0], limit) > now]


def _counted_slots(row: dict, limit: Limit, now: int, calls: int) -> list[list[int]]:
    slots, start = _slots(row, limit, now), now - now % _slot_ms(limit)
    if slots and slots[-1][0] == start:
        return [*slots[:-1], [start, slots[-1][1] + calls]]
    return [*slots, [start, calls]]


def _slot_ms(limit: Limit) -> int:
    return round(limit.per_s * 1000 / SLOTS)


def _slot_ends(start: int, limit: Limit) -> int:
    """When the last call of a slot has left the window."""
    return start + _slot_ms(limit) + round(limit.per_s * 1000)


def length_ms(limit: Limit) -> int:
    """How long a call counts, with the margin."""
    return round(limit.per_s * 1000) + margin_ms(limit.per_s)


def margin_ms(per_s: float) -> int:
    """A window is taken this much longer than told, for the jitter of the way there (G22)."""
    return max(25, round(per_s * 10))
