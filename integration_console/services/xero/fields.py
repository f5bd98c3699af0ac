"""What of Xero's records can be mapped, and a record as plain values.

A field's name is where it lies in the record, but for what is spread over several places: the main telephone number,
the postal address, the lines, and what all lines have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..writing import Field, bill_line

ADDRESS_PARTS = ("AddressLine1", "AddressLine2", "City", "Region", "PostalCode", "Country")
EDITABLE_STATES = ("DRAFT", "SUBMITTED", "AUTHORISED")


def _shown(name: str, label: str, kind: str = "text", **more: Any) -> Field:
    return Field(name, label, kind, writable=False, **more)


CONTACT = (
    Field("Name", "Name", required=True, longest=255, once=True, once_among=("ContactStatus", "ACTIVE")),
    Field("FirstName", "First name", longest=255),
    Field("LastName", "Last name", longest=255),
    Field("EmailAddress", "E-mail", "email", longest=255),
    Field("Phone", "Phone", "phone", longest=50),
    _shown("OtherPhones", "Other phone numbers", "list"),
    Field("Address.AddressLine1", "Street", longest=500, group="Postal address"),
    Field("Address.AddressLine2", "Street, second line", longest=500, group="Postal address"),
    Field("Address.City", "City", longest=255, group="Postal address"),
    Field("Address.Region", "State or region", longest=255, group="Postal address"),
    Field("Address.PostalCode", "Postal code", longest=50, group="Postal address"),
    Field("Address.Country", "Country", longest=50, group="Postal address"),
    Field("ContactNumber", "Contact number", longest=50),  # for another system's id; only programs see it
    Field("AccountNumber", "Account number", longest=50),
    Field("TaxNumber", "Tax number", longest=50),
    _shown("ContactStatus", "Status", "choice", choices=("ACTIVE", "ARCHIVED", "GDPRREQUEST")),
    _shown("IsCustomer", "Is a customer", "boolean"),
    _shown("IsSupplier", "Is a supplier", "boolean"),
    _shown("DefaultCurrency", "Currency"),
)
INVOICE = (
    Field("InvoiceNumber", "Invoice number", longest=255),
    Field("Reference", "Reference", longest=255),
    Field("Contact.ContactID", "Contact", "ref", required=True, of="contacts"),
    _shown("Contact.Name", "Contact's name"),
    Field("Date", "Date", "date"),
    Field("DueDate", "Due date", "date"),
    Field("Status", "Status", "choice", choices=EDITABLE_STATES),
    Field("LineAmountTypes", "Tax in the lines", "choice", choices=("Exclusive", "Inclusive", "NoTax")),
    Field("CurrencyCode", "Currency", longest=3),
    Field("Lines", "Lines", "lines", required=True),
    Field("Line.AccountCode", "Account of every line", longest=10, group="Lines"),
    Field("Line.TaxType", "Tax type of every line", longest=50, group="Lines"),
    _shown("SubTotal", "Total before tax", "money"),
    _shown("TotalTax", "Tax", "money"),
    _shown("Total", "Total", "money"),
    _shown("AmountDue", "Due", "money"),
    _shown("AmountPaid", "Paid", "money"),
    _shown("AmountCredited", "Credited", "money"),
)
EXPENSE = (
    _shown("Kind", "Kind", "choice", choices=("bill", "spend")),
    _shown("InvoiceNumber", "Number"),
    _shown("Reference", "Reference"),
    _shown("Contact.ContactID", "Contact", "ref", of="contacts"),
    _shown("Contact.Name", "Contact's name"),
    _shown("Date", "Date", "date"),
    _shown("DueDate", "Due date", "date"),
    _shown("Status", "Status"),
    _shown("CurrencyCode", "Currency"),
    _shown("Total", "Total", "money"),
    _shown("AmountDue", "Due", "money"),
)
# Of bank transactions nothing can be mapped: clients' trust money may lie on any bank account (W8).
FIELDS: Mapping[str, tuple[Field, ...]] = {"contacts": CONTACT, "invoices": INVOICE, "expenses": EXPENSE}

_APART = ("Phone", "OtherPhones", "Lines")


def plain_of(resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record by the names of its fields; what it did not tell is not there, what is empty is None (P6)."""
    plain: dict[str, Any] = {}
    for field in FIELDS.get(resource, ()):
        outer, _, inner = field.name.partition(".")
        if field.name in _APART or outer in ("Address", "Line"):
            continue
        if inner and isinstance(record.get(outer), Mapping) and inner in record[outer]:
            plain[field.name] = _told(record[outer][inner])
        elif not inner and outer in record:
            plain[field.name] = _told(record[outer])
    if resource == "contacts":
        _reached(plain, record)
    if resource == "invoices" and isinstance(record.get("LineItems"), list):
        _lines(plain, record["LineItems"], record.get("CurrencyCode"))
    return plain


def _told(value: Any) -> Any:
    return None if value == "" else value


# -- how a contact is reached -----------------------------------------------------------------------------------------


def _reached(plain: dict[str, Any], record: Mapping[str, Any]) -> None:
    if isinstance(record.get("Phones"), list):
        numbers = [(one.get("PhoneType"), number_of(one)) for one in record["Phones"] if isinstance(one, Mapping)]
        plain["Phone"] = next((number for kind, number in numbers if kind == "DEFAULT" and number), None)
        plain["OtherPhones"] = [number for kind, number in numbers if kind != "DEFAULT" and number]
    if isinstance(record.get("Addresses"), list):
        address = address_of(record) or {}
        for part in ADDRESS_PARTS:
            plain[f"Address.{part}"] = address.get(part) or None


def number_of(phone: Mapping[str, Any]) -> str | None:
    """A number whose parts may lie in three places.

    >>> number_of({"PhoneNumber": "555-0100", "PhoneAreaCode": "510", "PhoneCountryCode": "1"})
    '+1 510 555-0100'
    """
    number = str(phone.get("PhoneNumber") or "").strip()
    if not number:
        return None
    country, area = (str(phone.get(part) or "").strip() for part in ("PhoneCountryCode", "PhoneAreaCode"))
    return " ".join(filter(None, (f"+{country.lstrip('+')}" if country else "", area, number)))


def address_of(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Where letters go; where the company is, if only that is known."""
    there = [one for one in record.get("Addresses") or () if isinstance(one, Mapping)]
    filled = [one for one in there if any(one.get(part) for part in ADDRESS_PARTS)]
    return next((one for one in filled if one.get("AddressType") == "POBOX"), filled[0] if filled else None)


# -- lines ------------------------------------------------------------------------------------------------------------


def _lines(plain: dict[str, Any], items: list, currency: Any) -> None:
    """Lines without an amount are remarks; they are Xero's own and are left out."""
    billed = [item for item in items if isinstance(item, Mapping) and amount_of(item)]
    plain["Lines"] = [plain_line(item, currency) for item in billed]
    for name in ("AccountCode", "TaxType"):
        held = {item.get(name) or None for item in billed}
        if len(held) == 1:  # where lines differ, somebody saw to them one by one
            plain[f"Line.{name}"] = held.pop()


def plain_line(item: Mapping[str, Any], currency: Any) -> dict[str, Any]:
    """One line as every service tells it."""
    return bill_line(item.get("Description"), item.get("Quantity"), item.get("UnitAmount"), amount_of(item), currency)


def amount_of(item: Mapping[str, Any]) -> Any:
    """What a line comes to."""
    if item.get("LineAmount") is not None:
        return item["LineAmount"]
    quantity = 1 if item.get("Quantity") is None else item["Quantity"]
    return round(quantity * (item.get("UnitAmount") or 0), 2)


__all__ = ["ADDRESS_PARTS", "EDITABLE_STATES", "FIELDS", "address_of", "plain_line", "plain_of"]
