"""What HighLevel makes of what is written to it: what it refuses, and how it keeps the rest."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from ..server import Answer

CONTACT_BODY = {
    "firstName",
    "lastName",
    "name",
    "email",
    "locationId",
    "gender",
    "phone",
    "address1",
    "city",
    "state",
    "postalCode",
    "website",
    "timezone",
    "dnd",
    "dndSettings",
    "inboundDndSettings",
    "tags",
    "customFields",
    "source",
    "dateOfBirth",
    "country",
    "companyName",
    "assignedTo",
}
# A change takes fields the document does not name and refuses one that it names for a creation.
# Source: GitHub GoHighLevel/highlevel-api-docs, issue 314.
CONTACT_CHANGE = CONTACT_BODY - {"locationId", "gender"} | {"type", "ssn", "keyword"}
UPSERT_BODY = {*CONTACT_BODY, "createNewIfDuplicateAllowed"}
OPPORTUNITY_BODY = {
    "pipelineId",
    "locationId",
    "name",
    "pipelineStageId",
    "status",
    "contactId",
    "monetaryValue",
    "assignedTo",
    "customFields",
}
NEEDED_FOR_OPPORTUNITY = ("pipelineId", "locationId", "name", "status", "contactId")

LISTS, FLAGS, NUMBERS, OBJECTS = (
    {"tags", "customFields"},
    {"dnd", "createNewIfDuplicateAllowed"},
    {"monetaryValue"},
    {"dndSettings", "inboundDndSettings"},
)
NOT_NULLABLE = {"postalCode", "country", "dnd", "tags", "customFields", "monetaryValue", "status", "pipelineId"}
STATUSES = ("open", "won", "lost", "abandoned", "all")
BIRTHDAYS = [f"%Y{mark}%m{mark}%d" for mark in "/-._"] + [f"%m{mark}%d{mark}%Y" for mark in "/-._"]


def wrong(sent: dict, known: set, needs: tuple = ()) -> Answer | None:
    """All that is wrong with a body, as a list of sentences; None when nothing is."""
    messages = [f"property {name} should not exist" for name in sent if name not in known]
    messages += [f"{name} should not be empty" for name in needs if sent.get(name) in (None, "")]
    messages += [told for name, value in sent.items() if name in known and (told := _complaint(name, value))]
    messages += [
        f"customFields.{place}.id should not be empty"
        for place, one in enumerate(sent.get("customFields") or ())
        if isinstance(one, dict) and not (one.get("id") or one.get("key"))
    ]
    return unprocessable(messages) if messages else None


def _complaint(name: str, value) -> str | None:
    if value is None and name not in NOT_NULLABLE:
        return None
    if name in LISTS:
        return None if isinstance(value, list) else f"{name} must be an array"
    if name in FLAGS:
        return None if isinstance(value, bool) else f"{name} must be a boolean value"
    if name in NUMBERS:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return None if is_number else f"{name} must be a number conforming to the specified constraints"
    if name in OBJECTS:
        return None
    if not isinstance(value, str):
        return f"{name} must be a string"
    if name == "email" and value and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value.strip()):
        return "email must be an email"
    if name == "status" and value not in STATUSES:
        return f"status must be one of the following values: {', '.join(STATUSES)}"
    if name == "dateOfBirth" and value and birthday(value) is None:
        return "dateOfBirth must be a valid date"
    return None


def unprocessable(messages: list[str]) -> Answer:
    return Answer(422, {"statusCode": 422, "message": messages, "error": "Unprocessable Entity"})


def as_kept(sent: dict, before: dict | None = None, *, read_as: str = "value") -> dict:
    """A record from what was written. Custom fields are read by another name than they are written."""
    kept = {name: None if value == "" else value for name, value in sent.items()}
    if "firstName" in sent or "lastName" in sent:
        names = [kept.get(name, (before or {}).get(name)) for name in ("firstName", "lastName")]
        kept["name"] = " ".join(name for name in names if name) or kept.get("name")
    for name, made in SAVED_AS.items():
        if kept.get(name):
            kept[name] = made(kept[name])
    if "customFields" in sent:
        kept["customFields"] = _values(sent["customFields"], (before or {}).get("customFields") or [], read_as)
    return kept


def _values(sent: list, before: list, read_as: str) -> list:
    """Those not named stay; an emptied one is gone."""
    values = {one["id"]: one for one in before}
    for one in sent:
        value = one.get("field_value", one.get("fieldValue"))
        values[one.get("id")] = {"id": one.get("id"), read_as: value}
    return [one for one in values.values() if one[read_as] not in (None, "", [])]


def _email(text: str) -> str:
    return text.strip().lower()


def phone(text: str) -> str:
    """E.164; ten digits are a number in the location's own country, an extension is left out."""
    digits = "".join(letter for letter in text.partition(" ext")[0] if letter.isdigit())
    if text.strip().startswith("+"):
        return f"+{digits}"
    return f"+1{digits[-10:]}" if len(digits) >= 10 else text.strip()


def birthday(text: str) -> str | None:
    """The date at midnight, as every read shows it; None when it is none."""
    for form in BIRTHDAYS:
        try:
            day = datetime.strptime(text[:10], form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return f"{day.date().isoformat()}T00:00:00.000Z"
    return None


def tags(sent: list) -> list[str]:
    """In lower case, each once."""
    return list(dict.fromkeys(str(tag).strip().lower() for tag in sent))


SAVED_AS: dict[str, Callable] = {"email": _email, "phone": phone, "dateOfBirth": birthday, "tags": tags}


def as_created(contact: dict) -> dict:
    """A contact as its creation is answered: without its whole name and time zone, with what nobody asked for."""
    first, last = contact.get("firstName") or "", contact.get("lastName") or ""
    small = {
        "firstNameLowerCase": first.lower(),
        "lastNameLowerCase": last.lower(),
        "fullNameLowerCase": f"{first} {last}".strip().lower(),
        "emailLowerCase": contact.get("email"),
    }
    shown = {name: value for name, value in {**contact, **small}.items() if value not in (None, "")}
    for name in ("name", "timezone"):
        shown.pop(name, None)
    return {**shown, "deleted": False, "bounceEmail": False, "unsubscribeEmail": False}
