"""Which records a Clio list shows, and in what order."""

import operator
import re

from ..firm import seconds
from .fields import POINTS_AT

UNORDERED = ("activity_descriptions", "currencies", "interest_charges", "line_items", "matter_stages")
SORTED_BY = {  # besides id
    "activities": "display_number user.name price total type date note updated_at vendor.name "
    "expense_category.name non_billable non_billable_total",
    "allocations": "date",
    "bank_accounts": "name institution account_number currency updated_at type",
    "bank_transactions": "date",
    "bills": "due_at issued_at paid_at last_sent_at balance number",
    "contacts": "name",
    "credit_memos": "date",
    "custom_fields": "name display_order",
    "expense_categories": "name rate entry_type",
    "groups": "name",
    "notes": "date author updated_at",
    "practice_areas": "name category code",
    "matters": "display_number custom_number client.name open_date close_date pending_date "
    "practice_area.name matter_stage.name responsible_attorney.name "
    "originating_attorney.name updated_at created_at "
    "statute_of_limitations.due_at matter_stage_updated_at",
    "tasks": "name priority matter.display_number due_at completed_at",
    "users": "enabled name first_name last_name initials subscription_type",
}
EQUAL = (
    "type",
    "kind",
    "state",
    "field_type",
    "parent_type",
    "deleted",
    "enabled",
    "code",
    "name",
    "priority",
    "subscription_type",
    "billable",
    "entry_type",
    "statute_of_limitations",
    "flat_rate",
    "bill_number",
    "permission",
)
FROM_TO = {
    "start_date": ("date", operator.ge),
    "end_date": ("date", operator.le),
    "due_at_from": ("due_at", operator.ge),
    "due_at_to": ("due_at", operator.le),
    "due_after": ("due_at", operator.gt),
    "due_before": ("due_at", operator.lt),
    "issued_after": ("issued_at", operator.gt),
    "issued_before": ("issued_at", operator.lt),
}
COMPARED = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "": operator.eq}
ACTIVITY_STATUS = {
    "billed": lambda one: one["billed"],
    "unbilled": lambda one: not one["billed"] and not one["non_billable"],
    "non_billable": lambda one: one["non_billable"],
    "billable": lambda one: not one["non_billable"],
    "draft": lambda one: one["on_bill"] and not one["billed"],
    "written_off": lambda one: False,
}


def filters_of(resource: str, request) -> list:
    """One yes-or-no question for each filter in the query. Raises ValueError for a senseless one."""
    found = []
    for name, values in request.query.items():
        if (accept := _filter(resource, name, values[-1])) is not None:
            found.append(accept)
    return found


def _filter(resource: str, name: str, value: str):
    if name == "created_since":
        since_s = seconds(value)
        return lambda one: seconds(one["created_at"]) > since_s
    if name == "query":
        return _words(value)
    if name == "status":
        return _status(resource, value)
    if name in FROM_TO:
        field, compare = FROM_TO[name]
        return lambda one: bool(one.get(field)) and compare(one[field], value)
    if match := re.fullmatch(r"custom_field_values\[(\d+)\]", name):
        return _custom_field(int(match.group(1)), value)
    if name in EQUAL:
        field = "number" if name == "bill_number" else name
        return lambda one: _as_text(one.get(field)) == value
    if name.endswith("_id") and name != "client_id":
        return lambda one: _points_at(one, name.removesuffix("_id"), value)
    if name == "client_id":
        return lambda one: _points_at(one, "client", value)
    if name == "exclude_ids[]":
        return lambda one: str(one["id"]) != value
    return None


def _words(value: str):
    wanted = value.casefold()
    fields = ("name", "title", "display_number", "description", "note", "subject", "number", "primary_email_address",
              "primary_phone_number")  # fmt: skip
    return lambda one: any(wanted in str(one.get(field) or "").casefold() for field in fields)


def _status(resource: str, value: str):
    if resource == "activities":
        if value not in ACTIVITY_STATUS:
            raise ValueError(f"status {value} is not valid")
        return ACTIVITY_STATUS[value]
    wanted = {word.strip().casefold() for word in value.split(",")}
    return lambda one: (one.get("status") or one.get("state") or "").casefold() in wanted


def _custom_field(field: int, text: str):
    found = re.match(r"[<>]=?", text)
    sign = found.group() if found else ""
    wanted = text[len(sign) :].strip()

    def accept(one) -> bool:
        for value in one.get("custom_field_values", ()):
            if value["custom_field"]["id"] == field:
                if sign and value["field_type"] not in ("numeric", "date", "currency", "time"):
                    return False
                if value["value"] is None:
                    return False
                if value["field_type"] in ("numeric", "currency"):
                    return COMPARED[sign](float(value["value"]), float(wanted))
                return COMPARED[sign](_as_text(value["value"]), wanted)
        return False

    return accept


def _points_at(one: dict, field: str, value: str) -> bool:
    found = one.get(field, one.get(f"{field}s"))
    found = found if isinstance(found, list) else [found]
    return any(isinstance(target, dict) and str(target["id"]) == value for target in found)


def _as_text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sort_key(clio, resource: str, order: str):
    """How to sort numbers of this resource, and whether downwards. Raises ValueError."""
    match = re.fullmatch(r"([a-z_.]+)\((asc|desc)\)", order)
    if not match or match.group(1) not in ("id", *SORTED_BY.get(resource, "").split()):
        raise ValueError(f"order {order} is not valid")
    field, is_down = match.group(1), match.group(2) == "desc"
    if field == "id":
        return int, is_down
    if field == "updated_at":
        return lambda number: (clio.shelves[resource].changed_at(number), number), is_down
    return lambda number: (*_sortable(clio, clio.get(resource, number), field), number), is_down


def _sortable(clio, record: dict, field: str) -> tuple:
    outer, _, inner = field.partition(".")
    value = record.get(outer)
    if isinstance(value, dict):
        value = (
            (clio.get(POINTS_AT[outer], value["id"]) or {}).get(inner or "name") if outer in POINTS_AT else str(value)
        )
    return (value is not None, "" if value is None else value)
