"""The ready mappings: what a firm most likely wants, shipped switched off. The side named first is the left one.

Lines are written as (left, right, direction, transform, options and the like). Lines for a custom field are left out
where the firm has none of a fitting name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .mapping import MappingDocument, read
from .world import PROJECTS_FLOW

CONTACTS, MATTERS, STAGES = (
    "ghl_contacts_clio_contacts",
    "ghl_opportunities_clio_matters",
    "clio_matters_ghl_opportunities",
)
CLIENTS, PROJECTS, TIME = "clio_contacts_clockify_clients", PROJECTS_FLOW, "clockify_time_clio_activities"

PAYERS = "stripe_customers_clio_contacts"

FindCustom = Callable[["Custom"], str | None]  # -> the definition's id
ONCE = {"only_create": True}


@dataclass(frozen=True)
class Custom:
    """A text field the firm made itself, known by its name: one of `names`, else one with one of `words` in it."""

    side: str
    parent: str  # Contact, Matter; as the service names what it belongs to
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def fits(self, name: str) -> bool:
        """Whether a field of this name is the one, by its words.

        >>> Custom("right", "Contact", words=("tag",)).fits("HighLevel Tags")
        True
        """
        return any(word in name.casefold() for word in self.words)


@dataclass(frozen=True)
class Flow:
    """One ready mapping."""

    key: str
    label: str
    about: str
    left: tuple[str, str]  # service, resource
    right: tuple[str, str]
    direction: str
    lines: tuple[dict[str, Any], ...]
    keys: tuple[dict[str, Any], ...] = ()
    filters: tuple[dict[str, Any], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    rule: str = "ask"
    custom_lines: tuple[tuple[Custom, dict[str, Any]], ...] = ()  # `{custom}` in a line stands for the field
    custom_keys: tuple[tuple[Custom, dict[str, Any]], ...] = ()  # before the others

    def document(self, find: FindCustom = lambda wanted: None) -> MappingDocument:
        """The mapping it makes for a firm whose custom fields `find` knows."""
        return read({
            "name": self.label, "flow": self.key, "note": self.about, "direction": self.direction, "rule": self.rule,
            "left": dict(zip(("service", "resource"), self.left, strict=True)),
            "right": dict(zip(("service", "resource"), self.right, strict=True)),
            "keys": [*_found(self.custom_keys, find), *self.keys], "filters": self.filters, "options": self.options,
            "lines": [*self.lines, *_found(self.custom_lines, find)],
        })  # fmt: skip


def line(left: str, right: str, direction: str = "both", transform: str = "copy", options: Any = None, **more) -> dict:
    """One line as a document has it."""
    return {
        "left": left,
        "right": right,
        "direction": direction,
        "transform": transform,
        "options": options or {},
        **more,
    }


def _found(wanted: tuple[tuple[Custom, dict[str, Any]], ...], find: FindCustom) -> list[dict[str, Any]]:
    found = []
    for custom, entry in wanted:
        if number := find(custom):
            found.append({**entry, custom.side: entry[custom.side].replace("{custom}", f"custom:{number}")})
    return found


# -- the flows --------------------------------------------------------------------------------------------------------

HIGHLEVEL_ID = Custom("right", "Contact", names=("highlevel id", "ghl id", "highlevel contact id", "ghl contact id"))
OPPORTUNITY_ID = Custom("right", "Matter", names=("highlevel id", "ghl id", "highlevel opportunity id"))
TAGS = Custom("right", "Contact", words=("tag", "highlevel", "gohighlevel"))
WHO = "companyName,firstName,lastName"

_CONTACTS = Flow(
    CONTACTS, "GoHighLevel contacts and Clio contacts",
    "The same people and companies on both sides. Who is there already is matched, and never made twice.",
    ("ghl", "contacts"), ("clio", "contacts"), "both",
    (
        line(WHO, "type", "to_right", "person_or_company", ONCE, required=True),
        line("firstName", "first_name", transform="trim"),
        line("lastName", "last_name", transform="trim"),
        line(WHO, "name,type", transform="company_name"),
        line("email", "email", transform="email"),
        line("phone", "phone", transform="phone"),
        line("address1", "address.street"),
        line("city", "address.city"),
        line("state", "address.province"),
        line("postalCode", "address.postal_code"),
        line("country", "address.country"),
        line("dateOfBirth", "date_of_birth", transform="date", options={"zone": "UTC"}),
    ),
    keys=(
        {"by": "email", "left": "email,additionalEmails", "right": "email,other_emails"},
        {"by": "phone", "left": "phone,additionalPhones", "right": "phone,other_phones"},
        {"by": "name", "left": "firstName,lastName", "right": "first_name,last_name", "with": [
            ["email", "email"], ["phone", "phone"], ["dateOfBirth", "date_of_birth"],
            ["address1", "address.street"], ["postalCode", "address.postal_code"],
        ]},
    ),
    options={"creates_right": True, "creates_left": True},
    custom_lines=(
        (TAGS, line("tags", "{custom}", "to_right", "tags")),
        (HIGHLEVEL_ID, line("id", "{custom}", "to_right")),
    ),
    custom_keys=((HIGHLEVEL_ID, {"by": "field", "left": "id", "right": "{custom}"}),),
)  # fmt: skip

_MATTERS = Flow(
    MATTERS, "GoHighLevel opportunities to Clio matters",
    "A won opportunity becomes a matter of the linked contact, with its practice area where that is clear.",
    ("ghl", "opportunities"), ("clio", "matters"), "to_right",
    (
        line("name", "description", "to_right", "trim", required=True),
        line("contactId", "client.id", "to_right", "linked", {"flow": CONTACTS, "side": "left"}, required=True),
        line("", "status", "to_right", "constant", {"value": "open", **ONCE}),
        line("name,source", "practice_area.id", "to_right", "practice_area", ONCE),
        line("pipelineStageId", "matter_stage.id", "to_right", "value_map", {"otherwise": "keep", **ONCE}),
        line("assignedTo", "responsible_attorney.id", "to_right", "same", {"otherwise": "keep"}, blank="keep"),
    ),
    filters=({"side": "left", "field": "status", "is": "in", "values": ["won"]},),
    options={"creates_right": True},
    rule="right",
    custom_lines=((OPPORTUNITY_ID, line("id", "{custom}", "to_right")),),
    custom_keys=((OPPORTUNITY_ID, {"by": "field", "left": "id", "right": "{custom}"}),),
)  # fmt: skip

_STAGES = Flow(
    STAGES, "Clio matters back to GoHighLevel opportunities",
    "What became of a matter shows at the opportunity it came from. Fill in the table of stages before you use it.",
    ("clio", "matters"), ("ghl", "opportunities"), "to_right",
    (
        line("status", "status", "to_right", "value_map",
             {"pairs": [["open", "won"], ["closed", "won"]], "otherwise": "keep"}, blank="keep"),
        line("matter_stage.id", "pipelineStageId", "to_right", "value_map", {"otherwise": "keep"}, blank="keep"),
    ),
    keys=({"by": "link", "flow": MATTERS},),
    rule="left",
)  # fmt: skip

_CLIENTS = Flow(
    CLIENTS, "Clio clients and Clockify clients",
    "Every client of the firm can be chosen in Clockify.",
    ("clio", "contacts"), ("clockify", "clients"), "to_right",
    (
        line("name", "name", "to_right", "template", {"text": "{name}", "longest": 100}, required=True),
        line("email", "email", "to_right", "email"),  # one way: GoHighLevel contacts write Clio's e-mail already
        line("address.street,address.city,address.province,address.postal_code", "address", "to_right", "template",
             {"text": "{address.street} {address.city} {address.province} {address.postal_code}", "longest": 3000},
             blank="keep"),
    ),
    keys=(
        {"by": "email", "left": "email", "right": "email"},
        {"by": "field", "left": "name", "right": "name"},
    ),
    filters=({"side": "left", "field": "is_client", "is": "in", "values": [True]},),
    options={"creates_right": True},
    rule="left",
)  # fmt: skip

_PROJECTS = Flow(
    PROJECTS, "Clio matters and Clockify projects",
    "An open matter gets a project of its client, so that time can be written on it; a closed one's is archived.",
    ("clio", "matters"), ("clockify", "projects"), "to_right",
    (
        line("display_number,description", "name", "to_right", "template",
             {"text": "{display_number} {description}", "longest": 250}, required=True),
        line("client.id", "clientId", "to_right", "linked", {"flow": CLIENTS, "side": "left"}),
        line("billable", "billable", "to_right", options=ONCE),
        line("status", "archived", "to_right", "value_map",
             {"pairs": [["open", False], ["pending", False], ["closed", True]], "otherwise": "keep"}, blank="keep"),
    ),
    keys=({"by": "field", "left": "display_number", "right": "name"},),
    filters=({"side": "left", "field": "status", "is": "in", "values": ["open"]},),
    options={"creates_right": True},
    rule="left",
)  # fmt: skip

_TIME = Flow(
    TIME, "Clockify time to Clio activities",
    "Time written in Clockify becomes time in Clio. What is billed is never touched, and a running timer waits.",
    ("clockify", "time_entries"), ("clio", "activities"), "to_right",
    (
        line("", "type", "to_right", "constant", {"value": "TimeEntry", **ONCE}, required=True),
        line("start", "date", "to_right", "date", required=True),
        line("seconds", "quantity", "to_right", "duration", required=True),
        line("description", "note", "to_right"),
        line("billable", "non_billable", "to_right", "not", blank="keep"),
        line("userId", "user.id", "to_right", "same", {"otherwise": "wait"}, required=True),
        line("projectId,description", "matter.id", "to_right", "matter_of_time", {"otherwise": "wait"}, required=True),
        line("id", "reference", "to_right", options=ONCE),  # as it is, so that the match key finds it again
    ),
    keys=({"by": "field", "left": "id", "right": "reference"},),
    filters=(
        {"side": "left", "field": "type", "is": "in", "values": ["REGULAR"]},
        {"side": "left", "field": "running", "is": "in", "values": [False]},
    ),
    options={"creates_right": True, "deletes_right": True},
    rule="left",
)  # fmt: skip

_PAYERS = Flow(
    PAYERS, "Stripe customers and Clio contacts",
    "Who pays through Stripe is linked with the firm's contact, by e-mail, else by name and a second fact.",
    ("stripe", "customers"), ("clio", "contacts"), "link",
    (),
    keys=(
        {"by": "email", "left": "email", "right": "email,other_emails"},
        {"by": "name", "left": "name", "right": "name", "with": [
            ["email", "email"], ["phone", "phone"], ["address.line1", "address.street"],
            ["address.postal_code", "address.postal_code"],
        ]},
    ),
)  # fmt: skip

FLOWS = {flow.key: flow for flow in (_CONTACTS, _MATTERS, _STAGES, _CLIENTS, _PROJECTS, _TIME, _PAYERS)}
