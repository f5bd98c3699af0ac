"""The firm's matters over all its Clio accounts: searched and filtered, and those without a limitation date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    func,
    literal_column,
    or_,
    select,
)

from ...models import Connection, Record, db, holds
from ...models.base import inside
from ...storage.counting import NEWEST, Count
from ...storage.walks import united
from .. import limitation_fields, several
from ..finding import search
from ..limitation_fields import STATUTE
from . import limitation_rules


def text_at(*path: str) -> ColumnElement[str]:
    """A text of a matter."""
    return inside(Record.data, *path)


NOTHING: ColumnElement[str] = literal_column("''")
LIVE = (Record.resource == literal_column("'matters'"), Record.deleted_at.is_(None))
_status, _area, _client = func.lower(text_at("status")), text_at("practice_area", "name"), text_at("client", "name")
due_at = text_at(STATUTE, "due_at")
is_open = func.coalesce(_status, NOTHING) != literal_column("'closed'")


@dataclass(frozen=True)
class Wanted:
    """What to look for; what is empty does not matter."""

    connection_id: int | None = None
    text: str = ""  # part of the number, description or client's name, or Clio's whole id
    status: str = ""  # open, pending, closed
    area: str = ""


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
        here = select(Record.id).where(*LIVE, Record.connection_id.in_(accounts_of(wanted.connection_id)))
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
        Record.connection_id.in_(accounts_of(connection_id)),
    )
    return sorted(set(db.session.scalars(select(Record.label).where(*of))), key=str.casefold)


def without(
    connection_id: int | None = None, *, before_id: int | None = None, limit: int = 50
) -> tuple[list[Record], int | None]:
    """Open matters without a limitation date, the newest in our books first; and where the next page begins."""
    fields, found, last = limitation_fields.targets(), [], before_id
    while True:
        rows = _records(_walk(connection_id, [due_at.is_(None), is_open], before_id=last, limit=limit + 1))
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
    numbers = _walk(None, [due_at.is_(None), is_open], after_id=after_id, limit=size)
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
    query = select(Record.id).where(*LIVE, *which, *place).order_by(Record.id if up else Record.id.desc())
    accounts = accounts_of(connection_id)
    if among is not None:
        these = query.where(Record.id.in_(among), Record.connection_id.in_(accounts))
        return list(db.session.scalars(these.limit(limit)))
    found = united(db.session(), [query.where(Record.connection_id == number).limit(limit) for number in accounts])
    return sorted((row.id for row in found), reverse=not up)[:limit]


def _records(numbers: Iterable[int]) -> list[Record]:
    """These records, the newest in our books first."""
    return list(db.session.scalars(select(Record).where(Record.id.in_(numbers)).order_by(Record.id.desc())))


def accounts_of(connection_id: int | None) -> list[int]:
    """The firm's Clio accounts by number, or only that one; none that was removed."""
    query = select(Connection.id).where(Connection.service == "clio", Connection.status != "removed")
    return list(db.session.scalars(query if connection_id is None else query.where(Connection.id == connection_id)))
