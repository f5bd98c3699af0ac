"""Plain values as Xero takes them: the body of a write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ...errors import BadRecord
from ..writing import Write, bill_line, lined_up, rounded
from .fields import ADDRESS_PARTS, address_of, amount_of, plain_line

LONGEST_DESCRIPTION = 4_000  # characters of a line
_OF_A_LINE = {"Line.AccountCode": "AccountCode", "Line.TaxType": "TaxType"}
NEVER_EMPTY = frozenset(("Name", "Contact.ContactID", "Lines", "Status", "LineAmountTypes", "CurrencyCode"))


def body_of_contact(write: Write, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A contact's fields; its number and address inside the lists they stand in. Raises BadRecord."""
    current, body = write.current or {}, {}
    for name, value in wanted.items():
        _must_be_filled(write, name, value)
        if name != "Phone" and not name.startswith("Address."):
            body[name] = "" if value is None else value
    if "Phone" in wanted:
        number = {"PhoneNumber": wanted["Phone"] or "", "PhoneAreaCode": "", "PhoneCountryCode": ""}
        body["Phones"] = _with(current.get("Phones"), "PhoneType", "DEFAULT", number)
    if address := {
        name.partition(".")[2]: value or "" for name, value in wanted.items() if name.startswith("Address.")
    }:
        there = address_of(current) or {}
        whole = {part: there.get(part) or "" for part in ADDRESS_PARTS} | address
        body["Addresses"] = _with(current.get("Addresses"), "AddressType", there.get("AddressType") or "POBOX", whole)
    return body


def body_of_invoice(write: Write, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """An invoice's fields; its lines whole, those that stay under the ids they have. Raises BadRecord."""
    body: dict[str, Any] = {"Type": "ACCREC"} if write.op == "create" else {}
    for name, value in wanted.items():
        _must_be_filled(write, name, value)
        if name == "Contact.ContactID":
            body["Contact"] = {"ContactID": value}
        elif name != "Lines" and name not in _OF_A_LINE:
            body[name] = "" if value is None else value
    if "Lines" in wanted or any(name in wanted for name in _OF_A_LINE):
        body["LineItems"] = _line_items(write, wanted)
    return body


def _must_be_filled(write: Write, name: str, value: Any) -> None:
    if value is None and name in NEVER_EMPTY:
        raise BadRecord("This cannot be empty at Xero.", field=name)
    if value is None and name in ("Date", "DueDate"):
        raise BadRecord("A date cannot be taken away at Xero.", field=name)


def _with(there: Sequence[Any] | None, kind: str, wanted: str, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list with one entry replaced, or added."""
    others = [dict(one) for one in there or () if isinstance(one, Mapping) and one.get(kind) != wanted]
    held: Mapping[str, Any] = next(
        (one for one in there or () if isinstance(one, Mapping) and one.get(kind) == wanted), {}
    )
    return [*others, {**held, kind: wanted, **entry}]


# -- lines ------------------------------------------------------------------------------------------------------------


def _line_items(write: Write, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Line by line, so that a line that was there keeps its id and what the bookkeeper gave it."""
    current = [one for one in (write.current or {}).get("LineItems") or () if isinstance(one, Mapping)]
    billed = [one for one in current if amount_of(one)]
    remarks = [_kept(one) for one in current if not amount_of(one)]
    for_all = {ours: write.values.get(name) for name, ours in _OF_A_LINE.items()}
    if len(accounts := {one.get("AccountCode") for one in billed}) == 1:  # the invoice's, and a new line's too
        for_all["AccountCode"] = for_all["AccountCode"] or accounts.pop()
    lines = wanted.get("Lines")
    if lines is None:  # only what all lines have in common changes
        return [*({**_kept(one), **_changed(wanted)} for one in billed), *remarks]
    items = []
    currency = (write.current or {}).get("CurrencyCode")
    known = [plain_line(one, currency) for one in billed]
    places = lined_up(*([{**line, "description": _words(line)} for line in some] for some in (lines, known)))
    for line, place in zip(lines, places, strict=True):
        held = {} if place is None else billed[place]
        common = {name: value for name, value in for_all.items() if value is not None and name not in held}
        kept = {name: held[name] for name in ("LineItemID", "AccountCode", "TaxType", "Tracking") if name in held}
        undone = {name: 0 for name in ("DiscountRate", "DiscountAmount") if held.get(name)}  # of the amount before
        items.append({**common, **kept, **undone, **_changed(wanted), **_line(line)})
    return [*items, *remarks]


def _kept(item: Mapping[str, Any]) -> dict[str, Any]:
    """A line as it is; what Xero works out of the rest is its own business."""
    return {name: value for name, value in item.items() if name not in ("LineAmount", "TaxAmount", "Taxability")}


def _changed(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {ours: wanted[name] or "" for name, ours in _OF_A_LINE.items() if name in wanted}


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    """Quantity and price make the amount to the cent, or it is one piece at that amount: so `bill_line` tells it.

    Raises BadRecord where Xero, which keeps four places of a quantity and of a price, would come to another amount.
    """
    quantity, price, amount = (Decimal(str(line[name])) for name in ("quantity", "price", "amount"))
    if amount != rounded(amount):
        raise BadRecord(f"Xero keeps two decimals of an amount, and a line comes to {amount}.", field="Lines")
    if -quantity.as_tuple().exponent > 4 or -price.as_tuple().exponent > 4:  # type: ignore[operator]
        quantity, price = Decimal(1), amount
    return {
        "Description": _words(line), "Quantity": float(quantity), "UnitAmount": float(price),
        "LineAmount": float(amount),  # Xero refuses a line that comes to another one
    }  # fmt: skip


def _words(line: Mapping[str, Any]) -> str:
    """What a line is for, as Xero keeps it."""
    return (line.get("description") or "Work")[:LONGEST_DESCRIPTION].strip()


def as_kept(lines: Sequence[Mapping[str, Any]], currency: Any) -> list[dict[str, Any]]:
    """Lines as an invoice shows them that was made of them; those without an amount are remarks there."""
    sent = [(_line(line), line["amount"]) for line in lines if Decimal(str(line["amount"]))]
    return [bill_line(one["Description"], one["Quantity"], one["UnitAmount"], to, currency) for one, to in sent]
