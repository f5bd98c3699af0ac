"""Clio's `fields` parameter: `id,etag,client{id,name}`, one level deep and no deeper."""

import hashlib
import re

NAME = re.compile(r"[a-z_][a-z0-9_]*")

# Fields that point at records of another resource: theirs are the nested fields one may ask for.
POINTS_AT = {
    "client": "contacts",
    "contact": "contacts",
    "company": "contacts",
    "vendor": "contacts",
    "practice_area": "practice_areas",
    "matter_stage": "matter_stages",
    "matter": "matters",
    "matters": "matters",
    "responsible_attorney": "users",
    "originating_attorney": "users",
    "responsible_staff": "users",
    "user": "users",
    "author": "users",
    "assigner": "users",
    "users": "users",
    "group": "groups",
    "groups": "groups",
    "statute_of_limitations": "tasks",
    "activity_description": "activity_descriptions",
    "activity": "activities",
    "expense_category": "expense_categories",
    "bill": "bills",
    "original_bill": "bills",
    "currency": "currencies",
    "bank_account": "bank_accounts",
    "source_bank_account": "bank_accounts",
    "destination_bank_account": "bank_accounts",
    "allocation": "allocations",
    "allocations": "allocations",
    "custom_field": "custom_fields",
}
# Fields that hold small records of their own.
HOLDS = {
    "email_addresses": "address name primary",
    "phone_numbers": "number name primary",
    "addresses": "name street city province postal_code country primary",
    "primary_address": "name street city province postal_code country primary",
    "web_sites": "address name default_web_site",
    "picklist_options": "option deleted_at",
    "custom_field_values": "field_name field_type field_required field_displayed field_display_order "
    "soft_deleted value custom_field picklist_option contact matter",
    "assignee": "type name identifier secondary_identifier enabled initials",
    "parent": "type identifier secondary_identifier tertiary_identifier",
    "account": "name phone country state",
    "account_balances": "type name balance currency_id",
    "rate": "type amount",
    "timer": "elapsed_time start_time",
    "task_type": "name deleted_at",
    "notification_methods": "type email_address is_default_email_address",
    "reminders": "duration state next_delivery_at",
    "relationships": "description",
    "discount": "type rate note",
    "interest": "type rate balance total period",
    "balances": "type amount due interest_amount",
}
# Documented fields the sandbox knows but never fills.
EMPTY = {
    "matters": "matter_budget evergreen_retainer contingency_fee custom_rate folder split_invoice_payers",
    "contacts": "avatar payment_profile secondary_address primary_web_site primary_work_address folder "
    "related_contacts instant_messengers activity_rates co_counsel_rate "
    "has_clio_for_clients_permission locked_clio_connect_email require_utbms_codes "
    "notification_methods",
    "activities": "tax_setting document_version communication calendar_entry matter_note contact_note "
    "subject task utbms_expense client_portal text_message_conversation legal_aid_uk_activity",
    "bills": "bill_theme billing_setting destination_account split_invoice client_addresses matter_totals",
    "users": "avatar job_title default_activity_description",
    "notes": "notification_event_subscribers time_entries",
    "tasks": "time_entries",
    "expense_categories": "xero_expense_code utbms_code tax_setting",
    "activity_descriptions": "utbms_activity utbms_task utbms_activity_id utbms_task_id utbms_task_name "
    "xero_service_code",
    "line_items": "discount included_line_item_totals tax_settings",
    "bank_accounts": "compliance_region",
}
WITHOUT_CREATED_AT = ("groups",)
SHOWN_UNASKED = {"rate": ("type", "amount"), "parent": ("id",)}  # these have no etag


class InvalidFields(ValueError):
    """The request asked for a field that does not exist, or too deep."""


def parse(text: str) -> dict[str, list[str] | None]:
    """Field names in order, each with the nested names asked for, or None without braces."""
    wanted, rest = {}, text.replace(" ", "")
    while rest:
        match = NAME.match(rest)
        if not match:
            raise InvalidFields(f"Invalid fields near '{rest[:30]}'")
        name, rest = match.group(), rest[match.end() :]
        nested = None
        if rest.startswith("{"):
            inside, closed, rest = rest[1:].partition("}")
            if "{" in inside or not closed:
                raise InvalidFields("Nested fields may be one level deep")
            nested = [part for part in inside.split(",") if part]
        wanted[name] = nested
        rest = rest.removeprefix(",")
    return wanted


class Selection:
    """Cuts records of one resource to the fields a request asked for.

    clio: gives `get(resource, number)` and `known_fields(resource)`.
    """

    def __init__(self, clio, resource: str, text: str | None) -> None:
        self.clio, self.resource = clio, resource
        self.wanted = parse(text) if text else {"id": None, "etag": None}
        self._pointed_at: dict[tuple, dict | None] = {}  # many records of one answer name the same few
        known = clio.known_fields(resource)
        for name, nested in self.wanted.items():
            if name not in known:
                raise InvalidFields(f"The field '{name}' is not valid for {resource}")
            self._check_nested(name, nested)

    def _check_nested(self, name: str, nested) -> None:
        known = known_inside(self.clio, name)
        for inner in nested or ():
            if known is None or inner not in known:
                raise InvalidFields(f"The field '{inner}' is not valid in {name}")

    def cut(self, record: dict) -> dict:
        return {name: self._value(record, name, nested) for name, nested in self.wanted.items()}

    def _value(self, record: dict, name: str, nested):
        value = record.get(name)
        if isinstance(value, dict):
            return self._inside(name, value, nested)
        if isinstance(value, list) and name != "roles":
            return [self._inside(name, one, nested) if isinstance(one, dict) else one for one in value]
        return value

    def _inside(self, name: str, value: dict, nested):
        if name not in POINTS_AT:
            return self._shown(name, value, nested)
        which = name, value["id"]
        if which not in self._pointed_at:
            there = self.clio.get(POINTS_AT[name], value["id"])
            self._pointed_at[which] = there and self._shown(name, there, nested)  # None: it was deleted
        return self._pointed_at[which]

    def _shown(self, name: str, value: dict, nested) -> dict:
        inner = nested or SHOWN_UNASKED.get(name, ("id", "etag"))
        return {one: self._shallow(one, value) for one in inner}

    def _shallow(self, name: str, value: dict):
        """A nested value: what it points at shows its id and etag, nothing more."""
        if name == "etag" and "etag" not in value:
            return etag_of("inside", value.get("id"), str(value))
        found = value.get(name)
        if not isinstance(found, dict):
            return found
        if name == "picklist_option":
            return found
        if name == "matter":  # a custom field that holds a matter shows no etag of it
            return {"id": found["id"]}
        return {"id": found["id"], "etag": etag_of(POINTS_AT.get(name, name), found["id"], "")}


def known_inside(clio, name: str):
    if name in POINTS_AT:
        return clio.known_fields(POINTS_AT[name])
    return {"id", "etag", "created_at", "updated_at", *HOLDS[name].split()} if name in HOLDS else None


def etag_of(resource: str, number, changed) -> str:
    digest = hashlib.md5(f"{resource}/{number}/{changed}".encode(), usedforsecurity=False)
    return f'"{digest.hexdigest()}"'
