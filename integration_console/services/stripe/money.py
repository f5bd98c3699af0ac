"""Stripe's money: whole numbers of a currency's smallest unit, and what they are in the units people speak of.

Source: https://docs.stripe.com/currencies
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from ...errors import BadRecord
from ..shapes import Minor

# UGX and ISK have no decimals either, but are sent as if they had two.
ZERO = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
THREE = ("BHD", "JOD", "KWD", "OMR", "TND")
SMALLEST = Minor(zero=ZERO, three=THREE)
Amount = Annotated[int, SMALLEST]

AMOUNT = re.compile(r"amount|amount_\w+|\w+_amount|unit_amount|(sub)?total(_excluding_tax)?|(\w+_)?balance|tax")
CALLED = {"succeeded": "completed"}  # a status as the Integrations API calls it


def major(amount: int, currency: str) -> Decimal:
    """An amount in whole units.

    >>> major(1000, "usd"), major(500, "jpy"), major(12345, "KWD")
    (Decimal('10.00'), Decimal('500'), Decimal('12.345'))
    """
    return Decimal(amount).scaleb(-SMALLEST.places(currency))


def smallest(amount: Any, currency: str, *, field: str | None = None) -> int:
    """An amount in the smallest unit. Raises BadRecord where it is no number, or finer than the currency goes.

    >>> smallest("10.5", "usd"), smallest(500, "JPY")
    (1050, 500)
    """
    try:
        units = Decimal(str(amount)).scaleb(SMALLEST.places(currency))
        if units.is_finite() and units == units.to_integral_value():
            return int(units)
    except InvalidOperation:
        pass
    raise BadRecord(f"{amount} is no amount of {currency.upper()}.", field=field)


def as_the_api_tells(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record in the shape of the Integrations API: major units, the currency in capitals, its word for a status.

    Amounts within it, such as those of an invoice's lines, are in their own currency, else in the record's. Everything
    else is as Stripe sent it.

    >>> as_the_api_tells({"id": "pi_1", "amount": 1000, "currency": "usd", "status": "succeeded"})
    {'id': 'pi_1', 'amount': 10.0, 'currency': 'USD', 'status': 'completed'}
    >>> as_the_api_tells({"amount": 500, "currency": "jpy", "status": "canceled"})
    {'amount': 500.0, 'currency': 'JPY', 'status': 'canceled'}
    >>> as_the_api_tells({"currency": "usd", "lines": {"data": [{"amount": 45000, "quantity": 2}]}})
    {'currency': 'USD', 'lines': {'data': [{'amount': 450.0, 'quantity': 2}]}}
    """
    told = _in_whole_units(record, None)
    if isinstance(told.get("status"), str):
        told["status"] = CALLED.get(told["status"], told["status"])
    return told


def _in_whole_units(part: Mapping[str, Any], currency: str | None) -> dict[str, Any]:
    own = part.get("currency")
    currency = own if isinstance(own, str) and own else currency
    told = {name: _value(name, value, currency) for name, value in part.items()}
    return told | {"currency": currency.upper()} if own and currency else told


def _value(name: str, value: Any, currency: str | None) -> Any:
    if isinstance(value, Mapping):
        return _in_whole_units(value, currency)
    if isinstance(value, list):
        return [_value(name, one, currency) for one in value]
    is_amount = isinstance(value, int) and not isinstance(value, bool) and AMOUNT.fullmatch(name)
    return float(major(value, currency)) if currency and is_amount else value
