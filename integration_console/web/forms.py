"""What a form sends, cleaned; and what it shows when it comes back with a message."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from flask import request

from ..errors import InvalidInput

LONGEST = 10_000  # characters in one field
_ALWAYS_SENT = {"csrf_token"}
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def sent(*allowed: str, raw: tuple[str, ...] = ()) -> dict[str, str]:
    """The fields of the form sent, each as text; a field that was not sent is "".

    raw: fields taken exactly as typed (passwords); the others lose the space around them.
    Raises InvalidInput for a field this form does not have, and for text no keyboard makes.
    """
    if unknown := sorted(set(request.form) - set(allowed) - set(raw) - _ALWAYS_SENT):
        raise InvalidInput("This form has no such field. Nothing was saved.", field=unknown[0])
    cleaned = {name: clean(request.form.get(name, ""), name).strip() for name in allowed}
    return cleaned | {name: request.form.get(name, "")[: LONGEST + 1] for name in raw}


def clean(text: str, field: str | None = None) -> str:
    """Text in its normal form.

    Raises InvalidInput when it is too long or holds control characters.
    """
    if len(text) > LONGEST:
        raise InvalidInput(f"This may have at most {LONGEST:,} characters.", field=field)
    if unseen(text):
        raise InvalidInput("This holds characters that cannot be seen. Please type it again.", field=field)
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def unseen(text: str) -> bool:
    """Whether text holds what no keyboard makes, and no database should be asked for."""
    return _UNSEEN.search(text) is not None


class Form:
    """The values a form shows and the message at each field. The macros of macros/forms.html read it."""

    def __init__(self, values: Mapping[str, object] | None = None, error: InvalidInput | None = None) -> None:
        self.values = values or {}
        several = error.fields if error and len(error.fields) > 1 else {}
        self.errors = several or ({error.field or "": str(error)} if error else {})

    def value(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else str(value)

    def error(self, name: str) -> str:
        return self.errors.get(name, "")
