"""What of Stripe's records can be mapped, and a record as plain values: money in whole units, times as text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ..base import dig
from ..writing import Field, bill_line
from .money import major

ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")
PAUSED_AS = ("keep_as_draft", "mark_uncollectible", "void")
STATUSES = {
    "payments": ("requires_payment_method", "requires_confirmation", "requires_action", "processing",
                 "requires_capture", "canceled", "succeeded"),
    "charges": ("succeeded", "pending", "failed"),
    "invoices": ("draft", "open", "paid", "uncollectible", "void"),
    "subscriptions": ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing",
                      "unpaid"),
}  # fmt: skip


def _shown(name: str, label: str, kind: str = "text", **more: Any) -> Field:
    return Field(name, label, kind, writable=False, **more)


def _status(resource: str) -> Field:
    return _shown("status", "Status", "choice", choices=STATUSES[resource])


CUSTOMER, CURRENCY, MADE = (
    _shown("customer", "Customer", "ref", of="customers"), _shown("currency", "Currency"),
    _shown("created", "Made at", "time"),
)  # fmt: skip
FIELDS: Mapping[str, tuple[Field, ...]] = {
    "customers": (
        Field("name", "Name", longest=256),
        Field("email", "E-mail", "email", longest=512),
        Field("phone", "Phone", "phone", longest=20),
        Field("description", "Description", longest=5_000),
        Field("address.line1", "Street", group="Address"),
        Field("address.line2", "Street, second line", group="Address"),
        Field("address.city", "City", group="Address"),
        Field("address.state", "State", group="Address"),
        Field("address.postal_code", "Postal code", group="Address"),
        Field("address.country", "Country", group="Address"),
        _shown("balance", "Balance", "money"), CURRENCY, _shown("delinquent", "Delinquent", "boolean"), MADE,
    ),
    "invoices": (
        Field("customer", "Customer", "ref", required=True, of="customers"),
        Field("currency", "Currency", required=True, longest=3),
        Field("lines", "Lines", "lines", required=True),
        Field("description", "Memo", longest=1_500),
        Field("due_date", "Due on", "date"),
        Field("footer", "Footer", longest=5_000),
        Field("finalized", "Finalized", "boolean"),
        Field("auto_advance", "Stripe collects and reminds by itself", "boolean"),
        _shown("number", "Number"), _status("invoices"), _shown("total", "Total", "money"),
        _shown("amount_due", "Due", "money"), _shown("amount_paid", "Paid", "money"),
        _shown("amount_remaining", "Remaining", "money"), _shown("customer_name", "Customer's name"),
        _shown("customer_email", "Customer's e-mail", "email"),
        _shown("subscription", "Subscription", "ref", of="subscriptions"), MADE,
    ),
    "subscriptions": (
        Field("cancel_at_period_end", "Ends with the period", "boolean"),
        Field("canceled", "Canceled", "boolean"),
        Field("pause_collection", "Collection paused, invoices", "choice", choices=PAUSED_AS),
        Field("description", "Description", longest=500),
        _status("subscriptions"), CUSTOMER, CURRENCY, _shown("current_period_start", "Period begins", "time"),
        _shown("current_period_end", "Period ends", "time"), MADE,
    ),
    "payments": (
        _status("payments"), _shown("amount", "Amount", "money"), _shown("amount_received", "Received", "money"),
        CURRENCY, CUSTOMER, _shown("description", "Description"), _shown("receipt_email", "E-mail", "email"),
        _shown("latest_charge", "Charge", "ref", of="charges"), MADE,
    ),
    "charges": (
        _status("charges"), _shown("amount", "Amount", "money"), _shown("amount_refunded", "Refunded", "money"),
        CURRENCY, CUSTOMER, _shown("payment_intent", "Payment", "ref", of="payments"),
        _shown("description", "Description"), _shown("refunded", "Refunded in full", "boolean"),
        _shown("disputed", "Disputed", "boolean"), MADE,
    ),
}  # fmt: skip


def plain(resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as plain values by field name; what it did not tell is not there, what is empty is None (P6)."""
    found: dict[str, Any] = {}
    for field in FIELDS.get(resource, ()):
        special = _ELSEWHERE.get((resource, field.name))
        if special is not None:
            found |= special(record)
        elif field.name.startswith("address."):
            if "address" in record:
                found[field.name] = dig(record, field.name) or None
        elif field.name in record:
            found[field.name] = _value(field, record[field.name], record)
    return found


def _value(field: Field, value: Any, record: Mapping[str, Any]) -> Any:
    if field.type == "ref":
        return (value.get("id") if isinstance(value, dict) else value) or None
    if field.type == "money":
        currency = record.get("currency")
        return float(major(value, currency)) if isinstance(value, int) and isinstance(currency, str) else None
    if field.type in ("time", "date"):
        return moment(value) if field.type == "time" else (moment(value) or "")[:10] or None
    return None if value == "" else value


def moment(seconds: Any) -> str | None:
    """A time as text; None where there is none.

    >>> moment(1772461800)
    '2026-03-02T14:30:00Z'
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat().replace("+00:00", "Z")


# -- what is not where its name says ----------------------------------------------------------------------------------


def _finalized(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"finalized": record["status"] != "draft"} if record.get("status") else {}


def _canceled(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"canceled": record["status"] == "canceled"} if record.get("status") else {}


def _paused(record: Mapping[str, Any]) -> dict[str, Any]:
    if "pause_collection" not in record:
        return {}
    return {"pause_collection": dig(record["pause_collection"], "behavior")}


def _subscription(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of an invoice: within its parent since 2025, before that at its top."""
    found = dig(record, "parent.subscription_details.subscription") or record.get("subscription")
    found = dig(found, "id") if isinstance(found, dict) else found
    return {"subscription": found or None} if "parent" in record or "subscription" in record else {}


def _lines(record: Mapping[str, Any]) -> dict[str, Any]:
    """Its lines before tax; what its discounts take off is one more, below nothing."""
    lines, currency = dig(record, "lines.data"), record.get("currency")
    if not isinstance(lines, list) or not isinstance(currency, str):
        return {}
    told = [(one.get("description"), one["amount"]) for one in _amounts(lines)]
    if off := sum(one["amount"] for one in _amounts(record.get("total_discount_amounts"))):
        told.append(("Discount", -off))
    return {"lines": [bill_line(words, None, None, major(amount, currency), currency) for words, amount in told]}


def _amounts(parts: Any) -> list[Mapping[str, Any]]:
    """Those of them that hold an amount."""
    listed = parts if isinstance(parts, list) else []
    return [one for one in listed if isinstance(one, dict) and isinstance(one.get("amount"), int)]


def _period(name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Of a subscription: in each of its items since 2025, before that at its top."""
    widest = min if name.endswith("start") else max

    def period(record: Mapping[str, Any]) -> dict[str, Any]:
        items = dig(record, "items.data")
        told = [dig(one, name) for one in items if dig(one, name)] if isinstance(items, list) else []
        at = widest(told) if told else record.get(name)
        return {name: moment(at)} if told or name in record else {}

    return period


_ELSEWHERE: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    ("invoices", "finalized"): _finalized,
    ("invoices", "lines"): _lines,
    ("invoices", "subscription"): _subscription,
    ("subscriptions", "canceled"): _canceled,
    ("subscriptions", "pause_collection"): _paused,
    ("subscriptions", "current_period_start"): _period("current_period_start"),
    ("subscriptions", "current_period_end"): _period("current_period_end"),
}


def line_words(line: Mapping[str, Any]) -> str:
    """What a line says beside its amount: the pieces and their price, where there are several.

    >>> line_words(bill_line("Drafting", 1.5, 300, 450)), line_words(bill_line("Filing fee", 1, 60, 60))
    ('Drafting (1.5 × 300)', 'Filing fee')
    """
    words = str(line.get("description") or "Work")
    several = Decimal(str(line.get("quantity") or 1)) != 1
    return f"{words} ({line['quantity']} × {line['price']})" if several else words
