"""QuickBooks Online, as far as reading and writing one company needs it: queries, change data, single records, limits.

Source: developer.intuit.com and the schema of Intuit's Java SDK; minor version 75. Writing is in writes.py,
signing in is in sign_in.py, the query language in query.py.
"""

import random
import time
from itertools import islice
from uuid import uuid4

from ..firm import seconds
from ..server import Answer, Request, on
from ..shelf import Shelf
from .hooks import QuickBooksHooks
from .query import Statement, Unreadable, read
from .records import QuickBooksRecords
from .sign_in import OTHER_REALM, QuickBooksSignIn
from .writes import BY_PATH, ENTITIES, C, QuickBooksWrites, fault

NAMES = ("Customer", "Vendor", "Item", "Account")  # inactive ones are hidden unless they are asked for
CHANGES_KEPT_S = 30 * 86_400
MOST_CHANGES = 1000
TOO_FAST = (
    '<IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE"><Error code="3001"><Message>'
    "message=ThrottleExceeded; errorCode=003001; statusCode=429</Message><Detail>The request limit was reached. Try "
    "again later</Detail></Error></Fault></IntuitResponse>"
)


class QuickBooks(QuickBooksSignIn, QuickBooksHooks, QuickBooksWrites):
    key = "quickbooks"
    usual_port = 8106
    real_limits = (500, 60.0)
    remembered: tuple[str, ...] = ("tokens",)

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        self.values = records = QuickBooksRecords(firm)
        for entity, resource in ENTITIES.items():
            count = records.counts[resource]
            self.shelves[resource] = Shelf(count, getattr(records, entity.lower()), **_clock(firm, resource, count))
        self.tokens: dict = {}
        self.answered: dict[str, Answer] = {}
        self.open_sign_in()
        for resource, number in (("invoices", 7), ("invoices", 19), ("bills", 3)):
            self.shelves[resource].delete(number)  # somebody's mistake, taken back before we came
        self.open_hooks()

    def facts(self) -> dict:
        return {"realm_id": self.realm_id, "webhook_secret": self.verifier, **self.door()}

    def get(self, resource: str, name) -> dict | None:
        """A whole record with what every entity has, or None."""
        if not str(name).isdecimal():
            return None
        shelf, number = self.shelves[resource], int(name)
        record = shelf.get(number)
        if record is None:
            return None
        made_at = self.firm.made_at(number, shelf.count) if number <= shelf.count else shelf.added_at[number]
        token = self.tokens.get((resource, number), self.firm.dice("token", number) % 4)
        self.tokens[resource, number] = token
        times = {"CreateTime": self.firm.local(made_at), "LastUpdatedTime": self.firm.local(shelf.changed_at(number))}
        return {
            "domain": "QBO", "sparse": False, **record, "Id": str(number), "SyncToken": str(token), "MetaData": times,
        }  # fmt: skip

    def record(self, resource: str, number) -> dict | None:
        with self.lock:
            return self.get(resource, number)

    def time(self) -> str:
        return self.firm.local(time.time())

    def stir(self) -> None:
        """The bookkeeper works: a payment comes in, a customer moves, a bill arrives."""
        chance = random.Random()
        open_ones = [n for n in range(3, 60, 3) if (self.get("invoices", n) or {}).get("Balance")]
        if open_ones:
            self.pay(chance.choice(open_ones))
        phone = {"FreeFormNumber": f"(510) 555-{chance.randint(1000, 9999)}"}
        self.put("customers", {"Id": str(chance.randint(1, 100)), "PrimaryPhone": phone})

    # Reading

    @on("GET", f"{C}/companyinfo/{{id}}")
    def company(self, request: Request) -> Answer:
        name = self.firm.name if request.params["realm"] == self.realm_id else self.other_name
        told = {
            "CompanyName": name, "LegalName": name, "Country": self.country,
            "Email": {"Address": "books@firm.example.com"},
            "NameValue": [{"Name": "OfferingSku", "Value": "QuickBooks Online Plus"}], "Id": "1", "SyncToken": "4",
            "domain": "QBO", "sparse": False,
        }  # fmt: skip
        return Answer(200, {"CompanyInfo": told, "time": self.time()})

    @on("GET", f"{C}/preferences")
    def preferences(self, request: Request) -> Answer:
        told = {"SalesFormsPrefs": {"CustomTxnNumbers": not self.numbers_itself}, "Id": "1", "SyncToken": "0"}
        return Answer(200, {"Preferences": told, "time": self.time()})

    @on("GET", f"{C}/query")
    def query(self, request: Request) -> Answer:
        return self._answered(request, request.one("query"))

    @on("POST", f"{C}/query")
    def query_by_body(self, request: Request) -> Answer:
        return self._answered(request, request.body.decode())

    def _answered(self, request: Request, text: str | None) -> Answer:
        if not text:
            return fault("10000", "An application error has occurred", kind="SystemFault", status=200)
        try:
            asked = read(text)
            if asked.entity not in ENTITIES:
                raise Unreadable(f"{asked.entity} is no entity")
            told = {} if request.params["realm"] == OTHER_REALM and not asked.counts else self._found(request, asked)
        except ValueError as error:
            return fault("4000", "Error parsing query", f"QueryParserError: {error}")
        return Answer(200, {"QueryResponse": told, "time": self.time()})

    def _found(self, request: Request, asked: Statement) -> dict:
        if asked.counts:
            empty = request.params["realm"] == OTHER_REALM
            return {"totalCount": 0 if empty else sum(1 for _ in self._numbers(asked))}
        resource = ENTITIES[asked.entity]
        numbers = self._numbers(asked)
        if asked.order not in ("", "Id") or asked.down:
            numbers = sorted(numbers, key=lambda n: asked.key(self.existing(resource, n)), reverse=asked.down)
        page = islice(numbers, asked.start - 1, asked.start - 1 + asked.most)
        rows = [self.existing(resource, number) for number in page]
        return {asked.entity: rows, "startPosition": asked.start, "maxResults": len(rows)} if rows else {}

    def _numbers(self, asked: Statement):
        """The numbers of what fits, in the order of ids."""
        resource = ENTITIES[asked.entity]
        shelf, hides = self.shelves[resource], asked.entity in NAMES and not asked.names_active
        if asked.is_plain and not hides:
            return shelf.numbers()
        since = asked.changed_since
        numbers = shelf.numbers() if since is None else shelf.changed_since(since - 1)
        return (
            n for n in numbers if asked.fits(one := self.existing(resource, n)) and not (hides and not one["Active"])
        )

    @on("GET", f"{C}/cdc")
    def changes(self, request: Request) -> Answer:
        try:
            since = seconds(request.one("changedSince", ""))
        except ValueError:
            return fault("2030", "Invalid ChangedSince", "changedSince is no time")
        if since < time.time() - CHANGES_KEPT_S:
            return fault("2030", "Invalid ChangedSince", "changedSince is more than 30 days ago")
        entities = [one for one in (request.one("entities") or "").split(",") if one in ENTITIES]
        if not entities:
            return fault("2020", "Required param missing, need to supply the required value for the API", "entities")
        left, told = MOST_CHANGES, []
        for entity in entities:
            rows = list(islice(self._changed(entity, since), left)) if request.params["realm"] == self.realm_id else []
            left -= len(rows)
            told.append({entity: rows, "startPosition": 1, "maxResults": len(rows)} if rows else {})
        return Answer(200, {"CDCResponse": [{"QueryResponse": told}], "time": self.time()})

    def _changed(self, entity: str, since: float):
        resource = ENTITIES[entity]
        shelf = self.shelves[resource]
        for number, at in shelf.deleted.items():
            if at >= since and entity not in NAMES:
                gone = {"domain": "QBO", "status": "Deleted", "Id": str(number)}
                yield {**gone, "MetaData": {"LastUpdatedTime": self.firm.local(at)}}
        for number in shelf.changed_since(since - 1):
            yield self.existing(resource, number)

    @on("GET", f"{C}/{{entity}}/{{id}}")
    def one(self, request: Request) -> Answer:
        entity = BY_PATH.get(request.params["entity"])
        if entity is None:
            return self.unknown_path(request)
        record = self.get(ENTITIES[entity], request.params["id"])
        if record is None:
            said = "Object Not Found : Something you're trying to use has been made inactive."
            return fault("610", "Object Not Found", said)
        return Answer(200, {entity: record, "time": self.time()})

    # Who may come in, and how fast

    def gate(self, request: Request) -> Answer | None:
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not self.is_alive(token):
            return _unknown_token()
        if request.params.get("realm") not in (None, self.realm_of(token)):
            said = "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403"
            return fault("3100", said, kind="AuthorizationFault", status=403)
        request.holder = token
        limit, per_s = self.limits
        request.room = room = self.windows.take(self.realm_of(token), int(limit), float(per_s))
        if room.refused:
            return Answer(429, TOO_FAST, {"Content-Type": "application/xml"})
        return None

    def adorn(self, request: Request, answer: Answer) -> None:
        answer.headers.setdefault("intuit_tid", f"1-{uuid4().hex[:24]}")

    def unknown_path(self, request: Request) -> Answer:
        return fault("500", "Unsupported Operation", f"Operation {request.path} is not supported.", status=404)


def _unknown_token() -> Answer:
    """Its keys are in lower case, unlike every other fault's."""
    said = "message=AuthenticationFailed; errorCode=003200; statusCode=401"
    error = {"message": said, "detail": "Token expired", "code": "3200", "element": None}
    body = {"warnings": None, "intuitObject": None, "fault": {"error": [error], "type": "AUTHENTICATION"}}
    return Answer(401, {**body, "report": None, "requestId": None, "time": int(time.time() * 1000)})


def _clock(firm, resource: str, count: int) -> dict:
    return {
        "changed_at": lambda number: firm.changed_at(f"qbo {resource}", number, count),
        "quiet_below": lambda since_s: firm.quiet_below(since_s, count),
    }


STAND_IN = QuickBooks
