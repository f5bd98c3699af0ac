"""The fields of Clio's records we rely on, in the words of its schemas.

Without a list of fields Clio answers with bare ids, so every call names them; fields inside fields may be named one
level deep and no deeper, and an unknown name refuses the whole call.
"""

from __future__ import annotations

import datetime as dt

from ..base import Money, UpstreamRecord

# -- fields inside fields ---------------------------------------------------------------------------------------------


class Named(UpstreamRecord):
    """What another record is shown as: its id and name."""

    id: int | None = None
    name: str | None = None


class Person(Named):
    """A contact as others show it."""

    type: str | None = None


class MatterShown(UpstreamRecord):
    """A matter as others show it."""

    id: int | None = None
    display_number: str | None = None


class BillShown(UpstreamRecord):
    """A bill as others show it."""

    id: int | None = None
    number: str | None = None
    state: str | None = None


class CurrencyShown(UpstreamRecord):
    """A currency as others show it."""

    id: int | None = None
    code: str | None = None


class Only(UpstreamRecord):
    """A record of which only the id is shown."""

    id: int | None = None


class Parent(UpstreamRecord):
    """What money came from: `type` says of which kind, "Payment" or "CreditMemo"."""

    id: int | None = None
    type: str | None = None
    identifier: str | None = None


class Assignee(Named):
    """Who is to do a task: a user or a contact, as `type` says."""

    type: str | None = None


class Email(UpstreamRecord):
    """One of a contact's e-mail addresses."""

    id: int | None = None
    name: str | None = None
    address: str | None = None
    primary: bool | None = None


class Phone(UpstreamRecord):
    """One of a contact's numbers."""

    id: int | None = None
    name: str | None = None
    number: str | None = None
    primary: bool | None = None


class Address(UpstreamRecord):
    """One of a contact's postal addresses."""

    id: int | None = None
    name: str | None = None
    street: str | None = None
    city: str | None = None
    province: str | None = None
    postal_code: str | None = None
    country: str | None = None
    primary: bool | None = None


class Chosen(UpstreamRecord):
    """The option of a picklist that was chosen. Whether its text comes along unasked is told nowhere."""

    id: int | None = None
    option: str | None = None


class CustomValue(UpstreamRecord):
    """What one custom field holds.

    `id` belongs to the value ("text_line-17") and is null while the field is empty; the definition's id is in
    `custom_field`. A picklist, contact or matter field holds the id of what was chosen.
    """

    id: str | None = None
    field_name: str | None = None
    field_type: str | None = None
    value: str | float | bool | None = None  # Clio's schema says text; numbers and ticks come as such
    custom_field: Only | None = None
    picklist_option: Chosen | None = None


class Limitation(UpstreamRecord):
    """The statute of limitations of a matter: a task with a last day."""

    id: int | None = None
    name: str | None = None
    due_at: dt.date | None = None
    status: str | None = None
    completed_at: dt.datetime | None = None


class PicklistOption(UpstreamRecord):
    """One choice of a picklist."""

    id: int | None = None
    option: str | None = None
    deleted_at: dt.datetime | None = None


class Rate(UpstreamRecord):
    """What an activity description costs."""

    type: str | None = None
    amount: Money | None = None


# -- records ----------------------------------------------------------------------------------------------------------


class Undated(UpstreamRecord):
    """What every Clio record has. `etag` changes with each change of the record."""

    id: int
    etag: str | None = None
    updated_at: dt.datetime | None = None


class Dated(Undated):
    """What nearly every Clio record has."""

    created_at: dt.datetime | None = None


class Matter(Dated):
    """A case, or another piece of work for a client."""

    number: int | None = None
    display_number: str | None = None
    custom_number: str | None = None
    description: str | None = None
    status: str | None = None  # Open, Pending or Closed; written in lower case
    location: str | None = None
    client_reference: str | None = None
    open_date: dt.date | None = None
    pending_date: dt.date | None = None
    close_date: dt.date | None = None
    billable: bool | None = None
    billing_method: str | None = None  # flat, contingency, hourly
    last_activity_date: dt.date | None = None
    matter_stage_updated_at: dt.datetime | None = None
    has_tasks: bool | None = None
    maildrop_address: str | None = None
    client: Person | None = None
    practice_area: Named | None = None
    matter_stage: Named | None = None
    responsible_attorney: Named | None = None
    originating_attorney: Named | None = None
    responsible_staff: Named | None = None
    group: Named | None = None
    currency: CurrencyShown | None = None
    statute_of_limitations: Limitation | None = None
    custom_field_values: list[CustomValue] | None = None


class Contact(Dated):
    """A person or company."""

    type: str | None = None  # Person, Company
    name: str | None = None
    prefix: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    date_of_birth: dt.date | None = None
    is_client: bool | None = None
    is_co_counsel: bool | None = None
    is_bill_recipient: bool | None = None
    primary_email_address: str | None = None
    secondary_email_address: str | None = None
    primary_phone_number: str | None = None
    secondary_phone_number: str | None = None
    ledes_client_id: str | None = None
    sales_tax_number: str | None = None
    clio_connect_email: str | None = None
    company: Named | None = None
    primary_address: Address | None = None
    email_addresses: list[Email] | None = None
    phone_numbers: list[Phone] | None = None
    addresses: list[Address] | None = None
    custom_field_values: list[CustomValue] | None = None


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


class CustomField(Dated):
    """The definition of a field the firm made itself."""

    name: str | None = None
    parent_type: str | None = None  # Contact, Matter
    field_type: str | None = None
    displayed: bool | None = None
    required: bool | None = None
    deleted: bool | None = None
    display_order: int | None = None
    picklist_options: list[PicklistOption] | None = None


class ExpenseCategory(Dated):
    """A kind of expense."""

    name: str | None = None
    description: str | None = None
    entry_type: str | None = None
    rate: Money | None = None
    currency: CurrencyShown | None = None


class Group(Undated):
    """Users who may see the same matters."""

    name: str | None = None
    type: str | None = None
    client_connect_user: bool | None = None
    users: list[Named] | None = None


class InterestCharge(Dated):
    """Interest put on a bill."""

    date: dt.date | None = None
    description: str | None = None
    total: Money | None = None
    bill: BillShown | None = None
    matters: list[MatterShown] | None = None


class MatterStage(Dated):
    """A step matters of one practice area go through."""

    name: str | None = None
    order: int | None = None
    practice_area_id: str | None = None  # text here, a number everywhere else


class Note(Dated):
    """A note on a matter or on a contact, as `type` says."""

    type: str | None = None
    subject: str | None = None
    detail: str | None = None
    detail_text_type: str | None = None
    date: dt.date | None = None
    time_entries_count: int | None = None
    author: Named | None = None
    matter: MatterShown | None = None
    contact: Named | None = None


class PracticeArea(Dated):
    """A field of law."""

    name: str | None = None
    code: str | None = None
    category: str | None = None


class Task(Dated):
    """Something to be done."""

    name: str | None = None
    description: str | None = None
    status: str | None = None
    priority: str | None = None
    due_at: dt.date | None = None
    completed_at: dt.datetime | None = None
    statute_of_limitations: bool | None = None
    permission: str | None = None
    time_estimated: int | None = None
    time_entries_count: int | None = None
    assignee: Assignee | None = None
    assigner: Named | None = None
    matter: MatterShown | None = None
    task_type: Named | None = None


class TrustLineItem(Dated):
    """Client trust money put on a bill."""

    date: dt.date | None = None
    total: Money | None = None
    note: str | None = None
    bill: BillShown | None = None
    client: Named | None = None
    matter: MatterShown | None = None


class User(Dated):
    """Someone of the firm who may sign in to Clio."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    initials: str | None = None
    email: str | None = None
    phone_number: str | None = None
    enabled: bool | None = None
    account_owner: bool | None = None
    subscription_type: str | None = None
    rate: Money | None = None
    time_zone: str | None = None
    roles: list[str] | None = None
    contact: Only | None = None
