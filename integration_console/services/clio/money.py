"""The fields we rely on of Clio's records of time, bills and money, in the words of its schemas."""

from __future__ import annotations

import datetime as dt

from ..shapes import Money
from .parts import BillShown, CurrencyShown, Dated, MatterShown, Named, Only, Parent, Rate


class Activity(Dated):
    """Time worked or money spent.

    `quantity` is in seconds for a TimeEntry and a count otherwise; `price` of a TimeEntry is its rate an hour.
    """

    type: str | None = None  # TimeEntry, ExpenseEntry, HardCostEntry, SoftCostEntry
    date: dt.date | None = None
    quantity: float | None = None
    quantity_in_hours: float | None = None
    rounded_quantity: float | None = None
    rounded_quantity_in_hours: float | None = None
    quantity_redacted: bool | None = None  # the firm hides hours from this user
    price: Money | None = None
    total: Money | None = None
    non_billable_total: Money | None = None
    note: str | None = None
    reference: str | None = None
    flat_rate: bool | None = None
    non_billable: bool | None = None
    no_charge: bool | None = None
    billed: bool | None = None
    on_bill: bool | None = None
    matter: MatterShown | None = None
    user: Named | None = None
    activity_description: Named | None = None
    expense_category: Named | None = None
    vendor: Named | None = None
    bill: BillShown | None = None
    currency: CurrencyShown | None = None


class ActivityDescription(Dated):
    """A kind of work."""

    name: str | None = None
    description: str | None = None
    type: str | None = None
    category_type: str | None = None
    default: bool | None = None
    visible_to_co_counsel: bool | None = None
    rate: Rate | None = None
    currency: CurrencyShown | None = None


class Allocation(Dated):
    """A part of a payment or credit, put against a bill. The payment itself is `parent`."""

    date: dt.date | None = None
    amount: Money | None = None
    description: str | None = None
    interest: bool | None = None
    payment_type: str | None = None
    has_online_payment: bool | None = None
    voided_at: dt.datetime | None = None
    parent: Parent | None = None
    bill: BillShown | None = None
    matter: MatterShown | None = None
    contact: Named | None = None
    source_bank_account: Named | None = None
    destination_bank_account: Named | None = None


class BankAccount(Dated):
    """An account of the firm, its own (Operating) or its clients' (Trust)."""

    name: str | None = None
    type: str | None = None
    holder: str | None = None
    institution: str | None = None
    account_number: str | None = None
    transit_number: str | None = None
    balance: Money | None = None
    currency: str | None = None
    currency_id: float | None = None  # typed as any number here, as a whole one elsewhere
    default_account: bool | None = None
    controlled_account: bool | None = None
    bank_transactions_count: int | None = None


class BankTransaction(Dated):
    """Money into or out of a bank account."""

    date: dt.date | None = None
    type: str | None = None
    transaction_type: str | None = None
    amount: Money | None = None
    funds_in: Money | None = None
    funds_out: Money | None = None
    current_account_balance: Money | None = None
    currency: str | None = None
    currency_id: int | None = None
    exchange_rate: float | None = None
    description: str | None = None
    source: str | None = None
    payer_payee: str | None = None
    confirmation: str | None = None
    bank_account: Named | None = None
    client: Named | None = None
    matter: MatterShown | None = None
    bill: BillShown | None = None
    allocation: Only | None = None


class LineItem(Dated):
    """One line of a bill."""

    date: dt.date | None = None
    kind: str | None = None  # Service, Expense
    type: str | None = None
    description: str | None = None
    note: str | None = None
    quantity: float | None = None
    price: Money | None = None
    sub_total: Money | None = None
    tax: Money | None = None
    secondary_tax: Money | None = None
    total: Money | None = None
    taxable: bool | None = None
    activity: Only | None = None
    bill: BillShown | None = None
    matter: MatterShown | None = None
    user: Named | None = None


class Bill(Dated):
    """An invoice to a client."""

    number: str | None = None
    subject: str | None = None
    memo: str | None = None
    state: str | None = None  # draft, awaiting_approval, awaiting_payment, paid, void, deleted
    type: str | None = None
    kind: str | None = None
    issued_at: dt.date | None = None
    due_at: dt.date | None = None
    paid_at: dt.datetime | None = None
    start_at: dt.date | None = None
    end_at: dt.date | None = None
    last_sent_at: dt.datetime | None = None
    sub_total: Money | None = None
    tax_sum: Money | None = None
    secondary_tax_sum: Money | None = None
    total: Money | None = None
    paid: Money | None = None
    pending: Money | None = None
    due: Money | None = None
    balance: Money | None = None
    credits_issued: Money | None = None
    client: Named | None = None
    user: Named | None = None
    currency: CurrencyShown | None = None
    matters: list[MatterShown] | None = None


class CreditMemo(Dated):
    """Money given back on a client's account."""

    date: dt.date | None = None
    amount: Money | None = None
    description: str | None = None
    discount: bool | None = None
    voided_at: dt.datetime | None = None
    contact: Named | None = None
    user: Named | None = None


class Currency(Dated):
    """A currency the firm bills in."""

    code: str | None = None
    sign: str | None = None


class ExpenseCategory(Dated):
    """A kind of expense."""

    name: str | None = None
    description: str | None = None
    entry_type: str | None = None
    rate: Money | None = None
    currency: CurrencyShown | None = None


class InterestCharge(Dated):
    """Interest put on a bill."""

    date: dt.date | None = None
    description: str | None = None
    total: Money | None = None
    bill: BillShown | None = None
    matters: list[MatterShown] | None = None


class TrustLineItem(Dated):
    """Client trust money put on a bill."""

    date: dt.date | None = None
    total: Money | None = None
    note: str | None = None
    bill: BillShown | None = None
    client: Named | None = None
    matter: MatterShown | None = None
