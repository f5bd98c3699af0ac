"""The ways upstreams hand out lists, and the walk over one that cannot run in circles.

A paging style is two pure functions: `apply` puts a cursor into a call, `after` finds the next cursor in an
answer. A cursor is any JSON value, so that a walk can go on after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, urlsplit

from .. import clock
from ..errors import BadAnswer, UpstreamError
from .call import Answer, Call
from .urls import leads_away

LONGEST_WALK = 100_000  # pages


@dataclass
class Page:
    """One page of records as they came, and where to go on."""

    items: list[Any]
    cursor: Any | None  # of the next page; None at the end
    upstream_count: int | None = None  # the upstream's own count of the whole list, where it gives one
    waited_ms: float = 0.0
    calls: int = 1
    call_key: str = ""  # Transaction.call_key of the call it came with
    gone: tuple[str, ...] = ()  # ids the upstream itself reports as deleted
    remember: Mapping[str, Any] = field(default_factory=dict)  # for Reading.state of later reads
    note: str = ""  # a sentence for the receipt: what was left out, and why that is no failure
    unread: Callable[[Mapping[str, Any]], bool] | None = None  # records it cannot show: they are not gone for that
    asked_at: datetime | None = None  # it tells of no later moment


class Paging(Protocol):
    """How one upstream hands out a list."""

    def apply(self, call: Call, cursor: Any | None) -> Call:
        """The call for the page at `cursor`; the first page when it is None."""

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        """The cursor of the page behind this answer; None when it was the last."""


@dataclass(frozen=True)
class NextLink:
    """The answer holds the address of the next page; only its token is taken, and only from an address of our own."""

    found_at: str = "meta.paging.next"
    token: str = "page_token"  # noqa: S105 - the name of a parameter
    size_param: str = "limit"
    size: int = 200

    def apply(self, call: Call, cursor: Any | None) -> Call:
        extra = {self.size_param: self.size} | ({self.token: cursor} if cursor else {})
        return replace(call, params={**call.params, **extra})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        link = dig(answer.data, self.found_at)
        if not link:
            return None
        if answer.homes and leads_away(str(link), answer.homes):
            message = "The next address lies at another host than the one connected; it was not called."
            raise BadAnswer(message, code="elsewhere")
        found = parse_qs(urlsplit(str(link)).query).get(self.token)
        if not found:
            raise BadAnswer(f"The address of the next page has no {self.token}.", status=answer.status)
        return found[0]


@dataclass(frozen=True)
class PageNumber:
    """Pages are numbered from 1; a header says which is the last, else a page that is not full."""

    shifts: ClassVar[bool] = True  # what is deleted meanwhile moves a later record to a page that was read already

    param: str = "page"
    size_param: str = "page-size"
    size: int = 200
    last_header: str = ""

    def apply(self, call: Call, cursor: Any | None) -> Call:
        return replace(call, params={**call.params, self.param: cursor or 1, self.size_param: self.size})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        said = answer.headers.get(self.last_header, "").lower() if self.last_header else ""
        last = said == "true" if said in ("true", "false") else len(items) < self.size
        return None if last or not items else int(call.params[self.param]) + 1


@dataclass(frozen=True)
class Whole:
    """The whole list comes in one answer."""

    def apply(self, call: Call, cursor: Any | None) -> Call:
        return call

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        return None


def walk(
    send: Callable[[Call], Answer],
    call: Call,
    paging: Paging,
    *,
    items_at: str | Callable[[Any], Any] | None,
    count_at: str | None = None,
    cursor: Any | None = None,
) -> Iterator[Page]:
    """Yield page after page, from `cursor` to the upstream's own end signal.

    send: carries one call out and raises what its answer means.
    items_at: where in the answer the list lies, "data" or "meta.rows", or what finds it there; None when the answer is
    the list. count_at: where the upstream's own count lies; "meta.total|total" is either.
    Raises BadAnswer when the list is missing, a cursor repeats, a page repeats, or the walk never ends (P4).
    """
    cursors: set[str] = set()
    before = _Glimpse([])
    for _ in range(LONGEST_WALK):
        page_call, asked_at = paging.apply(call, cursor), clock.now()
        answer = send(page_call)
        try:
            items = _items(answer, items_at)
            if not isinstance(items, list):
                raise BadAnswer("The answer holds no list of records.", status=answer.status, code="no list")
            cursor = paging.after(page_call, answer, items)
            if cursor is not None:
                glimpse = _Glimpse(items, answer.body)
                _must_move_on(cursor, cursors, glimpse.shows(before) and items == _items(before.again(), items_at))
                before = glimpse
        except UpstreamError as error:
            error.call_key = error.call_key or answer.call_key
            raise
        count = next(
            (said for at in (count_at or "").split("|") if isinstance(said := dig(answer.data, at), int)), None
        )
        yield Page(items, cursor, count, answer.waited_ms, call_key=answer.call_key, asked_at=asked_at)
        if cursor is None:
            return
    raise BadAnswer(f"The list did not end after {LONGEST_WALK} pages.", code="repeats")


def _items(answer: Answer, items_at: str | Callable[[Any], Any] | None) -> Any:
    if callable(items_at):
        return items_at(answer.data)
    return dig(answer.data, items_at) if items_at else answer.data


class _Glimpse:
    """What is kept of a page to know it again: its ends and its text, a tenth of the memory its records take."""

    def __init__(self, items: list, body: bytes = b"") -> None:
        self._ends, self._body = (len(items), items[:1], items[-1:]), body

    def shows(self, other: _Glimpse) -> bool:
        """Whether both may be the same page."""
        return self._ends[0] > 0 and self._ends == other._ends

    def again(self) -> Answer:
        """The page, to be looked at whole."""
        return Answer(200, {}, self._body)


def _must_move_on(cursor: Any, cursors: set[str], page_again: bool) -> None:
    """Raise BadAnswer when the walk stands still or goes in circles; remember the cursor otherwise."""
    mark = repr(cursor)
    if mark in cursors:
        message = "The service sent the same page address twice; the list was not read to its end."
        raise BadAnswer(message, code="repeats")
    if page_again:
        raise BadAnswer("The service sent the same page twice; the list was not read to its end.", code="repeats")
    cursors.add(mark)


def dig(data: Any, path: str) -> Any:
    """The value at "a.b.c" in nested objects; None when a step is missing.

    >>> dig({"meta": {"paging": {"next": "x"}}}, "meta.paging.next")
    'x'
    """
    for step in path.split("."):
        if not isinstance(data, dict):
            return None
        data = data.get(step)
    return data


def value_at(path: str | None) -> Callable[[Any], Any]:
    """`dig` for one path, made once for many records; None for no path.

    >>> value_at("user.name")({"user": {"name": "Ana"}}), value_at(None)({"id": 1})
    ('Ana', None)
    """
    if path is None:
        return lambda record: None
    if "." in path:
        return lambda record: dig(record, path)
    return lambda record: record.get(path)
