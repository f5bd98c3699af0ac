"""The firm's matters over all its Clio accounts: searched and filtered, by limitation date, and those without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, or_, select

from .. import clock
from ..models import Connection, Record, db
from ..services.base import dig
from . import limitation_rules, settings
from .limitation_rules import STATUTE, day_in, is_settled

SPANS = (30, 60, 90)  # days ahead
MOST = 500  # rows of a list by date

_status = func.lower(Record.data["status"].as_string())
_area = Record.data[("practice_area", "name")].as_string()
_client = Record.data[("client", "name")].as_string()
_due = Record.data[(STATUTE, "due_at")].as_string()


@dataclass(frozen=True)
class Wanted:
    """What to look for; what is empty does not matter."""

    connection_id: int | None = None
    text: str = ""  # part of the number, description or client's name, or Clio's whole id
    status: str = ""  # open, pending, closed
    area: str = ""


@dataclass(frozen=True)
class Due:
    """An open matter and its limitation date."""

    record: Record
    due_on: date
    days: int  # until then; negative when it has passed

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
    query = _live(wanted.connection_id)
    if wanted.text:
        like = [column.icontains(wanted.text, autoescape=True) for column in (Record.label, _client)]
        query = query.where(or_(*like, Record.external_id == wanted.text))
    if wanted.status:
        query = query.where(_status == wanted.status)
    if wanted.area:
        query = query.where(_area == wanted.area)
    if after_id is not None:
        above = db.session.scalars(query.where(Record.id > after_id).order_by(Record.id).limit(limit)).all()
        return list(reversed(above))
    if before_id is not None:
        query = query.where(Record.id < before_id)
    return list(db.session.scalars(query.order_by(Record.id.desc()).limit(limit)))


def areas(connection_id: int | None = None) -> list[str]:
    """The names of the practice areas the accounts know."""
    of = (
        Record.resource == "practice_areas",
        Record.deleted_at.is_(None),
        Record.connection_id.in_(_numbers(connection_id)),
    )
    return sorted(set(db.session.scalars(select(Record.label).where(*of))), key=str.casefold)


def due(within: int, connection_id: int | None = None, *, limit: int = MOST) -> list[Due]:
    """Open matters whose limitation date has passed or comes within so many days, the earliest first."""
    now, fields = today(), limitation_rules.targets()
    last = now + timedelta(days=within)
    found = []
    # Clio's own date is compared by the database; a custom field's only after it was read.
    query = _open(connection_id) if fields else _open(connection_id, _due <= last.isoformat())
    for record in db.session.scalars(query):
        day = _next_day(record, fields)
        if day and day <= last:
            found.append(Due(record, day, (day - now).days))
    return sorted(found, key=lambda one: (one.due_on, one.record.id))[:limit]


def near() -> tuple[int, int]:
    """How many limitation dates of open matters have passed, and how many come within 30 days."""
    found = [one.days for one in due(SPANS[0])] if limitation_rules.targets() else _days_of_clio()
    return sum(days < 0 for days in found), sum(days >= 0 for days in found)


def _days_of_clio() -> list[int]:
    """Days left until each near date of Clio's own field, without reading the matters themselves."""
    now = today()
    settled = func.coalesce(func.lower(Record.data[(STATUTE, "status")].as_string()), "") == "complete"
    query = _open(None, _due <= (now + timedelta(days=SPANS[0])).isoformat()).where(~settled)
    return [(date.fromisoformat(day[:10]) - now).days for day in db.session.scalars(query.with_only_columns(_due))]


def _next_day(record: Record, fields: Iterable[str]) -> date | None:
    """The earliest limitation date that is not settled."""
    looked_at = fields if is_settled(record.data) else (STATUTE, *fields)
    return min((day for field in looked_at if (day := day_in(record.data, field))), default=None)


def without(
    connection_id: int | None = None, *, before_id: int | None = None, limit: int = 50
) -> tuple[list[Record], int | None]:
    """Open matters without a limitation date, the newest in our books first; and where the next page begins."""
    fields, found, last = limitation_rules.targets(), [], before_id
    while True:
        query = _open(connection_id, _due.is_(None))
        if last is not None:
            query = query.where(Record.id < last)
        rows = db.session.scalars(query.order_by(Record.id.desc()).limit(limit + 1)).all()
        for row in rows:
            if _has_none(row, fields):
                found.append(row)
            if len(found) > limit:
                return found[:limit], found[limit - 1].id
        if len(rows) <= limit:
            return found, None
        last = rows[-1].id


def without_batch(
    after_id: int, size: int, fields: Iterable[str], fits: Callable[[Mapping], object]
) -> tuple[list[int], int | None]:
    """Those of the same that fit, by our numbers, upwards, for going through all of them; None at the end."""
    query = _open(None, _due.is_(None), Record.id > after_id).order_by(Record.id).limit(size)
    rows = db.session.execute(query.with_only_columns(Record.id, Record.data)).all()
    found = [n for n, data in rows if limitation_rules.limitation_of(data, fields) is None and fits(data)]
    return found, rows[-1].id if len(rows) == size else None


def _has_none(record: Record, fields: Iterable[str]) -> bool:
    return limitation_rules.limitation_of(record.data, fields) is None


def _live(connection_id: int | None) -> Select:
    return select(Record).where(
        Record.connection_id.in_(_numbers(connection_id)), Record.resource == "matters", Record.deleted_at.is_(None)
    )


def _open(connection_id: int | None, *first: ColumnElement[bool]) -> Select:
    """Matters that are not closed. first: what leaves fewest, as SQLite looks at conditions in this order."""
    return _live(connection_id).where(*first, func.coalesce(_status, "") != "closed")


def _numbers(connection_id: int | None) -> Select:
    query = select(Connection.id).where(Connection.service == "clio", Connection.status != "removed")
    return query if connection_id is None else query.where(Connection.id == connection_id)
