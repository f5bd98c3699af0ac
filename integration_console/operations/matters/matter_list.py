"""The firm's matters over all its Clio accounts: searched and filtered, by limitation date, and those without one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)

from ... import clock
from ...models import Connection, Record, db, holds
from ...models.base import inside
from ...services.base import dig
from ...services.writing import CUSTOM
from ...storage.counting import NEWEST, Count
from ...storage.custom_fields import earliest_day
from ...storage.walks import united
from .. import settings, several
from ..finding import search
from . import limitation_rules
from .limitation_rules import STATUTE, day_of, is_settled, text_in

SPANS = (30, 60, 90)  # days ahead
PAGE = 50  # rows of a list by date
IS_LIKE_A_DAY = re.compile("....-..-..").match  # as storage/custom_fields.py knows one


def _told(*path: str) -> ColumnElement[str]:
    """A text of a matter."""
    return inside(Record.data, *path)


_NOTHING: ColumnElement[str] = literal_column("''")
_LIVE = (Record.resource == literal_column("'matters'"), Record.deleted_at.is_(None))
_status, _area, _client = func.lower(_told("status")), _told("practice_area", "name"), _told("client", "name")
_due = _told(STATUTE, "due_at")
_is_open = func.coalesce(_status, _NOTHING) != literal_column("'closed'")
_is_unsettled = func.coalesce(func.lower(_told(STATUTE, "status")), _NOTHING) != literal_column("'complete'")


@dataclass(frozen=True)
class Wanted:
    """What to look for; what is empty does not matter."""

    connection_id: int | None = None
    text: str = ""  # part of the number, description or client's name, or Clio's whole id
    status: str = ""  # open, pending, closed
    area: str = ""


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
        return str(dig(self.record.data, "client.name") or "")


def today() -> date:
    """The day it is where the firm is."""
    return clock.now().astimezone(ZoneInfo(settings.get("firm.time_zone"))).date()


def browse(
    wanted: Wanted, *, before_id: int | None = None, after_id: int | None = None, limit: int = 50
) -> list[Record]:
    """Matters, the newest in our books first: those before `before_id`, or the page just above `after_id`."""
    which, among = _which(wanted), search.may_hold(wanted.text)
    numbers = _walk(wanted.connection_id, which, among, before_id=before_id, after_id=after_id, limit=limit)
    return _records(numbers)


def count(wanted: Wanted) -> Count:
    """How many there are of these: of those whose names may hold the text, else among the newest."""
    which, among = _which(wanted), search.may_hold(wanted.text)
    if not which:
        here = select(Record.id).where(*_LIVE, Record.connection_id.in_(_accounts(wanted.connection_id)))
        return Count(several.count(here))
    some = _walk(wanted.connection_id, [], limit=NEWEST) if among is None else among
    found = len(_walk(wanted.connection_id, which, some, limit=len(some)))
    return Count(found, NEWEST if among is None and len(some) == NEWEST else 0)


def _which(wanted: Wanted) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    if wanted.text:
        like = [holds(column, wanted.text) for column in (Record.label, _client)]
        which.append(or_(*like, Record.external_id == wanted.text))
    if wanted.status:
        which.append(_status == wanted.status)
    if wanted.area:
        which.append(_area == wanted.area)
    return which


def areas(connection_id: int | None = None) -> list[str]:
    """The names of the practice areas the accounts know."""
    of = (
        Record.resource == "practice_areas",
        Record.deleted_at.is_(None),
        Record.connection_id.in_(_accounts(connection_id)),
    )
    return sorted(set(db.session.scalars(select(Record.label).where(*of))), key=str.casefold)


def due(
    within: int, connection_id: int | None = None, *, after: Place | None = None, limit: int | None = PAGE
) -> list[Due]:
    """Open matters whose limitation date has passed or comes within so many days, the earliest first, after a place."""
    now, fields = today(), limitation_rules.targets()
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
    now, fields = today(), limitation_rules.targets()
    here, end = now.isoformat(), (now + timedelta(days=SPANS[0])).isoformat()
    no_date = 0
    if fields:
        first = _first_day(fields)
        texts = db.session.scalars(_open(None).where(first <= end).with_only_columns(first)).all()
        days = [text for text in texts if day_of(text)]
        no_date, have_passed = len(texts) - len(days), Counter(day < here for day in days)
    else:
        removed = _removed() if known is None else [one.id for one in known if _is_gone(one)]
        told = db.session.scalars(_NEAR[bool(removed)], {"here": here, "end": end, "removed": removed})
        have_passed = Counter(map(bool, told.all()))
    return Near(have_passed[True], have_passed[False], no_date)


def _passed_and_coming(due: Select) -> CompoundSelect:
    """A row for each: 1 for one that has passed, 0 for one that comes within a time."""
    here, end = bindparam("here", type_=String()), bindparam("end", type_=String())
    spans = (("1", _due < here), ("0", (_due >= here) & (_due <= end)))
    return union_all(*(due.where(when).with_only_columns(literal_column(said)) for said, when in spans))


_DUE = select(Record).where(*_LIVE, _is_open, _is_unsettled)
_account = Record.connection_id + 0  # the sum hides it from the planner: it would walk all of the account's matters
_NEAR = {  # whether there are removed accounts; where not, the index alone tells, without the rows
    False: _passed_and_coming(_DUE),
    True: _passed_and_coming(_DUE.where(_account.not_in(bindparam("removed", expanding=True)))),
}


def _first_day(fields: Iterable[str]) -> ColumnElement[str]:
    """The earliest limitation date that is not settled, in any field; the database looks at all matters for it."""
    own = case((_is_unsettled, func.substr(_due, 1, 10)))
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


def without(
    connection_id: int | None = None, *, before_id: int | None = None, limit: int = 50
) -> tuple[list[Record], int | None]:
    """Open matters without a limitation date, the newest in our books first; and where the next page begins."""
    fields, found, last = limitation_rules.targets(), [], before_id
    while True:
        rows = _records(_walk(connection_id, [_due.is_(None), _is_open], before_id=last, limit=limit + 1))
        found += [row for row in rows if _has_none(row.data, fields)]
        if len(found) > limit:
            return found[:limit], found[limit - 1].id
        if len(rows) <= limit:
            return found, None
        last = rows[-1].id


def without_batch(
    after_id: int, size: int, fields: Iterable[str], fits: Callable[[Mapping], object]
) -> tuple[list[int], int | None]:
    """Those of the same that fit, by our numbers, upwards, for going through all of them; None at the end."""
    numbers = _walk(None, [_due.is_(None), _is_open], after_id=after_id, limit=size)
    query = select(Record.id, Record.data).where(Record.id.in_(numbers)).order_by(Record.id)
    rows = db.session.execute(query).all()
    found = [number for number, data in rows if _has_none(data, fields) and fits(data)]
    return found, rows[-1].id if len(rows) == size else None


def _has_none(data: Mapping, fields: Iterable[str]) -> bool:
    return limitation_rules.limitation_of(data, fields) is None


def _walk(
    connection_id: int | None, which: Iterable[ColumnElement[bool]], among: Sequence[int] | None = None, *,
    before_id: int | None = None, after_id: int | None = None, limit: int,
) -> list[int]:  # fmt: skip
    """Our numbers of the next matters that fit, up from `after_id` or else down: each account's along an index.

    among: our numbers of those it can be, where that is known.
    """
    up = after_id is not None
    place = [Record.id > after_id] if up else [] if before_id is None else [Record.id < before_id]
    query = select(Record.id).where(*_LIVE, *which, *place).order_by(Record.id if up else Record.id.desc())
    accounts = _accounts(connection_id)
    if among is not None:
        these = query.where(Record.id.in_(among), Record.connection_id.in_(accounts))
        return list(db.session.scalars(these.limit(limit)))
    found = united(db.session(), [query.where(Record.connection_id == number).limit(limit) for number in accounts])
    return sorted((row.id for row in found), reverse=not up)[:limit]


def _records(numbers: Iterable[int]) -> list[Record]:
    """These records, the newest in our books first."""
    return list(db.session.scalars(select(Record).where(Record.id.in_(numbers)).order_by(Record.id.desc())))


def _open(connection_id: int | None) -> Select:
    """Matters that are not closed."""
    return select(Record).where(*_LIVE, Record.connection_id.in_(_accounts(connection_id)), _is_open)


def _due_by(connection_id: int | None, *when: ColumnElement[bool]) -> Select:
    """Open matters whose own limitation date comes then and is not settled."""
    query = _DUE.where(*when)
    if connection_id is not None:
        return query.where(_account.in_(_accounts(connection_id)))
    removed = _removed()
    return query.where(_account.not_in(removed)) if removed else query


def _removed() -> Sequence[int]:
    return db.session.connection().execute(_REMOVED).scalars().all()


def _is_gone(connection: Connection) -> bool:
    return connection.service == "clio" and connection.status == "removed"


_REMOVED = select(Connection.id).where(Connection.service == "clio", Connection.status == "removed")


def _next_due(connection_id: int | None, last: date, after: Place | None, limit: int | None) -> Select:
    """The same in their order, after a place."""
    query = _due_by(connection_id, _due <= last.isoformat()).order_by(_due, Record.id).limit(limit)
    if after is None:
        return query
    # The first condition is for the index, which knows no numbers.
    return query.where(_due >= after.due, tuple_(_due, Record.id) > tuple_(literal(after.due), literal(after.id)))


def _accounts(connection_id: int | None) -> list[int]:
    query = select(Connection.id).where(Connection.service == "clio", Connection.status != "removed")
    return list(db.session.scalars(query if connection_id is None else query.where(Connection.id == connection_id)))
