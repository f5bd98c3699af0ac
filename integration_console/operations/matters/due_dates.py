"""The limitation dates of open matters: which have passed, and which come soon."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)

from ... import clock
from ...models import Connection, Record, db
from ...services.base import dig
from ...services.writing import CUSTOM
from ...storage.custom_fields import earliest_day
from .. import limitation_fields, settings
from ..limitation_fields import STATUTE
from .limitation_rules import day_of, is_settled, text_in
from .matter_list import LIVE, NOTHING, accounts_of, due_at, is_open, text_at

SPANS = (30, 60, 90)  # days ahead
PAGE = 50  # rows of a list by date
IS_LIKE_A_DAY = re.compile("....-..-..").match  # as storage/custom_fields.py knows one
_is_unsettled = func.coalesce(func.lower(text_at(STATUTE, "status")), NOTHING) != literal_column("'complete'")


class Near(NamedTuple):
    """How many open matters have a limitation date that has passed, or comes soon, or is no date."""

    passed: int
    coming: int
    no_date: int


class Place(NamedTuple):
    """Where a page of a list by date ended."""

    due: str
    id: int


@dataclass(frozen=True)
class Due:
    """An open matter and its limitation date."""

    record: Record
    due_on: date | None  # the earliest; None where only `no_date` is there
    days: int | None  # until then; negative when it has passed
    place: Place
    no_date: str = ""  # what stands before it in the place of a date and is none, such as 2026-02-31

    @property
    def client(self) -> str:
        """The client's name; "" where it is not told."""
        return str(dig(self.record.data, "client.name") or "")


def today() -> date:
    """The day it is where the firm is."""
    return clock.now().astimezone(ZoneInfo(settings.get("firm.time_zone"))).date()


def due(
    within: int, connection_id: int | None = None, *, after: Place | None = None, limit: int | None = PAGE
) -> list[Due]:
    """Open matters whose limitation date has passed or comes within so many days, the earliest first, after a place."""
    now, fields = today(), limitation_fields.targets()
    last = now + timedelta(days=within)
    if fields:
        query = _open(connection_id).where(_first_day(fields) <= last.isoformat())
    else:  # Clio's own date is found by an index
        query = _next_due(connection_id, last, after, limit)
    every = (one for row in db.session.scalars(query) if (one := _due_of(row, fields, now)))
    found = [one for one in every if one.place.due[:10] <= last.isoformat() and (after is None or one.place > after)]
    return sorted(found, key=lambda one: one.place)[:limit]


def near(known: Iterable[Connection] | None = None) -> Near:
    """How many limitation dates of open matters have passed, come within 30 days, or are none.

    known: all connections, removed ones among them, of a page that has read them anyway.
    """
    now = today()
    here, end = now.isoformat(), (now + timedelta(days=SPANS[0])).isoformat()
    removed = _removed() if known is None else [one.id for one in known if _is_gone(one)]
    asked = {"here": here, "end": end, "removed": removed}
    passed, coming, elsewhere = db.session.connection().execute(_NEAR[bool(removed)], asked).one()
    if not elsewhere or not (fields := limitation_fields.targets()):
        return Near(passed, coming, 0)
    first = _first_day(fields)
    texts = db.session.scalars(_open(None).where(first <= end).with_only_columns(first)).all()
    days = [text for text in texts if day_of(text)]
    have_passed = Counter(day < here for day in days)
    return Near(have_passed[True], have_passed[False], len(texts) - len(days))


def _passed_and_coming(due: Select) -> Select:
    """How many have passed, how many come within a time, and whether dates may stand in other fields, too."""
    here, end = bindparam("here", type_=String()), bindparam("end", type_=String())
    spans = due_at < here, (due_at >= here) & (due_at <= end)
    counts = (due.where(when).with_only_columns(func.count(Record.id)).scalar_subquery() for when in spans)
    return select(*counts, limitation_fields.HAVE_TARGETS)


_DUE = select(Record).where(*LIVE, is_open, _is_unsettled)
_account = Record.connection_id + 0  # the sum hides it from the planner: it would walk all of the account's matters
_NEAR = {  # whether there are removed accounts; where not, the index alone tells, without the rows
    False: _passed_and_coming(_DUE),
    True: _passed_and_coming(_DUE.where(_account.not_in(bindparam("removed", expanding=True)))),
}


def _first_day(fields: Iterable[str]) -> ColumnElement[str]:
    """The earliest limitation date that is not settled, in any field; the database looks at all matters for it."""
    own = case((_is_unsettled, func.substr(due_at, 1, 10)))
    numbers = [field.removeprefix(CUSTOM) for field in fields]
    return earliest_day(db.session.get_bind().dialect.name, own, numbers)


def _due_of(record: Record, fields: Sequence[str], now: date) -> Due | None:
    """A matter by the earliest limitation date that is not settled, or what is written like one; None without."""
    looked_at = fields if fields and is_settled(record.data) else (STATUTE, *fields)
    texts = sorted(filter(None, (text_in(record.data, field) for field in looked_at)))
    if fields:
        texts = [text[:10] for text in texts if IS_LIKE_A_DAY(text)]
    if not texts:
        return None
    due_on = next(filter(None, map(day_of, texts)), None)
    no_date = "" if day_of(texts[0]) else texts[0]
    return Due(record, due_on, (due_on - now).days if due_on else None, Place(texts[0], record.id), no_date)


def _open(connection_id: int | None) -> Select:
    """Matters that are not closed."""
    return select(Record).where(*LIVE, Record.connection_id.in_(accounts_of(connection_id)), is_open)


def _due_by(connection_id: int | None, *when: ColumnElement[bool]) -> Select:
    """Open matters whose own limitation date comes then and is not settled."""
    query = _DUE.where(*when)
    if connection_id is not None:
        return query.where(_account.in_(accounts_of(connection_id)))
    removed = _removed()
    return query.where(_account.not_in(removed)) if removed else query


def _removed() -> Sequence[int]:
    return db.session.connection().execute(_REMOVED).scalars().all()


def _is_gone(connection: Connection) -> bool:
    return connection.service == "clio" and connection.status == "removed"


_REMOVED = select(Connection.id).where(Connection.service == "clio", Connection.status == "removed")


def _next_due(connection_id: int | None, last: date, after: Place | None, limit: int | None) -> Select:
    """The same in their order, after a place."""
    query = _due_by(connection_id, due_at <= last.isoformat()).order_by(due_at, Record.id).limit(limit)
    if after is None:
        return query
    # The first condition is for the index, which knows no numbers.
    return query.where(due_at >= after.due, tuple_(due_at, Record.id) > tuple_(literal(after.due), literal(after.id)))
