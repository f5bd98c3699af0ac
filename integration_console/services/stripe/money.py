"""Stripe's money: whole numbers of a currency's smallest unit, and what they are in the units people speak of.

Source: https://docs.stripe.com/currencies
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from ...errors import BadRecord
from ..base import Minor

# UGX and ISK have no decimals either, but are sent as if they had two.
ZERO = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
THREE = ("BHD", "JOD", "KWD", "OMR", "TND")
SMALLEST = Minor(zero=ZERO, three=THREE)
Amount = Annotated[int, SMALLEST]

AMOUNTS = (
    "amount", "amount_received", "amount_captured", "amount_refunded", "amount_due", "amount_paid", "amount_remaining",
    "total", "subtotal", "balance",
)  # fmt: skip
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

    Everything else is as Stripe sent it.

    >>> as_the_api_tells({"id": "pi_1", "amount": 1000, "currency": "usd", "status": "succeeded"})
    {'id': 'pi_1', 'amount': 10.0, 'currency': 'USD', 'status': 'completed'}
    >>> as_the_api_tells({"amount": 500, "currency": "jpy", "status": "canceled"})
    {'amount': 500.0, 'currency': 'JPY', 'status': 'canceled'}
    """
    currency = record.get("currency")
    told = dict(record)
    if isinstance(currency, str):
        told["currency"] = currency.upper()
        for name in AMOUNTS:
            if isinstance(told.get(name), int):
                told[name] = float(major(told[name], currency))
    if isinstance(told.get("status"), str):
        told["status"] = CALLED.get(told["status"], told["status"])
    return told
