"""What of a matter can be changed: how the API calls it, and how a value that was sent is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import select

from ...errors import InvalidInput
from ...models import Record, db
from ...services.writing import CUSTOM, MISSING

LIMITATION, REMINDERS = "statute_of_limitations.due_at", "statute_of_limitations.reminders"
STATUSES = ("open", "pending", "closed")
LONGEST = 5_000  # characters of a description
LONGEST_REMINDER = 3_650  # days
_REFS = {"contact", "matter"}


@dataclass(frozen=True)
class MatterField:
    """One thing of a matter that people and programs may change."""

    name: str  # as services.writing names it
    sent_as: str  # as the API names it
    label: str
    read: Callable[[Any], Any]  # what was sent -> plain value; raises ValueError with a sentence
    of: str = ""  # the resource whose id it holds


# -- reading what was sent --------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("This cannot be empty.")
    if len(value) > LONGEST:
        raise ValueError(f"This may have at most {LONGEST:,} characters.")
    return value.strip()


def _status(value: Any) -> str:
    """Any spelling of case.

    >>> _status("Closed")
    'closed'
    """
    if isinstance(value, str) and value.strip().lower() in STATUSES:
        return value.strip().lower()
    raise ValueError(f"The status is one of {', '.join(STATUSES)}.")


def read_date(value: Any) -> str | None:
    """A day as 2026-11-30; empty clears it.

    Raises ValueError with a sentence.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise ValueError("This is no day. Write it as 2026-11-30.")


def _ref(value: Any) -> str | None:
    if value is None or value == "":
        return None
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d{0,18}", text, re.ASCII) or int(text) >= 2**63:
        raise ValueError("This is the number of a record in Clio.")
    return text


def _reminders(value: Any) -> list[int]:
    days = value if isinstance(value, list) else None
    if days is None or len(days) > 20 or any(isinstance(one, bool) or not isinstance(one, int) for one in days):
        raise ValueError("Reminders are a list of whole days before the limitation date, such as [30, 7].")
    if any(not 0 < one <= LONGEST_REMINDER for one in days):
        raise ValueError(f"A reminder comes from 1 to {LONGEST_REMINDER:,} days before.")
    return sorted(set(days), reverse=True)


FIELDS = (
    MatterField("description", "description", "Description", _text),
    MatterField("status", "status", "Status", _status),
    MatterField("open_date", "openDate", "Opened on", read_date),
    MatterField("close_date", "closeDate", "Closed on", read_date),
    MatterField("responsible_attorney.id", "responsibleAttorneyId", "Responsible attorney", _ref, "users"),
    MatterField("responsible_staff.id", "responsibleStaffId", "Responsible staff", _ref, "users"),
    MatterField("practice_area.id", "practiceAreaId", "Practice area", _ref, "practice_areas"),
    MatterField("matter_stage.id", "matterStageId", "Stage", _ref, "matter_stages"),
    MatterField("group.id", "groupId", "Group", _ref, "groups"),
)
_LIMITATION = (
    MatterField(LIMITATION, "statuteOfLimitations.dueAt", "Limitation date", read_date),
    MatterField(REMINDERS, "statuteOfLimitations.reminders", "Reminders", _reminders),
)
BY_NAME = {field.name: field for field in (*FIELDS, *_LIMITATION)}
_BY_SENT = {field.sent_as: field for field in FIELDS}
_INNER = {field.sent_as.partition(".")[2]: field for field in _LIMITATION}
_WHOLE, _CUSTOMS = "statuteOfLimitations", "customFieldValues"


class _Reading:
    """Values as they are read, and what is wrong with the others."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.wrong: dict[str, str] = {}

    def take(self, field: MatterField, value: Any) -> None:
        try:
            self.values[field.name] = field.read(value)
        except ValueError as error:
            self.wrong[field.sent_as] = str(error)


def wanted_of(sent: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A body of the API as plain values by the names of services.writing.

    definitions: the account's custom fields of matters.
    Raises InvalidInput that names every field that is unknown or cannot be used.
    """
    reading = _Reading()
    for name, value in sent.items():
        if field := _BY_SENT.get(name):
            reading.take(field, value)
        elif name == _WHOLE:
            _take_limitation(reading, value)
        elif name == _CUSTOMS:
            _take_customs(reading, value, definitions)
        else:
            reading.wrong[name[:100]] = "A matter has no such field, or it cannot be changed here."
    if reading.wrong:
        names = ", ".join(reading.wrong)
        raise InvalidInput(f"These fields cannot be used: {names}. Nothing was saved.", fields=reading.wrong)
    return reading.values


def _take_limitation(reading: _Reading, value: Any) -> None:
    if value is None:
        reading.values[LIMITATION] = None
    elif not isinstance(value, dict):
        reading.wrong[_WHOLE] = "This is an object with dueAt and reminders."
    else:
        for name, inner in value.items():
            if field := _INNER.get(name):
                reading.take(field, inner)
            else:
                reading.wrong[f"{_WHOLE}.{name[:60]}"] = "There is no such field."


def _take_customs(reading: _Reading, entries: Any, definitions: Sequence[Mapping[str, Any]]) -> None:
    if not isinstance(entries, list) or len(entries) > 500 or not all(isinstance(one, dict) for one in entries):
        reading.wrong[_CUSTOMS] = "This is a list of objects with id or fieldName, and value."
        return
    for place, entry in enumerate(entries):
        where = f"{_CUSTOMS}[{place}]"
        try:
            definition = _defined(entry, definitions)
            reading.values[f"{CUSTOM}{definition['id']}"] = custom_value(definition, entry["value"])
        except ValueError as error:
            reading.wrong[where] = str(error)


def _defined(entry: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if unknown := sorted(set(entry) - {"id", "fieldName", "value"}):
        raise ValueError(f"There is no {unknown[0][:60]!r} here, only id, fieldName and value.")
    if "value" not in entry or not {"id", "fieldName"} & set(entry):
        raise ValueError("A custom field value needs a value, and id or fieldName.")
    found = [
        one for one in definitions
        if ("id" not in entry or str(one["id"]) == str(entry["id"]))
        and ("fieldName" not in entry or one.get("name") == entry["fieldName"])
    ]  # fmt: skip
    if len(found) != 1:
        raise ValueError(
            "There is no such custom field." if not found else "Several fields have this name; use the id."
        )
    return found[0]


def custom_value(definition: Mapping[str, Any], value: Any) -> Any:
    """What was sent for a custom field as a plain value; empty clears it.

    Raises ValueError with a sentence.
    """
    if value is None or value == "":
        return None
    kind = definition.get("field_type")
    if kind == "picklist":
        return _choice(definition, value)
    if kind in _REFS:
        return _ref(value)
    if kind == "date":
        return read_date(value)
    if kind == "checkbox":
        return _ticked(value)
    if kind in ("numeric", "currency"):
        return _number(value)
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError(f"This is text of at most {LONGEST:,} characters.")
    return value


def _choice(definition: Mapping[str, Any], value: Any) -> str:
    """The option's text, which is what people know it by."""
    options = {
        str(o["id"]): str(o["option"]) for o in definition.get("picklist_options") or () if not o.get("deleted_at")
    }
    if str(value) in options.values():
        return str(value)
    if isinstance(value, bool) or str(value) not in options:
        raise ValueError(f"The choices are {', '.join(options.values())}.")
    return options[str(value)]


def _ticked(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("This is true or false.")


def _number(value: Any) -> int | float:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or abs(number) > Decimal(10) ** 15:
        raise ValueError("This is a number.")
    return int(number) if number == number.to_integral_value() else float(number)


def api_name(name: str | None) -> str | None:
    """How the API calls a field that services.writing names; None for what it does not know."""
    if name and name.startswith(CUSTOM):
        return _CUSTOMS
    return BY_NAME[name].sent_as if name in BY_NAME else name


def label_of(name: str, definitions: Iterable[Mapping[str, Any]] = ()) -> str:
    """A field's name for people."""
    if name in BY_NAME:
        return BY_NAME[name].label
    found = next((one for one in definitions if f"{CUSTOM}{one['id']}" == name), None)
    return (
        str(found.get("name")) if found else name.removeprefix(CUSTOM).replace("_", " ").replace(".", " ").capitalize()
    )


def definitions_of(connection_id: int) -> list[dict[str, Any]]:
    """The account's custom fields of matters that are in use, in the order Clio shows them."""
    return definitions([connection_id])[connection_id]


def definitions(connection_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """The same of each of these accounts."""
    found: dict[int, list[dict[str, Any]]] = {number: [] for number in connection_ids}
    of = (Record.connection_id.in_(found), Record.resource == "custom_fields", Record.deleted_at.is_(None))
    for number, data in db.session.execute(select(Record.connection_id, Record.data).where(*of)):
        if data.get("parent_type") == "Matter" and not data.get("deleted"):
            found[number].append(data)
    return {
        number: sorted(rows, key=lambda one: (one.get("display_order") or 0, one["id"]))
        for number, rows in found.items()
    }


__all__ = ["BY_NAME", "CUSTOM", "FIELDS", "LIMITATION", "MISSING", "REMINDERS", "STATUSES", "MatterField", "api_name",
           "custom_value", "definitions", "definitions_of", "label_of", "read_date", "wanted_of"]  # fmt: skip
