"""Pairs that do not come to rest: the same value is written again and again, and something changes it back each time.

Counted is what was written, not what was wanted: a brake or a refusal may have a write wanted many times.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import orjson

from ... import clock
from .verdict import Intent

FLAPS = 3  # the same value, written so often ...
FLAP_HOURS = 24  # ... within so long, is a pair that does not come to rest
REMEMBERED = 12  # writes of one field kept for noticing that

Kept = Mapping[str, list]  # "side|field" -> [digest of a value, when it was written], the newest last


def found(writes: Kept, *intents: Intent) -> tuple[str, str] | None:
    """The side and field that would be given the same value too often of late, if there is one.

    intents: of the left and of the right side.
    """
    for side, intent in zip(("left", "right"), intents, strict=True):
        for name, value in intent.values.items():
            if sum(digest == _digest(value) for digest, _ in _lately(writes, side, name)) >= FLAPS:
                return side, name
    return None


def noted(writes: Kept, side: str, values: Mapping[str, Any]) -> dict[str, list]:
    """The same with values that were written on a side just now."""
    now = clock.now().isoformat()
    new = {f"{side}|{name}": [*_lately(writes, side, name), [_digest(one), now]] for name, one in values.items()}
    return {**writes, **{key: kept[-REMEMBERED:] for key, kept in new.items()}}


def said(field: str) -> str:
    """Why such a pair is paused."""
    return (
        f"{field} was written with the same value {FLAPS} times within a day and does not stay: something "
        "changes it back each time. The pair was paused; both records are as they are now."
    )


def _lately(writes: Kept, side: str, name: str) -> list[list]:
    oldest = (clock.now() - timedelta(hours=FLAP_HOURS)).isoformat()
    return [one for one in writes.get(f"{side}|{name}", []) if one[1] >= oldest]


def _digest(value: Any) -> str:
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
