"""What a Clio record has several of: e-mail addresses, numbers, postal addresses, custom values, reminders.

A write names entries by their id and changes those alone; an entry without an id is added, `_destroy` takes one away.
"""

from .attributes import REMINDER_UNITS, Unprocessable, is_date
from .people import CUSTOM_FIELDS

REACHED_BY = (  # list, the flag that makes one primary, where the primary and the secondary one are shown as well
    ("email_addresses", "default_email", "primary_email_address", "secondary_email_address", "address"),
    ("phone_numbers", "default_number", "primary_phone_number", "secondary_phone_number", "number"),
    ("addresses", "primary", "primary_address", None, None),
)


def check_entries(record: dict | None, sent: dict) -> None:
    """Refuse a change of an entry the record does not have. Raises Unprocessable."""
    for name in ("email_addresses", "phone_numbers", "addresses"):
        there = {one["id"] for one in (record or {}).get(name) or ()}
        if any(one.get("id") is not None and one["id"] not in there for one in sent.get(name) or ()):
            raise Unprocessable(f"{name.replace('_', ' ').capitalize()} could not be found")


def set_reached(record: dict, sent: dict, before: dict) -> None:
    for name, flag, primary, secondary, key in REACHED_BY:
        if name not in sent:
            continue
        record[name] = entries = merged(before.get(name) or [], sent[name] or [], flag)
        main = next((one for one in entries if one["primary"]), None)
        record[primary] = main if key is None else (main or {}).get(key)
        if secondary:
            record[secondary] = next((one.get(key) for one in entries if one is not main), None)
    if "web_sites" in sent:
        record["web_sites"] = merged(before.get("web_sites") or [], sent["web_sites"] or [], "default_web_site")


def merged(before: list, sent: list, flag: str) -> list:
    """The entries after a write: one of them is primary, as long as there are any."""
    kept = {one["id"]: dict(one) for one in before}
    for one in sent:
        one = dict(one)
        number = one.pop("id", None) or max(kept, default=900_000) + 1
        if one.pop("_destroy", False):
            kept.pop(number, None)
            continue
        was_main = kept.get(number, {}).get("primary", not kept)
        is_main = bool(one.pop(flag, one.pop("primary", was_main)))
        if is_main:
            kept = {key: {**other, "primary": False} for key, other in kept.items()}
        kept[number] = {"name": "Other", **kept.get(number, {}), **one, "id": number, "primary": is_main}
    entries = list(kept.values())
    if entries and not any(one["primary"] for one in entries):
        entries[0] = {**entries[0], "primary": True}
    return entries


# -- custom values ----------------------------------------------------------------------------------------------------


def check_customs(clio, parent: str, record: dict | None, sent: dict) -> None:
    """Refuse a custom value that cannot be kept. Raises Unprocessable."""
    there = (record or {}).get("custom_field_values") or []
    for one in sent.get("custom_field_values") or ():
        known = _known(there, one)
        if one.get("id") is not None and known is None:
            raise Unprocessable("Custom field value could not be found")
        field = known["custom_field"]["id"] if known else (one.get("custom_field") or {}).get("id")
        definition = clio.shelves["custom_fields"].get(field) if isinstance(field, int) else None
        if definition is None or definition["parent_type"] != parent or definition["deleted"]:
            raise Unprocessable("Custom field could not be found")
        if not one.get("_destroy") and one.get("value") is not None:
            _check_value(clio, definition, one["value"])


def _check_value(clio, definition: dict, value) -> None:
    kind = definition["field_type"]
    if kind in ("numeric", "currency") and _number(value) is None:
        raise Unprocessable("Custom field values value is not a number")
    if kind == "date" and not is_date(value):
        raise Unprocessable("Custom field values value is not a valid date")
    if kind == "checkbox" and str(value).lower() not in ("true", "false", "1", "0"):
        raise Unprocessable("Custom field values value is not included in the list")
    if kind == "picklist":  # the text of an option is no option: only its id is
        options = [one["id"] for one in definition["picklist_options"] if not one["deleted_at"]]
        if _number(value) not in options:
            raise Unprocessable("Custom field values value is not included in the list")
    if kind in ("contact", "matter") and clio.shelves[f"{kind}s"].get(_number(value) or 0) is None:
        raise Unprocessable(f"Custom field values {kind} could not be found")


def set_customs(clio, record: dict, sent: dict, before: dict) -> None:
    """Only the custom fields that were sent change; one that is shown by default stays, empty and without an id."""
    if before and "custom_field_values" not in sent:
        return
    values = list(before["custom_field_values"]) if before else clio.values.shown_empty(record)
    for one in sent.get("custom_field_values") or ():
        known = _known(values, one)
        field = known["custom_field"]["id"] if known else (one.get("custom_field") or {}).get("id")
        if not isinstance(field, int) or not 1 <= field <= len(CUSTOM_FIELDS):
            continue
        if known:
            values.remove(known)
        value = None if one.get("_destroy") else _kept(CUSTOM_FIELDS[field - 1][1], one.get("value"))
        if value is not None:
            values.append(clio.values.value(field, record["id"], value))
        elif clio.values.is_shown(field):
            values.append(clio.values.empty_value(field))
    record["custom_field_values"] = sorted(values, key=lambda one: one["custom_field"]["id"])


def _known(values: list, one: dict) -> dict | None:
    """The value a change is about: by its own id, else by the definition's."""
    if one.get("id") is not None:
        return next((value for value in values if value["id"] == one["id"]), None)
    field = (one.get("custom_field") or {}).get("id")
    return next((value for value in values if value["custom_field"]["id"] == field), None)


def _kept(kind: str, value):
    """A value as it is shown after saving: declared text on the way in, numbers and ticks on the way out."""
    if kind in ("numeric", "currency", "picklist", "contact", "matter"):
        number = _number(value)
        return value if number is None else number
    return str(value).lower() in ("true", "1") if kind == "checkbox" and value is not None else value


def _number(value) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


# -- the limitation date, which is a task -----------------------------------------------------------------------------


def set_limitation(clio, record: dict, sent: dict, before: dict) -> None:
    limitation = sent.get("statute_of_limitations")
    if not isinstance(limitation, dict) or limitation.keys() <= {"id"}:
        return
    known = (before.get("statute_of_limitations") or {}).get("id")
    task = clio.shelves["tasks"].get(known) if known else None
    reminders = _reminders((task or {}).get("reminders") or [], limitation.get("reminders") or [])
    new = {
        "name": "Statute of limitations",
        "status": "pending",
        "statute_of_limitations": True,
        "matter": {"id": record["id"]},
        "priority": "Normal",
    }
    told = {name: value for name, value in limitation.items() if name != "id"}
    number = clio._keep("tasks", known if task else None, {**({} if task else new), **told, "reminders": reminders})
    record["statute_of_limitations"] = {"id": number}


def _reminders(before: list, sent: list) -> list:
    """Read in minutes, written in a number and a unit."""
    kept = {one["id"]: one for one in before}
    for one in sent:
        number = one.get("id") or max(kept, default=0) + 1
        if one.get("_destroy"):
            kept.pop(number, None)
        else:
            minutes = one["duration_value"] * REMINDER_UNITS[one["duration_unit"]]
            kept[number] = {"id": number, "duration": minutes, "state": "scheduled", "next_delivery_at": None}
    return list(kept.values())
