"""Clockify: one workspace, its people, projects and time entries.

Source: docs.clockify.me (OpenAPI of 2026-07-22), corrected by what live answers were seen to hold:
error bodies, nulls while a timer runs, windows read in the account's own time zone.
"""

import heapq
import random
import time
from bisect import bisect_left, bisect_right
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from ..firm import seconds, utc
from ..server import Answer, Request, Upstream, on
from ..shelf import Shelf
from .changes import ClockifyChanges
from .hooks import ClockifyHooks
from .records import RUNNING, WORKERS, ClockifyRecords, id_of, number_of
from .writes import ClockifyWrites, interval

MAKERS = {
    "workspaces": "workspace",
    "users": "user",
    "clients": "client",
    "projects": "project",
    "tasks": "task",
    "tags": "tag",
    "custom_fields": "custom_field",
    "time_entries": "time_entry",
}
HIDDEN = ("DELETED", "LIMITED_DELETED", "LIMITED")  # from who asks for nothing special
MOST_PER_PAGE = 5_000
W = "/workspaces/{workspace}"


class Clockify(ClockifyChanges, ClockifyHooks, ClockifyWrites, Upstream):
    key = "clockify"
    usual_port = 8103
    prefix = "/api/v1"
    real_limits = (50, 1.0)  # (30, 3600.0) is what a new free workspace gets

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        self.values = records = ClockifyRecords(firm)
        for resource, maker in MAKERS.items():
            count = records.counts[resource]
            clock = _clock(firm, resource, count)
            self.shelves[resource] = Shelf(count, getattr(records, maker), changed_at=clock)
        for place, (began_at, length_s) in enumerate(records.edge_entries(), start=1):
            number = records.counts["time_entries"] + place
            self.shelves["time_entries"].put(number, records.entry(number, 1, began_at, length_s, place))
        self.workspace_id = records.workspace_id
        self.api_key = "c2FuZGJveC1jbG9ja2lmeS1rZXk"
        self._key_works = True
        self.open_hooks()

    def facts(self) -> dict:
        return {"api_key": self.api_key, "workspace_id": self.workspace_id}

    def number(self, resource: str, name) -> int:
        return number_of(resource, name)

    def get(self, resource: str, name) -> dict | None:
        return self.shelves[resource].get(number_of(resource, name))

    def revoke(self, token: str | None = None) -> None:
        self._key_works = False

    # The account

    @on("GET", "/user")
    def user(self, request: Request) -> Answer:
        return Answer(200, self.get("users", 1))

    @on("GET", "/workspaces")
    def workspaces(self, request: Request) -> Answer:
        return Answer(200, self._all("workspaces"))

    @on("GET", W)
    def workspace(self, request: Request) -> Answer:
        return Answer(200, self.get("workspaces", 1))

    @on("GET", f"{W}/users")
    def users(self, request: Request) -> Answer:
        wanted, accounts = request.one("status"), (request.one("account-statuses") or "").split(",")
        found = [user for user in self._all("users") if _is_shown(user, wanted, accounts)]
        if email := request.one("email"):
            found = [user for user in found if email.casefold() in user["email"].casefold()]
        return self._paged(found, request)

    # Projects and what belongs to them

    @on("GET", f"{W}/projects")
    def projects(self, request: Request) -> Answer:
        found = self._named("projects", request)
        if clients := request.one("clients"):
            found = [project for project in found if project["clientId"] in clients.split(",")]
        if (billable := request.one("billable")) in ("true", "false"):
            found = [project for project in found if project["billable"] is (billable == "true")]
        return self._paged(found, request)

    @on("GET", f"{W}/clients")
    def clients(self, request: Request) -> Answer:
        return self._paged(self._named("clients", request), request)

    @on("GET", f"{W}/tags")
    def tags(self, request: Request) -> Answer:
        return self._paged(self._named("tags", request), request)

    @on("GET", f"{W}/projects/{{project}}")
    def project(self, request: Request) -> Answer:
        return self._shown("projects", request.params["project"], "Project")

    @on("GET", f"{W}/clients/{{client}}")
    def client(self, request: Request) -> Answer:
        return self._shown("clients", request.params["client"], "Client")

    @on("GET", f"{W}/tags/{{tag}}")
    def tag(self, request: Request) -> Answer:
        return self._shown("tags", request.params["tag"], "Tag")

    @on("GET", f"{W}/projects/{{project}}/tasks")
    def tasks(self, request: Request) -> Answer:
        project, shelf = request.params["project"], self.shelves["tasks"]
        if self.get("projects", project) is None:
            return stranger("Project")
        numbers = shelf.grouped("project", lambda number: shelf.get(number)["projectId"]).get(project, ())
        found = [shelf.get(number) for number in numbers]
        if (is_active := request.one("is-active")) in ("true", "false"):
            found = [task for task in found if (task["status"] == "ACTIVE") is (is_active == "true")]
        return self._paged(found, request)

    @on("GET", f"{W}/custom-fields")
    def custom_fields(self, request: Request) -> Answer:
        """All of them each time: this address knows no pages and sends no Last-Page."""
        return Answer(200, self._all("custom_fields"))

    def _shown(self, resource: str, name: str, what: str) -> Answer:
        record = self.get(resource, name)
        return stranger(what) if record is None else Answer(200, record)

    def _all(self, resource: str) -> list[dict]:
        shelf = self.shelves[resource]
        return [shelf.get(number) for number in shelf.numbers()]

    def _named(self, resource: str, request: Request) -> list[dict]:
        found, archived, name = self._all(resource), request.one("archived"), request.one("name")
        if archived in ("true", "false"):
            found = [one for one in found if one["archived"] is (archived == "true")]
        if name:
            is_strict = request.one("strict-name-search") == "true"
            found = [
                one
                for one in found
                if one["name"] == name or (not is_strict and name.casefold() in one["name"].casefold())
            ]
        if request.one("sort-column") == "NAME":
            found.sort(key=lambda one: one["name"].casefold(), reverse=request.one("sort-order") == "DESCENDING")
        return found

    # Time entries

    @on("GET", f"{W}/user/{{user}}/time-entries")
    def entries_of_user(self, request: Request) -> Answer:
        user = number_of("users", request.params["user"])
        if self.get("users", user) is None:
            return stranger("User")
        try:
            start_s, end_s = (
                self._wall_clock(request.one(name), open_end)
                for name, open_end in (("start", float("-inf")), ("end", float("inf")))
            )
        except ValueError:
            return invalid("You entered invalid value for field: [start]. Value should be a date")
        shelf, is_running = self.shelves["time_entries"], request.one("in-progress") == "true"
        numbers = self._numbers_of(user, start_s, end_s)
        if is_running or request.query.keys() & {"project", "task", "description", "tags"}:
            numbers = [number for number in numbers if _entry_fits(shelf.get(number), request, is_running)]
        return self._paged_lazily(numbers, request)

    def _numbers_of(self, user: int, start_s: float, end_s: float):
        """Entry numbers of one person, youngest begin first, begun inside the window (both ends included)."""
        shelf, began_at = self.shelves["time_entries"], self.values.began_at
        numbers = range(1, shelf.count + 1)
        lowest = bisect_left(numbers, start_s, key=began_at) + 1
        highest = bisect_right(numbers, end_s, key=began_at)
        untouched = (
            number
            for number in range(highest, lowest - 1, -1)
            if WORKERS[number % len(WORKERS)] == user and number not in shelf.edited and number not in shelf.deleted
        )
        mine = id_of("users", user)
        touched = [
            (-seconds(entry["timeInterval"]["start"]), number)
            for number, entry in shelf.edited.items()
            if entry["userId"] == mine
        ]
        touched = sorted(pair for pair in touched if start_s <= -pair[0] <= end_s)
        made = ((-began_at(number), number) for number in untouched)
        return (number for _, number in heapq.merge(made, touched))

    def _wall_clock(self, text: str | None, default: float) -> float:
        """A bound of a window: what its clock shows, read in the account's time zone. A Z means nothing."""
        if text is None:
            return default
        shown = datetime.fromisoformat(text).replace(tzinfo=None)
        return shown.replace(tzinfo=ZoneInfo(self.existing("users", 1)["settings"]["timeZone"])).timestamp()

    @on("GET", f"{W}/time-entries/status/in-progress")
    def running(self, request: Request) -> Answer:
        return self._paged(self.running_entries(), request, default=10)

    def running_entries(self) -> list[dict]:
        shelf = self.shelves["time_entries"]
        numbers = {*range(shelf.count - RUNNING, shelf.count + 1), *shelf.edited} - shelf.deleted.keys()
        return [entry for entry in map(shelf.get, sorted(numbers)) if entry["timeInterval"]["end"] is None]

    @on("GET", f"{W}/time-entries/{{entry}}")
    def entry(self, request: Request) -> Answer:
        return self._shown("time_entries", request.params["entry"], "Time entry")

    @on("POST", f"{W}/time-entries/batch")
    def entries(self, request: Request) -> Answer:
        found = [self.get("time_entries", name) for name in request.json().get("timeEntryIds") or ()]
        return Answer(200, [entry for entry in found if entry])

    def stir(self) -> None:
        """Somebody stops a timer or starts one, and an old description is corrected."""
        chance = random.Random()
        running = self.running_entries()
        if len(running) > 2:
            began = running[0]["timeInterval"]["start"]
            self.put("time_entries", {"id": running[0]["id"], "timeInterval": interval(began, utc(time.time()))})
        else:
            self.put(
                "time_entries",
                {
                    "userId": id_of("users", chance.randint(1, 9)),
                    "description": "Follow-up",
                    "timeInterval": interval(utc(time.time()), None),
                },
            )
        old = id_of("time_entries", chance.randint(1, 1_000))
        self.put("time_entries", {"id": old, "description": f"Corrected {chance.randint(1, 999)}"})

    # Pages

    def _paged(self, found: list, request: Request, default: int = 50) -> Answer:
        page, size = max(1, request.whole("page", 1)), request.whole("page-size", default)
        if not 1 <= size <= MOST_PER_PAGE:
            return invalid(
                f"You entered invalid value for field: [page-size]. Value should be between 1 and {MOST_PER_PAGE}"
            )
        start = (page - 1) * size
        return Answer(200, found[start : start + size], {"Last-Page": str(start + size >= len(found)).lower()})

    def _paged_lazily(self, numbers, request: Request) -> Answer:
        page, size = max(1, request.whole("page", 1)), request.whole("page-size", 50)
        if not 1 <= size <= MOST_PER_PAGE:
            return self._paged([], request)
        shown = list(islice(numbers, (page - 1) * size, page * size + 1))
        shelf = self.shelves["time_entries"]
        return Answer(
            200, [shelf.get(number) for number in shown[:size]], {"Last-Page": str(len(shown) <= size).lower()}
        )

    # Who may come in, and how fast

    def gate(self, request: Request) -> Answer | None:
        key, addon = request.headers.get("X-Api-Key"), request.headers.get("X-Addon-Token")
        if bool(key) == bool(addon):
            return trouble(401, "Multiple or none auth tokens present", 1000)
        if addon:
            return trouble(401, "Token is not valid", 4017)
        if key != self.api_key or not self._key_works:
            return trouble(401, "Api key does not exist", 4003)
        request.holder = key
        limit, per_s = self.limits
        if self.windows.take(self.workspace_id, int(limit), float(per_s)).refused:
            return Answer(429, "Too many requests", {"Content-Type": "text/plain"})
        if request.params.get("workspace") not in (None, self.workspace_id):
            return trouble(403, "Access Denied", 403)
        return None

    def unknown_path(self, request: Request) -> Answer:
        return trouble(404, f"No static resource {request.path.strip('/')}.", 3000)

    def wrong_method(self, request: Request, allowed: list[str]) -> Answer:
        told = trouble(405, f"Request method '{request.method}' is not supported", 3000)
        told.headers["Allow"] = ", ".join(sorted(set(allowed)))
        return told


def trouble(status: int, message: str, code: int) -> Answer:
    return Answer(status, {"message": message, "code": code})


def invalid(message: str) -> Answer:
    return trouble(400, message, 501)


def stranger(what: str) -> Answer:
    """Unknown, deleted or somebody else's: Clockify says the same of all three, and never 404."""
    return invalid(f"{what} doesn't belong to Workspace")


def _is_shown(user: dict, wanted: str | None, accounts: list[str]) -> bool:
    if any(accounts):
        return user["status"] in accounts
    if wanted == "ALL":
        return True
    if wanted in ("INACTIVE", "DECLINED"):
        return user["status"] in HIDDEN
    if wanted == "PENDING":
        return user["status"] in ("PENDING_EMAIL_VERIFICATION", "NOT_REGISTERED")
    return user["status"] not in HIDDEN


def _entry_fits(entry: dict, request: Request, is_running: bool) -> bool:
    if is_running and entry["timeInterval"]["end"] is not None:
        return False
    if request.one("project") not in (None, entry["projectId"]):
        return False
    if request.one("task") not in (None, entry["taskId"]):
        return False
    if (tags := request.one("tags")) and not set(tags.split(",")) & set(entry["tagIds"] or ()):
        return False
    return (request.one("description") or "").casefold() in entry["description"].casefold()


def _clock(firm, resource: str, count: int):
    return lambda number: firm.changed_at(f"clockify {resource}", number, count)


STAND_IN = Clockify
