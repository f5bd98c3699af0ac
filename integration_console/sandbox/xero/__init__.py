"""Xero: two organisations' contacts, invoices, bills and bank transactions.

Source: GitHub XeroAPI/Xero-OpenAPI (2026-07-13, version 16.1.0); developer.xero.com on limits, errors and dates.
"""

import random
import time
from uuid import uuid4

from ..server import Answer, Request, Upstream, on
from .book import Book, id_name
from .documents import added_up
from .door import XeroDoor
from .hooks import XeroHooks
from .lists import BadQuery, condition, fits_lists, page_of, priced, since, sorter, summary
from .records import ticks
from .writes import XeroWrites, refusal

NOUNS = {"Contacts": "contacts", "Invoices": "invoices", "BankTransactions": "bank_transactions"}
ORDERS = {
    "Contacts": ("ContactID", "Name", "UpdatedDateUTC"),
    "Invoices": ("InvoiceID", "InvoiceNumber", "Date", "DueDate", "UpdatedDateUTC"),
    "BankTransactions": ("BankTransactionID", "Date", "UpdatedDateUTC"),
}


class Xero(XeroDoor, XeroHooks, XeroWrites, Upstream):
    key = "xero"
    usual_port = 8107
    prefix = "/api.xro/2.0"
    real_limits = (60, 60.0)
    remembered: tuple[str, ...] = ("_lines",)
    odd_dates = False  # Xero's own client cannot read them in every field

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        self.tenants = [Book(firm, 1), Book(firm, 2)]
        self.tenant_id = self.tenants[0].tenant_id
        self.shelves = dict(self.tenants[0].shelves)
        self._lines = 0
        self.open_door()
        self.open_writes()
        self.open_hooks()

    # For a test

    def facts(self) -> dict:
        return {"tenant_id": self.tenant_id, "webhook_secret": self.webhook_key, **self.door()}

    def ledger(self, tenant: int = 1) -> dict[str, int]:
        """How many records of each resource the first organisation holds, or the other."""
        with self.lock:
            book = self.tenants[tenant - 1]
            held = {name: len(shelf) for name, shelf in book.shelves.items()}
            shelf = book.shelves["bank_transactions"]
            spent = sum(shelf.get(number)["Type"] == "SPEND" for number in shelf.numbers())
            told = {name: held[name] for name in ("contacts", "invoices", "bank_transactions")}
            return {**told, "expenses": held["bills"] + spent, "ledger_accounts": len(book.accounts)}

    def every_shelf(self) -> dict:
        return {f"{book.tenant_id}/{name}": shelf for book in self.tenants for name, shelf in book.shelves.items()}

    def number(self, resource: str, name) -> int:
        return self.tenants[0].number(resource, name)

    def get(self, resource: str, name) -> dict | None:
        return self._shown(self.tenants[0], resource, self.number(resource, name))

    def record(self, resource: str, number) -> dict | None:
        with self.lock:
            return self.get(resource, number)

    def put(self, resource: str, record: dict) -> dict:
        """Change or add a record of the first organisation, past all checks: somebody does it in Xero itself."""
        with self.lock:
            book, id_field = self.tenants[0], id_name(resource)
            number = book.number(resource, record[id_field]) if record.get(id_field) else None
            before = book.shelves[resource].get(number) if number else None
            return self.keep(book, resource, number, {**(before or book.blank(resource)), **record})

    def pay(self, invoice: str, amount: float) -> dict:
        """A payment of the first organisation's customer arrives."""
        return self._lessened(invoice, "AmountPaid", amount)

    def credit(self, invoice: str, amount: float) -> dict:
        """A credit note is put against an invoice."""
        return self._lessened(invoice, "AmountCredited", amount)

    def _lessened(self, invoice: str, name: str, amount: float) -> dict:
        with self.lock:
            there = self.tenants[0].shelves["invoices"].get(self.number("invoices", invoice)) or {}
            now = added_up({**there, name: there[name] + amount})
            return self.put("invoices", now if now["AmountDue"] else {**now, "Status": "PAID"})

    def stir(self) -> None:
        """A customer pays, a bookkeeper writes a bill, somebody moves house."""
        chance, (book, _) = random.Random(), self.tenants
        contact = book.records.id("contacts", chance.randint(1, 200))
        self.put("contacts", {"ContactID": contact, "AccountNumber": f"A-{chance.randint(100, 999)}"})
        invoice = book.shelves["invoices"].get(chance.randint(1, 250))
        if invoice and invoice["Status"] == "AUTHORISED":
            self.pay(invoice["InvoiceID"], invoice["AmountDue"])
            self.put("invoices", {"InvoiceID": invoice["InvoiceID"], "FullyPaidOnDate": self.firm.day(0)})
        self.put("bank_transactions", {"Type": "SPEND", "Reference": "Card", "Date": self.firm.day(0)})

    # Identity

    @on("GET", "/connections", "/Connections")
    def connections(self, request: Request) -> Answer:
        token = (request.headers.get("Authorization") or "").partition(" ")[2]
        stamp = "2026-03-02T18:46:19.5165400"
        return Answer(
            200,
            [
                {
                    "id": book.connection_id,
                    "authEventId": "0a7e0a7e-5a9d-4b0c-8a9d-b0c55a9db0c5",
                    "tenantId": book.tenant_id,
                    "tenantType": "ORGANISATION",
                    "tenantName": book.name,
                    "createdDateUtc": stamp,
                    "updatedDateUtc": stamp,
                }
                for book in self.tenants_of(token)
            ],
        )

    @on("DELETE", "/connections/{id}", "/Connections/{id}")
    def disconnected(self, request: Request) -> Answer:
        found = next((book for book in self.tenants if book.connection_id == request.params["id"]), None)
        if found is None:
            return Answer(404, "")
        self.disconnect(found.tenant_id)
        return Answer(204, "")

    # Lists and single records

    @on("GET", "/Contacts")
    def contacts(self, request: Request) -> Answer:
        return self._list(request, "Contacts", ["contacts"])

    @on("GET", "/Invoices")
    def invoices(self, request: Request) -> Answer:
        return self._list(request, "Invoices", ["invoices", "bills"])

    @on("GET", "/BankTransactions")
    def bank_transactions(self, request: Request) -> Answer:
        return self._list(request, "BankTransactions", ["bank_transactions"])

    @on("GET", "/Contacts/{id}")
    def contact(self, request: Request) -> Answer:
        return self._one(request, "Contacts", ["contacts"])

    @on("GET", "/Invoices/{id}")
    def invoice(self, request: Request) -> Answer:
        return self._one(request, "Invoices", ["invoices", "bills"])

    @on("GET", "/BankTransactions/{id}")
    def bank_transaction(self, request: Request) -> Answer:
        return self._one(request, "BankTransactions", ["bank_transactions"])

    @on("GET", "/Accounts")
    def accounts(self, request: Request) -> Answer:
        return Answer(200, {**self.envelope(), "Accounts": self.book_of(request).accounts})

    @on("GET", "/Accounts/{id}")
    def account(self, request: Request) -> Answer:
        found = [one for one in self.book_of(request).accounts if one["AccountID"] == request.params["id"]]
        return Answer(200, {**self.envelope(), "Accounts": found}) if found else _not_there()

    @on("GET", "/TaxRates")
    def tax_rates(self, request: Request) -> Answer:
        return Answer(200, {**self.envelope(), "TaxRates": self.book_of(request).records.tax_rates})

    @on("GET", "/Organisation")
    def organisation(self, request: Request) -> Answer:
        held = self.book_of(request).records.organisation
        shown = {**held, "CreatedDateUTC": ticks(held["CreatedDateUTC"])}
        return Answer(200, {**self.envelope(), "Organisations": [shown]})

    def _list(self, request: Request, noun: str, names: list[str]) -> Answer:
        book, after = self.book_of(request), since(request.headers.get("If-Modified-Since"))
        try:
            fits = condition(request.one("where"))
            key, backwards = sorter(request.one("order"), ORDERS[noun])
        except BadQuery as error:
            return refusal("QueryParseException", str(error))
        archived = (request.one("includeArchived") or "false").lower() == "true"
        found = []
        for name in names:
            shelf = book.shelves[name]
            for number in shelf.numbers():
                record = shelf.get(number) or {}
                if after is not None and int(shelf.changed_at(number)) < after:
                    continue
                if fits(record) and fits_lists(record, request) and (archived or not _is_archived(record)):
                    found.append((name, number, {**record, "UpdatedDateUTC": f"{shelf.changed_at(number):020.3f}"}))
        found.sort(key=lambda one: key(one[2]), reverse=backwards)
        shown, told = page_of(found, request)
        records = [self._shown(book, name, number) for name, number, _ in shown]
        if told is None and noun != "Contacts":
            records = [summary(record) for record in records if record]
        records = [priced(record, request) for record in records if record]
        return Answer(200, {**self.envelope(), **({"pagination": told} if told else {}), noun: records})

    def _one(self, request: Request, noun: str, names: list[str]) -> Answer:
        book = self.book_of(request)
        for name in names:
            if record := self._shown(book, name, book.number(name, request.params["id"])):
                return Answer(200, {**self.envelope(), noun: [priced(record, request)]})
        return _not_there()

    def _shown(self, book: Book, resource: str, number: int) -> dict | None:
        return book.shown(resource, number, odd=self.odd_dates)

    # What writing needs

    def book_of(self, request: Request) -> Book:
        return next(book for book in self.tenants if book.tenant_id == request.headers["xero-tenant-id"])

    def number_in(self, book: Book, noun: str, external_id) -> int | None:
        """The number of a record that is there."""
        number = book.number(NOUNS[noun], external_id) if external_id else 0
        return number if book.shelves[NOUNS[noun]].get(number) else None

    def keep(self, book: Book, resource: str, number: int | None, record: dict) -> dict:
        return self._shown(book, resource, book.keep(resource, number, record)) or {}

    def next_line(self) -> int:
        self._lines += 1
        return self._lines

    def envelope(self) -> dict:
        return {"Id": str(uuid4()), "Status": "OK", "ProviderName": "Sandbox", "DateTimeUTC": ticks(time.time())}

    def unknown_path(self, request: Request) -> Answer:
        return _not_there()

    def wrong_method(self, request: Request, allowed: list[str]) -> Answer:
        return Answer(405, {"Title": "MethodNotAllowed", "Status": 405, "Detail": f"Allowed: {', '.join(allowed)}"})

    def _control_disconnect(self, request, sent):
        self.disconnect(sent["tenant_id"])
        return {"disconnected": True}


def _is_archived(record: dict) -> bool:
    return record.get("ContactStatus") == "ARCHIVED"


def _not_there() -> Answer:
    return Answer(404, "The resource you're looking for cannot be found", {"Content-Type": "text/html"})


STAND_IN = Xero
