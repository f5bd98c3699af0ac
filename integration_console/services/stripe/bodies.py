"""What is wanted as Stripe takes it: forms, made of the wanted values alone (see writing.py)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ...errors import BadRecord
from ..writing import Write
from .fields import line_words
from .money import smallest

NOT_IN_FORMS = ("lines", "finalized", "canceled")  # those take calls of their own
YES_OR_NO = ("auto_advance", "cancel_at_period_end")  # there is no empty one: it stays as it is
MARK = "integration_console"  # in metadata: the change a record was made by
MADE_OF = "integration_console_of"  # in metadata: whose record it was made of
LONGEST_DESCRIPTION = 5_000  # characters of a line
DAYS_UNTIL_DUE = 30  # of an invoice without a date


def form_of(write: Write) -> dict[str, str]:
    """The wanted values as Stripe takes them; what is empty in a new record is left out, elsewhere it empties.

    Raises BadRecord for a day that is none.
    """
    form: dict[str, str] = {}
    for name, value in write.values.items():
        if name in NOT_IN_FORMS or (value in (None, "") and (write.op == "create" or name in YES_OR_NO)):
            continue
        outer, _, inner = name.partition(".")
        if name == "pause_collection" and value not in (None, ""):
            form["pause_collection[behavior]"] = str(value)
        elif name == "due_date" and value:
            form[name] = str(_midnight(value))
        else:
            form[f"{outer}[{inner}]" if inner else name] = word(value)
    if "currency" in form:
        form["currency"] = form["currency"].lower()
    return form


def draft_of(write: Write) -> dict[str, str]:
    """What a new invoice needs besides: how it is collected, and that it begins without anybody else's lines.

    discounts: empty, or Stripe takes off what the customer's coupon says, and it comes to less than was billed.
    """
    form = {
        "collection_method": "send_invoice", "pending_invoice_items_behavior": "exclude", "auto_advance": word(False),
        "discounts": "",
    }  # fmt: skip
    if not write.values.get("due_date"):
        form["days_until_due"] = str(DAYS_UNTIL_DUE)
    return form | marks_of(write)


def marks_of(write: Write) -> dict[str, str]:
    """What it is known by later: the change, and the record it was made of."""
    marks = {MARK: write.marker, MADE_OF: write.origin}
    return {f"metadata[{name}]": mark for name, mark in marks.items() if mark}


def item_of(write: Write, invoice_id: str, line: Mapping[str, Any]) -> dict[str, str]:
    """A line of a new invoice. Raises BadRecord for an amount its currency cannot say."""
    currency, words = str(write.values["currency"]), line_words(line)[:LONGEST_DESCRIPTION]
    return {
        "customer": str(write.values["customer"]), "invoice": invoice_id, "currency": currency.lower(),
        "amount": str(smallest(line.get("amount"), currency, field="lines")), "description": words,
    }  # fmt: skip


def word(value: Any) -> str:
    """A value in a form: yes and no in small letters, nothing as the empty text that empties."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _midnight(day: Any) -> int:
    try:
        return int(dt.datetime.combine(dt.date.fromisoformat(str(day)), dt.time(), dt.UTC).timestamp())
    except ValueError:
        raise BadRecord(f"This is not a date: {day}", field="due_date") from None
