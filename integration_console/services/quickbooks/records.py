"""The fields of QuickBooks' records we rely on, in its own words. A property without a value is left out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ..shapes import Money, UpstreamRecord


def ours(entity: str, row: Any) -> Any:
    """A row as we keep it. A purchase and a bill may have one number: each is told what it is, and who is paid."""
    if entity not in ("Purchase", "Bill") or not isinstance(row, Mapping):
        return row
    paid: Mapping[str, Any] = row.get("EntityRef") or row.get("VendorRef") or {}
    number = row.get("Id")
    named = {"party": paid["name"]} if paid.get("name") else {}
    return {**row, "entity": entity, **named, **({"key": f"{entity}:{number}"} if number else {})}


# -- fields inside fields ---------------------------------------------------------------------------------------------


class Times(UpstreamRecord):
    """When a record was made and changed; offsets are Pacific unless the company says otherwise."""

    CreateTime: dt.datetime | None = None
    LastUpdatedTime: dt.datetime | None = None


class Ref(UpstreamRecord):
    """Another record, by its id and name."""

    value: str | None = None
    name: str | None = None


class Email(UpstreamRecord):
    """An e-mail address."""

    Address: str | None = None


class Phone(UpstreamRecord):
    """A telephone number as somebody wrote it."""

    FreeFormNumber: str | None = None


class Address(UpstreamRecord):
    """A postal address."""

    Id: str | None = None
    Line1: str | None = None
    Line2: str | None = None
    City: str | None = None
    CountrySubDivisionCode: str | None = None
    PostalCode: str | None = None
    Country: str | None = None


class Memo(UpstreamRecord):
    """What an invoice says to the customer."""

    value: str | None = None


class Tax(UpstreamRecord):
    """The tax on a transaction."""

    TotalTax: Money | None = None


class TransactionLine(UpstreamRecord):
    """One line of a transaction; `DetailType` says which detail it has."""

    Id: str | None = None
    LineNum: int | None = None
    Description: str | None = None
    Amount: Money | None = None
    DetailType: str | None = None


class Linked(UpstreamRecord):
    """Another transaction it belongs together with, such as a payment."""

    TxnId: str | None = None
    TxnType: str | None = None


# -- records ----------------------------------------------------------------------------------------------------------


class Entity(UpstreamRecord):
    """What every record has. `SyncToken` changes with each change of it."""

    Id: str
    SyncToken: str | None = None
    MetaData: Times | None = None


class Name(Entity):
    """Whom money comes from or goes to. The display name is one of a kind over customers, vendors and employees."""

    DisplayName: str | None = None
    CompanyName: str | None = None
    GivenName: str | None = None
    MiddleName: str | None = None
    FamilyName: str | None = None
    PrimaryEmailAddr: Email | None = None
    PrimaryPhone: Phone | None = None
    BillAddr: Address | None = None
    Balance: Money | None = None
    Active: bool | None = None
    CurrencyRef: Ref | None = None


class Customer(Name):
    """Who is billed: a client, or a job of one (`Job`, with its `ParentRef`)."""

    FullyQualifiedName: str | None = None
    Job: bool | None = None
    ParentRef: Ref | None = None
    Notes: str | None = None
    Taxable: bool | None = None


class Vendor(Name):
    """Who is paid."""

    AcctNum: str | None = None
    Vendor1099: bool | None = None


class Transaction(Entity):
    """Money that was asked for, or spent."""

    DocNumber: str | None = None
    TxnDate: dt.date | None = None
    TotalAmt: Money | None = None
    CurrencyRef: Ref | None = None
    ExchangeRate: float | None = None
    PrivateNote: str | None = None
    Line: list[TransactionLine] | None = None
    LinkedTxn: list[Linked] | None = None
    TxnTaxDetail: Tax | None = None


class Invoice(Transaction):
    """Money asked of a customer. Its balance is what is still to pay; a voided one stays, with nothing on it."""

    CustomerRef: Ref | None = None
    DueDate: dt.date | None = None
    Balance: Money | None = None
    BillEmail: Email | None = None
    EmailStatus: str | None = None
    PrintStatus: str | None = None
    CustomerMemo: Memo | None = None


class Expense(Transaction):
    """Money spent: a purchase that was paid at once, or a bill a vendor has sent. `key` is ours: "Bill:12"."""

    Id: str | None = None  # type: ignore[assignment]
    key: str
    entity: str | None = None  # Purchase, Bill
    party: str | None = None  # who is paid
    AccountRef: Ref | None = None  # of a purchase: what it was paid from
    PaymentType: str | None = None  # Cash, Check, CreditCard
    Credit: bool | None = None  # money given back
    EntityRef: Ref | None = None
    VendorRef: Ref | None = None
    DueDate: dt.date | None = None
    Balance: Money | None = None


class Item(Entity):
    """A product or service an invoice line is for."""

    Name: str | None = None
    FullyQualifiedName: str | None = None
    Type: str | None = None  # Service, Inventory, NonInventory, Category
    Description: str | None = None
    UnitPrice: Money | None = None
    Active: bool | None = None
    IncomeAccountRef: Ref | None = None


class Account(Entity):
    """One account of the chart of accounts."""

    Name: str | None = None
    FullyQualifiedName: str | None = None
    AccountType: str | None = None  # Bank, Income, Other Current Liability ...
    AccountSubType: str | None = None
    Classification: str | None = None
    CurrentBalance: Money | None = None
    Active: bool | None = None
    CurrencyRef: Ref | None = None
