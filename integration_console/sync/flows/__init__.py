"""The ready mappings: what a firm most likely wants, shipped switched off. The side named first is the left one.

Lines are written as (left, right, direction, transform, options and the like). Lines for a custom field are left out
where the firm has none of a fitting name.
"""

from __future__ import annotations

from ..world import PROJECTS_FLOW
from .flow import ONCE, Custom, FindCustom, Flow, line
from .xero import XERO_CONTACTS, XERO_INVOICES, XERO_MAPPINGS

__all__ = [
    "CLIENTS", "CONTACTS", "FLOWS", "HIGHLEVEL_ID", "MATTERS", "ONCE", "OPPORTUNITY_ID", "PROJECTS",
    "QUICKBOOKS_CUSTOMERS", "QUICKBOOKS_INVOICES", "STAGES", "TAGS", "TIME", "XERO_CONTACTS", "XERO_INVOICES", "Custom",
    "FindCustom", "Flow", "line",
]  # fmt: skip

CONTACTS, MATTERS, STAGES = (
    "ghl_contacts_clio_contacts",
    "ghl_opportunities_clio_matters",
    "clio_matters_ghl_opportunities",
)
QUICKBOOKS_CUSTOMERS, QUICKBOOKS_INVOICES = "clio_contacts_quickbooks_customers", "clio_bills_quickbooks_invoices"
CLIENTS, PROJECTS, TIME = "clio_contacts_clockify_clients", PROJECTS_FLOW, "clockify_time_clio_activities"

PAYERS = "stripe_customers_clio_contacts"
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
    same_custom=True,
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
    "Every client of the firm can be chosen in Clockify, and what is corrected on one side shows on the other. A "
    "client who is only in Clockify is not made in Clio unless you say so.",
    ("clio", "contacts"), ("clockify", "clients"), "both",
    (
        # Clockify does not say who is a person: where its clients may be made in Clio, no name is guessed apart.
        line("type", "", "to_left", "constant", {"value": "Company", **ONCE}, required=True),
        line("name,type", "name", transform="one_name", options={"longest": 100}, required=True),
        line("email", "email", transform="email"),
        line("address.street,address.city,address.province,address.postal_code", "address", transform="address"),
    ),
    keys=(
        {"by": "email", "left": "email,other_emails", "right": "email"},
        {"by": "name", "left": "name", "right": "name", "with": [
            ["email", "email"], ["address.street", "address"],
            ["address.street,address.city,address.province,address.postal_code", "address"],
        ]},
        {"by": "field", "left": "name", "right": "name"},  # nothing else the same: a person is asked
    ),
    filters=({"side": "left", "field": "is_client", "is": "in", "values": [True]},),
    options={"creates_right": True},
    rule="left",
)  # fmt: skip

_PROJECTS = Flow(
    PROJECTS, "Clio matters and Clockify projects",
    "An open matter gets a project of its client, so that time can be written on it; a closed one's is archived. "
    "Whether it is billable is kept alike on both sides.",
    ("clio", "matters"), ("clockify", "projects"), "both",
    (
        line("display_number,description", "name", "to_right", "template",
             {"text": "{display_number} {description}", "longest": 250}, required=True),
        line("client.id", "clientId", "to_right", "linked", {"flow": CLIENTS, "side": "left"}),
        line("billable", "billable", blank="keep"),  # nothing else of a project may change a matter
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

# -- money ------------------------------------------------------------------------------------------------------------

CUSTOMER = "CompanyName,GivenName,FamilyName"

_QUICKBOOKS_CUSTOMERS = Flow(
    QUICKBOOKS_CUSTOMERS, "Clio contacts and QuickBooks customers",
    "Every client of the firm can be billed in QuickBooks. Who is a customer there already is matched, and what is "
    "corrected on one side shows on the other.",
    ("clio", "contacts"), ("quickbooks", "customers"), "both",
    (
        # The display name is one of a kind in QuickBooks, and the bookkeeper's own: it is given once.
        line("name", "DisplayName", "to_right", "template", {"text": "{name}", "longest": 100, **ONCE}, required=True),
        line("type", CUSTOMER, "to_left", "person_or_company", ONCE, required=True),
        line("first_name", "GivenName", transform="trim"),
        line("last_name", "FamilyName", transform="trim"),
        line("name,type", CUSTOMER, transform="company"),
        line("email", "PrimaryEmailAddr.Address", transform="email"),
        line("phone", "PrimaryPhone.FreeFormNumber", transform="phone"),
        line("address.street", "BillAddr.Line1"),
        line("address.city", "BillAddr.City"),
        line("address.province", "BillAddr.CountrySubDivisionCode"),
        line("address.postal_code", "BillAddr.PostalCode"),
        line("address.country", "BillAddr.Country"),
    ),
    keys=(
        {"by": "email", "left": "email,other_emails", "right": "PrimaryEmailAddr.Address"},
        {"by": "name", "left": "first_name,last_name", "right": "GivenName,FamilyName", "with": [
            ["phone", "PrimaryPhone.FreeFormNumber"], ["address.street", "BillAddr.Line1"],
            ["address.postal_code", "BillAddr.PostalCode"],
        ]},
        {"by": "field", "left": "name", "right": "DisplayName"},
    ),
    filters=(
        {"side": "left", "field": "is_client", "is": "in", "values": [True]},
        {"side": "right", "field": "Job", "is": "not in", "values": [True]},  # a job of a customer is nobody new
    ),
    options={"creates_right": True},
    rule="left",
)  # fmt: skip

_QUICKBOOKS_INVOICES = Flow(
    QUICKBOOKS_INVOICES, "Clio bills to QuickBooks invoices",
    "A bill that was sent becomes an invoice of the linked customer, line by line under its own number, and follows "
    "the bill until it is paid. Money for trust, and bills that do not add up, are left to people.",
    ("clio", "bills"), ("quickbooks", "invoices"), "to_right",
    (
        line("number", "DocNumber", "to_right", "trim", required=True),
        line("client.id", "CustomerRef.value", "to_right", "linked", {"flow": QUICKBOOKS_CUSTOMERS, "side": "left"},
             required=True),
        line("id,total,state,kind,updated_at", "lines", "to_right", "bill_lines", required=True),
        line("", "item", "to_right", "constant", {"value": "Services", **ONCE}, required=True),
        line("issued_at", "TxnDate", "to_right", "date", blank="keep"),
        line("due_at", "DueDate", "to_right", "date", blank="keep"),
        line("currency.code", "CurrencyRef.value", "to_right", options=ONCE, blank="keep"),
        line("subject", "CustomerMemo.value", "to_right"),
    ),
    keys=({"by": "field", "left": "number", "right": "DocNumber"},),
    filters=(
        {"side": "left", "field": "state", "is": "in", "values": ["awaiting_payment"]},
        {"side": "left", "field": "kind", "is": "not in", "values": ["trust_kind"]},
    ),
    options={"creates_right": True},
    rule="left",
)  # fmt: skip

EVERY = (_CONTACTS, _MATTERS, _STAGES, _CLIENTS, _PROJECTS, _TIME, _PAYERS, _QUICKBOOKS_CUSTOMERS, _QUICKBOOKS_INVOICES)
FLOWS = {flow.key: flow for flow in (*EVERY, *XERO_MAPPINGS)}
