"""The time, once: now() and sleep(), so a test can own them.

`CLOCK_OFFSET_SECONDS` shifts the wall clock for tests that live in other weeks; `set_offset` is called with it
when the app is built. Durations come from `monotonic`, which no offset touches.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

APART = timedelta(hours=1)  # our machines' clocks and the services' are no further from each other

_offset = timedelta(0)

monotonic = time.monotonic
sleep = time.sleep


def set_offset(seconds: float) -> None:
    """Shift every later now() by this many seconds."""
    global _offset
    _offset = timedelta(seconds=seconds)


def now() -> datetime:
    """The present moment in UTC, with its zone."""
    return datetime.now(UTC) + _offset


def latest() -> datetime:
    """The latest moment that can have been noted by now, on any machine. What is dated later was noted by a clock that
    was ahead and has been put back since.
    """
    return now() + APART


@cache
def zones() -> frozenset[str]:
    """The names of all time zones. Kept: to look costs four milliseconds, and every line of a mapping asks."""
    return frozenset(available_timezones())


def parse(text: str | None) -> datetime | None:
    """Read an upstream's ISO 8601 time as an instant in UTC; None when there is none.

    A time without a zone is taken as UTC, a bare date as its midnight.
    Raises ValueError when the text is no time, or one that no calendar of ours reaches.

    >>> parse("2026-03-02T14:00:00+02:00").isoformat()
    '2026-03-02T12:00:00+00:00'
    """
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # midnight of the year 1 in Auckland was still the year before
        raise ValueError(f"time out of range: {text!r}") from None
