"""Where the values of a record came from: which write put each there, from which record and field, in which run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select

from ...models import Change, Connection, Record, db
from ..mapping import pairs, writes

LOOKED_BACK = 200  # of a record's latest writes


@dataclass(frozen=True)
class Origin:
    """One field's latest write."""

    field: str
    label: str
    value: Any
    change: Change
    source: Record | None  # the record it came from
    source_field: str  # as people call it; "" where the value is fixed
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
    calls, fields = writes.calls_of(latest.values()), writes.fields_of(latest.values())
    called = cache(lambda connection_id, resource: pairs.side(db.session.get_one(Connection, connection_id), resource))
    found = []
    for name, change in sorted(latest.items()):
        told = change.sources.get(name) or {}
        source, out_of = sources.get(told.get("record_id") or 0), told.get("field") or ""
        if source and out_of:
            out_of = called(source.connection_id, source.resource).label(out_of) or out_of
        found.append(Origin(
            name, writes.label_of(fields, change, name), change.after.get(name, change.wanted[name]), change, source,
            out_of, told.get("value"), calls.get(change.call_key or ""), change.done_at,
        ))  # fmt: skip
    return found
