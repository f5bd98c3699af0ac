"""What Xero's records hold, of the fields we rely on, and its dates as everybody else writes them.

Source: GitHub XeroAPI/Xero-OpenAPI (2026-07-13, version 16.1.0), and developer.xero.com, "Requests and responses"
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from ..shapes import Money, UpstreamRecord

# Days, not moments: the console keeps "2026-03-02" of them.
DAYS = frozenset((
    "Date", "DueDate", "ExpectedPaymentDate", "PlannedPaymentDate", "FullyPaidOnDate", "PeriodLockDate",
    "EndOfYearLockDate",
))  # fmt: skip
# What an answer says of itself, not of the record.
OF_THE_ANSWER = frozenset(("StatusAttributeString", "HasErrors", "HasValidationErrors", "ValidationErrors", "Warnings"))
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_TICKS = re.compile(r"/Date\((-?\d{1,15})([+-]\d{4})?\)/")
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")


# -- dates ------------------------------------------------------------------------------------------------------------


def readable(value: Any, name: str = "") -> Any:
    """A record with its dates in ISO 8601, and without what the answer said of itself.

    A time comes as the milliseconds since 1970 in UTC, or as ISO without a zone; a day as either of the two, and where
    milliseconds carry an offset, it is the day there.

    >>> readable({"UpdatedDateUTC": "/Date(1552326816230+0000)/", "Date": "/Date(1419937200000+1300)/"})
    {'UpdatedDateUTC': '2019-03-11T17:53:36.230Z', 'Date': '2014-12-31'}
    >>> readable({"UpdatedDateUTC": "2019-03-11T17:53:36", "DueDate": "2019-03-11T00:00:00"})
    {'UpdatedDateUTC': '2019-03-11T17:53:36Z', 'DueDate': '2019-03-11'}
    """
    if isinstance(value, dict):
        return {key: readable(inner, key) for key, inner in value.items() if key not in OF_THE_ANSWER}
    if isinstance(value, list):
        return [readable(inner, name) for inner in value]
    return _moment(value, name) if isinstance(value, str) else value


def _moment(text: str, name: str) -> str:
    if found := _TICKS.fullmatch(text):
        return _of_ticks(int(found[1]), found[2], name, text)
    if name in DAYS:
        return text[:10] if _NO_ZONE.match(text) else text
    return f"{text}Z" if name.endswith("UTC") and _NO_ZONE.fullmatch(text) else text


def _of_ticks(ms: int, offset: str | None, name: str, text: str) -> str:
    try:
        moment = EPOCH + dt.timedelta(milliseconds=ms)
        if name in DAYS:
            return (moment + _offset(offset)).date().isoformat()
    except OverflowError:
        return text
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _offset(text: str | None) -> dt.timedelta:
    """ "+1300" as time.

    >>> _offset("-0330")
    datetime.timedelta(days=-1, seconds=73800)
    """
    if not text:
        return dt.timedelta(0)
    there = dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return -there if text[0] == "-" else there


# -- shown inside others ----------------------------------------------------------------------------------------------


class ContactShown(UpstreamRecord):
    """A contact, as a document names it."""

    ContactID: str | None = None
    Name: str | None = None


class BankAccountShown(UpstreamRecord):
    """The bank account a transaction is of."""

    AccountID: str | None = None
    Code: str | None = None
    Name: str | None = None


# -- records ----------------------------------------------------------------------------------------------------------


class Contact(UpstreamRecord):
    """A customer, a supplier, or both."""

    ContactID: str
    Name: str | None = None
    FirstName: str | None = None
    LastName: str | None = None
    EmailAddress: str | None = None
    ContactNumber: str | None = None
    AccountNumber: str | None = None
    TaxNumber: str | None = None
    ContactStatus: str | None = None  # ACTIVE, ARCHIVED, GDPRREQUEST
    IsCustomer: bool | None = None
    IsSupplier: bool | None = None
    DefaultCurrency: str | None = None
    MergedToContactID: str | None = None
    Phones: list[Any] | None = None
    Addresses: list[Any] | None = None
    UpdatedDateUTC: dt.datetime | None = None


class _Document(UpstreamRecord):
    """What invoices, bills and bank transactions have in common."""

    Type: str | None = None
    Status: str | None = None
    Reference: str | None = None
    Contact: ContactShown | None = None
    Date: dt.date | None = None
    LineAmountTypes: str | None = None  # Exclusive, Inclusive, NoTax
    LineItems: list[Any] | None = None
    SubTotal: Money | None = None
    TotalTax: Money | None = None
    Total: Money | None = None
    CurrencyCode: str | None = None
    CurrencyRate: float | None = None
    HasAttachments: bool | None = None
    UpdatedDateUTC: dt.datetime | None = None


class Invoice(_Document):
    """An invoice to a customer."""

    InvoiceID: str
    InvoiceNumber: str | None = None
    DueDate: dt.date | None = None
    AmountDue: Money | None = None
    AmountPaid: Money | None = None
    AmountCredited: Money | None = None
    FullyPaidOnDate: dt.date | None = None
    SentToContact: bool | None = None


class BankTransaction(_Document):
    """Money spent or received at a bank account."""

    BankTransactionID: str
    BankAccount: BankAccountShown | None = None
    IsReconciled: bool | None = None


class Expense(_Document):
    """A bill of a supplier, or money spent at once."""

    ExpenseID: str  # the InvoiceID or the BankTransactionID
    Kind: str | None = None  # bill, spend
    InvoiceNumber: str | None = None
    DueDate: dt.date | None = None
    AmountDue: Money | None = None
    AmountPaid: Money | None = None
    BankAccount: BankAccountShown | None = None
    IsReconciled: bool | None = None


class LedgerAccount(UpstreamRecord):
    """An account of the chart of accounts."""

    AccountID: str
    Code: str | None = None
    Name: str | None = None
    Type: str | None = None
    Class: str | None = None
    Status: str | None = None
    TaxType: str | None = None
    CurrencyCode: str | None = None
    Description: str | None = None
    UpdatedDateUTC: dt.datetime | None = None


class TaxRate(UpstreamRecord):
    """A rate of tax; its code differs from country to country."""

    TaxType: str
    Name: str | None = None
    Status: str | None = None
    EffectiveRate: float | None = None
    DisplayTaxRate: float | None = None
    CanApplyToRevenue: bool | None = None
    CanApplyToExpenses: bool | None = None


class Organisation(UpstreamRecord):
    """The organisation that is connected."""

    OrganisationID: str
    Name: str | None = None
    LegalName: str | None = None
    BaseCurrency: str | None = None
    CountryCode: str | None = None
    Timezone: str | None = None
    IsDemoCompany: bool | None = None
    PaysTax: bool | None = None


def as_expense(record: Mapping[str, Any]) -> dict[str, Any]:
    """A bill or a bank transaction with the one id expenses are known by. Both ids are unlike any other of Xero's."""
    if record.get("InvoiceID"):
        return {"ExpenseID": record["InvoiceID"], "Kind": "bill", **record}
    return {"ExpenseID": record.get("BankTransactionID"), "Kind": "spend", **record}
