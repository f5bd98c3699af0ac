"""What of a Clio record can be mapped, and a record as plain values.

A field's name is where it lies in the record ("practice_area.id"), except for what a contact has several of: its
primary e-mail address, number and postal address are fields, the others are only shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..writing import CUSTOM, MISSING, Field

LIMITATION, REMINDERS = "statute_of_limitations.due_at", "statute_of_limitations.reminders"
ADDRESS_PARTS = ("street", "city", "province", "postal_code", "country")
STATUSES = ("open", "pending", "closed")


def _shown(name: str, label: str, kind: str = "text", **more: Any) -> Field:
    return Field(name, label, kind, writable=False, **more)


CONTACT = (
    Field("type", "Type", "choice", required=True, choices=("Person", "Company")),
    Field("first_name", "First name"),
    Field("middle_name", "Middle name"),
    Field("last_name", "Last name"),
    Field("prefix", "Prefix"),
    Field("title", "Title"),
    Field("name", "Name"),  # of a company; a person's is made of first and last name
    Field("email", "E-mail", "email"),
    _shown("other_emails", "Other e-mail addresses", "list"),
    Field("phone", "Phone", "phone"),
    _shown("other_phones", "Other phone numbers", "list"),
    Field("address.street", "Street", group="Address"),
    Field("address.city", "City", group="Address"),
    Field("address.province", "State or province", group="Address"),
    Field("address.postal_code", "Postal code", group="Address"),
    Field("address.country", "Country", group="Address"),
    Field("date_of_birth", "Date of birth", "date"),
    Field("company.id", "Company", "ref", of="contacts"),
    _shown("is_client", "Is a client", "boolean"),
)
MATTER = (
    Field("description", "Description", required=True),
    Field("client.id", "Client", "ref", required=True, of="contacts"),
    _shown("client.name", "Client's name"),
    Field("status", "Status", "choice", choices=STATUSES),
    Field("open_date", "Opened on", "date"),
    Field("pending_date", "Pending since", "date"),
    Field("close_date", "Closed on", "date"),
    _shown("display_number", "Matter number as shown"),
    _shown("custom_number", "Custom number"),  # no write takes it, says the document
    _shown("number", "Number", "number"),
    Field("client_reference", "Client reference"),
    Field("practice_area.id", "Practice area", "ref", of="practice_areas"),
    _shown("practice_area.name", "Practice area's name"),
    Field("matter_stage.id", "Matter stage", "ref", of="matter_stages"),
    Field("responsible_attorney.id", "Responsible attorney", "ref", of="users"),
    Field("originating_attorney.id", "Originating attorney", "ref", of="users"),
    Field("responsible_staff.id", "Responsible staff", "ref", of="users"),
    Field("group.id", "Group", "ref", of="groups"),
    Field("billable", "Billable", "boolean"),
    Field("billing_method", "Billing method", "choice", choices=("hourly", "flat", "contingency")),
    Field(LIMITATION, "Limitation date", "date", lasting=True, group="Statute of limitations"),
    Field(REMINDERS, "Reminders before the limitation date", "list", unit="days", group="Statute of limitations"),
)
ACTIVITY = (
    Field("type", "Type", "choice", required=True,
          choices=("TimeEntry", "ExpenseEntry", "HardCostEntry", "SoftCostEntry")),
    Field("date", "Date", "date", required=True),
    Field("quantity", "Duration", "number", unit="seconds"),
    Field("note", "Note"),
    Field("reference", "Reference"),
    Field("matter.id", "Matter", "ref", of="matters"),
    Field("user.id", "User", "ref", of="users"),
    Field("activity_description.id", "Kind of work", "ref", of="activity_descriptions"),
    Field("non_billable", "Not billable", "boolean"),
    Field("price", "Rate", "money"),
    _shown("billed", "Billed", "boolean"),
    _shown("on_bill", "On a bill", "boolean"),
)  # fmt: skip
BILL = (
    _shown("number", "Bill number"),
    _shown("state", "State", "choice",
           choices=("draft", "awaiting_approval", "awaiting_payment", "paid", "void", "deleted")),
    _shown("kind", "Kind"),  # revenue_kind, trust_kind
    _shown("subject", "Subject"),
    _shown("memo", "Memo"),
    _shown("issued_at", "Issued on", "date"),
    _shown("due_at", "Due on", "date"),
    _shown("total", "Total", "money"),
    _shown("balance", "Balance", "money"),
    _shown("client.id", "Client", "ref", of="contacts"),
    _shown("client.name", "Client's name"),
    _shown("currency.code", "Currency"),
    _shown("updated_at", "Changed at", "time"),
)  # fmt: skip
# Client trust money has no fields here, so nothing of it can be mapped (W8).
FIELDS = {"contacts": CONTACT, "matters": MATTER, "activities": ACTIVITY, "bills": BILL}
NAMED = {resource: {field.name: field for field in fields} for resource, fields in FIELDS.items()}

PARENTS = {"contacts": "Contact", "matters": "Matter"}  # whose custom fields a resource has
CUSTOM_TYPES = {
    "checkbox": "boolean", "contact": "ref", "currency": "money", "date": "date", "email": "email", "matter": "ref",
    "numeric": "number", "picklist": "choice",
}  # fmt: skip
_OF_A_DATE = ("date", "text_line")
_LIMITS = re.compile(r"\b(limitations?|statute|sol|time[- ]?bar(red)?|prescription)\b", re.IGNORECASE)  # by its name
_POINTS_AT = {"contact": "contacts", "matter": "matters"}


def custom_fields(resource: str, definitions: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
    """The firm's own fields of this resource. A time of day and an address on the web are plain text."""
    parent = PARENTS.get(resource)
    for one in definitions:
        if parent is None or one.get("parent_type") != parent or one.get("deleted"):
            continue
        kind = str(one.get("field_type"))
        yield Field(
            f"{CUSTOM}{one['id']}", str(one.get("name") or one["id"]), CUSTOM_TYPES.get(kind, "text"),
            of=_POINTS_AT.get(kind), choices=tuple(text for _, text in options_of(one)),
            lasting=parent == "Matter" and kind in _OF_A_DATE and bool(_LIMITS.search(str(one.get("name")))),
            group="Custom fields",
        )  # fmt: skip


def options_of(definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The choices of a picklist that can still be made: id and text."""
    options = definition.get("picklist_options") or ()
    return [(str(one["id"]), str(one["option"])) for one in options if one.get("option") and not one.get("deleted_at")]


# -- a record as plain values: runs for every record of a run, so it is written for speed ---------------------------

_APART = {"email", "other_emails", "phone", "other_phones", REMINDERS}  # these do not lie where their name says
_FLAT = {
    resource: tuple(field.name for field in fields if "." not in field.name and field.name not in _APART)
    for resource, fields in FIELDS.items()
}
_NESTED: dict[str, tuple[tuple[str, str, str, bool], ...]] = {
    resource: tuple(
        (field.name, field.name.partition(".")[0], field.name.partition(".")[2], field.type == "ref")
        for field in fields
        if "." in field.name and field.name not in _APART and not field.name.startswith("address.")
    )
    for resource, fields in FIELDS.items()
}
_ADDRESS = tuple((f"address.{part}", part) for part in ADDRESS_PARTS)


def plain_of(resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record by the names of its fields; what it did not tell is not there, what is empty is None (P6)."""
    plain: dict[str, Any] = {}
    for name in _FLAT.get(resource, ()):
        if name in record:
            value = record[name]
            plain[name] = None if value == "" else value
    for name, outer, inner, is_ref in _NESTED.get(resource, ()):
        if outer in record:
            shown = record[outer]
            if not shown:
                plain[name] = None
            elif inner in shown:
                value = shown[inner]
                plain[name] = None if value is None or value == "" else str(value) if is_ref else value
    if record.get("quantity_redacted"):
        plain.pop("quantity", None)  # the firm hides hours from this account: null is not empty
    if resource == "contacts":
        _reached(plain, record)
    elif resource == "matters" and plain.get("status"):
        plain["status"] = plain["status"].lower()  # read Open, written open
    if resource in PARENTS and isinstance(record.get("custom_field_values"), list):
        _customs(plain, record["custom_field_values"])
    return plain


def main_of(entries: Sequence[Mapping[str, Any]] | None) -> Mapping[str, Any] | None:
    """The one of several that Clio calls primary; the first where it calls none so."""
    if not entries:
        return None
    return next((one for one in entries if one.get("primary")), entries[0])


def address_of(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A contact's main postal address."""
    return main_of(record.get("addresses")) or record.get("primary_address")


def _reached(plain: dict[str, Any], record: Mapping[str, Any]) -> None:
    """What a contact is reached by: the primary one of each is a field, the others are a list."""
    for field, others, entries, key, flat in (
        ("email", "other_emails", "email_addresses", "address", "primary_email_address"),
        ("phone", "other_phones", "phone_numbers", "number", "primary_phone_number"),
    ):
        there = record.get(entries)
        if there is not None:
            main = main_of(there)
            plain[field] = (main.get(key) or None) if main else None
            plain[others] = [one[key] for one in there if one is not main and one.get(key)]
        elif flat in record:
            plain[field] = record[flat] or None
    if "addresses" in record or "primary_address" in record:
        address = address_of(record) or {}
        for name, part in _ADDRESS:
            plain[name] = address.get(part) or None


def _customs(plain: dict[str, Any], values: Sequence[Mapping[str, Any]]) -> None:
    told_all = True
    for one in values:
        field = one.get("custom_field")
        value = custom_value(one)
        if not field or value is MISSING:
            told_all = False
        else:
            plain[f"{CUSTOM}{field['id']}"] = value
    if told_all:
        plain[CUSTOM] = True


def custom_value(one: Mapping[str, Any]) -> Any:
    """What one custom field holds, as a plain value; MISSING where Clio does not tell.

    To a user without the permission, values come with an id and nothing else; and a choice may come without its text.
    Neither is an empty field.
    """
    value, kind = one.get("value"), one.get("field_type")
    if value is None or value == "":
        return MISSING if kind is None and one.get("id") else None
    kind = kind or str(one.get("id") or "").rpartition("-")[0]
    read = _READ.get(kind)
    return read(value, one) if read else str(value)


def with_choices(record: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The record with the text of each choice Clio shows by its number alone, as far as the definitions tell it.

    Not carried, a choice would be taken for one that is not told, and written over without anybody being asked.
    """
    values = record.get("custom_field_values")
    if not definitions or not isinstance(values, list) or not any(map(_is_untold_choice, values)):
        return record
    texts = {
        (str(one["id"]), str(option.get("id"))): option.get("option")  # also of one that cannot be chosen any more
        for one in definitions
        for option in one.get("picklist_options") or ()
    }

    def told(one: Mapping[str, Any]) -> Mapping[str, Any]:
        if not _is_untold_choice(one):
            return one
        chosen = one.get("picklist_option") or {}
        text = texts.get((str((one.get("custom_field") or {}).get("id")), str(chosen.get("id") or one["value"])))
        return {**one, "picklist_option": {**chosen, "option": text}}

    return {**record, "custom_field_values": [told(one) for one in values]}


def _is_untold_choice(one: Mapping[str, Any]) -> bool:
    kind = one.get("field_type") or str(one.get("id") or "").rpartition("-")[0]
    return kind == "picklist" and bool(one.get("value")) and not (one.get("picklist_option") or {}).get("option")


def _number(value: Any, one: Mapping[str, Any]) -> Any:
    """Declared as text; sent as a number."""
    if not isinstance(value, str):
        return value
    try:
        return int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        return value


def _ticked(value: Any, one: Mapping[str, Any]) -> Any:
    return value.lower() in ("true", "1", "t") if isinstance(value, str) else bool(value)


def _chosen(value: Any, one: Mapping[str, Any]) -> Any:
    """People know a choice by its text; `value` is only its number."""
    return (one.get("picklist_option") or {}).get("option") or MISSING


_READ: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "numeric": _number, "currency": _number, "checkbox": _ticked, "picklist": _chosen,
}  # fmt: skip

__all__ = ["ADDRESS_PARTS", "FIELDS", "LIMITATION", "NAMED", "PARENTS", "REMINDERS", "address_of", "custom_fields",
           "custom_value", "main_of", "options_of", "plain_of", "with_choices"]  # fmt: skip
