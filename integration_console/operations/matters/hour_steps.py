"""One entry of time at each step of its way: how long, at which rate, how much, and what was rounded to get there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ... import clock, services
from ...models import Connection, Record, db
from ...services.writing import bill_line, rounded

HOUR_S = 3600


@dataclass(frozen=True)
class Step:
    """Where it stands in one service."""

    where: str  # Clockify, Clio, QuickBooks, Xero
    what: str  # Time entry, Activity, Line of a bill, Line of an invoice
    record: Record
    seconds: int | None = None  # None: nothing there is this entry's
    seconds_off: int | None = None  # against the step before; None where there is nothing to compare
    price: Decimal | None = None  # an hour
    amount: Decimal | None = None
    amount_off: Decimal | None = None  # against time and rate, or the step before
    note: str = ""
    known_as: str = ""  # a bill's or an invoice's number
    state: str = ""


def steps_of(entry: Record, activities: Sequence[Record], lines: Sequence[Record]) -> list[Step]:
    """The entry, then each activity with the lines it is on."""
    worked = seconds_of(entry)
    note = "The timer runs." if worked is None else ""
    found = [Step("Clockify", "Time entry", entry, worked, known_as="", note=note)]
    for activity in activities:
        step = _activity(activity, worked)
        found.append(step)
        found += [_line(line, step) for line in lines if line.owner_id == activity.external_id]
    return found


def seconds_of(entry: Record) -> int | None:
    """How long an entry is; None while its timer runs."""
    begin, end = _interval(entry)
    return round((end - begin).total_seconds()) if begin and end else None


def ended_at(entry: Record) -> datetime | None:
    """When its timer was stopped; None while it runs."""
    begin, end = _interval(entry)
    return end if begin else None


def _interval(entry: Record) -> tuple[datetime | None, datetime | None]:
    said = entry.data.get("timeInterval")
    said = said if isinstance(said, Mapping) else {}
    try:
        return clock.parse(said.get("start")), clock.parse(said.get("end"))
    except ValueError:
        return None, None


def _activity(row: Record, worked: int | None) -> Step:
    data = row.data
    seconds = _whole(data.get("quantity"))
    price, amount = _money(data.get("price")), _money(data.get("total"))
    rounded = _whole(data.get("rounded_quantity"))
    notes = []
    if rounded is not None and seconds is not None and rounded != seconds:
        notes.append(f"Clio bills it as {rounded / HOUR_S:.2f} hours.")
    if data.get("non_billable"):
        notes.append("Not billable.")
    billed = rounded if rounded is not None else seconds
    return Step(
        "Clio", "Activity", row, seconds, _less(seconds, worked), price, amount, _off(amount, billed, price),
        " ".join(notes), state="on a bill" if data.get("on_bill") or data.get("billed") else "not on a bill",
    )  # fmt: skip


def _line(row: Record, before: Step) -> Step:
    data = row.data
    hours, price = _money(data.get("quantity")), _money(data.get("price"))
    seconds = None if hours is None else round(hours * HOUR_S)
    amount = _money(data.get("total"))
    shown = data.get("bill")
    bill: Mapping[str, Any] = shown if isinstance(shown, Mapping) else {}
    return Step(
        "Clio", "Line of a bill", row, seconds, _less(seconds, before.seconds), price, amount,
        _minus(amount, before.amount), known_as=str(bill.get("number") or bill.get("id") or ""),
        state=str(bill.get("state") or ""),
    )  # fmt: skip


def invoice_step(lines: Sequence[Record], bill: Record, invoice: Record) -> Step:
    """The line of an invoice that is this entry's: the one that says the same and comes to the same amount."""
    own = [line for line in lines if bill_id(line) == bill.external_id]
    service = services.by_key(db.session.get_one(Connection, invoice.connection_id).service)
    plain = service.writing.plain(invoice.resource, invoice.data)
    state = str(plain.get("Status") or plain.get("state") or "").lower()
    currency = (bill.data.get("currency") or {}).get("code")
    for line in own:
        data = line.data
        amount = data.get("sub_total") if data.get("sub_total") is not None else data.get("total")
        wanted = bill_line(data.get("description") or data.get("note"), data.get("quantity"), data.get("price"),
                           amount or 0, currency)  # fmt: skip
        if (found := _alike(wanted, _lines_in(service, invoice, plain))) is None:
            continue
        price, total = Decimal(str(found["price"])), Decimal(str(found["amount"]))
        in_hours = found["quantity"] == wanted["quantity"] and wanted["quantity"] == _spelled(data.get("quantity"))
        hours = Decimal(str(found["quantity"])) if in_hours else _money(data.get("quantity"))
        return Step(
            service.label, "Line of an invoice", invoice, round((hours or Decimal(0)) * HOUR_S), 0, price, total,
            _minus(total, _money(amount), currency), "" if in_hours else "Carried as one piece at its amount.",
            invoice.label, state,
        )  # fmt: skip
    return Step(service.label, "Line of an invoice", invoice, note="No line is this one's.", known_as=invoice.label,
                state=state)  # fmt: skip


def _lines_in(service: Any, invoice: Record, plain: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    names = [one.name for one in service.writing.fields(invoice.resource) if one.type == "lines"]
    return [line for name in names for line in plain.get(name) or ()]


def _alike(wanted: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """In words and amount, else in amount alone."""
    same = [line for line in lines if line["amount"] == wanted["amount"]]
    return next((line for line in same if line["description"] == wanted["description"]), same[0] if same else None)


# -- figures ----------------------------------------------------------------------------------------------------------


def _off(amount: Decimal | None, seconds: int | None, price: Decimal | None) -> Decimal | None:
    """What rounding to cents made of time at a rate."""
    if amount is None or seconds is None or price is None:
        return None
    exact = Decimal(seconds) * price / HOUR_S
    return (amount - exact).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _minus(one: Decimal | None, other: Decimal | None, currency: str | None = None) -> Decimal | None:
    return None if one is None or other is None else rounded(one - other, currency)


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other


def _whole(value: Any) -> int | None:
    return round(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _money(value: Any) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _spelled(value: Any) -> str:
    return next(_texts(value), "")


def _texts(value: Any) -> Iterator[str]:
    if (number := _money(value)) is not None:
        text = format(number, "f")
        yield text.rstrip("0").rstrip(".") if "." in text else text


def bill_id(line: Record) -> str:
    """The upstream id of the bill a line is on; "" where it names none."""
    bill = line.data.get("bill")
    return str(bill["id"]) if isinstance(bill, Mapping) and bill.get("id") else ""
