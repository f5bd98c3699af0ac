"""Reading time entries at Clockify: a person's, in a window; the running ones; several by their ids."""

import heapq
from bisect import bisect_left, bisect_right
from itertools import islice

from ..firm import seconds
from ..server import Answer, Request, Upstream, on
from .answers import MOST_PER_PAGE, invalid, paged, shown, stranger
from .records import RUNNING, WORKERS, ClockifyRecords, id_of, number_of, wall_clock

W = "/workspaces/{workspace}"


class ClockifyEntries(Upstream):
    values: ClockifyRecords

    @on("GET", f"{W}/user/{{user}}/time-entries")
    def entries_of_user(self, request: Request) -> Answer:
        user = number_of("users", request.params["user"])
        if self.get("users", user) is None:
            return stranger("User")
        try:
            zone = self.existing("users", 1)["settings"]["timeZone"]
            start_s, end_s = (
                wall_clock(request.one(name), zone, open_end)
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

    @on("GET", f"{W}/time-entries/status/in-progress")
    def running(self, request: Request) -> Answer:
        return paged(self.running_entries(), request, default=10)

    def running_entries(self) -> list[dict]:
        shelf = self.shelves["time_entries"]
        numbers = {*range(shelf.count - RUNNING, shelf.count + 1), *shelf.edited} - shelf.deleted.keys()
        return [entry for entry in map(shelf.get, sorted(numbers)) if entry["timeInterval"]["end"] is None]

    @on("GET", f"{W}/time-entries/{{entry}}")
    def entry(self, request: Request) -> Answer:
        return shown(self.get("time_entries", request.params["entry"]), "Time entry")

    @on("POST", f"{W}/time-entries/batch")
    def entries(self, request: Request) -> Answer:
        found = [self.get("time_entries", name) for name in request.json().get("timeEntryIds") or ()]
        return Answer(200, [entry for entry in found if entry])

    def _paged_lazily(self, numbers, request: Request) -> Answer:
        page, size = max(1, request.whole("page", 1)), request.whole("page-size", 50)
        if not 1 <= size <= MOST_PER_PAGE:
            return paged([], request)
        some = list(islice(numbers, (page - 1) * size, page * size + 1))
        shelf = self.shelves["time_entries"]
        return Answer(200, [shelf.get(number) for number in some[:size]], {"Last-Page": str(len(some) <= size).lower()})


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
