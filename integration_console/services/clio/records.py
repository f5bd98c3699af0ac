"""The fields of Clio's records we rely on, in the words of its schemas.

Without a list of fields Clio answers with bare ids, so every call names them; fields inside fields may be named one
level deep and no deeper, and an unknown name refuses the whole call.
"""

from __future__ import annotations

import datetime as dt

from ..shapes import Money
from .parts import (
    Address,
    Assignee,
    CurrencyShown,
    CustomValue,
    Dated,
    Email,
    Limitation,
    MatterShown,
    Named,
    Only,
    Person,
    Phone,
    PicklistOption,
    Undated,
)


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


class Group(Undated):
    """Users who may see the same matters."""

    name: str | None = None
    type: str | None = None
    client_connect_user: bool | None = None
    users: list[Named] | None = None


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
