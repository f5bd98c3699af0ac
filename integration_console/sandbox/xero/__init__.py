"""Xero: two organisations' contacts, invoices, bills and bank transactions.

Source: GitHub XeroAPI/Xero-OpenAPI (2026-07-13, version 16.1.0); developer.xero.com on limits, errors and dates.
"""

import random
import threading
import time
from itertools import count
from uuid import uuid4

from ..limits import Room, Windows
from ..server import Answer, Request, Upstream, on
from ..shelf import Shelf
from .hooks import XeroHooks
from .lists import BadQuery, condition, fits_lists, page_of, since, sorter, summary
from .oauth import XeroSignIn
from .records import XeroRecords, dressed, number_of, ticks
from .writes import XeroWrites, refusal

DAY_S = 86_400.0
AT_ONCE = 5
APP_MINUTE = 10_000
SHELVES = {
    "contacts": "contact",
    "invoices": "invoice",
    "bills": "bill",
    "bank_transactions": "bank_transaction",
}
NOUNS = {"Contacts": "contacts", "Invoices": "invoices", "BankTransactions": "bank_transactions"}
ORDERS = {
    "Contacts": ("ContactID", "Name", "UpdatedDateUTC"),
    "Invoices": ("InvoiceID", "InvoiceNumber", "Date", "DueDate", "UpdatedDateUTC"),
    "BankTransactions": ("BankTransactionID", "Date", "UpdatedDateUTC"),
}


class Book:
    """One organisation's books."""

    def __init__(self, firm, tenant: int) -> None:
        self.records = XeroRecords(firm, tenant)
        self.tenant_id, self.name = self.records.tenant_id, self.records.name
        self.connection_id = f"c0ffee{tenant:02d}-5a9d-4b0c-8a9d-b0c55a9db0c5"
        self.shelves = {
            name: Shelf(self.records.counts[name], getattr(self.records, maker), changed_at=self._clock(name))
            for name, maker in SHELVES.items()
        }
        self.accounts = [self.records.account(number) for number in range(1, self.records.counts["accounts"] + 1)]

    def _clock(self, name: str):
        return lambda number: self.records.changed_at(name, number)

    def number(self, resource: str, name) -> int:
        return number_of(self.records.tenant, resource, name)


class Xero(XeroSignIn, XeroHooks, XeroWrites, Upstream):
    key = "xero"
    usual_port = 8107
    prefix = "/api.xro/2.0"
    real_limits = (60, 60.0)
    odd_dates = False  # Xero's own client cannot read them in every field

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        self.tenants = [Book(firm, 1), Book(firm, 2)]
        self.tenant_id = self.tenants[0].tenant_id
        self.shelves = dict(self.tenants[0].shelves)
        self.daily_limit = 5_000
        self._days, self._lines = Windows("sliding"), count(1)
        self._under_way: dict[str, int] = {}
        self._counting = threading.Lock()
        self.open_sign_in()
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
            book, id_name = self.tenants[0], _id_name(resource)
            number = book.number(resource, record[id_name]) if record.get(id_name) else None
            before = book.shelves[resource].get(number) if number else None
            return self.keep(book, resource, number, {**(before or self._blank(book, resource)), **record})

    def _blank(self, book: Book, resource: str) -> dict:
        like = getattr(book.records, SHELVES[resource])(1)
        return {name: value for name, value in like.items() if name != _id_name(resource)}

    def stir(self) -> None:
        """A customer pays, a bookkeeper writes a bill, somebody moves house."""
        chance, (book, _) = random.Random(), self.tenants
        contact = book.records.id("contacts", chance.randint(1, 200))
        self.put("contacts", {"ContactID": contact, "AccountNumber": f"A-{chance.randint(100, 999)}"})
        invoice = book.shelves["invoices"].get(chance.randint(1, 250))
        if invoice and invoice["Status"] == "AUTHORISED":
            self.put("invoices", {"InvoiceID": invoice["InvoiceID"], "Status": "PAID", "AmountDue": 0.0,
                                  "AmountPaid": invoice["Total"], "FullyPaidOnDate": self.firm.day(0)})  # fmt: skip
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
        return Answer(200, {**self.envelope(), **({"pagination": told} if told else {}), noun: records})

    def _one(self, request: Request, noun: str, names: list[str]) -> Answer:
        book = self.book_of(request)
        for name in names:
            if record := self._shown(book, name, book.number(name, request.params["id"])):
                return Answer(200, {**self.envelope(), noun: [record]})
        return _not_there()

    def _shown(self, book: Book, resource: str, number: int) -> dict | None:
        """A record as Xero shows it: dates in ticks, its contact by name."""
        record = book.shelves[resource].get(number)
        if record is None:
            return None
        if told := record.get("Contact"):
            contact = book.shelves["contacts"].get(book.number("contacts", told["ContactID"]))
            record = {**record, "Contact": {**told, "Name": contact["Name"] if contact else "?"}}
        offset = "+0000" if book.records.tenant == 1 else "+1300"
        shown = dressed(record, book.shelves[resource].changed_at(number), number, offset, odd=self.odd_dates)
        marks = {"contacts": {"HasValidationErrors": False}, "invoices": {"HasErrors": False}}
        return {**shown, **marks.get(resource, {})}

    # What writing needs

    def book_of(self, request: Request) -> Book:
        return next(book for book in self.tenants if book.tenant_id == request.headers["xero-tenant-id"])

    def number_in(self, book: Book, noun: str, external_id) -> int | None:
        """The number of a record that is there."""
        number = book.number(NOUNS[noun], external_id) if external_id else 0
        return number if book.shelves[NOUNS[noun]].get(number) else None

    def keep(self, book: Book, resource: str, number: int | None, record: dict) -> dict:
        number = book.shelves[resource].put(number, record)
        record = {**record, _id_name(resource): book.records.id(resource, number)}
        book.shelves[resource].edited[number] = record
        return self._shown(book, resource, number) or {}

    def next_line(self) -> int:
        return next(self._lines)

    def envelope(self) -> dict:
        return {"Id": str(uuid4()), "Status": "OK", "ProviderName": "Sandbox", "DateTimeUTC": ticks(time.time())}

    # Who may come in, and how fast

    def short_path(self, request: Request) -> str:
        """The API lies under its prefix; identity, tokens and connections lie beside it."""
        if request.path.startswith(f"{self.prefix}/"):
            return request.path.removeprefix(self.prefix)
        beside = ("/connections", "/Connections", "/connect/", "/identity/")
        return request.path if request.path.startswith(beside) else f"//{request.path}"

    def answer(self, request: Request) -> Answer:
        """No more than five calls of one organisation at the same time."""
        tenant = request.headers.get("xero-tenant-id") if request.path.startswith(self.prefix) else None
        if tenant is None:
            return super().answer(request)
        with self._counting:
            self._under_way[tenant] = self._under_way.get(tenant, 0) + 1
            too_many = self._under_way[tenant] > AT_ONCE
        try:
            return _too_fast("concurrent", 1) if too_many else super().answer(request)
        finally:
            with self._counting:
                self._under_way[tenant] -= 1

    def gate(self, request: Request) -> Answer | None:
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not self.is_alive(token):
            return _unauthorized(401, "Unauthorized", "TokenExpired" if token else "AuthenticationUnsuccessful")
        request.holder = token
        path = self.short_path(request)
        if path.lower().startswith("/connections"):
            return None
        tenant = request.headers.get("xero-tenant-id")
        if tenant not in [book.tenant_id for book in self.tenants_of(token)]:
            return _unauthorized(403, "Forbidden", "AuthenticationUnsuccessful")
        if not self.may(token, path.split("/")[1], request.method):
            return _unauthorized(401, "Unauthorized", "AuthorizationUnsuccessful", scope=True)
        return self._count(request, str(tenant))

    def _count(self, request: Request, tenant: str) -> Answer | None:
        limit, per_s = self.limits
        request.day = self._days.take(tenant, self.daily_limit, DAY_S)
        if request.day.refused:
            return _too_fast("day", request.day.wait_s)
        request.room = self.windows.take(tenant, int(limit), float(per_s))
        if request.room.refused:
            return _too_fast("minute", request.room.wait_s)
        return _xml(request)

    def adorn(self, request: Request, answer: Answer) -> None:
        told: dict[str, Room | None] = {"X-MinLimit-Remaining": request.room, "X-DayLimit-Remaining": request.day}
        for name, room in told.items():
            if room is not None:
                answer.headers[name] = room.remaining
        if request.day is not None:
            answer.headers["X-AppMinLimit-Remaining"] = APP_MINUTE - 1
            answer.headers["Xero-Correlation-Id"] = str(uuid4())

    def unknown_path(self, request: Request) -> Answer:
        return _not_there()

    def wrong_method(self, request: Request, allowed: list[str]) -> Answer:
        return Answer(405, {"Title": "MethodNotAllowed", "Status": 405, "Detail": f"Allowed: {', '.join(allowed)}"})

    def _control_daily_limit(self, request, sent):
        self.daily_limit = int(sent["calls"])
        return {"calls": self.daily_limit}

    def _control_disconnect(self, request, sent):
        self.disconnect(sent["tenant_id"])
        return {"disconnected": True}


def _id_name(resource: str) -> str:
    return {"contacts": "ContactID", "bank_transactions": "BankTransactionID"}.get(resource, "InvoiceID")


def _is_archived(record: dict) -> bool:
    return record.get("ContactStatus") == "ARCHIVED"


def _not_there() -> Answer:
    return Answer(404, "The resource you're looking for cannot be found", {"Content-Type": "text/html"})


def _too_fast(problem: str, wait_s: int) -> Answer:
    return Answer(429, "", {"X-Rate-Limit-Problem": problem, "Retry-After": wait_s})


def _unauthorized(status: int, title: str, detail: str, *, scope: bool = False) -> Answer:
    said: dict = {"Type": None, "Title": title, "Status": status, "Detail": detail, "Instance": str(uuid4()),
            "Extensions": {}}  # fmt: skip
    return Answer(status, said, {"WWW-Authenticate": "insufficient_scope"} if scope else {})


def _xml(request: Request) -> Answer | None:
    """Without the word JSON in Accept, Xero speaks XML."""
    if "json" in (request.headers.get("Accept") or ""):
        return None
    return Answer(200, "<Response><Status>OK</Status></Response>", {"Content-Type": "text/xml; charset=utf-8"})


STAND_IN = Xero
