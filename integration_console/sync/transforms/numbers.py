"""Numbers, money, yes and no, and spans of time."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

from pydantic import Field

from ...errors import BadRecord
from ...services.writing import rounded
from .base import Options, Spot, empty, folded, text_of, transform

YES = frozenset({"true", "yes", "y", "1", "on"})
NO = frozenset({"false", "no", "n", "0", "off"})
CENT = Decimal("0.01")
MOST = Decimal(10) ** 12


@transform("Number", back="same", takes="number money text", gives="number")
def number(value):
    """Read a number, also one with thousands commas.

    >>> number("1,250"), number(" 0.5 "), number(None)
    (1250, 0.5, None)
    """
    found = _decimal(value)
    if found is None:
        return None
    return int(found) if found == found.to_integral_value() else float(found)


class MoneyOptions(Options):
    """`currency`: its code, for amounts that are not in cents: KWD has three decimals, JPY none."""

    currency: str = Field(default="", pattern="^([A-Za-z]{3})?$")


@transform("Money", back="same", options=MoneyOptions, takes="money number text", gives="money")
def money(value, options):
    """Read an amount and round it to cents, or to what its currency is counted in, half of one up.

    >>> money("$1,250.005", MoneyOptions()), money("12.3455", MoneyOptions(currency="KWD"))
    (1250.01, 12.346)
    """
    found = _decimal(value)
    return None if found is None else float(rounded(found, options.currency))


def _decimal(value: Any) -> Decimal | None:
    """The exact number a value is written as. Raises BadRecord when it is none."""
    if empty(value):
        return None
    text = re.sub(r"^([-+]?)\s*[$€£]\s*", r"\1", text_of(value).strip())
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", text):
        text = text.replace(",", "")
    try:
        found = Decimal(text) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) >= MOST:
        raise BadRecord(f"“{text_of(value)[:80]}” is no number that can be used.")
    return found


@transform("Yes or no", back="same", takes="boolean text choice number", gives="boolean")
def boolean(value):
    """Read yes or no from words, ticks and 1 or 0.

    >>> boolean("Yes"), boolean(0), boolean("")
    (True, False, None)
    """
    if empty(value):
        return None
    word = folded(value)
    if word not in YES | NO:
        raise BadRecord(f"“{text_of(value)[:80]}” is neither yes nor no.")
    return word in YES


def opposite(value):
    """Turn yes into no and no into yes.

    >>> opposite(True), opposite(None)
    (False, None)
    """
    found = boolean(value)
    return None if found is None else not found


# Not "same": that is for what makes one spelling of many, where two values agree that come to one. These never do.
transform("The opposite", name="not", back=opposite, takes="boolean", gives="boolean")(opposite)


# -- spans of time ----------------------------------------------------------------------------------------------------


def seconds_to_hours(value):
    """Turn seconds into hours with two decimals.

    >>> seconds_to_hours(5400), seconds_to_hours(100)
    (1.5, 0.03)
    """
    found = _span(value)
    return None if found is None else float((found / 3600).quantize(CENT, ROUND_HALF_UP))


def hours_to_seconds(value):
    """Turn hours into whole seconds.

    >>> hours_to_seconds("1.25")
    4500
    """
    found = _span(value)
    return None if found is None else int((found * 3600).quantize(Decimal(1), ROUND_HALF_UP))


transform("Seconds to hours", back=hours_to_seconds, takes="number text", gives="number")(seconds_to_hours)
transform("Hours to seconds", back=seconds_to_hours, takes="number text", gives="number")(hours_to_seconds)


class DurationOptions(Options):
    """`rounding`: to full steps of so many minutes, upward; the mapping's `rounding_minutes` when not given."""

    rounding: Literal[0, 6, 15] | None = None


@transform("Time worked", options=DurationOptions, takes="number", gives="number")
def duration(value, options, spot: Spot):
    """Round seconds up to the firm's billing step: none, 6 or 15 minutes. Seconds stay seconds.

    >>> [duration(seconds, DurationOptions(rounding=6), None) for seconds in (0, 1, 360, 361)]
    [0, 360, 360, 720]
    """
    found = _span(value)
    if found is None:
        return None
    minutes = spot.world.options.rounding_minutes if options.rounding is None else options.rounding
    seconds = int(found.quantize(Decimal(1), ROUND_HALF_UP))
    step = minutes * 60
    return -(-seconds // step) * step if step else seconds  # ceiling division, exact for whole numbers


def _span(value: Any) -> Decimal | None:
    found = _decimal(value)
    if found is not None and found < 0:
        raise BadRecord("Time worked cannot be less than nothing.")
    return found
