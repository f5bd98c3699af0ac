"""Clio Manage, as far as reading a firm needs it: lists, single records, limits.

Source: docs.developers.clio.com, its OpenAPI document of 2026-08-12, API version 4.0.13.
Writing is in writes.py, signing in is in sign_in.py, webhooks are in hooks.py.
"""

import base64
import random
import re
import time
from itertools import islice
from urllib.parse import parse_qsl, urlencode

from ..firm import seconds
from ..oauth import OTHER
from ..server import Answer, Request, Upstream, on
from ..shelf import Shelf
from .fields import EMPTY, WITHOUT_CREATED_AT, InvalidFields, Selection, etag_of
from .filters import UNORDERED, filters_of, sort_key
from .hooks import ClioHooks
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
MOST_PER_PAGE = 200
FURTHEST_OFFSET = 10_000
COUNTED_UP_TO = 20_000  # filtered lists of larger resources go without meta.records: counting takes seconds


class Clio(ClioSignIn, ClioHooks, ClioWrites, Upstream):
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
            numbers, meta = self._page(resource, request)
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

    # Pages

    def _page(self, resource: str, request: Request) -> tuple[list[int], dict]:
        """The numbers on the page asked for, and the `meta` that leads to the next. Raises ValueError."""
        limit = self._limit(request)
        order = request.one("order")
        if order is not None and resource in UNORDERED:
            raise ValueError("order is not a parameter of this endpoint")
        if resource == "notes" and request.one("type") not in ("Matter", "Contact"):
            raise ValueError("type is required and must be Matter or Contact")
        accepts = filters_of(resource, request)
        if order in (None, "id(asc)") and "offset" not in request.query:
            return self._cursor_page(resource, request, accepts, limit)
        return self._offset_page(resource, request, accepts, limit, order or "id(asc)")

    def _limit(self, request: Request) -> int:
        try:
            limit = int(request.one("limit", MOST_PER_PAGE))
        except ValueError:
            limit = 0
        if not 1 <= limit <= MOST_PER_PAGE:
            raise ValueError(f"limit must be between 1 and {MOST_PER_PAGE}")
        return limit

    def _cursor_page(self, resource, request, accepts, limit) -> tuple[list[int], dict]:
        after = _number_in(request.one("page_token")) if request.one("page_token") else 0
        found = list(islice(self._candidates(resource, request, accepts, after), limit + 1))
        meta: dict = {"paging": {}}
        if len(found) > limit:
            meta["paging"]["next"] = self._url(request, page_token=_token_for(found[limit - 1]))
        return found[:limit], self._counted(meta, resource, request, accepts)

    def _offset_page(self, resource, request, accepts, limit, order) -> tuple[list[int], dict]:
        offset = request.whole("offset", 0)
        if offset < 0 or offset + limit > FURTHEST_OFFSET:
            raise ValueError(f"offset cannot go beyond {FURTHEST_OFFSET} records")
        key, is_down = sort_key(self, resource, order)
        numbers = sorted(self._candidates(resource, request, accepts), key=key, reverse=is_down)
        paging = {}
        if offset:
            paging["previous"] = self._url(request, offset=max(0, offset - limit))
        if offset + limit < min(len(numbers), FURTHEST_OFFSET):
            paging["next"] = self._url(request, offset=offset + limit)
        return numbers[offset : offset + limit], {"paging": paging, "records": len(numbers)}

    def _candidates(self, resource, request, accepts, after: int = 0):
        """Numbers of the records that pass every filter, smallest first."""
        shelf, since = self.shelves[resource], request.one("updated_since")
        numbers = shelf.changed_since(seconds(since), after) if since else shelf.numbers(after)
        if ids := request.query.get("ids[]"):
            wanted = sorted({int(one) for one in ids if int(one) > after})
            numbers = [number for number in wanted if shelf.get(number)]
        if not accepts:
            return iter(numbers)
        return (number for number in numbers if all(accept(self.get(resource, number)) for accept in accepts))

    def _counted(self, meta, resource, request, accepts) -> dict:
        is_whole = not accepts and not request.query.keys() & {"ids[]", "updated_since"}
        if is_whole:
            meta["records"] = len(self.shelves[resource])
        elif self.shelves[resource].count <= COUNTED_UP_TO:
            meta["records"] = sum(1 for _ in self._candidates(resource, request, accepts))
        return meta

    def _url(self, request: Request, **changed) -> str:
        sent = parse_qsl(request.query_text, keep_blank_values=True)
        kept = [pair for pair in sent if pair[0] not in changed]
        return f"{self.url}{request.path}?{urlencode([*kept, *changed.items()])}"

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


def _token_for(number: int) -> str:
    return base64.urlsafe_b64encode(f"after:{number}".encode()).decode()


def _number_in(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).removeprefix(b"after:"))
    except ValueError:
        raise ValueError("page_token is not valid") from None


def _http_date(at_s: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at_s))


STAND_IN = Clio
