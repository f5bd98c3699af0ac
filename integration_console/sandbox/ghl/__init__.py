"""HighLevel (GoHighLevel): contacts, opportunities and what hangs on them, for one location.

Source: GitHub GoHighLevel/highlevel-api-docs (2026-06-19), API Version 2021-07-28. The contact search
is in no official document; it answers as recorded traffic of July 2026 does.
"""

import random
from uuid import uuid4

from ..firm import utc
from ..limits import Windows
from ..server import Answer, Request, Upstream, on
from ..shelf import Shelf
from .hooks import GhlHooks
from .index import GhlIndex
from .records import GhlRecords, id_of, number_of
from .search import GhlSearch
from .sign_in import GhlSignIn
from .writes import GhlWrites

MAKERS = {
    "contacts": "contact",
    "opportunities": "opportunity",
    "notes": "note",
    "tasks": "task",
    "users": "user",
    "pipelines": "pipeline",
    "custom_fields": "custom_field",
    "tags": "tag",
    "calendars": "calendar",
    "locations": "location",
}
VERSIONS = ("2021-07-28", "2023-02-21")
CALENDAR_VERSIONS = ("2021-04-15",)
REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 422: "Unprocessable Entity"}
DAY_S = 86_400.0


class Ghl(GhlSignIn, GhlHooks, GhlIndex, GhlSearch, GhlWrites, Upstream):
    key = "ghl"
    usual_port = 8102
    real_limits = (100, 10.0)

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        records = GhlRecords(firm)
        for resource, maker in MAKERS.items():
            count = records.counts[resource]
            clock = _clock(firm, resource, count)
            self.shelves[resource] = Shelf(count, getattr(records, maker), changed_at=clock)
        self.location_id, self.company_id = records.location_id, records.company_id
        self.user_ids = [id_of("users", number) for number in range(1, records.counts["users"] + 1)]
        self.api_key = "pit-5a9db0c5-5a9d-4b0c-8a9d-b0c55a9db0c5"
        self._key_works = True
        self.daily_limit = 200_000
        self._days = Windows()
        self.open_sign_in()
        self.open_hooks()

    def facts(self) -> dict:
        return {
            "api_key": self.api_key,
            "location_id": self.location_id,
            "webhook_key": self.hook_key.public,
            **self.door(),
        }

    def number(self, resource: str, name) -> int:
        return number_of(resource, name)

    def get(self, resource: str, name) -> dict | None:
        """A whole record with the time of its last change, or None."""
        number = number_of(resource, name)
        record = self.shelves[resource].get(number)
        field = {"contacts": "dateUpdated", "opportunities": "updatedAt"}.get(resource)
        if record is None or field is None:
            return record
        return {**record, field: utc(self.shelves[resource].changed_at(number), millis=True)}

    def record(self, resource: str, number) -> dict | None:
        with self.lock:
            return self.get(resource, number)

    def revoke(self, token: str | None = None) -> None:
        super().revoke(token)
        if token in (None, self.api_key):
            self._key_works = False

    # Contacts and what hangs on them

    @on("GET", "/contacts/{contact}")
    def contact(self, request: Request) -> Answer:
        contact = self.get("contacts", request.params["contact"])
        if contact is None:
            return refusal(400, f"Contact with id {request.params['contact']} not found")
        return Answer(200, {"contact": without_empty(contact)})

    @on("GET", "/contacts/{contact}/notes")
    def notes(self, request: Request) -> Answer:
        return self._of_contact("notes", request)

    @on("GET", "/contacts/{contact}/tasks")
    def tasks(self, request: Request) -> Answer:
        return self._of_contact("tasks", request)

    @on("GET", "/contacts/{contact}/notes/{number}")
    def note(self, request: Request) -> Answer:
        return self._one_of_contact("notes", "note", request)

    @on("GET", "/contacts/{contact}/tasks/{number}")
    def task(self, request: Request) -> Answer:
        return self._one_of_contact("tasks", "task", request)

    def _one_of_contact(self, resource: str, noun: str, request: Request) -> Answer:
        found = self.get(resource, request.params["number"])
        if found is None or found["contactId"] != request.params["contact"]:
            return refusal(400, f"{noun.capitalize()} with id {request.params['number']} not found")
        return Answer(200, {noun: without_empty(found)})

    def _of_contact(self, resource: str, request: Request) -> Answer:
        contact = request.params["contact"]
        if self.get("contacts", contact) is None:
            return refusal(400, f"Contact with id {contact} not found")
        shelf = self.shelves[resource]
        numbers = shelf.grouped("contact", lambda number: shelf.get(number)["contactId"]).get(contact, ())
        return Answer(200, {resource: [without_empty(shelf.get(number)) for number in numbers]})

    @on("POST", "/locations/{location}/tasks/search")
    def task_search(self, request: Request) -> Answer:
        asked = request.json()
        found = [task for task in self._all("tasks") if _task_fits(task, asked)]
        skip, limit = int(asked.get("skip") or 0), min(int(asked.get("limit") or 25), 100)
        shown = [{**without_empty(task), "_id": task["id"]} for task in found[skip : skip + limit]]
        return Answer(200, {"tasks": shown})

    def stir(self) -> None:
        """Somebody fills in the web form, somebody is tagged, a lead moves on."""
        chance = random.Random()
        first = chance.choice(("Ana", "Ben", "Chidi", "Dana"))
        self.put(
            "contacts",
            {
                "firstName": first,
                "lastName": "Walk-in",
                "name": f"{first} Walk-in",
                "type": "lead",
                "source": "Website",
                "email": f"{first.lower()}{chance.randint(1, 10**6)}@example.com",
            },
        )
        self.put("contacts", {"id": id_of("contacts", chance.randint(1, 200)), "tags": ["client", "newsletter"]})
        self.put(
            "opportunities",
            {"id": id_of("opportunities", chance.randint(1, 100)), "status": chance.choice(("open", "won", "lost"))},
        )

    # The rest of a location

    @on("GET", "/opportunities/pipelines")
    def pipelines(self, request: Request) -> Answer:
        return self._needs_location(request) or Answer(200, {"pipelines": self._all("pipelines")})

    @on("GET", "/users")
    def users(self, request: Request) -> Answer:
        return self._needs_location(request) or Answer(200, {"users": self._all("users")})

    @on("GET", "/users/search")
    def user_search(self, request: Request) -> Answer:
        if request.one("companyId") != self.company_id:
            return refusal(403, "The token does not have access to this company.")
        skip, limit = request.whole("skip", 0), request.whole("limit", 25)
        users = self._all("users")
        return Answer(200, {"users": users[skip : skip + limit], "count": len(users)})

    @on("GET", "/users/{user}")
    def user(self, request: Request) -> Answer:
        user = self.get("users", request.params["user"])
        if user is None:
            return refusal(400, "User not found")
        return Answer(200, {name: value for name, value in user.items() if name != "deleted"})

    @on("GET", "/locations/{location}")
    def location(self, request: Request) -> Answer:
        location = self.get("locations", 1)
        if request.params["location"] != self.location_id:
            location = {"id": request.params["location"], "name": self.other_name, "timezone": "Europe/Berlin"}
        return Answer(200, {"location": location})

    @on("GET", "/locations/{location}/customFields")
    def custom_fields(self, request: Request) -> Answer:
        model = request.one("model", "all")
        fields = [field for field in self._all("custom_fields") if model in ("all", field["model"])]
        return Answer(200, {"customFields": fields})

    @on("GET", "/locations/{location}/customFields/{field}")
    def custom_field(self, request: Request) -> Answer:
        field = self.get("custom_fields", request.params["field"])
        return Answer(200, {"customField": field}) if field else refusal(400, "Custom field not found")

    @on("GET", "/locations/{location}/tags")
    def tags(self, request: Request) -> Answer:
        return Answer(200, {"tags": self._all("tags")})

    @on("GET", "/calendars")
    def calendars(self, request: Request) -> Answer:
        return self._needs_location(request) or Answer(200, {"calendars": self._all("calendars")})

    def _all(self, resource: str) -> list[dict]:
        shelf = self.shelves[resource]
        return [shelf.get(number) for number in shelf.numbers()]

    def _needs_location(self, request: Request) -> Answer | None:
        if request.one("locationId") is None:
            return refusal(422, ["locationId should not be empty"])
        return None  # a foreign one was refused at the gate

    # Who may come in, and how fast

    def gate(self, request: Request) -> Answer | None:
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        is_key = token == self.api_key and self._key_works
        if scheme.lower() != "bearer" or not (is_key or self.is_alive(token)):
            return refusal(401, "Invalid token: access token is invalid")
        wanted = CALENDAR_VERSIONS if self.short_path(request).startswith("/calendars") else VERSIONS
        if request.headers.get("Version") not in wanted:
            is_there = "Version" in request.headers
            return refusal(400, "version header is invalid" if is_there else "version header was not found.")
        if self.lacks_scope(request, token):
            return refusal(401, "The token is not authorized for this scope.")
        request.holder = token
        limit, per_s = self.limits
        request.room = room = self.windows.take(self.location_id, int(limit), float(per_s))
        request.day = day = self._days.take(self.location_id, self.daily_limit, DAY_S)
        if room.refused or day.refused:
            return Answer(429, {"statusCode": 429, "message": "Too Many Requests"})
        return self._check_location(request)

    def _check_location(self, request: Request) -> Answer | None:
        named = [request.one("locationId"), request.one("location_id"), request.params.get("location")]
        if request.method == "POST":
            named.append(request.json().get("locationId"))
        if any(name not in (None, self.location_of(request.holder)) for name in named):
            return refusal(403, "The token does not have access to this location.")
        return None

    def adorn(self, request: Request, answer: Answer) -> None:
        if isinstance(answer.body, dict) and "access_token" not in answer.body:
            answer.body = {**answer.body, "traceId": str(uuid4())}
        room, day = request.room, request.day
        if room is not None and day is not None:
            answer.headers.update(
                {
                    "X-RateLimit-Max": room.limit,
                    "X-RateLimit-Remaining": room.remaining,
                    "X-RateLimit-Interval-Milliseconds": int(float(self.limits[1]) * 1000),
                    "X-RateLimit-Limit-Daily": self.daily_limit,
                    "X-RateLimit-Daily-Remaining": day.remaining,
                    "X-RateLimit-Daily-Reset": int(day.reset_in_s * 1000),
                }
            )

    def unknown_path(self, request: Request) -> Answer:
        return refusal(404, f"Cannot {request.method} {request.path}")


def refusal(status: int, message) -> Answer:
    """message is a list in a 422, as HighLevel's validation writes it."""
    return Answer(status, {"statusCode": status, "message": message, "error": REASONS[status]})


def without_empty(record: dict) -> dict:
    """A record as GET by id shows it: what is not known is not there."""
    return {name: value for name, value in record.items() if value is not None}


def _task_fits(task: dict, asked: dict) -> bool:
    if asked.get("contactId") and task["contactId"] not in asked["contactId"]:
        return False
    if asked.get("assignedTo") and task["assignedTo"] not in asked["assignedTo"]:
        return False
    return asked.get("completed") in (None, task["completed"])


def _clock(firm, resource: str, count: int):
    return lambda number: firm.changed_at(f"ghl {resource}", number, count)


STAND_IN = Ghl
