"""Where the values of a record came from: which write put each there, from which record and field, in which run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ..models import Change, Record, db
from . import writes

LOOKED_BACK = 200  # of a record's latest writes


@dataclass(frozen=True)
class Origin:
    """One field's latest write."""

    field: str
    label: str
    value: Any
    change: Change
    source: Record | None  # the record it came from
    source_field: str
    source_value: Any
    call_id: int | None  # of the call log, while it is kept
    at: datetime | None


def of(record: Record) -> list[Origin]:
    """The fields the console wrote, by name, each with the latest write that did."""
    query = select(Change).where(Change.record_id == record.id, Change.state == "done")
    changes = list(db.session.scalars(query.order_by(Change.id.desc()).limit(LOOKED_BACK)))
    latest: dict[str, Change] = {}
    for change in changes:
        for name in change.wanted:
            latest.setdefault(name, change)
    wanted = {change.sources.get(name, {}).get("record_id") for name, change in latest.items()}
    rows = db.session.scalars(select(Record).where(Record.id.in_([number for number in wanted if number])))
    sources = {row.id: row for row in rows}
    calls, labels = writes.calls_of(latest.values()), writes.labels_of(latest.values())
    return [
        _origin(name, writes.label_of(labels, change, name), change, sources, calls)
        for name, change in sorted(latest.items())
    ]


def _origin(name: str, label: str, change: Change, sources: dict[int, Record], calls: dict[str, int]) -> Origin:
    told = change.sources.get(name) or {}
    return Origin(
        name, label, change.after.get(name, change.wanted[name]), change, sources.get(told.get("record_id") or 0),
        told.get("field") or "", told.get("value"), calls.get(change.call_key or ""), change.done_at,
    )  # fmt: skip
