"""Plain values as QuickBooks takes them: the body of a write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import BadRecord
from ..base import dig
from ..writing import Field, bill_line, lined_up
from .fields import ITEM, LINES, NAMED, plain_line

KEPT_LINES = ("SalesItemLineDetail", "SubTotalLineDetail")  # others are made by people, and not written over
BAD_IN_NAMES = (":", "\t", "\n")
LONGEST_DESCRIPTION = 4000
OF_THE_AMOUNT = ("TaxInclusiveAmt", "DiscountRate", "DiscountAmt")  # what the amount before came to


def body_of(
    resource: str, wanted: Mapping[str, Any], current: Mapping[str, Any] | None, new: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """The body for these values. new: gives what a new line begins with, its product and how it is taxed.

    Raises BadRecord naming the field whose value QuickBooks cannot hold.
    """
    body: dict[str, Any] = {}
    fields = NAMED[resource]
    for name, value in wanted.items():
        if name == LINES:
            body["Line"] = _lines(value, current, new)
        elif name != ITEM:
            _put(body, fields[name], value, current)
    return body


def _put(body: dict[str, Any], field: Field, value: Any, current: Mapping[str, Any] | None) -> None:
    """What lies inside another object goes with all of it: QuickBooks replaces that as one."""
    if value is None and field.type in ("date", "boolean", "ref"):
        return  # there is no empty one: it stays as it is
    if value is None and field.required:
        raise BadRecord(f"{field.label} cannot be empty in QuickBooks.", field=field.name)
    sent = "" if value is None else _CHECKED.get(field.type, _text)(value, field)
    outer, _, inner = field.name.partition(".")
    if not inner:
        body[outer] = sent
        return
    there = (current or {}).get(outer)
    if outer not in body:
        known = dict(there) if isinstance(there, Mapping) and not outer.endswith("Ref") else {}
        body[outer] = {name: one for name, one in known.items() if name not in ("Lat", "Long")}
    body[outer][inner] = sent


def _text(value: Any, field: Field) -> str:
    text = str(value)
    if field.longest and len(text) > field.longest:
        raise BadRecord(f"{field.label} takes {field.longest} characters in QuickBooks.", field=field.name)
    if field.name == "DisplayName" and any(one in text for one in BAD_IN_NAMES):
        raise BadRecord("A display name in QuickBooks has no colon, tab or line break.", field=field.name)
    return text


def _date(value: Any, field: Field) -> str:
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise BadRecord(f"{field.label} is not a date: {value}", field=field.name) from None


def _boolean(value: Any, field: Field) -> bool:
    if not isinstance(value, bool):
        raise BadRecord(f"{field.label} can only be yes or no, not {value}", field=field.name)
    return value


_CHECKED: dict[str, Callable[[Any, Field], Any]] = {"date": _date, "boolean": _boolean}


def _lines(value: Any, current: Mapping[str, Any] | None, new: Callable[[], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines as they shall be. A line that is there keeps its number and what people have set on it.

    Raises BadRecord where the invoice holds lines of a kind that would be lost.
    """
    if not value:
        raise BadRecord("An invoice needs a line.", field=LINES)
    there = [line for line in (current or {}).get("Line") or () if line.get("DetailType") != "SubTotalLineDetail"]
    if strange := next((one for one in there if one.get("DetailType") not in KEPT_LINES), None):
        kind = str(strange.get("DetailType") or "unknown").removesuffix("LineDetail").lower()
        raise BadRecord(f"The invoice has a {kind} line, which would be lost: change it in QuickBooks.", field=LINES)
    currency = dig(current, "CurrencyRef.value")
    known = [plain_line({"Amount": 0, **line}, currency) or bill_line(None, None, None, 0) for line in there]
    places = lined_up([{**line, "description": _words(line)} for line in value], known)
    return [
        _line(line, {} if at is None else there[at], new) for line, at in zip(value, places, strict=True)
    ]  # fmt: skip


def _line(line: Mapping[str, Any], there: Mapping[str, Any], new: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    held = there.get("SalesItemLineDetail") or new()
    detail = {name: one for name, one in held.items() if name not in OF_THE_AMOUNT}
    detail |= {"Qty": float(line["quantity"]), "UnitPrice": float(line["price"])}
    known = {"Id": there["Id"]} if there.get("Id") else {}
    return {
        **known, "Description": _words(line) or "", "Amount": float(line["amount"]),
        "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail,
    }  # fmt: skip


def in_short(lines: Any) -> list[tuple[str, str]]:
    """Lines by their words and amounts, as far as QuickBooks keeps the words."""
    return [(_words(one) or "", one["amount"]) for one in lines or ()]


def _words(line: Mapping[str, Any]) -> str | None:
    return str(line.get("description") or "")[:LONGEST_DESCRIPTION].strip() or None
