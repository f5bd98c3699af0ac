"""Clockify's records: the fields we rely on, and how its lists are addressed and paged."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ..base import PageNumber
from ..shapes import UpstreamRecord

W = "/workspaces/{workspace_id}"
PAGES = PageNumber(last_header="Last-Page")  # the spelling is page-size: another is ignored and gives 50


class Rate(UpstreamRecord):
    """A price an hour, in the currency's smallest unit: cents, not dollars."""

    amount: int | None = None
    currency: str | None = None


class UserSettings(UpstreamRecord):
    """A user's own settings. Windows of time are read in this zone, whatever their Z says."""

    timeZone: str | None = None
    weekStart: str | None = None


class User(UpstreamRecord):
    """Someone who writes down hours, or once did."""

    id: str
    name: str | None = None
    email: str | None = None
    status: str | None = None  # ACTIVE, PENDING_EMAIL_VERIFICATION, NOT_REGISTERED, LIMITED, DELETED ...
    activeWorkspace: str | None = None
    defaultWorkspace: str | None = None
    settings: UserSettings | None = None


class Workspace(UpstreamRecord):
    """A firm's own room: everything else is inside one."""

    id: str
    name: str | None = None
    hourlyRate: Rate | None = None
    costRate: Rate | None = None


class Client(UpstreamRecord):
    """Whom projects are for."""

    id: str
    workspaceId: str | None = None
    name: str | None = None
    email: str | None = None
    ccEmails: list[str] | None = None
    address: str | None = None
    note: str | None = None
    archived: bool | None = None
    currencyId: str | None = None
    currencyCode: str | None = None


class Project(UpstreamRecord):
    """What hours are written on: for a law firm, a matter."""

    id: str
    workspaceId: str | None = None
    name: str | None = None
    clientId: str | None = None
    clientName: str | None = None
    note: str | None = None
    archived: bool | None = None
    billable: bool | None = None
    public: bool | None = None
    template: bool | None = None
    color: str | None = None
    duration: str | None = None
    hourlyRate: Rate | None = None
    costRate: Rate | None = None


class Task(UpstreamRecord):
    """A part of a project."""

    id: str
    projectId: str | None = None
    name: str | None = None
    status: str | None = None  # ACTIVE, DONE
    billable: bool | None = None
    estimate: str | None = None
    duration: str | None = None
    assigneeIds: list[str] | None = None
    userGroupIds: list[str] | None = None
    hourlyRate: Rate | None = None
    costRate: Rate | None = None


class Tag(UpstreamRecord):
    """A word time entries can be marked with."""

    id: str
    workspaceId: str | None = None
    name: str | None = None
    archived: bool | None = None


class CustomField(UpstreamRecord):
    """The definition of a field the workspace made itself."""

    id: str
    workspaceId: str | None = None
    name: str | None = None
    type: str | None = None  # TXT, NUMBER, DROPDOWN_SINGLE, DROPDOWN_MULTIPLE, CHECKBOX, LINK
    entityType: str | None = None  # TIMEENTRY, USER
    status: str | None = None
    required: bool | None = None
    description: str | None = None
    allowedValues: list[str] | None = None


class FieldValue(UpstreamRecord):
    """What one custom field of a time entry holds."""

    customFieldId: str | None = None
    name: str | None = None
    type: str | None = None
    value: Any = None


class Interval(UpstreamRecord):
    """When the work was done. `end` and `duration` (PT1H30M, hours may pass 24) are null while the timer runs."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None
    duration: str | None = None


class TimeEntry(UpstreamRecord):
    """Time one person worked. HOLIDAY and TIME_OFF entries are made by Clockify itself and are no work."""

    id: str
    workspaceId: str | None = None
    userId: str | None = None
    projectId: str | None = None
    taskId: str | None = None
    kioskId: str | None = None
    description: str | None = None
    type: str | None = None  # REGULAR, BREAK, HOLIDAY, TIME_OFF
    billable: bool | None = None
    isLocked: bool | None = None
    timeInterval: Interval | None = None
    hourlyRate: Rate | None = None
    costRate: Rate | None = None
    tagIds: list[str] | None = None
    customFieldValues: list[FieldValue] | None = None
