"""Clio Manage, as far as reading a firm needs it: its records, who may come in, and how fast.

Source: docs.developers.clio.com, its OpenAPI document of 2026-08-12, API version 4.0.13.
The pages of a list are in lists.py, writing is in writes.py, signing in in sign_in.py, webhooks are in hooks.py.
"""

import random
import re
import time
from itertools import islice

from ..oauth import OTHER
from ..server import Answer, Request, Upstream, on
from ..shelf import Shelf
from .fields import EMPTY, WITHOUT_CREATED_AT, InvalidFields, Selection, etag_of
from .hooks import ClioHooks
from .lists import ClioLists
from .money import ClioMoney
from .sign_in import ClioSignIn
from .writes import ClioWrites

MAKERS = {
    "activities": "activity",
    "activity_descriptions": "activity_description",
    "allocations": "allocation",
    "bank_accounts": "bank_account",
    "bank_transactions": "bank_transaction",
    "line_items": "line_item",
    "bills": "bill",
    "contacts": "contact",
    "credit_memos": "credit_memo",
    "currencies": "currency",
    "custom_fields": "custom_field",
    "expense_categories": "expense_category",
    "groups": "group",
    "interest_charges": "interest_charge",
    "matter_stages": "matter_stage",
    "matters": "matter",
    "notes": "note",
    "practice_areas": "practice_area",
    "tasks": "task",
    "trust_line_items": "trust_line_item",
    "users": "user",
}
# There is no GET of one of these.
ONLY_LISTED = ("line_items", "interest_charges", "currencies", "matter_stages", "trust_line_items")
DEFAULT_VERSION = "4.0.13"


class Clio(ClioSignIn, ClioHooks, ClioLists, ClioWrites, Upstream):
    key = "clio"
    usual_port = 8101
    prefix = "/api/v4"
    real_limits = (50, 60.0)

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        records = ClioMoney(firm)
        self.values = records
        for resource, maker in MAKERS.items():
            count = records.counts[resource]
            self.shelves[resource] = Shelf(count, getattr(records, maker), **_clock(firm, resource, count))
        self._known: dict[str, set] = {}
        self.open_sign_in()
        self.open_hooks()

    def short_path(self, request: Request) -> str:
        return super().short_path(request).removesuffix(".json")

    # Lists and single records

    @on("GET", "/users/who_am_i")
    def who_am_i(self, request: Request) -> Answer:
        if self.account_of(request.holder) == OTHER:
            account = {"id": 990099, "name": self.other_name}
            return Answer(200, {"data": {"id": 9, "name": "Kim Other", "account": account}})
        return self._shown("users", 1, request)

    @on("GET", "/{resource}")
    def index(self, request: Request) -> Answer:
        resource = request.params["resource"]
        if resource not in self.shelves:
            return self.unknown_path(request)
        try:
            selection = Selection(self, resource, request.one("fields"))
            numbers, meta = self.page_of(resource, request)
        except InvalidFields as error:
            return refusal(400, "InvalidFields", str(error))
        except ValueError as error:
            return refusal(400, "ArgumentError", str(error))
        shown = [selection.cut(self.existing(resource, number)) for number in numbers]
        return Answer(200, {"data": shown, "meta": meta})

    @on("GET", "/{resource}/{number}")
    def show(self, request: Request) -> Answer:
        resource, number = request.params["resource"], request.params["number"]
        if resource not in self.shelves or resource in ONLY_LISTED or not number.isdigit():
            return self.unknown_path(request)
        return self._shown(resource, int(number), request)

    def _shown(self, resource: str, number: int, request: Request, status: int = 200) -> Answer:
        record = self.get(resource, number)
        if record is None:
            return refusal(404, "record_not_found", f"{resource} {number} was not found")
        headers = {"ETag": record["etag"], "Last-Modified": _http_date(self.shelves[resource].changed_at(number))}
        if request.headers.get("If-None-Match") == record["etag"]:
            return Answer(304, headers=headers)
        try:
            return Answer(status, {"data": Selection(self, resource, request.one("fields")).cut(record)}, headers)
        except InvalidFields as error:
            return refusal(400, "InvalidFields", str(error))

    def get(self, resource: str, number: int) -> dict | None:
        """A whole record, with what Clio adds to each: etag and times."""
        shelf = self.shelves[resource]
        record = shelf.get(number)
        if record is None:
            return None
        changed_at, made_at = shelf.changed_at(number), record.get("created_at")
        made_at = made_at or self.firm.local(self.firm.made_at(number, shelf.count))
        return {
            **record,
            "etag": etag_of(resource, number, changed_at),
            "created_at": made_at,
            "updated_at": self.firm.local(changed_at),
        }

    def record(self, resource: str, number) -> dict | None:
        with self.lock:
            return self.get(resource, int(number))

    def known_fields(self, resource: str) -> set:
        if resource not in self._known:
            made = getattr(self.values, MAKERS[resource])(1)
            times = ("updated_at",) if resource in WITHOUT_CREATED_AT else ("created_at", "updated_at")
            self._known[resource] = {*made, "etag", *times, *EMPTY.get(resource, "").split()}
        return self._known[resource]

    def stir(self) -> None:
        """A colleague writes down some work, edits a client and renames a matter."""
        chance = random.Random()
        contact, matter = (
            chance.choice(list(islice(self.shelves[resource].numbers(), 500))) for resource in ("contacts", "matters")
        )
        self.put(
            "activities",
            {
                "type": "TimeEntry",
                "date": self.firm.day(0),
                "quantity": 360 * chance.randint(1, 20),
                "user": {"id": 1},
                "matter": {"id": matter},
                "note": "Telephone call",
            },
        )
        self.put("contacts", {"id": contact, "title": chance.choice(("Mr.", "Ms.", "Dr.", None))})
        self.put("matters", {"id": matter, "client_reference": f"R-{chance.randint(1, 999)}"})

    # Who may come in, and how fast

    def gate(self, request: Request) -> Answer | None:
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return refusal(401, "UnauthorizedError", "User is not authorized")
        if not self.is_alive(token):
            told = "The access token provided is expired, revoked, malformed or invalid for other reasons."
            return Answer(
                401,
                {"error": "invalid_token", "error_description": told},
                {"WWW-Authenticate": 'Bearer realm="Clio", error="invalid_token"'},
            )
        request.holder = token
        limit, per_s = self.limits
        request.room = room = self.windows.take(token, int(limit), float(per_s))
        if room.refused:
            return refusal(429, "RateLimited", "Rate limit exceeded", {"Retry-After": room.wait_s})
        return self._check_version(request)

    def _check_version(self, request: Request) -> Answer | None:
        version = request.headers.get("X-API-VERSION", DEFAULT_VERSION)
        if not re.fullmatch(r"4\.0\.(\d|1[0-3])", version):
            return refusal(410, "Gone", f"Version {version} is not supported")
        return None

    def adorn(self, request: Request, answer: Answer) -> None:
        room = request.room
        if room is not None:
            answer.headers.update(
                {
                    "X-RateLimit-Limit": room.limit,
                    "X-RateLimit-Remaining": room.remaining,
                    "X-RateLimit-Reset": int(time.time() + room.reset_in_s) + 1,
                }
            )
            if answer.status < 300:
                answer.headers["X-API-VERSION"] = request.headers.get("X-API-VERSION", DEFAULT_VERSION)

    def unknown_path(self, request: Request) -> Answer:
        return refusal(404, "NotFound", "There is nothing at this address")


def refusal(status: int, kind: str, message: str, headers: dict | None = None) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": message}}, headers or {})


def _clock(firm, resource: str, count: int) -> dict:
    return {
        "changed_at": lambda number: firm.changed_at(resource, number, count),
        "quiet_below": lambda since_s: firm.quiet_below(since_s, count),
    }


def _http_date(at_s: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at_s))


STAND_IN = Clio
