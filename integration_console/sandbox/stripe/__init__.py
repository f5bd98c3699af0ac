"""Stripe: what a law firm takes in by card and by invoice, for one account.

Source: GitHub stripe/openapi (2026-08) and the official client 16.1.0 (API version 2026-10-28.endive). Lists are the
newest first; every change makes events; a POST with an Idempotency-Key happens once.
"""

import base64
import random
from binascii import Error as NotBase64
from itertools import count

from ..server import Answer, Request, on
from ..shelf import Shelf
from .invoices import StripeInvoices
from .lists import StripeLists
from .parts import id_of, number_of
from .records import StripeRecords
from .sign_in import StripeSignIn
from .wire import Refused, fault

MAKERS = {
    "customers": "customer",
    "invoices": "invoice",
    "payments": "payment",
    "charges": "charge",
    "subscriptions": "subscription",
    "invoice_items": "",
    "refunds": "",
    "credit_notes": "",
    "invoice_payments": "",
    "webhook_endpoints": "",
}


class Stripe(StripeSignIn, StripeLists, StripeInvoices):
    key = "stripe"
    usual_port = 8105
    real_limits = (25, 1.0)
    key_life_s = 86_400.0  # of an idempotency key: Stripe may forget it after that
    default_version = "2026-10-28.endive"  # of the account, where a call names none

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        records = StripeRecords(firm)
        makers = {resource: getattr(records, maker) if maker else _nothing for resource, maker in MAKERS.items()}
        for resource, make in makers.items():
            self.shelves[resource] = Shelf(records.counts[resource], make)
        self.account_id = records.account_id
        self.api_key = "rk_test_51SbxRestricted"
        self.first_answers: dict = {}
        self._key_works = True
        self._forbidden: set[str] = set()
        self._request_ids = count(1)
        self.open_sign_in()
        self.open_events(makers)

    # For a test

    def facts(self) -> dict:
        return {"api_key": self.api_key}

    def number(self, resource: str, name) -> int:
        return number_of(resource, name)

    def get(self, resource: str, name) -> dict | None:
        return self.shelves[resource].get(number_of(resource, name))

    def put(self, resource: str, record: dict) -> dict:
        """Change the record with that id, or add one like the newest there is."""
        with self.lock:
            if "id" in record:
                return self.save(
                    resource, number_of(resource, record["id"]), {**self.existing(resource, record["id"]), **record}
                )
            number, newest = self.next_number(resource), next(self.shelves[resource].numbers_down())
            return self.save(
                resource, number, {**self.shelves[resource].get(newest), **self.common(resource, number), **record}
            )

    def delete(self, resource: str, number) -> bool:
        with self.lock:
            record = self.shelves[resource].delete(number_of(resource, number))
            if record is not None:
                self.report(resource, record, record, gone=True)
            return record is not None

    def ledger(self) -> dict[str, int]:
        hidden = ("invoice_items", "refunds", "credit_notes", "invoice_payments", "webhook_endpoints")
        return {name: size for name, size in super().ledger().items() if name not in hidden}

    def forbid(self, *parts: str) -> None:
        """The restricted key loses its right to these: events, invoices, ..."""
        self._forbidden.update(parts)

    def revoke(self, token: str | None = None) -> None:
        super().revoke(token)
        if token in (None, self.api_key):
            self._key_works = False

    def stir(self) -> None:
        """Somebody pays, somebody moves, somebody new comes."""
        chance = random.Random()
        with self.lock:
            name = id_of("customers", chance.randint(1, 200))
            if self.get("customers", name):
                self.put("customers", {"id": name, "phone": f"+1510555{chance.randint(0, 9999):04d}"})
            self.put("customers", {"name": "Walk-in Client", "email": f"walkin{chance.randint(1, 10**6)}@example.com"})
            shelf = self.shelves["invoices"]
            due = [number for number, _ in zip(shelf.numbers_down(), range(40), strict=False)
                   if shelf.get(number)["status"] == "open"]  # fmt: skip
            if due:
                self.save("invoices", due[0], self.pay(shelf.get(due[0])))

    # The account

    @on("GET", "/v1/account")
    def account(self, request: Request) -> Answer:
        names = {"acct_1SbxPlatform": "Sandbox Platform", self.other_account_id: self.other_name}
        name = names.get(str(request.holder), self.firm.name)
        told = {
            "id": request.holder,
            "object": "account",
            "business_profile": {"name": name, "url": "https://ashby-okoye.example.com"},
            "charges_enabled": True,
            "country": "US",
            "created": int(self.firm.opened_s),
            "default_currency": "usd",
            "details_submitted": True,
            "email": "office@ashby-okoye.example.com",
            "metadata": {},
            "payouts_enabled": True,
            "settings": {"dashboard": {"display_name": name, "timezone": "America/Los_Angeles"}},
            "type": "standard",
        }
        return Answer(200, told)

    # Who may come in, and how fast

    def _find(self, request: Request) -> Answer:
        try:
            return super()._find(request)
        except Refused as refused:
            return refused.answer

    def gate(self, request: Request) -> Answer | None:
        key = _key_in(request)
        if not key:
            return fault(401, "You did not provide an API key.")
        acts_for = request.headers.get("Stripe-Account")
        is_platform = key == self.client_secret
        if not (is_platform or (key == self.api_key and self._key_works) or self.is_alive(key)):
            return fault(401, f"Invalid API Key provided: {key[:8]}****", code="api_key_invalid")
        limit, per_s = self.limits
        request.room = room = self.windows.take(self.account_id, int(limit), float(per_s))
        if room.refused:
            told = fault(429, "Request rate limit exceeded.", code="rate_limit")
            told.headers["Stripe-Rate-Limited-Reason"] = "global-rate"
            return told
        if acts_for and not (acts_for == self.account_id and is_platform):
            return fault(403, f"The provided key does not have access to account '{acts_for}'.", code="account_invalid")
        request.holder = acts_for or ("acct_1SbxPlatform" if is_platform else self.account_named(key))
        if request.method != "GET" and "read_only" in self.scopes_of(key):
            return fault(403, "The access that was granted is read_only.")
        part = self.short_path(request).split("/")[2] if self.short_path(request).count("/") > 1 else ""
        if key == self.api_key and part in self._forbidden:
            return fault(403, f"The provided key '{key[:8]}****' does not have the required permissions.")
        return None

    def next_request_id(self) -> str:
        return f"req_Sbx{next(self._request_ids):010d}"

    def adorn(self, request: Request, answer: Answer) -> None:
        answer.headers["Request-Id"] = self.next_request_id()
        answer.headers["Stripe-Version"] = request.headers.get("Stripe-Version") or self.default_version

    def unknown_path(self, request: Request) -> Answer:
        return fault(404, f"Unrecognized request URL ({request.method}: {request.path}).")


def _nothing(number: int) -> dict:
    return {}


def _key_in(request: Request) -> str:
    """As a bearer token, or as the user name of HTTP Basic."""
    scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return token if scheme.lower() == "bearer" else ""
    try:
        return base64.b64decode(token).decode().partition(":")[0]
    except (NotBase64, UnicodeDecodeError):
        return ""


STAND_IN = Stripe
