"""What changed in everybody's time, in one go: Clockify's lists of created, updated and deleted entities, an experiment
that not every workspace takes part in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ... import clock
from ...errors import BadAnswer, Missing
from ..base import Answer, Call, Page, Reading, Service, Upstream, dig, replace, walk
from .records import W

A_DAY = dt.timedelta(days=1)  # asked for more at each end of a window: Clockify reads it in the owner's zone
CHANGES_KEPT = dt.timedelta(days=28)  # the change lists' own window is 30; see A_DAY
CHANGES_LATE = dt.timedelta(minutes=10)  # a deletion shows there after about one
CHANGE_LISTS = ("created", "updated", "deleted")
AT_ONCE = 50  # records of one change page, read again together


def pages(service: Service, upstream: Upstream, reading: Reading) -> Iterator[Page]:
    """What was created and updated, read again by its ids, and then the ids of what was deleted.

    An entry that was deleted and restored is in the last list, too: only what Clockify no longer has is gone. The
    clock face of this window is read in the zone of the key's owner, too.
    """
    since = after(reading) or reading.now - CHANGES_KEPT
    asked = {"type": "TIME_ENTRY", "start": stamp(since - A_DAY), "end": stamp(reading.now + A_DAY)}
    begun = reading.cursor or {"list": CHANGE_LISTS[0], "page": None}
    for kind in CHANGE_LISTS[CHANGE_LISTS.index(begun["list"]) :]:
        call = _call("GET", f"{W}/entities/{kind}", upstream, params=asked)
        first = begun["page"] if kind == begun["list"] else None
        for page in walk(upstream.send, call, ChangePages(), items_at="response", cursor=first):
            ids = [_changed_id(item) for item in page.items]
            entries = _left(service, upstream, ids) if kind == "deleted" else _again(upstream, ids)
            there = {str(dig(entry, "id")) for entry in entries}
            gone = tuple(one for one in ids if one not in there) if kind == "deleted" else ()
            remember, asked_at = {"entity_changes": True}, page.asked_at
            yield Page(entries, _next(kind, page.cursor), gone=gone, remember=remember, asked_at=asked_at)


def _again(upstream: Upstream, ids: list[str]) -> list[Any]:
    """Time entries by their ids: what the change lists hold of them is in no document."""
    if not ids:
        return []
    call = _call("POST", f"{W}/time-entries/batch", upstream, json={"timeEntryIds": ids}, safe=True)
    entries = upstream.send(call).data
    if not isinstance(entries, list):
        raise BadAnswer("The answer holds no list of time entries.")
    return entries


def _left(service: Service, upstream: Upstream, ids: list[str]) -> list[Any]:
    """Those of these that are there all the same, one by one where ids of deleted ones are refused."""
    try:
        return _again(upstream, ids)
    except Missing:
        return [entry for one in ids if (entry := _if_there(service, upstream, one))]


def _if_there(service: Service, upstream: Upstream, external_id: str) -> dict | None:
    try:
        return service.read_one(upstream, service.resources["time_entries"], external_id)
    except Missing:
        return None


@dataclass(frozen=True)
class ChangePages:
    """The change lists count pages from 0, call their size a limit and mark no end: a page not full is the last."""

    def apply(self, call: Call, cursor: Any | None) -> Call:
        """The page at `cursor`."""
        return replace(call, params={**call.params, "page": cursor or 0, "limit": AT_ONCE})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        """The number of the next page."""
        return None if len(items) < AT_ONCE else int(call.params["page"]) + 1


def _changed_id(item: Any) -> str:
    """Which entry a line of a change list is about. Of a deleted one, the document it was; the line has its own id."""
    for name in ("document.id", "document._id", "id", "_id"):
        if found := dig(item, name):
            return str(found)
    raise BadAnswer("Clockify's list of changes names no id.")


def _next(kind: str, page: int | None) -> dict | None:
    """Where the changes go on: this list's next page, or the next list."""
    if page is not None:
        return {"list": kind, "page": page}
    later = CHANGE_LISTS[CHANGE_LISTS.index(kind) + 1 :]
    return {"list": later[0], "page": None} if later else None


def _call(method: str, template: str, upstream: Upstream, **more: Any) -> Call:
    path = template.format_map(upstream.settings)
    return Call(method, path, template=template, resource="time_entries", **more)


def after(reading: Reading) -> dt.datetime | None:
    """From when on changes are asked for; None when the last read is unknown or longer ago than the lists reach."""
    begun = clock.parse(reading.state.get("begun"))
    since = begun - CHANGES_LATE if begun else None
    return since if since and reading.now - since <= CHANGES_KEPT else None


def stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
