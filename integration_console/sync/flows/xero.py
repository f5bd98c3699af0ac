"""The ready mappings to Xero: the firm's clients and its bills."""

from __future__ import annotations

from .flow import ONCE, Flow, line

XERO_CONTACTS, XERO_INVOICES = "clio_contacts_xero_contacts", "clio_bills_xero_invoices"
WHO = "Name,FirstName,LastName"

_CONTACTS = Flow(
    XERO_CONTACTS, "Clio contacts and Xero contacts",
    "Clients of the firm are Xero's contacts, and who is invoiced in Xero is a contact in Clio. Who is there already "
    "is matched, and never made twice.",
    ("clio", "contacts"), ("xero", "contacts"), "both",
    (
        line("type", WHO, "to_left", "person_or_company", ONCE, required=True),
        line("name,type", WHO, transform="whole_name", required=True),
        line("first_name", "FirstName", transform="trim"),
        line("last_name", "LastName", transform="trim"),
        line("email", "EmailAddress", transform="email"),
        line("phone", "Phone", transform="phone"),
        line("address.street", "Address.AddressLine1"),
        line("address.city", "Address.City"),
        line("address.province", "Address.Region"),
        line("address.postal_code", "Address.PostalCode"),
        line("address.country", "Address.Country"),
    ),
    keys=(
        {"by": "email", "left": "email,other_emails", "right": "EmailAddress"},
        {"by": "phone", "left": "phone,other_phones", "right": "Phone,OtherPhones"},
        {"by": "name", "left": "name", "right": "Name", "with": [
            ["email", "EmailAddress"], ["phone", "Phone"], ["address.street", "Address.AddressLine1"],
            ["address.postal_code", "Address.PostalCode"],
        ]},
    ),
    filters=(
        {"side": "left", "field": "is_client", "is": "in", "values": [True]},
        {"side": "right", "field": "IsCustomer", "is": "in", "values": [True]},
        {"side": "right", "field": "ContactStatus", "is": "in", "values": ["ACTIVE"]},
    ),
    options={"creates_right": True, "creates_left": True},
)  # fmt: skip

_INVOICES = Flow(
    XERO_INVOICES, "Clio bills to Xero invoices",
    "A bill that awaits payment becomes a draft invoice of the linked contact, under the bill's number and with its "
    "lines. A draft or an unpaid invoice follows its bill; what is paid is never touched. Set the account the lines go "
    "to, and the tax, before you use it.",
    ("clio", "bills"), ("xero", "invoices"), "to_right",
    (
        line("number", "InvoiceNumber", "to_right", options=ONCE, required=True),
        line("client.id", "Contact.ContactID", "to_right", "linked", {"flow": XERO_CONTACTS, "side": "left"},
             required=True),
        line("issued_at", "Date", "to_right", "date", blank="keep"),
        line("due_at", "DueDate", "to_right", "date", blank="keep"),
        line("id,total,state,kind,updated_at", "Lines", "to_right", "bill_lines", required=True),
        line("subject", "Reference", "to_right", "template", {"text": "{subject}", "longest": 255}, blank="keep"),
        line("currency.code", "CurrencyCode", "to_right", options=ONCE, blank="keep"),
        line("", "Status", "to_right", "constant", {"value": "DRAFT", **ONCE}),
        line("", "LineAmountTypes", "to_right", "constant", {"value": "NoTax", **ONCE}),
        line("", "Line.AccountCode", "to_right", "constant", {"value": "200", **ONCE}),
    ),
    keys=({"by": "field", "left": "number", "right": "InvoiceNumber"},),
    filters=(
        {"side": "left", "field": "state", "is": "in", "values": ["awaiting_payment"]},
        {"side": "left", "field": "kind", "is": "not in", "values": ["trust_kind"]},
    ),
    options={"creates_right": True},
    rule="left",
)  # fmt: skip

XERO_MAPPINGS = (_CONTACTS, _INVOICES)
