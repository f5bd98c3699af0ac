"""What of HighLevel's records can be mapped, and a record as plain values.

No record says of which kind its own fields' values are, and a date comes as a date, as a time at midnight or as the
milliseconds of one, depending on who asked how. Those three are told by their looks and leave as "1990-09-25".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from ..writing import CUSTOM, Field, as_sent

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "contacts": (
        Field("firstName", "First name"),
        Field("lastName", "Last name"),
        Field("name", "Full name", writable=False),  # made of the two
        Field("companyName", "Company"),
        Field("email", "E-mail", "email", once=True),  # we look before we make one
        Field("phone", "Phone", "phone"),
        Field("additionalEmails", "Other e-mail addresses", "list", writable=False),
        Field("additionalPhones", "Other telephone numbers", "list", writable=False),
        Field("address1", "Street", group="Address"),
        Field("city", "City", group="Address"),
        Field("state", "State", group="Address"),
        Field("postalCode", "Postal code", group="Address"),
        Field("country", "Country", group="Address"),  # two letters: US
        Field("website", "Website"),
        Field("timezone", "Time zone"),
        Field("dateOfBirth", "Date of birth", "date"),
        Field("type", "Type", "choice", writable=False, choices=("lead", "customer")),
        Field("source", "Source"),
        Field("assignedTo", "Assigned to", "ref", of="users"),
        Field("dnd", "Do not disturb", "boolean"),
        Field("tags", "Tags", "list"),
    ),
    "opportunities": (
        Field("name", "Name"),
        Field("status", "Status", "choice", choices=("open", "won", "lost", "abandoned")),
        Field("monetaryValue", "Value", "money"),
        Field("pipelineId", "Pipeline", "ref", of="pipelines"),
        Field("pipelineStageId", "Stage"),
        Field("contactId", "Contact", "ref", writable=False, of="contacts"),
        Field("assignedTo", "Assigned to", "ref", of="users"),
        Field("source", "Source", writable=False),  # no update takes it
    ),
    "users": (
        Field("name", "Name", writable=False),
        Field("email", "E-mail", "email", writable=False),
    ),
}

MODELS = {"contacts": "contact", "opportunities": "opportunity"}  # resource -> how a definition calls it

# Data type -> ours; of the first no values can be written, their shapes being in no document or files.
READ_ONLY = {"FILE_UPLOAD": "list", "TEXTBOX_LIST": "list"}
KINDS = {
    "TEXT": "text", "LARGE_TEXT": "text", "NUMERICAL": "number", "PHONE": "phone", "MONETORY": "money",
    "CHECKBOX": "list", "MULTIPLE_OPTIONS": "list", "SINGLE_OPTIONS": "choice", "RADIO": "choice", "DATE": "date",
    "EMAIL": "email",
}  # fmt: skip

_SPECIAL = ("name", "dateOfBirth", "additionalEmails", "additionalPhones")
_AS_SENT = {
    resource: tuple(field.name for field in fields if field.name not in _SPECIAL or resource != "contacts")
    for resource, fields in FIELDS.items()
}

MIDNIGHTS = ("T00:00:00Z", "T00:00:00.000Z")
A_DAY_MS = 86_400_000
SURELY_MS = 10**10  # no smaller whole number of days in milliseconds is taken for a date: it may be an amount
EPOCH = date(1970, 1, 1)


def custom_fields(resource: str, definitions: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
    """The fields a location made itself for this kind of record."""
    for one in definitions:
        model = one.get("model") or str(one.get("fieldKey") or "").partition(".")[0]
        if one.get("id") and model == MODELS.get(resource):
            kind = str(one.get("dataType") or "")
            yield Field(
                f"{CUSTOM}{one['id']}", str(one.get("name") or one["id"]),
                KINDS.get(kind) or READ_ONLY.get(kind, "text"), writable=kind in KINDS, group="Custom fields",
                choices=tuple(_choices(one.get("picklistOptions"))),
            )  # fmt: skip


def _choices(options: Any) -> Iterator[str]:
    """Words, or words with an id or a picture beside them."""
    for option in options if isinstance(options, list) else ():
        named = option if isinstance(option, dict) else {"name": option}
        if word := next((named[key] for key in ("name", "label", "value") if named.get(key)), None):
            yield str(word)


def plain(resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as plain values by field name; what it did not tell is not there, what is empty is None (P6)."""
    found = as_sent(record, _AS_SENT.get(resource, ()))
    if resource == "contacts":
        _contact_only(record, found)
    values = record.get("customFields")
    if isinstance(values, list):
        found[CUSTOM] = True
        for one in values:
            found[f"{CUSTOM}{one.get('id')}"] = _own(_held(one))
    return found


def _contact_only(record: Mapping[str, Any], found: dict[str, Any]) -> None:
    """By its id, a contact shows its two names and not the whole one."""
    if "name" in record:
        found["name"] = record["name"] or None
    elif "firstName" in found or "lastName" in found:
        found["name"] = " ".join(part for part in (found.get("firstName"), found.get("lastName")) if part) or None
    if "dateOfBirth" in record:
        found["dateOfBirth"] = day(record["dateOfBirth"])
    for name, inside in (("additionalEmails", "email"), ("additionalPhones", "phone")):
        if isinstance(record.get(name), list):
            found[name] = [one.get(inside) if isinstance(one, dict) else one for one in record[name]] or None


def _held(value: Mapping[str, Any]) -> Any:
    """`value` on contacts; `fieldValue` on opportunities, whose search puts the kind behind it: fieldValueDate."""
    if "value" in value:
        return value["value"]
    return next((held for name, held in value.items() if name.startswith("fieldValue")), None)


def _own(value: Any) -> Any:
    """What a custom field holds: files as their addresses, dates as such."""
    if isinstance(value, str):
        return value[:10] if value[10:] in MIDNIGHTS else value or None
    if isinstance(value, dict):
        return [one.get("url") if isinstance(one, dict) else one for one in value.values()] or None
    if isinstance(value, list):
        return value or None
    is_day = type(value) is int and abs(value) >= SURELY_MS and value % A_DAY_MS == 0
    return day(value) if is_day else value


def day(value: Any) -> str | None:
    """The date in a date, a time or the milliseconds of one; anything else as it is.

    >>> day("1990-09-25T00:00:00.000Z"), day(-86_400_000), day("1969-12-31"), day("")
    ('1990-09-25', '1969-12-31', '1969-12-31', None)
    """
    text = str("" if value is None else value)
    if text.lstrip("-").isdigit():
        try:
            return (EPOCH + timedelta(days=int(text) // A_DAY_MS)).isoformat()
        except OverflowError:
            return text
    return (text[:10] if text[10:11] in ("T", " ") else text) or None
