"""Postal addresses in their parts, and in one text. A text is only taken apart where that is beyond doubt."""

from __future__ import annotations

import re

from ...errors import BadRecord
from ...services.writing import value_of
from .base import Options, Spot, text_of, transform

PARTS, STATE = 4, 2  # street, city, state, postal code; a country without states is known by the address there
_WRITTEN = re.compile(
    r"(?P<street>.*\S)\s*[,\n]\s*(?P<city>[^,\n\d]*[^,\n\d\s])\s*,\s*"
    r"(?:(?P<state>[^,\n\d]*[^,\n\d\s])\s+)?(?P<code>[A-Za-z]*\d[\w -]*)",
    re.DOTALL,
)


def _fault(options: Options, sources: tuple[str, ...], targets: tuple[str, ...]) -> str | None:
    if len(sources) == PARTS and len(targets) == 1:
        return None
    return "Left: street, city, state, postal code, in this order. Right: one field."


def address_parts(value, options, spot: Spot):
    """Take an address apart that ends in city, state and postal code.

    Raises BadRecord where its parts cannot be told, also because those there now are not all in its text.

    >>> at = Spot(None, "left", ("address",), ("street", "city", "state", "code"))
    >>> address_parts("12 Main St, Suite 4, Springfield, IL 62701", None, at)
    ['12 Main St, Suite 4', 'Springfield', 'IL', '62701']
    """
    if not (text := text_of(value).strip()):
        return [None] * PARTS
    there = [value_of(spot.there, name) or None for name in spot.targets]
    if any(there) and _apart(_joined(there)) != _clean(there):
        raise BadRecord(
            "The address at the other side lacks a part, so this one cannot be taken apart: change it there."
        )
    parts = _apart(text)
    if parts is None or (parts[STATE] is None and (not any(there) or there[STATE])):
        raise BadRecord(
            "It cannot be told which part of this address is which. Write it like “12 Main St, Springfield, IL 62701”."
        )
    return parts


@transform("Address in one text", back=address_parts, takes="text", gives="text", fault=_fault)
def address(values):
    """Write street, city, state and postal code as one text. Back comes what ends in city, state and postal code.

    >>> address(["12 Main St", "Springfield", "IL", "62701"]), address(["12 Main St", None, None, None])
    ('12 Main St, Springfield, IL 62701', '12 Main St')
    """
    return _joined(values) or None


def _joined(values) -> str:
    street, city, state, code = [*_clean(values), *[None] * PARTS][:PARTS]
    return ", ".join(filter(None, [street, city, " ".join(filter(None, [state, code]))]))


def _apart(text: str) -> list[str | None] | None:
    found = _WRITTEN.fullmatch(text.strip())
    return _clean(found.group("street", "city", "state", "code")) if found else None


def _clean(values) -> list[str | None]:
    return [text_of(value).strip() or None for value in values]
