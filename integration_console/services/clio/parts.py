"""What Clio's records are made of: the fields inside their fields, and what every record has.

Fields inside fields may be named one level deep and no deeper.
"""

from __future__ import annotations

import datetime as dt

from ..shapes import Money, UpstreamRecord


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


class Undated(UpstreamRecord):
    """What every Clio record has. `etag` changes with each change of the record."""

    id: int
    etag: str | None = None
    updated_at: dt.datetime | None = None


class Dated(Undated):
    """What nearly every Clio record has."""

    created_at: dt.datetime | None = None
