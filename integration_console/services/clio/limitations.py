"""Limitation dates that move without their matter: each is a task of its own, and who moves or completes that task may
leave the matter's time of change as it was. Which of the two happens is in no document, so an increment of matters
asks for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from ...errors import NotAllowed
from ...transport.call import Call
from ...transport.client import Upstream
from ...transport.paging import NextLink, Page, dig, walk
from ..base import Reading, Resource, replace

AT_ONCE = 100  # matters asked for by their numbers
NOT_SHOWN = (
    "Clio does not let the tasks be read, so a limitation date that was moved in its task alone shows at the next full "
    "read of the matters."
)


def with_moved(upstream: Upstream, matters: Resource, reading: Reading, pages: Iterable[Page]) -> Iterator[Page]:
    """The pages of an increment, and behind them the matters it did not hold whose limitation date has changed."""
    begun, met = reading.cursor or {}, set[int]()
    if "behind" in begun:
        yield from _pages(upstream, matters, _moved(upstream, reading), begun["behind"], begun["counted"])
        return
    for page in pages:
        met.update(number for item in page.items if (number := dig(item, "id")))
        if page.cursor is not None:
            yield page
            continue
        try:
            moved = _moved(upstream, reading) - met
        except NotAllowed:
            yield replace(page, note=NOT_SHOWN)
            return
        yield replace(page, cursor=_place(0, page.upstream_count) if moved else None)
        yield from _pages(upstream, matters, moved, 0, page.upstream_count)


def _moved(upstream: Upstream, reading: Reading) -> set[int]:
    """The matters whose limitation date was changed since."""
    assert isinstance(reading.since, datetime)
    asked = {
        "fields": "id,matter{id}", "order": "id(asc)", "statute_of_limitations": "true",
        "updated_since": reading.since.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }  # fmt: skip
    call = Call("GET", "/tasks", asked, template="/tasks", resource="matters")
    found = (dig(item, "matter.id") for page in walk(upstream.send, call, NextLink(), items_at="data")
             for item in page.items)  # fmt: skip
    return {int(number) for number in found if number}


def _pages(
    upstream: Upstream, matters: Resource, moved: Iterable[int], behind: int, counted: int | None
) -> Iterator[Page]:
    """Those of these matters with a higher number than `behind`, some at a time."""
    left = sorted(number for number in moved if number > behind)
    for start in range(0, len(left), AT_ONCE):
        some = left[start : start + AT_ONCE]
        call = Call("GET", matters.path, {**matters.params, "ids[]": some}, template=matters.path, resource="matters")
        (page,) = walk(upstream.send, call, NextLink(), items_at="data")
        counted = None if counted is None else counted + len(page.items)
        more = start + AT_ONCE < len(left)
        yield replace(page, cursor=_place(some[-1], counted) if more else None, upstream_count=counted)
    if not left and behind:  # what was left has changed together with its matter meanwhile
        yield Page([], None, counted)


def _place(behind: int, counted: int | None) -> dict:
    return {"behind": behind, "counted": counted}
