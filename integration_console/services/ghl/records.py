"""HighLevel's records: the fields we rely on, and what a search calls by other names."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ..shapes import Money, UpstreamRecord


class FieldValue(UpstreamRecord):
    """What a contact's custom field holds: text, a number, a list of choices, or files by name."""

    id: str | None = None
    value: Any = None


class OpportunityFieldValue(UpstreamRecord):
    """The same for an opportunity, under another name."""

    id: str | None = None
    fieldValue: Any = None


class Contact(UpstreamRecord):
    """A person or company somebody at the location wants to sell to."""

    id: str
    locationId: str | None = None
    type: str | None = None  # lead, customer
    name: str | None = None
    firstName: str | None = None
    lastName: str | None = None
    companyName: str | None = None
    businessId: str | None = None
    email: str | None = None
    phone: str | None = None
    address1: str | None = None
    city: str | None = None
    state: str | None = None
    postalCode: str | None = None
    country: str | None = None
    website: str | None = None
    timezone: str | None = None
    dateOfBirth: str | None = None  # a date, a time or milliseconds, depending on how it was entered
    source: str | None = None
    assignedTo: str | None = None
    dnd: bool | None = None
    dateAdded: dt.datetime | None = None
    dateUpdated: dt.datetime | None = None
    tags: list[str] | None = None
    customFields: list[FieldValue] | None = None


class OpportunityContact(UpstreamRecord):
    """The contact as an opportunity shows it."""

    id: str | None = None
    name: str | None = None
    companyName: str | None = None
    email: str | None = None
    phone: str | None = None


class Opportunity(UpstreamRecord):
    """Something that may be sold, and how far it has come."""

    id: str
    locationId: str | None = None
    name: str | None = None
    status: str | None = None  # open, won, lost, abandoned
    monetaryValue: Money | None = None
    pipelineId: str | None = None
    pipelineStageId: str | None = None
    contactId: str | None = None
    assignedTo: str | None = None
    source: str | None = None
    lostReasonId: str | None = None
    lastStatusChangeAt: dt.datetime | None = None
    lastStageChangeAt: dt.datetime | None = None
    lastActionDate: dt.datetime | None = None
    createdAt: dt.datetime | None = None
    updatedAt: dt.datetime | None = None
    contact: OpportunityContact | None = None
    customFields: list[OpportunityFieldValue] | None = None


class Stage(UpstreamRecord):
    """One step of a pipeline."""

    id: str | None = None
    name: str | None = None
    position: float | None = None


class Pipeline(UpstreamRecord):
    """The steps opportunities go through."""

    id: str
    locationId: str | None = None
    name: str | None = None
    stages: list[Stage] | None = None


class Roles(UpstreamRecord):
    """What a user may do."""

    type: str | None = None
    role: str | None = None


class User(UpstreamRecord):
    """Someone who works in the location."""

    id: str
    name: str | None = None
    firstName: str | None = None
    lastName: str | None = None
    email: str | None = None
    phone: str | None = None
    extension: str | None = None
    deleted: bool | None = None
    roles: Roles | None = None


class CustomField(UpstreamRecord):
    """The definition of a field the location made itself, on contacts or on opportunities, as `model` says."""

    id: str
    locationId: str | None = None
    model: str | None = None
    name: str | None = None
    fieldKey: str | None = None
    dataType: str | None = None
    position: float | None = None
    placeholder: str | None = None
    picklistOptions: list[Any] | None = None


class Tag(UpstreamRecord):
    """A word contacts can be marked with."""

    id: str
    locationId: str | None = None
    name: str | None = None


class Note(UpstreamRecord):
    """What somebody wrote about a contact."""

    id: str
    contactId: str | None = None
    userId: str | None = None
    title: str | None = None
    body: str | None = None
    color: str | None = None
    pinned: bool | None = None
    dateAdded: dt.datetime | None = None


class Task(UpstreamRecord):
    """Something to be done for a contact."""

    id: str
    contactId: str | None = None
    assignedTo: str | None = None
    title: str | None = None
    body: str | None = None
    dueDate: dt.datetime | None = None
    completed: bool | None = None


class Calendar(UpstreamRecord):
    """A calendar appointments can be made in."""

    id: str
    locationId: str | None = None
    groupId: str | None = None
    name: str | None = None
    description: str | None = None
    slug: str | None = None
    calendarType: str | None = None
    eventType: str | None = None
    slotDuration: float | None = None
    slotDurationUnit: str | None = None
    isActive: bool | None = None


def as_by_id(item: Any) -> Any:
    """A record of a search as it would come by its id: without its place in the search, under the same names."""
    if not isinstance(item, dict):
        return item
    item = {name: value for name, value in item.items() if name not in ("searchAfter", "sort")}
    for shown, name in (("address", "address1"), ("contactName", "name")):
        if shown in item and name not in item:
            item[name] = item.pop(shown)
    return item
