"""The log of API calls: recorded in the transaction of the page they fetched, searched by keyset, newest first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from operator import attrgetter
from typing import Any, NamedTuple

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import ColumnElement, Row, Select, String, and_, event, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from ..errors import InvalidInput
from ..models import Transaction, holds
from ..models.base import UtcDateTime
from ..models.transaction import UNUSUAL
from .bulk import COPIED, copy_line, sqlite_time
from .counting import Count, among_newest, capped
from .storable import NUL, STAND_IN, without_nul

LOOKS = (2_000, 20_000)  # calls a search looks through where no index knows the answer: the near ones, then all

_COLUMNS = Transaction.__table__.columns
_LONGEST = {c.name: c.type.length for c in _COLUMNS if isinstance(c.type, String)}
_LONG_TEXTS = ("request_headers", "response_headers", "request_body", "response_body")
# A list shows none of the long texts, so it does not fetch them.
_LISTED: list[Any] = [c for c in _COLUMNS if c.key not in (*_LONG_TEXTS, "body_cut")]


# -- recording ------------------------------------------------------------------------------------------------------


class Recorder:
    """Takes the attempts of one connection's calls from any thread; `flush` writes them.

    A flush that is rolled back takes its attempts back: the calls were made, whatever became of their page.
    """

    def __init__(self, connection_id: int | None, run_id: int | None, service: str, *, direction: str = "out") -> None:
        self.connection_id, self.run_id, self.service, self.direction = connection_id, run_id, service, direction
        self._waiting: list[Any] = []
        self._lock = threading.Lock()

    def __call__(self, attempt: Any) -> None:
        """Remember one transport.call.Attempt."""
        with self._lock:
            self._waiting.append(attempt)

    def flush(self, session: Session) -> int:
        """Write what was recorded since the last flush, as part of the session's transaction; how many it were."""
        with self._lock:
            attempts, self._waiting = self._waiting, []
        if attempts:
            session.info.setdefault("recorded", []).append((self, attempts))
            self._write(session.connection(), attempts)
        return len(attempts)

    def take_back(self, attempts: list[Any]) -> None:
        """Put attempts back that could not be written; the next flush tries again."""
        with self._lock:
            self._waiting[:0] = attempts

    def _write(self, connection: Any, attempts: list[Any]) -> None:
        """By the driver itself: this is part of every page, and must cost next to nothing beside it."""
        driver = connection.connection.driver_connection
        sqlite = connection.dialect.name == "sqlite"
        ours = (self.connection_id, self.run_id, self.direction)
        rows = [(*ours, *map(_storable, _FIELDS, _values(attempt))) for attempt in attempts]
        if sqlite:
            plain = ([sqlite_time(value) if isinstance(value, datetime) else value for value in row] for row in rows)
            driver.executemany(_INSERT, plain)
            return
        with driver.cursor() as cursor:
            cursor.copy_expert(_COPY, BytesIO("".join(map(copy_line, rows)).encode()))


_OURS = ("connection_id", "run_id", "direction")
_FIELDS = tuple(c.key for c in _COLUMNS if c.key not in (*_OURS, "id"))  # the names an Attempt has, too
_values = attrgetter(*_FIELDS)
_NAMES = f'"transaction" ({", ".join((*_OURS, *_FIELDS))})'
_INSERT = f"INSERT INTO {_NAMES} VALUES ({', '.join('?' * len((*_OURS, *_FIELDS)))})"
_COPY = f"COPY {_NAMES} {COPIED}"


def _storable(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value[: _LONGEST.get(name)]
    return value.replace(NUL, STAND_IN) if NUL in value else value


@event.listens_for(Session, "after_commit")
def _written(session: Session) -> None:
    session.info.pop("recorded", None)


@event.listens_for(Session, "after_rollback")
def _not_written(session: Session) -> None:
    for recorder, attempts in reversed(session.info.pop("recorded", ())):
        recorder.take_back(attempts)


# -- searching ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filters:
    """What to look for; what is None does not matter."""

    since: datetime | None = None
    until: datetime | None = None  # exclusive
    service: str | None = None
    connection_id: int | None = None
    run_id: int | None = None
    status: int | None = None
    status_class: int | None = None  # 4 = 400 to 499
    unanswered: bool = False  # no answer came
    outcome: str | None = None
    resource: str | None = None
    direction: str | None = None
    method: str | None = None
    took_s: int | None = None  # longer than so many seconds
    text: str | None = None  # part of the address as it is grouped or as it was called


class Position(NamedTuple):
    """A place in the log: right behind this call, going down, or up when `newer`."""

    started_at: datetime
    id: int
    newer: bool = False


@dataclass(frozen=True)
class Found:
    """One page of the log, newest first."""

    rows: Sequence[Row]  # Transaction's columns without headers and bodies
    newer: Position | None = None  # where the page above begins; None at the top
    older: Position | None = None  # where the page below begins; None at the end
    looked_to: datetime | None = None  # set when the search stopped early: how far it came


def search(session: Session, filters: Filters, position: Position | None = None, limit: int = 50) -> Found:
    """Calls that fit, from a position on.

    One index leads to them. Where a filter remains that no index knows, at most LOOKS calls are looked through;
    `looked_to` then says how far the search came, and the page goes on from there.
    """
    up = position is not None and position.newer
    leading, rest = _leading(filters)
    walk = _ordered(select(*_LISTED).where(*leading, *_span(filters)), Transaction, filters, up)
    if position is not None:
        here = tuple_(literal(position.started_at, UtcDateTime()), literal(position.id))
        there = tuple_(Transaction.started_at, Transaction.id)
        walk = walk.where(there > here if up else there < here)
    if not rest:
        return _page(session.execute(walk.limit(limit + 1)).all(), limit, position, up)
    for looks in LOOKS:
        window = walk.limit(looks).subquery()
        conditions = [_CONDITIONS[name](window.c, value) for name, value in rest.items()]
        query = _ordered(select(window).where(*conditions), window.c, filters, up)
        rows = session.execute(query.limit(limit + 1)).all()
        if len(rows) > limit:
            return _page(rows, limit, position, up)
    found = _page(rows, limit, position, up)
    last = session.execute(
        walk.with_only_columns(Transaction.started_at, Transaction.id).offset(LOOKS[-1] - 1).limit(1)
    ).first()
    if last is None:
        return found
    further = Position(last[0], last[1], up)
    return replace(found, looked_to=last[0], newer=further if up else found.newer, older=found.older if up else further)


def count(session: Session, filters: Filters, most: int, above: Position | None = None) -> Count:
    """How many calls fit; with `above` only those newer than that call.

    Counted in the index that leads to them. Where a filter remains that it does not know, only so many calls are looked
    through: the newest, or those next above.
    """
    leading, rest = _leading(filters)
    walk = select(Transaction.id).where(*leading, *_span(filters))
    if above is not None:
        there = tuple_(Transaction.started_at, Transaction.id)
        walk = walk.where(there > tuple_(literal(above.started_at, UtcDateTime()), literal(above.id)))
    elif rest.keys() == {"status_class"} and filters.status_class != 2 and not leading:  # few, and side by side
        fits = _CONDITIONS["status_class"](Transaction, filters.status_class)
        walk, rest = walk.where(fits, UNUSUAL["status"]).order_by(Transaction.status.desc()), {}
    walk = _ordered(walk, Transaction, filters, above is not None)
    if not rest:
        return Count(capped(session, walk, most))
    return among_newest(session, walk, and_(*(_CONDITIONS[name](Transaction, value) for name, value in rest.items())))


def get(session: Session, transaction_id: int) -> Transaction | None:
    """One attempt, whole."""
    return session.get(Transaction, transaction_id)


def attempts(session: Session, call_key: str) -> list[Transaction]:
    """Every attempt of one call, in order."""
    query = select(Transaction).where(Transaction.call_key == call_key).order_by(Transaction.attempt, Transaction.id)
    return list(session.scalars(query))


_CONDITIONS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "run_id": lambda c, value: c.run_id == value,
    "status": lambda c, value: c.status == value,
    "unanswered": lambda c, value: c.status.is_(None),
    "outcome": lambda c, value: c.outcome == value,
    "connection_id": lambda c, value: c.connection_id == value,
    "service": lambda c, value: c.service == value,
    "status_class": lambda c, value: c.status.between(value * 100, value * 100 + 99),
    "resource": lambda c, value: c.resource == value,
    "direction": lambda c, value: c.direction == value,
    "method": lambda c, value: c.method == value,
    "took_s": lambda c, value: c.duration_ms > value * 1000,
    "text": lambda c, value: or_(
        *(holds(column, without_nul(value) or "") for column in (c.path_template, c.url)),
    ),
}
_INDEXED = ("run_id", "status", "unanswered", "outcome", "connection_id", "service")
_USUAL = {("outcome", "ok"), ("status", 200)}  # nearly the whole log: no index has them, and a short look finds many


def _leading(filters: Filters) -> tuple[list[ColumnElement[bool]], dict[str, Any]]:
    """The condition whose index leads to the fewest calls, and the filters that remain."""
    wanted = {name: value for name in _CONDITIONS if (value := getattr(filters, name)) not in (None, "", False)}
    best = next((name for name in _INDEXED if name in wanted and (name, wanted[name]) not in _USUAL), None)
    if best is None:
        return [], wanted
    index_holds: list[Any] = [UNUSUAL[best]] if best in UNUSUAL else []  # SQLite must be told that it may use it
    return [_CONDITIONS[best](Transaction, wanted.pop(best)), *index_holds], wanted


def _span(filters: Filters) -> list[ColumnElement[bool]]:
    spans = [] if filters.since is None else [Transaction.started_at >= filters.since]
    return spans if filters.until is None else [*spans, Transaction.started_at < filters.until]


def _ordered(query: Select, columns: Any, filters: Filters, up: bool) -> Select:
    # PostgreSQL does not see that a status which is NULL is the same in every row: it is told to sort by it, too.
    keys = [*([columns.status] if filters.unanswered else []), columns.started_at, columns.id]
    return query.order_by(*(key.asc() if up else key.desc() for key in keys))


def _page(rows: Sequence[Row], limit: int, position: Position | None, up: bool) -> Found:
    more, rows = len(rows) > limit, rows[:limit]
    rows = rows[::-1] if up else rows
    if not rows:
        return Found(rows)
    newer = more if up else position is not None
    older = up or more
    return Found(
        rows,
        newer=Position(rows[0].started_at, rows[0].id, True) if newer else None,
        older=Position(rows[-1].started_at, rows[-1].id) if older else None,
    )


# -- positions in addresses -----------------------------------------------------------------------------------------


def encode(position: Position, secret: str) -> str:
    """A position as it stands in a page's address, signed."""
    return _signer(secret).dumps([position.started_at.isoformat(), position.id, position.newer])


def decode(text: str, secret: str) -> Position:
    """The position in a page's address. Raises InvalidInput when it is not one of ours."""
    try:
        started_at, number, newer = _signer(secret).loads(text)
    except BadSignature:
        raise InvalidInput(
            "This address leads nowhere in the log. Start from its first page.", field="cursor"
        ) from None
    return Position(datetime.fromisoformat(started_at), number, newer)


def _signer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="transactions")
