"""What of QuickBooks' records can be mapped, and a record as plain values.

A field's name is where it lies in the record. QuickBooks leaves out what has no value, so in a record it has shown
whole, what is not there is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ..base import dig
from ..writing import Field, bill_line

LINES, ITEM, CUSTOMER = "lines", "item", "CustomerRef.value"
STATES = ("open", "partly paid", "paid", "voided")


def _shown(name: str, label: str, kind: str = "text", **more: Any) -> Field:
    return Field(name, label, kind, writable=False, **more)


_NAME = (
    Field("DisplayName", "Display name", required=True, longest=500, once=True),
    Field("CompanyName", "Company", longest=100),
    Field("GivenName", "First name", longest=100),
    Field("MiddleName", "Middle name", longest=100),
    Field("FamilyName", "Last name", longest=100),
    Field("PrimaryEmailAddr.Address", "E-mail", "email", longest=100),
    Field("PrimaryPhone.FreeFormNumber", "Phone", "phone", longest=30),
    Field("BillAddr.Line1", "Street", group="Billing address", longest=500),
    Field("BillAddr.City", "City", group="Billing address", longest=255),
    Field("BillAddr.CountrySubDivisionCode", "State or province", group="Billing address", longest=255),
    Field("BillAddr.PostalCode", "Postal code", group="Billing address", longest=30),
    Field("BillAddr.Country", "Country", group="Billing address", longest=255),
    Field("Active", "Active", "boolean"),
    _shown("Balance", "Balance", "money"),
)
CUSTOMER_FIELDS = (
    *_NAME,
    Field("Notes", "Notes", longest=2000),
    _shown("Job", "Is a job of another", "boolean"),
    _shown("ParentRef.value", "Job of", "ref", of="customers"),
)
INVOICE = (
    Field("DocNumber", "Invoice number", longest=21),
    Field(CUSTOMER, "Customer", "ref", required=True, of="customers"),
    _shown("CustomerRef.name", "Customer's name"),
    Field("TxnDate", "Date", "date"),
    Field("DueDate", "Due on", "date"),
    Field(LINES, "Lines", "lines", required=True),
    Field(ITEM, "Product or service of new lines", required=True, longest=100),
    Field("CurrencyRef.value", "Currency", longest=3),
    Field("CustomerMemo.value", "Message to the customer", longest=1000),
    Field("PrivateNote", "Note of our own", longest=4000),
    Field("BillEmail.Address", "Sent to", "email", longest=100),
    _shown("TotalAmt", "Total", "money"),
    _shown("Balance", "Still to pay", "money"),
    _shown("state", "State", "choice", choices=STATES),
)
EXPENSE = (
    _shown("entity", "Kind", "choice", choices=("Purchase", "Bill")),
    _shown("party", "Paid to"),
    _shown("DocNumber", "Number"),
    _shown("TxnDate", "Date", "date"),
    _shown("DueDate", "Due on", "date"),
    _shown("TotalAmt", "Total", "money"),
    _shown("Balance", "Still to pay", "money"),
    _shown("Credit", "Money given back", "boolean"),  # its total is above zero all the same
    _shown("PrivateNote", "Note"),
)
ITEM_FIELDS = (
    _shown("Name", "Name"), _shown("FullyQualifiedName", "Full name"), _shown("Type", "Kind"),
    _shown("UnitPrice", "Price", "money"), _shown("Active", "Active", "boolean"),
)  # fmt: skip
# The chart of accounts has no fields here, so nothing of it can be mapped (W8).
FIELDS: Mapping[str, tuple[Field, ...]] = {
    "customers": CUSTOMER_FIELDS,
    "vendors": tuple(_shown(one.name, one.label, one.type, group=one.group) for one in _NAME),
    "invoices": INVOICE, "expenses": EXPENSE, "items": ITEM_FIELDS,
}  # fmt: skip
NAMED = {resource: {field.name: field for field in fields} for resource, fields in FIELDS.items()}

_MADE = {LINES, ITEM, "state"}  # these do not lie where their name says
_PATHS = {
    resource: tuple((field.name, *field.name.partition(".")[::2]) for field in fields if field.name not in _MADE)
    for resource, fields in FIELDS.items()
}


def plain(resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record by the names of its fields; what QuickBooks left out is empty."""
    found: dict[str, Any] = {}
    for name, outer, inner in _PATHS.get(resource, ()):
        value = record.get(outer)
        if inner:
            value = value.get(inner) if isinstance(value, Mapping) else None
        found[name] = None if value == "" else value
    if resource == "invoices":
        found |= {LINES: lines_of(record), ITEM: _item_of(record), "state": state_of(record)}
    return found


def as_the_api_tells(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record in the shape of the Integrations API: its dates are the moments they begin in UTC.

    >>> as_the_api_tells({"Id": "7", "TxnDate": "2026-02-03", "TotalAmt": 362.07})
    {'Id': '7', 'TxnDate': '2026-02-03T00:00:00Z', 'TotalAmt': 362.07}
    """
    dates = {name: f"{record[name]}T00:00:00Z" for name in ("TxnDate", "DueDate") if record.get(name)}
    return {**record, **dates}


def lines_of(invoice: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Its lines in plain values: subtotals left out, a discount as an amount below nothing."""
    currency = dig(invoice, "CurrencyRef.value")
    lines = [plain_line(line, currency) for line in invoice.get("Line") or () if line.get("Amount") is not None]
    return [line for line in lines if line] or None


def plain_line(line: Mapping[str, Any], currency: Any) -> dict[str, Any] | None:
    """One of them; nothing for a line that asks for no money of its own."""
    kind, words = line.get("DetailType"), line.get("Description")
    if kind in ("SubTotalLineDetail", "DescriptionOnly"):
        return None
    if kind == "DiscountLineDetail":
        return bill_line(words or "Discount", None, None, -Decimal(str(line["Amount"])), currency)
    detail = line.get(str(kind)) or {}
    return bill_line(words, detail.get("Qty"), detail.get("UnitPrice"), line["Amount"], currency)


def _item_of(invoice: Mapping[str, Any]) -> str | None:
    names = (dig(line, "SalesItemLineDetail.ItemRef.name") for line in invoice.get("Line") or ())
    return next((name for name in names if name), None)


def state_of(invoice: Mapping[str, Any]) -> str:
    """What an invoice has come to; QuickBooks keeps no word for it."""
    total, balance = (Decimal(str(invoice.get(name) or 0)) for name in ("TotalAmt", "Balance"))
    if not total and "void" in str(invoice.get("PrivateNote") or "").lower():
        return "voided"
    if balance >= total:
        return "open" if total else "paid"
    return "partly paid" if balance else "paid"
