"""What the recorded calls add up to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select

from ..models import Transaction, db, reading

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


def _count(condition):
    return func.sum(case((condition, 1), else_=0))
