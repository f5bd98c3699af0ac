"""Template filters: dates, durations, numbers, money, field names. Times are shown in the reader's zone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import humanize
from flask import Flask, g, has_request_context, request
from flask_login import current_user
from markupsafe import Markup, escape
from sqlalchemy import Row

from .. import clock, services
from ..models import Record
from ..models.record import field_name
from ..operations import settings as firm_settings
from ..operations.several import MOST_COUNTED
from ..sync.outcome import as_sentence

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")

_BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)  # fmt: skip


def set_up(app: Flask) -> None:
    """Make the filters known to every template."""
    filters = {
        "ago": ago, "moment": moment, "iso": iso, "duration": duration, "number": number, "bytes": size, "money": money,
        "counted": counted, "breakable": breakable,
        "field_name": field_name, "middle": middle, "pretty_json": pretty_json, "percent": percent,
        "shown_time": shown_time, "labelled": labelled, "masked": masked, "browser_name": browser_name,
        "clock_time": clock_time, "local_time": local_time, "moment_of": moment_of,
        "day": day, "called": called, "as_sentence": as_sentence,
        "shown_or": lambda value, empty: shown_time(value) if value else empty,
    }  # fmt: skip
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals.update(zone_name=lambda: zone().key, now=clock.now, service_label=service_label)


def zone() -> ZoneInfo:
    """The reader's zone: their own, else the firm's, else UTC. Looked up once a request."""
    if not has_request_context():
        return ZoneInfo("UTC")
    found = g.get("zone")
    if found is None:
        own = current_user.time_zone if current_user.is_authenticated else None
        found = g.zone = _known_zone(own or firm_settings.get("firm.time_zone"))
    return found


@cache
def zones() -> list[str]:
    """Time zones to choose from."""
    return ["UTC", *sorted(zone for zone in clock.zones() if "/" in zone and not zone.startswith("Etc/"))]


def _known_zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(value: datetime | None, empty: str = "never") -> str:
    """An instant in full, with its zone: "12 Nov 2026, 14:02:09 CET"."""
    return value.astimezone(zone()).strftime("%-d %b %Y, %H:%M:%S %Z") if value else empty


def iso(value: datetime | None) -> str:
    """An instant for programs: ISO 8601 in UTC."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if value else ""


def ago(value: datetime | date | None, empty: str = "never") -> str:
    """How long ago, or until when: "3 min ago", "in 12 min", "yesterday 14:02"; over 7 days the date."""
    if value is None:
        return empty
    if not isinstance(value, datetime):
        return value.strftime("%-d %b %Y")
    there, here = value.astimezone(zone()), clock.now().astimezone(zone())
    apart = abs((here - there).total_seconds())
    if apart < 45:
        return "in a moment" if there > here else "just now" if apart < 5 else f"{apart:.0f} s ago"
    if apart < 6 * 3600:
        return f"{_short(apart)} ago" if there < here else f"in {_short(apart)}"
    return _by_day(there, here)


def shown_time(value: datetime | None) -> str:
    """A moment as this reader wants times: relative, or in full everywhere."""
    return moment(value) if request.cookies.get("times") == "full" else ago(value)


def _short(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{round(minutes / 60)} h"


def _by_day(there: datetime, here: datetime) -> str:
    days = (there.date() - here.date()).days
    clock_time = there.strftime("%H:%M")
    if words := {0: "today", -1: "yesterday", 1: "tomorrow"}.get(days):
        return f"{words} {clock_time}"
    if -7 < days < 7:
        return there.strftime("%a %H:%M")
    return there.strftime("%-d %b %Y")


def duration(seconds: float | timedelta | None, empty: str = "–") -> str:
    """A length of time in at most two units: "4.2 s", "3 min 10 s", "2 h 5 min"."""
    if seconds is None:
        return empty
    left = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if left < 1:
        return f"{left * 1000:.0f} ms"
    if left < 60:
        return f"{left:.1f} s" if left < 10 else f"{left:.0f} s"
    parts, left = [], round(left)
    for width, unit in (*_UNITS, (1, "s")):
        count, left = divmod(left, width)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def number(value: float | Decimal | None, empty: str = "–") -> str:
    """A figure with thousands separators: 1,234,567."""
    return empty if value is None else f"{value:,}"


def counted(total: int, most: int | None = None) -> str:
    """How many match, in figures; beyond what is counted only that."""
    most = MOST_COUNTED if most is None else most
    return number(total) if total <= most else f"over {number(most)}"


def percent(value: float | None, empty: str = "–") -> str:
    """A share from 0 to 1, never rounded up to a whole: 0.9996 is "99.9 %"."""
    if value is None:
        return empty
    share = int(value * 1000) / 10
    return f"{share:.0f} %" if share == int(share) else f"{share:.1f} %"


def size(count: float | None, empty: str = "–") -> str:
    """A number of bytes: "12.4 kB"."""
    return empty if count is None else humanize.naturalsize(count).replace("Bytes", "bytes").replace("Byte", "byte")


def money(value: Decimal | float | str | None, currency: str = "", empty: str = "–") -> str:
    """An amount with its currency, exactly as many cents as it has, at least two: "1,234.50 USD"."""
    if value in (None, ""):
        return empty
    amount = Decimal(str(value))
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{amount:,.{places}f} {currency}".strip()


def clock_time(value: datetime) -> str:
    """Hours and minutes where the reader is: "14:00"."""
    return value.astimezone(zone()).strftime("%H:%M")


def short_day(value: datetime) -> str:
    """The day where the reader is, without its year: "27 Nov"."""
    return value.astimezone(zone()).strftime("%-d %b")


def moment_of(text: str) -> datetime | None:
    """The instant an upstream's text speaks of; None when it is none."""
    try:
        return clock.parse(text)
    except ValueError:
        return None


def called(record: Record | Row) -> str:
    """What people call a record. A time entry that says nothing has only its beginning for a name."""
    name = record.label or record.external_id
    began = moment_of(name) if _INSTANT.fullmatch(name) else None
    return f"No description, {moment(began)}" if began else name


def day(text: str | None) -> str:
    """A date as an upstream writes it, for people: "3 Feb 2026"; "" when it is none."""
    try:
        return ago(date.fromisoformat(str(text)[:10])) if text else ""
    except ValueError:
        return ""


def local_time(value: datetime, zone_name: str) -> str:
    """A moment by the clocks of a named zone: "Mon 23 Nov, 05:00 CET"."""
    return value.astimezone(_known_zone(zone_name)).strftime("%a %-d %b, %H:%M %Z")


def service_label(key: str) -> str:
    """A service's name for people; its key when it is no longer there."""
    found = services.every().get(key)
    return found.label if found else key


def middle(text: object, width: int = 16) -> str:
    """A long id cut in its middle: "a81f02…9c3e"."""
    whole = str(text)
    if len(whole) <= width:
        return whole
    tail = width // 3
    return f"{whole[: width - tail - 1]}…{whole[-tail:]}"


def breakable(text: object) -> Markup:
    """A value in which an e-mail address breaks after its signs, and not within a name.

    >>> breakable("to ada@firm.example")
    Markup('to ada@<wbr>firm.<wbr>example')
    """
    return Markup(_ADDRESS.sub(lambda found: re.sub("([@.])(?=.)", r"\1<wbr>", found[0]), str(escape(text))))  # noqa: S704 (escaped)


def masked(value: object) -> str:
    """What somebody sees who may know that a value is there, but not which."""
    return "" if value in (None, "") else "••••••"


def browser_name(agent: str) -> str:
    """A browser and its system in two words, out of what it says of itself: "Firefox on Windows"."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return " on ".join(part for part in (browser, system) if part) or agent[:40] or "unknown"


def pretty_json(value: object) -> str:
    """JSON over several lines; text that is no JSON, or is nested beyond reading, comes back as it is."""
    try:
        found = json.loads(value) if isinstance(value, bytes | str) else value
        return json.dumps(found, indent=2, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def labelled(cells: Markup, columns: Iterable[str | Mapping]) -> Markup:
    """A row's cells, each with its column's label for the card a row becomes on phones."""
    labels = iter([column if isinstance(column, str) else str(column["label"]) for column in columns])

    def add(match: re.Match) -> str:
        return f'{match[0]} data-label="{escape(next(labels, ""))}"'

    return Markup(re.sub(r"<t[dh]\b", add, str(cells)))  # noqa: S704 - the cells were escaped by their template
