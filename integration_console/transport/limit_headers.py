"""What an upstream says in its headers of how much is left, in one form for all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY_S = 86_400


@dataclass(frozen=True)
class Seen:
    """What one answer's headers said of our limits."""

    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    per_s: float | None = None
    daily_limit: int | None = None
    daily_remaining: int | None = None
    daily_reset_at: datetime | None = None


@dataclass(frozen=True)
class LimitHeaders:
    """The names of the headers in which an upstream tells what is left; empty where it tells nothing."""

    limit: str = ""
    remaining: str = ""
    reset: str = ""
    reset_form: str = "unix"  # "unix" time, or "seconds" or "milliseconds" left
    interval: str = ""  # length of the window in milliseconds
    daily_limit: str = ""
    daily_remaining: str = ""
    daily_reset: str = ""  # milliseconds left
    daily_reserve: int = 0  # calls of a day that are left over: of the last ones we say that none is left

    def read(self, headers: Mapping[str, str], now: datetime) -> Seen | None:
        """What these headers say, odd values left out; None when they say nothing."""
        limit, remaining = _number(headers, self.limit), _number(headers, self.remaining)
        daily_remaining = _number(headers, self.daily_remaining)
        if limit is None and remaining is None and daily_remaining is None:
            return None
        interval = _number(headers, self.interval)
        left = None if daily_remaining is None else max(0, daily_remaining - self.daily_reserve)
        return Seen(
            limit=limit or None,
            remaining=remaining,
            reset_at=_moment(_number(headers, self.reset), self.reset_form, now),
            per_s=interval / 1000 if interval else None,
            daily_limit=_number(headers, self.daily_limit) or None,
            daily_remaining=left,
            daily_reset_at=_moment(_number(headers, self.daily_reset), "milliseconds", now),
        )


def _number(headers: Mapping[str, str], name: str) -> int | None:
    """A whole number, 0 or more; None for anything odd."""
    found = re.match(r"\s*(-?\d{1,15})(?:\.\d+)?\s*(?:[,;]|$)", headers.get(name) or "") if name else None
    return max(0, int(found[1])) if found else None


def _moment(value: int | None, form: str, now: datetime) -> datetime | None:
    if value is None:
        return None
    seconds = {"unix": value - now.timestamp(), "seconds": value, "milliseconds": value / 1000}[form]
    return now + timedelta(seconds=seconds) if abs(seconds) < 400 * DAY_S else None
