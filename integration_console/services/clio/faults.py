"""Which field a refusal is about. Clio names its attributes, most often in the middle of a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..writing import CUSTOM, Write
from .fields import LIMITATION, NAMED, REMINDERS

_ALSO_CALLED = {
    "email": ("email addresses", "email address", "e-mail", "email"),
    "phone": ("phone numbers", "phone number", "phone"),
    LIMITATION: ("statute of limitations", "due at"),
    REMINDERS: ("reminders", "reminder", "notification method", "duration value"),
    "billing_method": ("custom rate", "billing method"),
    "address.street": ("street", "addresses", "address"),
}


def at_fault(write: Write, sent: Mapping[str, Any], attribute: str | None, message: str) -> str | None:
    """The field a refusal is about, from the attribute Clio names or from its sentence; None when it cannot be told.

    sent: the values of the refused call. Fields that were sent come first, the longest name first.
    """
    text = f"{attribute or ''} {message}".replace("_", " ").lower()
    customs = [name for name in sent if name.startswith(CUSTOM)]
    names = {str(one.get("name") or "").lower(): f"{CUSTOM}{one['id']}" for one in write.custom}
    named = _first_called(text, {called: name for called, name in names.items() if called and name in sent})
    if named is None and customs and re.search(r"\bcustom field", text):
        return customs[0] if len(customs) == 1 else None
    fields = NAMED[write.resource]
    return (
        named
        or _first_called(text, _calls([name for name in sent if name in fields]))
        or _first_called(text, _calls([name for name, field in fields.items() if field.writable]))
    )


def _calls(names: Sequence[str]) -> dict[str, str]:
    """What Clio may call these fields -> their names. The first to claim a word keeps it."""
    calls: dict[str, str] = {}
    for name in names:
        own = name.removeprefix("address.").removesuffix(".id").replace("_", " ")
        for called in _ALSO_CALLED.get(name, (own,)):
            calls.setdefault(called, name)
    return calls


def _first_called(text: str, calls: Mapping[str, str]) -> str | None:
    found = [called for called in calls if re.search(rf"\b{re.escape(called)}\b", text)]
    return calls[max(found, key=len)] if found else None
