"""Which texts of a record tell who or what it is: its name, e-mail addresses, telephone and matter numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from ...models import Record


def of(record: Record) -> list[str]:
    """A record's label and every telling text in it, each once; telephone numbers also as digits alone."""
    found = [record.label, record.external_id]
    for name, text in texts(record.data):
        if is_telling(name, text):
            found.append(text)
            if len(digits := digits_of(text)) >= 7 and "@" not in text:
                found.append(digits)
    return list(dict.fromkeys(text.strip() for text in found if text and text.strip()))


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with the path that leads there: (".client.name", "Ana Ruiz")."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, name)
    elif isinstance(value, str):
        yield name.lower(), value


def is_telling(name: str, text: str) -> bool:
    """Whether a field tells who or what something is: addresses wherever they stand, the rest by the field's name."""
    if "@" in text and " " not in text:
        return True
    if "phone" in name:
        return len(digits_of(text)) >= 7
    return name.endswith((".name", "fullname", "display_number", "custom_number", "invoice_number", "docnumber"))


def digits_of(text: str) -> str:
    """The digits of a text, as a telephone number is compared."""
    return "".join(letter for letter in text if letter.isdecimal())


def spellings(term: str) -> set[str]:
    """A term, and how JSON or an address may spell it: letters outside ASCII where its writer chose to, in any case."""
    cases = (term,) if term.isascii() else (term, term.lower(), term.upper())
    in_addresses = {spell(one) for one in cases for spell in (quote, quote_plus)}
    return {term, json.dumps(term, ensure_ascii=False)[1:-1], *in_addresses} | {json.dumps(one)[1:-1] for one in cases}
