"""What QuickBooks' Faults mean, and what is to be done about each.

{"Fault": {"Error": [{"Message", "Detail", "code", "element"}], "type"}}, with keys in lower case where the token is at
fault. One may come with any status, 200 among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..base import Answer, body_of

DECISIONS = {
    "3200": "refresh",  # the token ended
    "120": "needs a person", "3100": "needs a person",  # the admin who connected it lost the right; or foreign keys
    "6190": "needs a person",  # the company's subscription ended
    "3001": "slow down", "003001": "slow down",
    "610": "missing",  # unknown, deleted or inactive
    "5010": "stale",  # another SyncToken by now
    "10000": "retry", "10001": "retry",
}  # fmt: skip
BY_TYPE = {
    "authenticationfault": "refresh", "authentication": "refresh", "authorizationfault": "needs a person",
    "authorization": "needs a person", "service": "slow down",
}  # fmt: skip
# Which field a refusal is about where its element does not say.
FIELDS = {"6240": "DisplayName", "6140": "DocNumber"}
# In our words, where QuickBooks' own would not help a person.
SAID = {
    "6240": "A customer, vendor or employee of this name is there already. Link the two, or change one of the names.",
    "6140": "An invoice of this number is there already.",
    "6540": "It is part of a deposit. Whoever keeps the books takes it off that deposit in QuickBooks first.",
    "6190": "The company's QuickBooks subscription has ended.",
    "3100": "The app may not open this company: keys for development and for production do not mix.",
}
# A code is told of several things, and one thing under several codes: words that tell it -> ours, and the field.
TOLD_BY_WORDS = (
    (r"period (?:has |is )?closed|books are closed|closing date",
     "The books of this day are closed in QuickBooks. Whoever keeps the books opens them there, or the record gets a "
     "later day; then retry this write.", "TxnDate"),
    (r"duplicate document number", SAID["6140"], "DocNumber"),
    (r"rate before you save|tax code associated",
     "QuickBooks wants a tax code on every line, and which one only your bookkeeper can say: enter this one by hand.",
     "lines"),
    (r"currency", "", "CurrencyRef.value"),
)  # fmt: skip


def fault_of(answer: Answer) -> Mapping[str, Any] | None:
    """The fault in an answer, in either spelling; None when there is none."""
    body = body_of(answer)
    fault = body.get("Fault") or body.get("fault")
    return fault if isinstance(fault, dict) else None


def decide(answer: Answer) -> str | None:
    """What is to be done; None where the answer holds no fault."""
    if (fault := fault_of(answer)) is None:
        return None
    first = _first(fault)
    kind = str(fault.get("type") or "").lower()
    word = DECISIONS.get(_code(first)) or BY_TYPE.get(kind)
    if word:
        return word
    if kind == "systemfault":
        return "retry" if answer.status >= 500 else "unusable"
    return "refused" if answer.status < 300 else None


def explain(answer: Answer) -> tuple[str, str, str | None]:
    """What was wrong in words, its code, and the field it is about."""
    if (fault := fault_of(answer)) is None:
        return "", "", None
    first = _first(fault)
    code = _code(first)
    message, detail = (str(first.get(name) or first.get(name.lower()) or "") for name in ("Message", "Detail"))
    element = str(first.get("element") or "")
    for words, ours, field in TOLD_BY_WORDS:
        if re.search(words, f"{message} {detail}", re.IGNORECASE):
            return ours or detail or message, code, field
    return SAID.get(code) or detail or message, code, FIELDS.get(code) or element or None


def _first(fault: Mapping[str, Any]) -> Mapping[str, Any]:
    errors = fault.get("Error") or fault.get("error") or [{}]
    first = errors[0] if isinstance(errors, list) and errors else errors
    return first if isinstance(first, dict) else {}


def _code(error: Mapping[str, Any]) -> str:
    return str(error.get("code") or "")
