"""QuickBooks' query language, as much of it as we need, and the walk through its pages.

Pages are cut by position, so a record deleted meanwhile moves the others up. Each page therefore begins a few records
before the end of the one before, and what was seen already is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ...errors import BadAnswer
from ...transport.call import Answer, Call
from ...transport.client import Upstream
from ..base import Page, dig, walk
from .calls import call
from .records import ours

NAMES = ("Customer", "Vendor", "Item", "Account")  # inactive ones are hidden unless both are asked for
MOST = 1000  # records of one page
OVERLAP = 20
AT_ONCE = 100  # ids in one question


@dataclass(frozen=True)
class Query:
    """One question about one entity: all of it, what changed, or what a condition names."""

    entity: str
    since: datetime | None = None
    where: str = ""

    def statement(self, what: str = "*") -> str:
        """The question in QuickBooks' words, in the order of ids.

        >>> Query("Invoice").statement()
        'SELECT * FROM Invoice ORDERBY Id'
        >>> Query("Customer", where=equals("DisplayName", "O'Neill")).statement("count(*)")
        "SELECT count(*) FROM Customer WHERE Active IN (true, false) AND DisplayName = 'O\\\\'Neill'"
        """
        wanted = [self.where] if self.where else []
        if self.entity in NAMES:
            wanted.insert(0, "Active IN (true, false)")
        if self.since:
            wanted.append(f"MetaData.LastUpdatedTime >= {literal(self.since.isoformat(timespec='seconds'))}")
        text = f"SELECT {what} FROM {self.entity}" + (f" WHERE {' AND '.join(wanted)}" if wanted else "")
        return text + (" ORDERBY Id" if what == "*" else "")


def literal(value: str) -> str:
    r"""A text within a statement, which nothing in it can end.

    >>> print(literal("O'Neill \\ Sons"))
    'O\'Neill \\ Sons'
    """
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def equals(field: str, value: str) -> str:
    """A condition: this field holds that text."""
    return f"{field} = {literal(value)}"


def pages(upstream: Upstream, resource: str, asked: Query, start: int | None = None) -> Iterator[Page]:
    """The answer, page by page, its records made ours; `start` is a page's cursor."""
    first = call(upstream, "GET", "/query", {"query": asked.statement()}, resource=resource)
    before: set[str] = set()
    for page in walk(upstream.send, first, Positions(), items_at=_rows(asked.entity), cursor=start):
        fresh = [row for row in page.items if not isinstance(row, dict) or str(row.get("Id")) not in before]
        before = {str(row.get("Id")) for row in page.items[-OVERLAP:] if isinstance(row, dict)}
        yield replace(page, items=[ours(asked.entity, row) for row in fresh])


def found(upstream: Upstream, resource: str, asked: Query) -> list[dict]:
    """The whole answer to a question that can only have a short one."""
    return [row for page in pages(upstream, resource, asked) for row in page.items]


def by_ids(upstream: Upstream, resource: str, entity: str, ids: list[str]) -> list[dict]:
    """Those of these records that are there."""
    rows: list[dict] = []
    for at in range(0, len(ids), AT_ONCE):
        named = ", ".join(map(literal, ids[at : at + AT_ONCE]))
        rows += found(upstream, resource, Query(entity, where=f"Id IN ({named})"))
    return rows


def count(upstream: Upstream, resource: str, entity: str) -> int:
    """How many there are, by QuickBooks' own count."""
    asked = {"query": Query(entity).statement("count(*)")}
    answer = upstream.send(call(upstream, "GET", "/query", asked, resource=resource))
    total = dig(answer.data, "QueryResponse.totalCount")
    if isinstance(total, bool) or not isinstance(total, int):
        raise BadAnswer("QuickBooks did not say how many records there are.", status=answer.status)
    return total


@dataclass(frozen=True)
class Positions:
    """Pages by position, counted from 1; one that is not full is the last."""

    size: int = MOST

    def apply(self, call: Call, cursor: Any | None) -> Call:
        """The page at `cursor`."""
        statement = f"{call.params['query']} STARTPOSITION {cursor or 1} MAXRESULTS {self.size}"
        return replace(call, params={**call.params, "query": statement})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        """The position of the next page."""
        if len(items) < self.size:
            return None
        at = re.search(r"STARTPOSITION (\d+) ", call.params["query"])
        return int(at[1]) + len(items) - OVERLAP if at else None


def _rows(entity: str) -> Callable[[Any], Any]:
    """Where the rows are in an answer; an answer without any does not even name the entity."""

    def rows(data: Any) -> Any:
        told = data.get("QueryResponse") if isinstance(data, dict) else None
        return told.get(entity, []) if isinstance(told, dict) else None

    return rows
