"""Plain values as Clio takes them: the `data` of a write.

Source: the write schemas of its OpenAPI document. What a contact has several of, and custom values, are changed by the
id of the one entry meant: entries that are not named stay as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ...errors import BadRecord
from ..writing import CUSTOM, Field, Write, value_of
from .fields import ADDRESS_PARTS, NAMED, REMINDERS, address_of, main_of, options_of, plain_of, with_choices

NAME_PARTS = ("first_name", "middle_name", "last_name", "prefix")
# "Use the keyword null to specify no association"; of the other refs the document says that null is not valid.
LOOSE = {"practice_area.id", "matter_stage.id", "group.id", "user.id"}
RATES = {"flat": "FlatRate", "contingency": "ContingencyFee"}  # hourly is what a new matter is
REPRICED_BY = {"matter.id", "user.id", "activity_description.id"}
_REACHED_BY = {  # field -> list in the record, what it holds, the flag that makes one primary
    "email": ("email_addresses", "address", "default_email"),
    "phone": ("phone_numbers", "number", "default_number"),
}


def wanted_of(write: Write) -> dict[str, Any]:
    """The values that differ from what the record shows; of a new record, those that are not empty.

    Raises BadRecord naming a field that cannot be written.
    """
    current = write.current and with_choices(write.current, write.custom)
    shown = plain_of(write.resource, current) if current is not None else {}
    values = {name: None if value == "" else value for name, value in write.values.items() if name != CUSTOM}
    if write.op == "create":
        wanted = {name: value for name, value in values.items() if value is not None}
    else:
        wanted = {name: value for name, value in values.items() if value_of(shown, name) != value}
    if write.resource == "contacts":
        wanted = _named_properly(write, wanted)
    for name in wanted:
        field = NAMED[write.resource].get(name)
        if not (field.writable if field else name.startswith(CUSTOM) and write.resource != "activities"):
            raise BadRecord(f"Clio does not let {field.label if field else name} be written.", field=name)
    return wanted


def data_of(write: Write, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The `data` Clio takes for these values; the reminders of a limitation date are left out, see writing.py.

    Raises BadRecord naming the field whose value Clio cannot hold.
    """
    data: dict[str, Any] = {}
    current = write.current or {}
    for name, value in wanted.items():
        if name.startswith(CUSTOM):
            if entry := _custom_entry(write, name, value):
                data.setdefault("custom_field_values", []).append(entry)
        elif name in _REACHED_BY:
            entries, key, flag = _REACHED_BY[name]
            if changed := _reached_entry(current.get(entries) or (), key, flag, value):
                data[entries] = [changed]
        elif name == "billing_method":
            data.update(_billing(write, value))
        elif name != REMINDERS and not name.startswith("address."):
            _put(data, NAMED[write.resource][name], value)
    if address := _address_entry(current, wanted):
        data["addresses"] = [address]
    if write.op == "update" and write.resource == "activities" and REPRICED_BY & wanted.keys() and "price" not in data:
        # Left out, the price would be reset to the rate of the new matter, user or kind of work.
        data.update({"price": current["price"]} if current.get("price") is not None else {})
    return data


def _named_properly(write: Write, wanted: dict[str, Any]) -> dict[str, Any]:
    """A person is written by the parts of the name, a company by its name; Clio refuses the other way round."""
    kind = wanted.get("type") or (write.current or {}).get("type")
    if kind == "Company":
        return {name: value for name, value in wanted.items() if name not in NAME_PARTS}
    if kind == "Person" and "name" in wanted:
        if not any(write.values.get(part) for part in ("first_name", "last_name")) and wanted["name"]:
            raise BadRecord("Clio takes a person's name only as first name and last name.", field="name")
        return {name: value for name, value in wanted.items() if name != "name"}
    return wanted


# -- one value --------------------------------------------------------------------------------------------------------


def _put(data: dict[str, Any], field: Field, value: Any) -> None:
    outer, _, inner = field.name.partition(".")
    if value is None:
        if field.required:
            raise BadRecord(f"{field.label} cannot be empty in Clio.", field=field.name)
        if field.type in ("boolean", "choice", "money"):
            return  # there is no empty one: it stays as it is
        if field.type == "ref" and field.name not in LOOSE:
            raise BadRecord(f"Clio does not let {field.label} be emptied once it is set.", field=field.name)
        sent = None
    else:
        sent = _CHECKED.get(field.type, _text)(value, field)
    if inner:
        data.setdefault(outer, {})[inner] = sent
    else:
        data[outer] = sent


def _text(value: Any, field: Field) -> str:
    return str(value)


def _date(value: Any, field: Field) -> str:
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise BadRecord(f"{field.label} is not a date: {value}", field=field.name) from None


def _number(value: Any, field: Field) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord(f"{field.label} is not a number: {value}", field=field.name)
    return value


def _boolean(value: Any, field: Field) -> bool:
    if not isinstance(value, bool):
        raise BadRecord(f"{field.label} can only be yes or no, not {value}", field=field.name)
    return value


def _choice(value: Any, field: Field) -> str:
    found = next((one for one in field.choices if one.lower() == str(value).lower()), None)
    if found is None:
        raise BadRecord(f"{field.label} cannot be {value}. It can be {', '.join(field.choices)}.", field=field.name)
    return found


def _ref(value: Any, field: Field) -> int:
    if not str(value).isdecimal():
        raise BadRecord(f"{field.label} is not the number of a record in Clio: {value}", field=field.name)
    return int(value)


_CHECKED: dict[str, Callable[[Any, Field], Any]] = {
    "date": _date, "number": _number, "money": _number, "boolean": _boolean, "choice": _choice, "ref": _ref,
}  # fmt: skip


def _billing(write: Write, value: Any) -> dict[str, Any]:
    """How a matter is billed is a kind of rate; to change the kind deletes the rates that were agreed."""
    if write.op == "update" and value is not None:
        raise BadRecord(
            "The billing method is chosen when a matter is made; to change it would delete its rates.",
            field="billing_method",
        )
    if value is None or (method := _choice(value, NAMED["matters"]["billing_method"])) == "hourly":
        return {}
    return {"custom_rate": {"type": RATES[method]}}


# -- one of several ---------------------------------------------------------------------------------------------------


def _reached_entry(there: Sequence[Mapping[str, Any]], key: str, flag: str, value: str | None) -> dict | None:
    """The change that makes this the primary e-mail address or number. None when there is nothing to do."""
    main = main_of(there)
    if value is None:
        return {"id": main["id"], "_destroy": True} if main else None
    known = next((one for one in there if _folded(one.get(key)) == _folded(value)), None)
    if known is not None and known is not main:
        return {"id": known["id"], flag: True}
    if main:
        return {"id": main["id"], key: str(value)}
    return {"name": "Other", key: str(value), flag: True}


def _address_entry(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict | None:
    parts = {part: wanted[f"address.{part}"] for part in ADDRESS_PARTS if f"address.{part}" in wanted}
    if not parts:
        return None
    main = address_of(current)
    if main is None:
        filled = {part: str(value) for part, value in parts.items() if value is not None}
        return {"name": "Other", **filled} if filled else None
    if not any({**{part: main.get(part) for part in ADDRESS_PARTS}, **parts}.values()):
        return {"id": main["id"], "_destroy": True}
    return {"id": main["id"], **parts}


def _folded(value: Any) -> str:
    return str(value or "").strip().casefold()


# -- custom values ----------------------------------------------------------------------------------------------------


def _custom_entry(write: Write, name: str, value: Any) -> dict | None:
    """A custom value as a change by its own id, a new one by its definition's, or the removal of it.

    A field that is shown by default and empty is in the record without an id: it too is new.
    """
    field_id = name.removeprefix(CUSTOM)
    values = (write.current or {}).get("custom_field_values") or ()
    known: Mapping[str, Any] = next(
        (one for one in values if str((one.get("custom_field") or {}).get("id")) == field_id), {}
    )
    if value is None:
        return {"id": known["id"], "_destroy": True} if known.get("id") else None
    sent = _custom_text(name, value, _definition(write, name, known))
    if known.get("id"):
        return {"id": known["id"], "value": sent}
    return {"custom_field": {"id": int(field_id)}, "value": sent}


def _definition(write: Write, name: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """The field's definition, or what its value tells of it where no definitions were handed in."""
    found = next((one for one in write.custom if f"{CUSTOM}{one['id']}" == name), None)
    if found is not None and not found.get("deleted"):
        return found
    if write.custom or not name.removeprefix(CUSTOM).isdecimal():
        raise BadRecord("This custom field is no longer there in Clio.", field=name)
    return {"field_type": known.get("field_type"), "name": known.get("field_name") or "The custom field"}


def _custom_text(name: str, value: Any, definition: Mapping[str, Any]) -> str:
    """The value as text, which the document declares for every kind; of a picklist the id of the option."""
    kind = definition.get("field_type")
    field = Field(name, str(definition.get("name") or "The custom field"))
    if kind == "picklist":
        return _option(value, definition, field)
    if kind in ("contact", "matter"):
        return str(_ref(value, field))
    if kind in ("numeric", "currency"):
        return format(Decimal(str(_number(value, field))), "f")
    if kind == "date":
        return _date(value, field)
    if kind == "checkbox":
        _boolean(value, field)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _option(value: Any, definition: Mapping[str, Any], field: Field) -> str:
    if "picklist_options" not in definition and str(value).isdecimal():
        return str(value)  # no definition at hand: it is an option's id already
    options = options_of(definition)
    for same in (lambda text, _: text == str(value), lambda text, _: _folded(text) == _folded(value),
                 lambda _, option_id: option_id == str(value)):  # fmt: skip
        for option_id, text in options:
            if same(text, option_id):
                return option_id
    raise BadRecord(f"{field.label} has no choice “{value}” in Clio.", field=field.name)


__all__ = ["data_of", "wanted_of"]
