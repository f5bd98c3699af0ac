"""When a connection is due: the named frequencies, cron lines, and their slots in local time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter

from ... import clock
from ...errors import InvalidInput

# Local times: each local day or slot runs once, also when the clocks change (D6).
FREQUENCIES = {
    "manual": None,
    "15min": "*/15 * * * *",
    "hourly": "0 * * * *",
    "daily": "0 5 * * *",
    "weekly": "0 5 * * 1",
}
_WORDS = {
    "manual": "only when asked",
    "15min": "every 15 minutes",
    "hourly": "every hour",
    "daily": "every day at 05:00",
    "weekly": "every Monday at 05:00",
}


def check(frequency: str, time_zone: str) -> None:
    """Raise InvalidInput when the frequency is none of ours and no cron line, or the zone is unknown."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            f"There is no time zone {time_zone!r}. Write it as in Europe/Berlin.", field="time_zone"
        ) from None
    if frequency in FREQUENCIES:
        return
    if len(frequency.split()) != 5 or not croniter.is_valid(frequency):
        raise InvalidInput(
            f"{frequency!r} is no schedule. Use {', '.join(FREQUENCIES)}, or a cron line of five fields.",
            field="frequency",
        )
    if next_due(frequency, time_zone, clock.now()) is None:
        raise InvalidInput(f"The schedule {frequency!r} names a day that never comes.", field="frequency")


def next_due(frequency: str, time_zone: str, after: datetime, *, first: bool = False) -> datetime | None:
    """The next slot after a moment, in UTC; None for manual, and for a day that never comes.

    first: a new or resumed connection is read at once, not at its first slot.

    >>> next_due("daily", "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC)).isoformat()  # clocks change
    '2026-03-29T03:00:00+00:00'
    """
    line = FREQUENCIES.get(frequency, frequency)
    if line is None:
        return None
    if first:
        return after
    zone = ZoneInfo(time_zone)
    local = after.astimezone(zone).replace(tzinfo=None)
    for _ in range(1000):
        try:
            local = croniter(line, local).get_next(datetime)
        except CroniterBadDateError:  # 30 February
            return None
        due = local.replace(tzinfo=zone).astimezone(UTC)
        if due > after:  # a wall-clock slot that the clocks jump back over is not run twice
            return due
    return None


def in_words(frequency: str) -> str:
    """A schedule as people say it."""
    return _WORDS.get(frequency, f"by the cron line {frequency}")


def next_times(frequency: str, time_zone: str, count: int = 3) -> list[datetime]:
    """The next slots, for the page on which one chooses."""
    times: list[datetime] = []
    moment: datetime | None = clock.now()
    while moment and len(times) < count:
        moment = next_due(frequency, time_zone, moment)
        times += [moment] if moment else []
    return times
