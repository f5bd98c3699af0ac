"""What the recorded calls add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, or_, select

from ... import clock
from ...models import Connection, Transaction, db, reading
from ...services import by_key

LATEST = 1_000  # calls of a connection whose answers are told
NOW = 20  # of them those that say how it is now; a quarter of one kind is no accident
SIDES = {  # what an answer says of whose turn it is
    "well": "answered well", "data": "what we sent was refused", "access": "the sign-in or its rights",
    "limit": "asked to slow down", "theirs": "their failure",
}  # fmt: skip

_FAILED = or_(Transaction.status.is_(None), Transaction.status >= 400)


def report(since: datetime) -> list[dict[str, Any]]:
    """Calls from a moment on by service and path, those with most failures first.

    {"service", "method", "path_template", "calls", "errors", "limits_hit", "average_ms", "slowest_ms",
    "waited_seconds"}. Walks the calls of that time: for a terminal, never for a page.
    """
    where = (Transaction.service, Transaction.method, Transaction.path_template)
    errors = _count(_FAILED).label("errors")
    query = (
        select(
            *where, func.count().label("calls"), errors, _count(Transaction.status == 429).label("limits_hit"),
            func.avg(Transaction.duration_ms).label("average_ms"),
            func.max(Transaction.duration_ms).label("slowest_ms"),
            (func.sum(Transaction.waited_ms) / 1000).label("waited_seconds"),
        )
        .where(Transaction.started_at >= since)
        .group_by(*where)
        .order_by(errors.desc(), func.count().desc(), *where)
    )  # fmt: skip
    with reading():
        rows = db.session.execute(query).mappings().all()
        db.session.rollback()
    return [dict(row) for row in rows]


@dataclass(frozen=True)
class Answers:
    """What a service answered to a connection lately."""

    since: datetime
    by_status: list[tuple[int | None, str, int, datetime]]  # status or None, whose side, calls, the last of them
    verdict: str  # whose side it is, in a sentence

    @property
    def calls(self) -> int:
        """How many calls that were."""
        return sum(count for _, _, count, _ in self.by_status)


def answers(connection: Connection) -> Answers:
    """The answers of the last day; of a busy one, to the latest calls: a walk of bounded length over an index."""
    day = clock.now() - timedelta(days=1)
    latest = (
        select(Transaction.status, Transaction.started_at)
        .where(Transaction.connection_id == connection.id, Transaction.started_at >= day)
        .order_by(Transaction.started_at.desc(), Transaction.id.desc())
        .limit(LATEST)
        .subquery()
    )
    first, last = func.min(latest.c.started_at), func.max(latest.c.started_at)
    rows = db.session.execute(select(latest.c.status, func.count(), first, last).group_by(latest.c.status)).all()
    by_status = sorted(((status, side_of(status), count, at) for status, count, _, at in rows), key=_none_first)
    newest = select(latest.c.status).order_by(latest.c.started_at.desc()).limit(NOW)
    sides: Counter[str] = Counter()
    for _, side, count, _ in by_status:
        sides[side] += count
    return Answers(
        min(oldest for _, _, oldest, _ in rows) if sides.total() == LATEST else day, by_status,
        _verdict(connection, sides, Counter(map(side_of, db.session.scalars(newest))), day),
    )  # fmt: skip


def _none_first(answer: tuple) -> int:
    return answer[0] or 0


def side_of(status: int | None) -> str:
    """One of SIDES."""
    if status is None or status >= 500:
        return "theirs"
    if status == 429:
        return "limit"
    if status in (401, 403):
        return "access"
    return "data" if status >= 400 else "well"


def _verdict(connection: Connection, sides: Counter[str], now: Counter[str], day: datetime) -> str:
    """Whose side it is, by the newest calls; what went wrong before or once is told as that."""
    label = by_key(connection.service).label
    if not sides:
        if max(filter(None, (connection.created_at, connection.renewed_at))) >= day:  # a call before there was anything
            return f"{label} told whose account this is when it was connected, and was not called since."
        return f"{label} was not called in the last 24 hours."
    trouble = [side for side in ("theirs", "access", "limit") if now[side] * 4 >= now.total()]
    if trouble:
        of = f"{now[trouble[0]]:,} of the last {now.total():,} calls" if now.total() > 1 else "the last call"
        return _TROUBLE[trouble[0]].format(label=label, of=of)
    odd = [f"{sides[side]:,} {words}" for side, words in _ODD.items() if sides[side]]
    if not odd:
        return f"{label} answered every call well."
    return f"{label} works. Of {sides.total():,} calls {', '.join(odd)}."


_TROUBLE = {
    "theirs": "It is {label}: to {of} it gave no answer or failed.",
    "access": "It is the connection’s sign-in or its rights: {label} turned {of} away.",
    "limit": "It is our pace: to {of} {label} said to slow down.",
}
_ODD = {
    "theirs": "got no answer or failed there", "access": "lacked a right", "limit": "came too fast",
    "data": "asked for what it refused",
}  # fmt: skip


def _count(condition):
    return func.sum(case((condition, 1), else_=0))
