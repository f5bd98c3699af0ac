"""How fast an upstream lets itself be called: the declared windows, and the budget all its callers share.

The declared windows guard; the upstream's headers (limit_headers.py) steer. A call is counted from when its answer
came, never from when it was planned, so a slow way there cannot make us faster than we may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Lock, local
from typing import Any

import orjson

from .. import clock
from ..errors import Cancelled, Parked
from .limit_headers import DAY_S, Seen
from .pacing import MemoryStore, Store
from .windows import Limit, count, length_ms, margin_ms, pause_ms, restamp, used

BELIEVED_S = 600  # a limit told in a header counts this long unless told again
SAVE_EVERY_MS = 5_000  # so that other processes' pages show the headers too
COMING_MS = 250  # how late one who goes first may wake up, and still find the turn free


def parse_limits(text: str) -> tuple[Limit, ...]:
    """Read calls per seconds: "50/60,1000/3600".

    Raises ValueError with a sentence for people.

    >>> parse_limits("50/60, 1000/3600")
    (Limit(calls=50, per_s=60.0), Limit(calls=1000, per_s=3600.0))
    """
    return tuple(_parse_limit(part.strip()) for part in text.split(","))


class Budget:
    """The right to call one account, shared by every thread and process that uses the same key.

    first: others wait for these calls, such as a person at a page: when nothing is free, they go before a run's.
    """

    def __init__(self, key: str, limits: tuple[Limit, ...], store: Store | None = None, *, first: bool = False) -> None:
        self.key, self.limits = key, tuple(sorted(limits, key=lambda limit: limit.per_s))
        self._store, self._first = store or MemoryStore(), first
        self._lock, self._turn = Lock(), local()
        self._version, self._row = -1, {}  # type: int, dict[str, Any]
        self._told: Seen | None = None
        self._saved_ms = _now_ms()

    def wait(self, deadline_s: float | None = None, should_stop: Callable[[], bool] = lambda: False) -> float:
        """Wait for our turn and take it; returns the milliseconds waited.

        Raises Parked when our turn comes later than `deadline_s`, Cancelled when told to stop.
        """
        began = clock.monotonic()
        while True:
            if should_stop():
                raise Cancelled
            pause_s = self._take() / 1000
            waited_s = clock.monotonic() - began
            if not pause_s:
                return waited_s * 1000
            if deadline_s is not None and waited_s + pause_s > deadline_s:
                until = clock.now() + timedelta(seconds=pause_s)
                raise Parked("The limit of calls to this account is used up for now.", until=until)
            if self._first:
                self._go_first(pause_s)
            pause(pause_s, should_stop)

    def landed(self) -> None:
        """This thread's last turn was used and answered: the upstream counted the call at some time up to now."""
        began, shortest_s = getattr(self._turn, "ms", None), min((limit.per_s for limit in self.limits), default=None)
        if began is not None and shortest_s is not None and _now_ms() - began > margin_ms(shortest_s):
            self._change(lambda row, now: restamp(row, began, now))

    def saw(self, seen: Seen | None) -> None:
        """Believe the upstream's headers over what was declared."""
        if seen is None:
            return
        self._told, now = seen, _now_ms()
        row = self._row
        news = self._until(row, seen, now) > row.get("until", 0) or self._foreign(row, seen, now) > 0
        if (
            news
            or seen.limit not in (None, self._limit_of(row, now, self._first_s(seen)))
            or now - self._saved_ms > SAVE_EVERY_MS
        ):
            self._saved_ms = now
            self._change(lambda row, now: self._note(row, seen, now))

    def slow_down(self, until: datetime) -> None:
        """Nobody calls this account before then."""
        until_ms = round(until.timestamp() * 1000)
        self._change(lambda row, now: row | {"until": max(until_ms, row.get("until", 0))})

    def state(self) -> dict[str, Any]:
        """What pages show: the upstream's last word, and how much of each window was used at our last call."""
        with self._lock:
            if self._version < 0:
                self._load()
            row, now = self._row, _now_ms()
        told = self._told or _told(row)
        return {
            "limit": told.limit,
            "remaining": told.remaining,
            "reset_at": told.reset_at,
            "until": _time(row["until"]) if row.get("until", 0) > now else None,
            "daily_limit": told.daily_limit,
            "daily_remaining": told.daily_remaining,
            "windows": [
                {"calls": limit.calls, "per_s": limit.per_s, "used": used(row, limit, now)}
                for limit in self._rated(row, now)
            ],
        }

    # -- one turn -----------------------------------------------------------------------------------------------------

    def _go_first(self, pause_s: float) -> None:
        """Let the others pass over the turn we wait for. It ends by itself, should we never come."""
        ours_ms = round(pause_s * 1000) + COMING_MS
        self._change(lambda row, now: row | {"first": max(now + ours_ms, row.get("first", 0))})

    def _take(self) -> int:
        """Take a turn and return 0, or return the milliseconds until there may be one."""
        with self._lock:
            fresh = self._version < 0 and self._load()
            while True:
                now = _now_ms()
                limits = self._rated(self._row, now)
                closed_until = max(self._row.get("until", 0), 0 if self._first else self._row.get("first", 0))
                wait_ms = max(0, closed_until - now, *(pause_ms(self._row, limit, now) for limit in limits))
                if wait_ms and fresh:
                    return wait_ms
                if not wait_ms and (not limits or self._swap(count(self._row, limits, now))):
                    self._turn.ms = now
                    return 0
                fresh = self._load()  # somebody else was here since we last looked

    def _change(self, change: Callable[[dict, int], dict]) -> None:
        with self._lock:
            if self._version < 0:
                self._load()
            while not self._swap(change(self._row, _now_ms())):
                self._load()

    def _load(self) -> bool:
        self._version, row = self._store.read(self.key)
        self._row = orjson.loads(row) if row else {}
        return True

    def _swap(self, row: dict) -> bool:
        done = self._store.swap(self.key, self._version, orjson.dumps(row))
        if done:
            self._version, self._row = self._version + 1, row
        return done

    # -- what headers change ------------------------------------------------------------------------------------------

    def _rated(self, row: dict, now: int) -> list[Limit]:
        """The declared windows, with the calls the upstream last allowed in them."""
        limits = list(self.limits)
        for per_s, calls, told_ms in row.get("told", {}).get("rates", ()):
            near = [i for i, limit in enumerate(limits) if limit.per_s == per_s]
            if near and now - told_ms < BELIEVED_S * 1000:
                limits[near[0]] = replace(limits[near[0]], calls=calls)
        return limits

    def _first_s(self, seen: Seen) -> float:
        """The declared window the headers speak of: the one of that length, else the shortest."""
        lengths = [limit.per_s for limit in self.limits]
        return seen.per_s if seen.per_s in lengths else lengths[0] if lengths else seen.per_s or 60

    def _limit_of(self, row: dict, now: int, per_s: float) -> int | None:
        return next((limit.calls for limit in self._rated(row, now) if limit.per_s == per_s), None)

    def _until(self, row: dict, seen: Seen, now: int) -> int:
        """Before when nobody may call. A time told in whole seconds may lie a second late: where our own calls explain
        that nothing is left, our own window knows the moment better."""
        first_s = self._first_s(seen)
        until = _until(seen, first_s, now)
        if until and seen.limit and seen.daily_remaining != 0 and self._foreign(row, seen, now) <= 0:
            free = now + pause_ms(row, Limit(seen.limit, first_s), now)
            return 0 if free > now and until - free <= 1000 else until
        return until

    def _foreign(self, row: dict, seen: Seen, now: int) -> int:
        """Calls the upstream has counted in this window that none of us made."""
        over = seen.reset_at is not None and (_ms(seen.reset_at) or 0) <= now
        if seen.limit is None or seen.remaining is None or not self.limits or over:
            return 0
        window = Limit(seen.limit, self._first_s(seen))
        return min(seen.limit - seen.remaining, seen.limit) - used(row, window, now)

    def _note(self, row: dict, seen: Seen, now: int) -> dict:
        first_s = self._first_s(seen)
        rates = [rate for rate in row.get("told", {}).get("rates", ()) if rate[0] not in (first_s, DAY_S)]
        rates += [[first_s, seen.limit, now]] if seen.limit else []
        rates += [[DAY_S, seen.daily_limit, now]] if seen.daily_limit else []
        told = {"rates": rates, "left": [seen.limit, seen.remaining, _ms(seen.reset_at)]}
        told["daily"] = [seen.daily_limit, seen.daily_remaining, _ms(seen.daily_reset_at)]
        until = max(row.get("until", 0), self._until(row, seen, now))
        foreign = self._foreign(row, seen, now)
        if foreign > 0:  # they leave the window when the upstream says it starts anew
            ends = _ms(seen.reset_at) or 0
            stamp = min(now, max(ends - round(first_s * 1000), now - round(first_s * 1000))) if ends > now else now
            row = count(row, self._rated(row, now), stamp, foreign)
        return row | {"told": told, "until": until}


def pause(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Sleep, but wake up when told to stop.

    Raises Cancelled then.
    """
    ends = clock.monotonic() + seconds
    while (left := ends - clock.monotonic()) > 0:
        if should_stop():
            raise Cancelled
        clock.sleep(min(left, 0.2))


# -- what was seen --------------------------------------------------------------------------------------------------


def _until(seen: Seen, per_s: float, now: int) -> int:
    """Before when nobody may call, because nothing is left."""
    until = 0
    if seen.remaining == 0:
        until = _credible(_ms(seen.reset_at), now, max(90, 2 * per_s)) or now + length_ms(Limit(1, per_s))
    if seen.daily_remaining == 0:
        until = max(until, _credible(_ms(seen.daily_reset_at), now, DAY_S + 3600) or now + 3_600_000)
    return until


def _credible(moment: int | None, now: int, longest_s: float) -> int | None:
    """A time to wait for; one in the past is no reason to wait, one beyond the window is not believed."""
    if moment is None or moment > now + longest_s * 1000:
        return None
    return moment + 25


def _parse_limit(text: str) -> Limit:
    found = re.fullmatch(r"(\d{1,9})\s*/\s*(\d{1,7}(?:\.\d{1,3})?)", text)
    if not found or not int(found[1]) or not float(found[2]):
        raise ValueError(f'{text!r} is no limit. Write calls/seconds, several with commas: "50/60,1000/3600".')
    return Limit(int(found[1]), float(found[2]))


def _told(row: dict) -> Seen:
    told = row.get("told", {})
    limit, remaining, reset = told.get("left", (None, None, None))
    daily_limit, daily_remaining, daily_reset = told.get("daily", (None, None, None))
    return Seen(limit, remaining, _time(reset), None, daily_limit, daily_remaining, _time(daily_reset))


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
