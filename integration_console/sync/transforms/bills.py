"""Bills: their lines, gathered from the records under them. Money that does not add up is never carried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from ...errors import BadRecord, Wait
from ...services.writing import MISSING, bill_line, rounded, spelled_amount
from .base import Options, Spot, empty, text_of, transform

TAKEN_BACK = ("void", "voided", "deleted")  # states of a bill, and of an invoice: nobody is to pay it
# Of an invoice, as the services call them.
CURRENCIES, TOTALS = ("CurrencyRef.value", "CurrencyCode", "currency"), ("TotalAmt", "Total", "total")
UNREAD = "This waits until the lines of the bill are read."
DRAFTS = ("draft", "awaiting_approval")  # of a bill: it is worked on, and nobody was sent it


class LinesOptions(Options):
    """`resource`: what the lines are there, `field`: where a line names its bill, and `bills`: what that is there."""

    resource: str = Field(default="line_items", max_length=60)
    field: str = Field(default="bill.id", max_length=300)
    bills: str = Field(default="bills", max_length=60)


def _bill_fault(options: LinesOptions, sources: tuple[str, ...], targets: tuple[str, ...]) -> str | None:
    return None if len(sources) >= 4 else "The lines are made of the bill's id, total, state and kind, in this order."


def _told_where_they_differ(lines: Any, invoice: Mapping[str, Any]) -> None:
    """Raise BadRecord where nothing is to be carried and the invoice asks for something else: it was changed there."""
    asked = _total_of(invoice)
    if lines is MISSING or asked is None or _is_taken_back(invoice):
        return
    billed = sum((Decimal(line["amount"]) for line in lines or ()), Decimal(0))
    if billed != asked:
        raise BadRecord(
            f"The bill comes to {spelled_amount(billed)} and its invoice to {spelled_amount(asked)}, which was changed "
            "there. Look at both."
        )


@transform("Lines of the bill", options=LinesOptions, gives="lines", fault=_bill_fault, watches=_told_where_they_differ)
def bill_lines(values, options, spot: Spot):
    """Carry a bill's lines. A bill for trust money is refused; of one that is paid nothing travels any more.

    Where only one of the two was taken back, a person is told: the client would owe twice, or nothing. So it is where
    a bill is a draft again, or was paid with another total than its invoice has.

    The fields in this order: the bill's id, total, state, kind. More may follow, to look again when they change. The
    lines must come to the total: where tax, a discount or interest makes the difference, a person decides.

    >>> from types import SimpleNamespace as World
    >>> kept = [{"description": "Drafting", "quantity": 1.5, "price": 300, "total": 450}]
    >>> there = World(under=lambda side, resource, field, external_id: kept)
    >>> spot = Spot(there, "right", ("id", "total", "state", "kind"), ("lines",))
    >>> bill_lines(["5", 450, "awaiting_payment", "revenue_kind"], LinesOptions(), spot)
    [{'description': 'Drafting', 'quantity': '1.5', 'price': '300', 'amount': '450.00'}]
    """
    number, total, state, kind = [*values, None, None, None, None][:4]
    if empty(number):
        return None
    if "trust" in text_of(kind).casefold():
        raise BadRecord("This bill asks for clients' trust money, which the console never writes.")
    at = text_of(state).casefold()
    _told_where_apart(at, spot.there)
    if at in TAKEN_BACK or (at in DRAFTS and spot.there):
        return MISSING
    if at == "paid":
        _told_where_paid_with_another_total(total, spot.there)
        return MISSING
    found = spot.world.under(spot.source_side, options.resource, options.field, text_of(number))
    unread = Wait(UNREAD, resource=options.resource, external_id=text_of(number))
    if empty(total) or (not found and Decimal(str(total))):
        raise unread
    currency = _currency_of(spot, options, text_of(number))
    _told_where_it_asks_for_another_sum(currency, spot.there)
    lines = [_line(one, currency) for one in found]
    lines = [line for line in lines if Decimal(line["amount"] or 0)]  # what was written off takes no line
    came, wanted = sum((Decimal(line["amount"]) for line in lines), Decimal(0)), rounded(total, currency)
    if came != wanted:
        if spot.world.was_read_before(spot.source_side, options.resource, options.bills, text_of(number)):
            raise unread  # a webhook brings a bill alone, and a read brings its lines after it
        raise BadRecord(
            f"The lines of the bill come to {spelled_amount(came)} and the bill to {spelled_amount(wanted)}: there is "
            "tax, a discount or interest on it. Enter this one by hand."
        )
    if not lines:
        left = " any more, and the invoice made of it still stands. Void that one by hand." if spot.there else "."
        raise BadRecord(f"This bill asks for nothing{left}")
    return lines


def _told_where_apart(state: str, invoice: Mapping[str, Any]) -> None:
    """Raise BadRecord where a bill was taken back and its invoice stands, or the other way round."""
    stands = bool(invoice) and not _is_taken_back(invoice)
    if state in TAKEN_BACK and stands:
        raise BadRecord("This bill was taken back, and the invoice made of it still stands. Void that one by hand.")
    if state in DRAFTS and stands:
        raise BadRecord(
            "This bill is a draft again, and the invoice made of it still stands. It follows once the bill is sent."
        )
    if state not in (*TAKEN_BACK, *DRAFTS) and _is_taken_back(invoice):
        raise BadRecord("The invoice of this bill was voided or deleted, and the bill still stands. Look at both.")


def _told_where_paid_with_another_total(total: Any, invoice: Mapping[str, Any]) -> None:
    """Raise BadRecord where a bill was changed and paid before its invoice could follow, or that one was changed."""
    asked = _total_of(invoice)
    if asked is None or empty(total) or rounded(total, _currency_there(invoice)) == asked:
        return
    raise BadRecord(
        f"This bill is paid and comes to {spelled_amount(Decimal(str(total)))}, and its invoice to "
        f"{spelled_amount(asked)}. Look at both."
    )


def _told_where_it_asks_for_another_sum(currency: str | None, invoice: Mapping[str, Any]) -> None:
    """Raise BadRecord where an invoice is in another currency than its bill, or comes to more than its own lines."""
    theirs = _currency_there(invoice)
    if currency and theirs and currency.casefold() != theirs.casefold():
        raise BadRecord(f"The bill is in {currency.upper()} and its invoice in {theirs.upper()}. Look at both.")
    asked, lines = _total_of(invoice), invoice.get("lines") or invoice.get("Lines")
    if asked is None or not lines:
        return
    lined = sum((Decimal(one["amount"]) for one in lines), Decimal(0))
    if asked != lined:
        raise BadRecord(
            f"The invoice comes to {spelled_amount(asked)} and its lines to {spelled_amount(lined)}: "
            "there is tax on it that the bill does not ask for. Take it off there, or leave this one to people."
        )


def _currency_there(invoice: Mapping[str, Any]) -> str:
    return next((text for name in CURRENCIES if (text := text_of(invoice.get(name)))), "")


def _total_of(invoice: Mapping[str, Any]) -> Decimal | None:
    """What an invoice comes to; nothing where it does not tell."""
    total = next((invoice[name] for name in TOTALS if not empty(invoice.get(name))), None)
    return None if total is None else rounded(total, _currency_there(invoice))


def carries(lines: Iterable[Any]) -> bool:
    """Whether a mapping with these lines makes invoices of bills."""
    return any(line.transform.name == "bill_lines" for line in lines)


def stands(lines: Iterable[Any], half: Mapping[str, Any]) -> bool:
    """Whether this is a bill, or the invoice made of one by these lines of a mapping, and nobody took it back."""
    return carries(lines) and not _is_taken_back(half)


def _is_taken_back(half: Mapping[str, Any]) -> bool:
    return any(text_of(half.get(name)).casefold() in TAKEN_BACK for name in ("state", "status", "Status"))


def _currency_of(spot: Spot, options: LinesOptions, number: str) -> str | None:
    """The code of the bill's currency, as our copy of the bill tells it; nothing where it does not."""
    bills = spot.world.under(spot.source_side, options.bills, "id", number)
    told = bills[0].get("currency") if bills else None
    return told.get("code") if isinstance(told, dict) else None


def _line(record: dict[str, Any], currency: str | None) -> dict[str, Any]:
    """Before tax where the record tells it: tax is what makes a bill's total differ from its lines."""
    amount = record.get("sub_total") if record.get("sub_total") is not None else record.get("total")
    words = record.get("description") or record.get("note")
    return bill_line(words, record.get("quantity"), record.get("price"), amount or 0, currency)
