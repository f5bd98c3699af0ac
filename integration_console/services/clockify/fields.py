"""What of Clockify's records can be mapped, and a record as plain values. Time entries and people are read only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..writing import CUSTOM, Field, as_sent

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "clients": (
        Field("name", "Name", required=True, longest=100, once=True),
        Field("email", "E-mail", "email"),
        Field("address", "Address", longest=3_000),
        Field("note", "Note", longest=3_000),
        Field("archived", "Archived", "boolean"),
    ),
    "projects": (
        Field("name", "Name", required=True, longest=250),
        Field("clientId", "Client", "ref", of="clients"),
        Field("note", "Note", longest=16_384),
        Field("color", "Colour", longest=7),  # #03A9F4
        Field("billable", "Billable", "boolean"),
        Field("public", "Open to everybody", "boolean"),
        Field("archived", "Archived", "boolean"),
    ),
    "time_entries": (
        Field("description", "Description", writable=False),
        Field("userId", "Person", "ref", writable=False, of="users"),
        Field("projectId", "Project", "ref", writable=False, of="projects"),
        Field("taskId", "Task", "ref", writable=False, of="tasks"),
        Field("start", "Start", "time", writable=False),
        Field("end", "End", "time", writable=False),
        Field("seconds", "Time worked", "number", writable=False, unit="seconds"),
        Field("running", "Timer runs", "boolean", writable=False),
        Field("billable", "Billable", "boolean", writable=False),
        Field("locked", "Locked", "boolean", writable=False),
        Field("type", "Type", "choice", writable=False, choices=("REGULAR", "BREAK", "HOLIDAY", "TIME_OFF")),
        Field("tagIds", "Tags", "list", writable=False),
    ),
    "users": (
        Field("name", "Name", writable=False),
        Field("email", "E-mail", "email", writable=False),
    ),
}

KINDS = {
    "TXT": "text", "NUMBER": "number", "DROPDOWN_SINGLE": "choice", "DROPDOWN_MULTIPLE": "list", "CHECKBOX": "boolean",
    "LINK": "text",
}  # fmt: skip

_ELSEWHERE = ("start", "end", "seconds", "running", "locked")  # of a time entry: made of other fields
_AS_SENT = {
    resource: tuple(field.name for field in fields if field.name not in _ELSEWHERE)
    for resource, fields in FIELDS.items()
}
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")


def custom_fields(resource: str, definitions: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
    """The fields a workspace made itself for time entries."""
    for one in definitions if resource == "time_entries" else ():
        if one.get("id") and one.get("entityType") in ("TIMEENTRY", None):
            yield Field(
                f"{CUSTOM}{one['id']}", str(one.get("name") or one["id"]), KINDS.get(str(one.get("type")), "text"),
                writable=False, choices=tuple(map(str, one.get("allowedValues") or ())), group="Custom fields",
            )  # fmt: skip


def plain(resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as plain values by field name; what it did not tell is not there, what is empty is None (P6)."""
    found = as_sent(record, _AS_SENT.get(resource, ()))
    if resource == "time_entries":
        _entry_only(record, found)
    return found


def _entry_only(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    if "isLocked" in record:
        found["locked"] = record["isLocked"]
    interval = record.get("timeInterval")
    if isinstance(interval, dict):
        start, end = interval.get("start"), interval.get("end")
        found["start"], found["end"], found["running"] = start, end, end is None
        found["seconds"] = None if end is None else worked_s(start, end, interval.get("duration"))
    values = record.get("customFieldValues")
    if isinstance(values, list):
        found[CUSTOM] = True
        for one in values:
            value = one.get("value")
            found[f"{CUSTOM}{one.get('customFieldId')}"] = None if value in ("", []) else value


def worked_s(start: str | None, end: str | None, duration: str | None = None) -> int | None:
    """Seconds between start and end, or of a duration where one of them is missing; None when nothing tells.

    >>> worked_s("2026-03-02T14:00:00Z", "2026-03-02T15:30:00Z"), worked_s(None, None, "PT25H30M"), worked_s(None, None)
    (5400, 91800, None)
    """
    if start and end:
        return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
    match = _ISO.fullmatch(duration or "")
    if not match or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
