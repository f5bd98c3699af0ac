"""Clockify's experimental addresses for what was created, updated or deleted; off unless asked for."""

import time

from ..firm import utc
from ..server import Answer, Request, Upstream, on
from .answers import trouble
from .records import id_of, wall_clock

TYPES = {
    "CLIENTS": "clients",
    "PROJECTS": "projects",
    "TAGS": "tags",
    "TASKS": "tasks",
    "TIME_ENTRY": "time_entries",
    "CUSTOM_FIELDS": "custom_fields",
    "USER": "users",
}
DEFAULT_WINDOW_S = 30 * 86_400


class ClockifyChanges(Upstream):
    has_entities = False

    @on("GET", "/workspaces/{workspace}/entities/created")
    def created(self, request: Request) -> Answer:
        return self._changes(request, lambda made, changed, window: _within(made, window))

    @on("GET", "/workspaces/{workspace}/entities/updated")
    def updated(self, request: Request) -> Answer:
        """Without what was created in the same window: that shows under created only."""
        return self._changes(
            request, lambda made, changed, window: _within(changed, window) and not _within(made, window)
        )

    def _changes(self, request: Request, accept) -> Answer:
        if not self.has_entities:
            return self.unknown_path(request)
        kind = request.one("type", "")
        if kind not in TYPES:
            return _missing_type()
        shelf, window = self.shelves[TYPES[kind]], self._window(request)
        found = []
        for number in shelf.numbers():
            made, changed = self._times_of(shelf, number)
            if accept(made, changed, window):
                times = {"createdAt": utc(made), "updatedAt": utc(changed)}
                found.append({**shelf.get(number), "documentType": kind, "auditMetadata": times})
        return Answer(200, {"response": _sliced(found, request)})

    def _times_of(self, shelf, number: int) -> tuple[float, float]:
        made = shelf.added_at.get(number) or self.firm.made_at(number, shelf.count)
        return made, max(made, shelf.changed_at(number))

    @on("GET", "/workspaces/{workspace}/entities/deleted")
    def deleted(self, request: Request) -> Answer:
        if not self.has_entities:
            return self.unknown_path(request)
        kind = request.one("type", "")
        if kind not in TYPES:
            return _missing_type()
        resource, window = TYPES[kind], self._window(request)
        found = [
            {"id": id_of(resource, number), "documentCode": kind, "deletedAt": utc(at), "document": {}}
            for number, at in self.shelves[resource].deleted.items()
            if _within(at, window)
        ]
        return Answer(200, {"response": _sliced(found, request)})

    def _window(self, request: Request) -> tuple[float, float]:
        zone = self.existing("users", 1)["settings"]["timeZone"]
        end_s = wall_clock(request.one("end"), zone, time.time())
        return wall_clock(request.one("start"), zone, end_s - DEFAULT_WINDOW_S), end_s


def _within(at_s: float, window: tuple[float, float]) -> bool:
    return window[0] <= at_s <= window[1]


def _sliced(found: list, request: Request) -> list:
    """Pages count from 0 here, and their size is called limit."""
    limit, page = request.whole("limit", 50), request.whole("page", 0)
    return found[page * limit : (page + 1) * limit]


def _missing_type() -> Answer:
    return trouble(400, "Required request parameter 'type' is not present", 3001)
