"""What Xero says of a write it did not take, and which of our fields that is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# X-Rate-Limit-Problem in words.
LIMITS = {
    "minute": "the calls of this minute are used up.",
    "day": "the calls of this day are used up.",
    "concurrent": "too many calls at the same time.",
    "appminute": "the calls of this minute are used up for all organisations together.",
}
LOCKED = (
    "The books of this day are locked at Xero. Whoever keeps the books moves the lock date there, or the record gets a "
    "later day; then retry this write."
)
# Words of a refusal -> our field. Xero names no field, only says what is wrong.
_ABOUT = (
    (r"lock date|period .*lock", "Date"),
    (r"invoice (?:#|number)|invoicenumber", "InvoiceNumber"),
    (r"contact name .*(?:already|assigned)|already assigned to another contact", "Name"),
    (r"account code|account must|accountcode", "Line.AccountCode"),
    (r"tax ?type|tax rate", "Line.TaxType"),
    (r"email", "EmailAddress"),
    (r"contact (?:could not|with|must|is required)|valid contact|contact id", "Contact.ContactID"),
    (r"due date", "DueDate"),
    (r"\bdate\b", "Date"),
    (r"currency", "CurrencyCode"),
    (r"description|line ?item|line amount|unit amount|quantity", "Lines"),
    (r"status", "Status"),
    (r"name", "Name"),
)


def sentences(said: Any) -> list[str]:
    """Every sentence in ValidationErrors, wherever they lie: in the elements, their lines, their contacts."""
    return list(dict.fromkeys(_found(said)))


def _found(said: Any) -> Iterator[str]:
    if isinstance(said, list):
        for one in said:
            yield from _found(one)
    elif isinstance(said, Mapping):
        for name, value in said.items():
            if name == "ValidationErrors" and isinstance(value, list):
                yield from (str(one["Message"]) for one in value if isinstance(one, dict) and one.get("Message"))
            elif isinstance(value, dict | list):
                yield from _found(value)


def in_words(said: str) -> str:
    """What Xero says, and who is to do what about it where it does not tell that.

    >>> in_words("No."), in_words("The document date cannot be before the period lock date").count(LOCKED)
    ('No.', 1)
    """
    return f"{said}. {LOCKED}" if re.search(_ABOUT[0][0], said, re.IGNORECASE) else said


def at_fault(said: str) -> str | None:
    """Our field a sentence is about.

    >>> at_fault("Account code '999' is not a valid code for this document."), at_fault("No.")
    ('Line.AccountCode', None)
    """
    return next((field for words, field in _ABOUT if re.search(words, said, re.IGNORECASE)), None)


def is_refused(record: Mapping[str, Any]) -> bool:
    """Whether a record in a successful answer was not taken all the same: it says so, or tells what is wrong."""
    marked = record.get("HasErrors") is True or record.get("HasValidationErrors") is True
    word = str(record.get("StatusAttributeString") or "").upper()
    return marked or word == "ERROR" or (word != "OK" and bool(record.get("ValidationErrors")))
