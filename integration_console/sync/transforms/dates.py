"""Days and moments. A moment becomes a day in a zone; a day stays the day it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from datetime import date as day
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import field_validator

from ... import clock
from ...errors import BadRecord
from .base import Options, Spot, empty, text_of, transform

A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
MILLISECONDS_FROM = 100_000_000_000  # larger numbers are milliseconds since 1970, as HighLevel writes some dates


class ZoneOptions(Options):
    """`zone`: in which moments become days, such as America/Los_Angeles; the mapping's when not given."""

    zone: str | None = None

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in clock.zones():
            raise ValueError("There is no such time zone")
        return zone


@transform("Day", back="same", options=ZoneOptions, takes="date time text", gives="date")
def date(value, options, spot: Spot):
    """Make a day of a moment, in the firm's zone. A day stays as it is.

    >>> zone = ZoneOptions(zone="America/Los_Angeles")
    >>> date("2026-03-02T02:00:00Z", zone, None), date("2026-03-02", zone, None)
    ('2026-03-01', '2026-03-02')
    """
    if empty(value):
        return None
    if isinstance(value, str) and A_DAY.fullmatch(value.strip()):
        return _checked_day(value.strip())
    return _moment(value, options, spot).astimezone(_zone(options, spot)).date().isoformat()


@transform("Moment", back="same", options=ZoneOptions, takes="time date text", gives="time")
def time(value, options, spot: Spot):
    """Write a moment in UTC. A day is its midnight in the firm's zone.

    >>> zone = ZoneOptions(zone="America/Los_Angeles")
    >>> time("2026-03-02T14:00:00+02:00", zone, None), time("2026-03-02", zone, None)
    ('2026-03-02T12:00:00Z', '2026-03-02T08:00:00Z')
    """
    if empty(value):
        return None
    return _moment(value, options, spot).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _checked_day(text: str) -> str:
    try:
        return day.fromisoformat(text).isoformat()
    except ValueError:
        raise BadRecord(f"{text} is no day of the calendar.") from None


def _moment(value: Any, options: ZoneOptions, spot: Spot) -> datetime:
    """The moment a value means. Raises BadRecord."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) >= MILLISECONDS_FROM else value, UTC)
        found = datetime.fromisoformat(text_of(value).strip())
    except (ValueError, OverflowError, OSError):
        raise BadRecord(f"“{text_of(value)[:80]}” cannot be read as a day or a moment.") from None
    return found if found.tzinfo else found.replace(tzinfo=_zone(options, spot))


def _zone(options: ZoneOptions, spot: Spot) -> ZoneInfo:
    return _by_name(options.zone) if options.zone else spot.world.zone


_by_name = cache(ZoneInfo)
