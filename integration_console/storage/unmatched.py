"""Values that a value map or a lookup did not know: counted, so that an admin can add them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from ..models import UnmatchedValue
from .storable import without_nul


def add(session: Session, mapping_id: int, seen: Mapping[tuple[str, str], int], *, now: datetime) -> None:
    """Count what one run saw: (field, value) -> how often. Nothing is committed here."""
    known = {(row.field, row.value): row.id for row in of(session, mapping_id)}
    counts: Counter[tuple[str, str]] = Counter()
    for (field, value), count in seen.items():
        counts[(without_nul(field)[:300], without_nul(value)[:300])] += count
    new = []
    for (field, value), count in counts.items():
        if number := known.get((field, value)):
            more = {"count": UnmatchedValue.count + count, "last_seen_at": now}
            session.execute(update(UnmatchedValue).where(UnmatchedValue.id == number).values(**more))
        else:
            new.append({
                "mapping_id": mapping_id, "field": field, "value": value, "count": count, "first_seen_at": now,
                "last_seen_at": now,
            })  # fmt: skip
    if new:
        session.execute(insert(UnmatchedValue), new)


def of(session: Session, mapping_id: int) -> list[UnmatchedValue]:
    """What was seen, by field, the most frequent first."""
    query = select(UnmatchedValue).filter_by(mapping_id=mapping_id)
    return list(session.scalars(query.order_by(UnmatchedValue.field, UnmatchedValue.count.desc(), UnmatchedValue.id)))


def forget(session: Session, mapping_id: int, field: str, value: str) -> None:
    """It was added to the table, or needs no place there."""
    session.execute(delete(UnmatchedValue).filter_by(mapping_id=mapping_id, field=field, value=value))
