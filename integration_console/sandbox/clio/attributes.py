"""What a write to Clio may hold: the attributes its document knows, and the values it takes in them."""

import unicodedata
from datetime import date

from .fields import POINTS_AT

WRITABLE = ("contacts", "matters", "activities", "notes", "tasks")
TAKES = {
    "contacts": "addresses avatar clio_connect_email co_counsel_rate company currency custom_field_set_associations "
    "custom_field_values date_of_birth email_addresses first_name instant_messengers kyc_field_values last_name "
    "ledes_client_id middle_name name phone_numbers prefix rate_table_assignment require_utbms_codes "
    "sales_tax_number title type web_sites",
    "matters": "billable client client_reference close_date currency custom_field_set_associations "
    "custom_field_values custom_rate description display_number evergreen_retainer group kyc_field_values location "
    "matter_budget matter_stage open_date originating_attorney pending_date practice_area rate_table_assignment "
    "relationships require_utbms_codes reset_matter_number responsible_attorney responsible_staff "
    "split_invoice_payers status statute_of_limitations task_template_list_instances",
    "activities": "activity_description calendar_entry client_portal communication contact_note date "
    "expense_category input_tax_settings matter matter_note no_charge non_billable note price quantity reference "
    "start_timer task tax_setting tax_settings text_message_conversation type user utbms_expense vendor",
    "notes": "contact date detail detail_text_type matter notification_event_subscribers subject type",
    "tasks": "assignee cascading cascading_offset cascading_offset_polarity cascading_offset_type cascading_source "
    "description description_text_type due_at matter name notify_assignee notify_completion permission priority "
    "status statute_of_limitations task_type time_estimated",
}
TAKES_INSIDE = {
    "addresses": "_destroy city country id name postal_code province street",
    "email_addresses": "_destroy address default_email id name",
    "phone_numbers": "_destroy default_number id name number",
    "web_sites": "_destroy address default_web_site id name",
    "custom_field_values": "_destroy custom_field id value",
    "custom_rate": "rates type",
    "activity_description": "id utbms_activity_id utbms_task_id",
    "assignee": "id type",
    **dict.fromkeys(
        (
            *("client", "company", "contact", "expense_category", "group", "matter", "matter_stage", "practice_area"),
            *("originating_attorney", "responsible_attorney", "responsible_staff", "task_type", "user", "vendor"),
        ),
        "id",
    ),
}
LIMITATION_TAKES = "due_at reminders status"  # on a matter; on a task it is a yes or no
# "Use the keyword null to specify no association"; with every other one null is not valid.
LOOSE = {
    "contacts": (),
    "matters": ("practice_area", "matter_stage", "group"),
    "activities": ("user", "expense_category", "vendor"),
    "notes": (),
    "tasks": ("matter", "task_type"),
}
DATES = ("date", "date_of_birth", "open_date", "pending_date", "close_date", "due_at")
CHOICES = {
    ("contacts", "type"): ("Person", "Company"),
    ("matters", "status"): ("open", "pending", "closed"),
    ("activities", "type"): ("TimeEntry", "ExpenseEntry", "HardCostEntry", "SoftCostEntry"),
    ("notes", "type"): ("Matter", "Contact"),
    ("tasks", "status"): ("pending", "in_progress", "in_review", "complete", "draft"),
}
NEVER_EMPTY = {"matters": ("description", "client"), "activities": ("type", "date"), "tasks": ("name",)}
REMINDER_UNITS = {"minutes": 1, "hours": 60, "days": 1_440, "weeks": 10_080}  # in minutes


class Unprocessable(ValueError):
    """The record as sent cannot be kept."""


class UnknownAttribute(ValueError):
    """The record as sent holds an attribute there is none of."""


def tidied(sent):
    """Text as Clio saves it: no blanks around it, one spelling of each letter, and nothing instead of empty text."""
    if isinstance(sent, str):
        return unicodedata.normalize("NFC", sent).strip() or None
    if isinstance(sent, dict):
        return {name: tidied(value) for name, value in sent.items()}
    return [tidied(one) for one in sent] if isinstance(sent, list) else sent


def check_names(resource: str, sent: dict) -> None:
    """Refuse an attribute the document does not know. Raises UnknownAttribute."""
    _check_known(sent, TAKES[resource], resource)
    for name, value in sent.items():
        takes = (
            LIMITATION_TAKES if (resource, name) == ("matters", "statute_of_limitations") else TAKES_INSIDE.get(name)
        )
        for one in value if isinstance(value, list) else [value]:
            if takes and isinstance(one, dict):
                _check_known(one, takes, name)


def _check_known(sent: dict, takes: str, where: str) -> None:
    for name in sent.keys() - set(takes.split()):
        raise UnknownAttribute(f"{name} is not an attribute of {where}")


def check_values(clio, resource: str, sent: dict, *, is_new: bool) -> None:
    """Refuse a value Clio cannot keep. Raises Unprocessable."""
    for name, value in sent.items():
        if name in POINTS_AT and (value is None or (isinstance(value, dict) and "id" in value)):
            _check_points(clio, resource, name, value and value["id"])
        if name in DATES and value is not None and not is_date(value):
            raise Unprocessable(f"{spoken(name)} is not a valid date")
        if value not in CHOICES.get((resource, name), (value,)):
            raise Unprocessable(f"{spoken(name)} is not included in the list")
    for name in NEVER_EMPTY.get(resource, ()):
        if (is_new or name in sent) and not sent.get(name):
            raise Unprocessable(f"{spoken(name)} can't be blank")
    if is_new and resource == "notes":
        _check_note(sent)
    if resource == "activities":
        for name in ("price", "quantity"):
            if not isinstance(sent.get(name), int | float | None):
                raise Unprocessable(f"{spoken(name)} is not a number")
    if resource == "matters" and sent.get("statute_of_limitations"):
        _check_limitation(clio, sent["statute_of_limitations"])


def _check_points(clio, resource: str, name: str, number) -> None:
    if (resource, name) == ("matters", "statute_of_limitations"):
        return
    if number is None:
        if name not in LOOSE[resource]:
            raise Unprocessable(f"{spoken(name)} must exist")
    elif not isinstance(number, int) or clio.shelves[POINTS_AT[name]].get(number) is None:
        raise Unprocessable(f"{name} could not be found")


def _check_note(sent: dict) -> None:
    if sent.get("type") not in CHOICES["notes", "type"]:
        raise Unprocessable("Type is not included in the list")
    for name in (sent["type"].lower(), "detail"):
        if not sent.get(name):
            raise Unprocessable(f"{spoken(name)} can't be blank")


def _check_limitation(clio, sent: dict) -> None:
    if sent.get("due_at") is not None and not is_date(sent["due_at"]):
        raise Unprocessable("Statute of limitations due at is not a valid date")
    for one in sent.get("reminders") or ():
        if one.get("_destroy"):
            continue
        if not isinstance(one.get("duration_value"), int) or one.get("duration_unit") not in REMINDER_UNITS:
            raise Unprocessable("Statute of limitations reminders duration value is invalid")
        if (one.get("notification_method") or {}).get("id") not in clio.values.notification_methods():
            raise Unprocessable("Statute of limitations reminders notification method must exist")


def check_contact(record: dict, sent: dict) -> None:
    """Refuse a contact without a name, as it would be after the write. Raises Unprocessable."""
    if record.get("type") not in ("Person", "Company"):
        raise Unprocessable("Type is not included in the list")
    if record["type"] == "Company" and not record.get("name"):
        raise Unprocessable("Name can't be blank")
    only_name = "name" in sent and not (sent.get("first_name") or sent.get("last_name"))
    if record["type"] == "Person" and (only_name or not (record.get("first_name") or record.get("last_name"))):
        raise Unprocessable("At least one of first name or last name must be provided")


def is_date(value) -> bool:
    try:
        return bool(date.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()
