"""Whether two values are one and the same, however each is written."""

from __future__ import annotations

from typing import Any

from ...services.writing import MISSING
from ..mapping import Line


def same(one: Any, other: Any) -> bool:
    """Whether two values are one: empty is empty however it is written, and the order of a list means nothing.

    >>> same("", None), same(2, 2.0), same(["b", "a"], ["a", "b"]), same(None, 0)
    (True, True, True, False)
    >>> same([{"a": 1, "b": 2}], [{"b": 2, "a": 1}])
    True
    """
    one, other = _bare(one), _bare(other)
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(_told_apart, one)) == sorted(map(_told_apart, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def same_on(line: Line, side: str, one: Any, other: Any) -> bool:
    """Whether a line says the same on a side. Where it has several fields there each is compared with itself: a first
    and a last name that were put in each other's place are a change."""
    fields = len(line.fields(side))
    if fields > 1 and isinstance(one, list) and isinstance(other, list) and len(one) == len(other) == fields:
        return all(map(same, one, other))
    return same(one, other)


def _told_apart(value: Any) -> str:
    """An entry of a list as text. The names in an object have no order either: PostgreSQL keeps them in its own."""
    return repr(sorted(value.items()) if isinstance(value, dict) else _bare(value))


def _bare(value: Any) -> Any:
    if not filled(value):
        return None
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def filled(value: Any) -> bool:
    """Whether a value says anything; a list of nothing, as of an address without a part, does not."""
    return any(map(filled, value)) if isinstance(value, list) else value not in (None, "")


def told(value: Any) -> Any:
    """A value as it is compared and kept: what the record did not tell is nothing."""
    return None if value is MISSING else value
