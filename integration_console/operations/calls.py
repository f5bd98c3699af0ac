"""What the recorded calls add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, or_, select

from .. import clock
from ..models import Connection, Transaction, db, reading
from ..services import by_key

LATEST = 1_000  # calls of a connection whose answers are told
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
    by_status: list[tuple[int | None, str, int]]  # status, whose side, calls; None where no answer came
    verdict: str  # whose side it is, in a sentence

    @property
    def calls(self) -> int:
        """How many calls that were."""
        return sum(count for _, _, count in self.by_status)


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
    query = select(latest.c.status, func.count(), func.min(latest.c.started_at)).group_by(latest.c.status)
    rows = db.session.execute(query).all()
    counted = Counter({status: count for status, count, _ in rows})
    by_status = sorted(((status, side_of(status), count) for status, count in counted.items()), key=_none_first)
    return Answers(
        min(oldest for _, _, oldest in rows) if counted.total() == LATEST else day, by_status,
        _verdict(by_key(connection.service).label, counted),
    )  # fmt: skip


def _none_first(answer: tuple[int | None, str, int]) -> int:
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


def _verdict(label: str, counted: Counter) -> str:
    sides: Counter[str] = Counter()
    for status, count in counted.items():
        sides[side_of(status)] += count
    if not sides:
        return f"{label} was not called in the last 24 hours."
    if sides["theirs"]:
        return f"It is {label}: to {sides['theirs']:,} of {sides.total():,} calls it gave no answer or failed."
    if sides["access"]:
        return f"It is the connection's sign-in or its rights: {label} turned {sides['access']:,} calls away."
    if sides["limit"]:
        return f"It is our pace: {label} asked {sides['limit']:,} times to slow down."
    if sides["data"]:
        return f"{label} works. It refused what {sides['data']:,} of {sides.total():,} calls asked for."
    return f"{label} answered every call well."


def _count(condition):
    return func.sum(case((condition, 1), else_=0))
