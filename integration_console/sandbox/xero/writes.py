"""Writing at Xero: contacts and invoices, with its checks, its two ways of refusing, and its memory for repeats."""

import hashlib
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from ..server import Answer, Request, on
from .chart import TAX_RATES
from .documents import added_up, cents
from .lists import priced

KEY_LONGEST = 128
NOBODY = "00000000-0000-0000-0000-000000000000"
KEY_LIFE_S = 360.0
NOT_EDITABLE = ("PAID", "VOIDED", "DELETED")
READ_ONLY = (
    "SubTotal", "TotalTax", "Total", "AmountDue", "AmountPaid", "AmountCredited", "UpdatedDateUTC", "DateString",
    "DueDateString", "FullyPaidOnDate", "Payments", "CreditNotes", "IsCustomer", "IsSupplier",
)  # fmt: skip


LONGEST = {
    "Name": 255, "FirstName": 255, "LastName": 255, "EmailAddress": 255, "ContactNumber": 50, "AccountNumber": 50,
    "TaxNumber": 50, "InvoiceNumber": 255, "Reference": 255, "AddressLine1": 500, "AddressLine2": 500, "City": 255,
    "Region": 255, "PostalCode": 50, "Country": 50, "PhoneNumber": 50, "Description": 4000,
}  # fmt: skip


class Refused(Exception):
    """What is wrong with one element."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(sentences[0])
        self.sentences = sentences


class XeroWrites:
    """Mixed into the stand-in, which knows the organisations' books."""

    book_of: Callable
    number_in: Callable
    keep: Callable
    envelope: Callable
    next_line: Callable

    def open_writes(self) -> None:
        self.repeats: dict[tuple, tuple[float, str, Answer]] = {}

    @on("PUT", "/Contacts")
    def make_contacts(self, request: Request) -> Answer:
        return self._written(request, "Contacts", self._make_contact)

    @on("POST", "/Contacts")
    def save_contacts(self, request: Request) -> Answer:
        return self._written(request, "Contacts", self._save_contact)

    @on("POST", "/Contacts/{id}")
    def change_contact(self, request: Request) -> Answer:
        return self._written(request, "Contacts", self._save_contact, request.params["id"])

    @on("PUT", "/Invoices")
    def make_invoices(self, request: Request) -> Answer:
        return self._written(request, "Invoices", self._make_invoice)

    @on("POST", "/Invoices")
    def save_invoices(self, request: Request) -> Answer:
        return self._written(request, "Invoices", self._save_invoice)

    @on("POST", "/Invoices/{id}")
    def change_invoice(self, request: Request) -> Answer:
        return self._written(request, "Invoices", self._save_invoice, request.params["id"])

    # One request

    def _written(self, request: Request, noun: str, save, external_id: str | None = None) -> Answer:
        key = request.headers.get("Idempotency-Key")
        if key is not None and len(key) > KEY_LONGEST:
            return refusal("PostDataInvalidException", f"The Idempotency-Key is longer than {KEY_LONGEST} characters")
        known = (request.headers["xero-tenant-id"], key)
        said = hashlib.sha256(f"{request.method} {request.path} ".encode() + request.body).hexdigest()
        if key and known in self.repeats:
            at, before, answer = self.repeats[known]
            if time.time() - at < KEY_LIFE_S:
                if before != said:
                    return refusal("PostDataInvalidException", "This Idempotency-Key was used for another request")
                return Answer(answer.status, answer.body, dict(answer.headers))
        answer = self._now_written(request, noun, save, external_id)
        if key:
            self.repeats[known] = (time.time(), said, Answer(answer.status, answer.body, dict(answer.headers)))
        return answer

    def _now_written(self, request: Request, noun: str, save, external_id: str | None) -> Answer:
        sent = request.json()
        elements = sent.get(noun, [sent] if sent else [])
        if not isinstance(elements, list) or not elements or not all(isinstance(one, dict) for one in elements):
            return refusal("PostDataInvalidException", "No element to be saved was sent")
        book, done, wrong = self.book_of(request), [], False
        say_each = (request.one("summarizeErrors") or "true").lower() == "false"
        if external_id is not None and self.number_in(book, noun, external_id) is None:
            return Answer(404, "The resource you're looking for cannot be found", {"Content-Type": "text/html"})
        for element in elements[: 1 if external_id else None]:
            id_name = "ContactID" if noun == "Contacts" else "InvoiceID"
            element = {**element, **({id_name: external_id} if external_id else {})}
            try:
                _must_fit(element)
                kept = save(book, priced(element, request))
                done.append({**priced(kept, request), "StatusAttributeString": "OK"})
            except Refused as error:
                wrong = True
                errors = [{"Message": sentence} for sentence in error.sentences]
                said = {"StatusAttributeString": "ERROR", "HasErrors": True, "ValidationErrors": errors}
                done.append({id_name: NOBODY, **element, **said})
        if wrong and not say_each:
            return Answer(400, {"ErrorNumber": 10, "Type": "ValidationException",
                                "Message": "A validation exception occurred", "Elements": done})  # fmt: skip
        return Answer(200, {**self.envelope(), noun: done})

    # Contacts

    def _make_contact(self, book, sent: dict) -> dict:
        return self._keep_contact(book, None, sent)

    def _save_contact(self, book, sent: dict) -> dict:
        number = self.number_in(book, "Contacts", sent.get("ContactID"))
        if number is None and sent.get("ContactID"):
            raise Refused("The contact with that ContactID could not be found")
        if number is None and sent.get("Name"):
            number = self._contact_named(book, sent["Name"])
        return self._keep_contact(book, number, sent)

    def _keep_contact(self, book, number: int | None, sent: dict) -> dict:
        shelf = book.shelves["contacts"]
        before = shelf.get(number) if number else None
        name = str(sent.get("Name", (before or {}).get("Name")) or "").strip()
        if not name:
            raise Refused("The Contact Name must be specified.")
        twin = self._contact_named(book, name)
        if twin is not None and twin != number:
            raise Refused(f"The contact name {name} is already assigned to another contact. The contact name must be "
                          "unique across all active contacts.")  # fmt: skip
        if (email := sent.get("EmailAddress")) and ("@" not in email or " " in email):
            raise Refused("Email address must be valid.")
        blank = {"ContactStatus": "ACTIVE", "FirstName": "", "LastName": "", "EmailAddress": "", "IsSupplier": False,
                 "IsCustomer": False, "Phones": [], "Addresses": [], "ContactGroups": [], "ContactPersons": [],
                 "HasAttachments": False}  # fmt: skip
        kept = {key: value for key, value in sent.items() if key not in (*READ_ONLY, "ContactID")}
        record = {**blank, **(before or {}), **kept, "Name": name}
        for lists, kind in (("Phones", "PhoneType"), ("Addresses", "AddressType")):
            if lists in sent:
                named = {one.get(kind) for one in sent[lists]}
                others = [one for one in (before or {}).get(lists, ()) if one.get(kind) not in named]
                record[lists] = [*others, *sent[lists]]
        return self.keep(book, "contacts", number, record)

    def _contact_named(self, book, name: str) -> int | None:
        wanted, shelf = str(name).strip().casefold(), book.shelves["contacts"]
        names = shelf.grouped("name", lambda number: shelf.get(number)["Name"].strip().casefold())
        in_use = (one for one in names.get(wanted, ()) if shelf.get(one)["ContactStatus"] == "ACTIVE")
        return next(in_use, None)

    # Invoices

    def _make_invoice(self, book, sent: dict) -> dict:
        if sent.get("InvoiceID"):
            raise Refused("An invoice that is to be made has no InvoiceID")
        return self._keep_invoice(book, None, sent)

    def _save_invoice(self, book, sent: dict) -> dict:
        number = self.number_in(book, "Invoices", sent.get("InvoiceID"))
        if number is None and sent.get("InvoiceNumber") and sent.get("Type") == "ACCREC":
            number = self._invoice_numbered(book, sent["InvoiceNumber"])
        return self._keep_invoice(book, number, sent)

    def _keep_invoice(self, book, number: int | None, sent: dict) -> dict:
        before = book.shelves["invoices"].get(number) if number else None
        if before and before["Status"] in NOT_EDITABLE:
            raise Refused("Invoice not of valid status for modification")
        if (
            before
            and (before["AmountPaid"] or before["AmountCredited"])
            and sent.keys() - {"InvoiceID", "DueDate", "SentToContact"}
        ):
            raise Refused("Invoice not of valid status for modification: it has payments")
        blank = {"Type": sent.get("Type"), "Status": "DRAFT", "LineAmountTypes": "Exclusive", "Reference": "",
                 "CurrencyCode": book.records.currency, "CurrencyRate": 1.0, "HasAttachments": False,
                 "SentToContact": False, "Date": datetime.now(UTC).date().isoformat()}  # fmt: skip
        kept = {key: value for key, value in sent.items() if key not in (*READ_ONLY, "InvoiceID")}
        kept |= {name: day_of(kept[name]) for name in ("Date", "DueDate") if kept.get(name)}
        record = {**blank, **(before or {}), **kept}
        if not before and not record.get("InvoiceNumber"):
            record["InvoiceNumber"] = f"INV-{9000 + len(book.shelves['invoices'].added_at):05d}"
        self._check_invoice(book, number, record)
        record["Contact"] = {"ContactID": self._contact_of(book, record)}
        off = {one["LineItemID"]: one.get("DiscountRate") for one in (before or {}).get("LineItems", ())}
        record["LineItems"] = [  # a discount that is not spoken of stays
            self._line(book, record, {"DiscountRate": off.get(one.get("LineItemID")), **one})
            for one in record["LineItems"]
        ]
        return self.keep(book, "invoices", number, added_up(record))

    def _check_invoice(self, book, number: int | None, record: dict) -> None:
        wrong = []
        if record["Type"] != "ACCREC":
            wrong.append("The sandbox takes invoices of type ACCREC only")
        twin = self._invoice_numbered(book, record.get("InvoiceNumber"))
        if twin is not None and twin != number:
            wrong.append("Invoice # must be unique.")
        if not isinstance(record.get("LineItems"), list) or not record["LineItems"]:
            wrong.append("One or more line items must be specified")
        if record["Status"] not in ("DRAFT", "SUBMITTED", "AUTHORISED", "VOIDED", "DELETED"):
            wrong.append(f"The status {record['Status']} is not valid")
        if book.lock_date and record.get("Date", "") <= book.lock_date:
            day = date.fromisoformat(book.lock_date).strftime("%d-%b-%Y")
            wrong.append(f"The document date cannot be before the end of year lock date, currently set at {day}")
        if record["CurrencyCode"] not in book.currencies:
            wrong.append(f"Organisation is not subscribed to currency {record['CurrencyCode']}")
        if record["Status"] == "AUTHORISED" and not (record.get("Date") and record.get("DueDate")):
            wrong.append("Due Date cannot be empty")
        if wrong:
            raise Refused(*wrong)

    def _contact_of(self, book, record: dict) -> str:
        told = record.get("Contact") or {}
        number = self.number_in(book, "Contacts", told.get("ContactID"))
        if number is None and told.get("Name"):
            number = self._contact_named(book, told["Name"])
        if number is None:
            raise Refused("A Contact must be specified for this type of transaction: the contact could not be found")
        if book.shelves["contacts"].get(number)["ContactStatus"] != "ACTIVE":
            raise Refused("The Contact with that ContactID is archived")
        return book.records.id("contacts", number)

    def _line(self, book, record: dict, sent: dict) -> dict:
        if not str(sent.get("Description") or "").strip():
            raise Refused("Description cannot be empty for a line item")
        code, codes = sent.get("AccountCode"), {account["Code"] for account in book.accounts}
        if code and code not in codes:
            raise Refused(f"Account code '{code}' is not a valid code for this document.")
        if not code and record["Status"] == "AUTHORISED":
            raise Refused("Account code must be specified")
        tax = sent.get("TaxType") or "NONE"
        rate = next((rate for kind, _, rate in TAX_RATES if kind == tax), None)
        if rate is None:
            raise Refused(f"TaxType code '{tax}' does not exist or cannot be used for this type of transaction.")
        share = (100 - float(sent.get("DiscountRate") or 0)) / 100
        amount = cents(float(sent.get("Quantity", 1)) * float(sent.get("UnitAmount", 0)) * share)
        if "LineAmount" in sent and cents(float(sent["LineAmount"])) != amount:
            raise Refused(f"The line total {sent['LineAmount']} does not match the expected line total {amount}")
        no_tax = record["LineAmountTypes"] == "NoTax"
        return {
            "LineItemID": sent.get("LineItemID") or book.records.id("lines", 9_000_000 + self.next_line()),
            "Description": sent["Description"],
            "Quantity": float(sent.get("Quantity", 1)),
            "UnitAmount": float(sent.get("UnitAmount", 0)),
            **({"AccountCode": code} if code else {}),
            "TaxType": "NONE" if no_tax else tax,
            "TaxAmount": 0.0 if no_tax else cents(amount * rate / 100),
            "LineAmount": amount,
            **({"DiscountRate": float(sent["DiscountRate"])} if sent.get("DiscountRate") else {}),
            "Tracking": sent.get("Tracking") or [],
        }

    def _invoice_numbered(self, book, name) -> int | None:
        if not name:
            return None
        shelf = book.shelves["invoices"]
        numbers = shelf.grouped("number", lambda number: str(shelf.get(number)["InvoiceNumber"]).casefold())
        return next(iter(numbers.get(str(name).casefold(), ())), None)


def _must_fit(sent: dict) -> None:
    """Raises Refused for a text that is too long, wherever it lies."""
    for name, value in sent.items():
        if isinstance(value, str) and len(value) > LONGEST.get(name, len(value)):
            raise Refused(f"The value for {name} exceeds its maximum length of {LONGEST[name]}")
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                _must_fit(one)


def day_of(sent: str) -> str:
    """A day from either form Xero takes."""
    if found := re.fullmatch(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/", sent):
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC).date().isoformat()
    try:
        return datetime.fromisoformat(sent).date().isoformat()
    except ValueError:
        raise Refused(f"{sent} is not a valid date") from None


def refusal(kind: str, message: str) -> Answer:
    return Answer(400, {"ErrorNumber": 10, "Type": kind, "Message": message, "Elements": []})
