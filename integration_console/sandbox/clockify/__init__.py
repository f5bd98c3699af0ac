"""Clockify: one workspace, its people, projects and time entries.

Source: docs.clockify.me (OpenAPI of 2026-07-22), corrected by what live answers were seen to hold:
error bodies, nulls while a timer runs, windows read in the account's own time zone.
"""

import random
import time

from ..firm import utc
from ..server import Answer, Request, Upstream, on
from ..shelf import Shelf
from .answers import paged, shown, stranger, trouble
from .changes import ClockifyChanges
from .entries import ClockifyEntries
from .hooks import ClockifyHooks
from .records import ClockifyRecords, id_of, number_of
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
W = "/workspaces/{workspace}"


class Clockify(ClockifyEntries, ClockifyChanges, ClockifyHooks, ClockifyWrites, Upstream):
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
        return paged(found, request)

    # Projects and what belongs to them

    @on("GET", f"{W}/projects")
    def projects(self, request: Request) -> Answer:
        found = self._named("projects", request)
        if clients := request.one("clients"):
            found = [project for project in found if project["clientId"] in clients.split(",")]
        if (billable := request.one("billable")) in ("true", "false"):
            found = [project for project in found if project["billable"] is (billable == "true")]
        return paged(found, request)

    @on("GET", f"{W}/clients")
    def clients(self, request: Request) -> Answer:
        return paged(self._named("clients", request), request)

    @on("GET", f"{W}/tags")
    def tags(self, request: Request) -> Answer:
        return paged(self._named("tags", request), request)

    @on("GET", f"{W}/projects/{{project}}")
    def project(self, request: Request) -> Answer:
        return shown(self.get("projects", request.params["project"]), "Project")

    @on("GET", f"{W}/clients/{{client}}")
    def client(self, request: Request) -> Answer:
        return shown(self.get("clients", request.params["client"]), "Client")

    @on("GET", f"{W}/tags/{{tag}}")
    def tag(self, request: Request) -> Answer:
        return shown(self.get("tags", request.params["tag"]), "Tag")

    @on("GET", f"{W}/projects/{{project}}/tasks")
    def tasks(self, request: Request) -> Answer:
        project, shelf = request.params["project"], self.shelves["tasks"]
        if self.get("projects", project) is None:
            return stranger("Project")
        numbers = shelf.grouped("project", lambda number: shelf.get(number)["projectId"]).get(project, ())
        found = [shelf.get(number) for number in numbers]
        if (is_active := request.one("is-active")) in ("true", "false"):
            found = [task for task in found if (task["status"] == "ACTIVE") is (is_active == "true")]
        return paged(found, request)

    @on("GET", f"{W}/custom-fields")
    def custom_fields(self, request: Request) -> Answer:
        """All of them each time: this address knows no pages and sends no Last-Page."""
        return Answer(200, self._all("custom_fields"))

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


def _clock(firm, resource: str, count: int):
    return lambda number: firm.changed_at(f"clockify {resource}", number, count)


STAND_IN = Clockify
