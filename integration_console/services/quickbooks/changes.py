"""What changed since, by QuickBooks' change data: whole records, and the ids of those that were deleted.

It looks back 30 days, tells at most 1 000 objects and has no pages: an answer that long may have left some out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ... import clock
from ...errors import BadAnswer
from ...transport.client import Upstream
from ..base import Reading, Resource
from . import query
from .calls import call
from .records import ours

KEPT = timedelta(days=29)  # 30, less a day for clocks and zones
LATE = timedelta(minutes=10)  # their clock may be behind ours
MOST = 1000


@dataclass(frozen=True)
class Changes:
    """What an answer told."""

    records: list[dict]
    gone: tuple[str, ...]
    complete: bool  # nothing was left out for its length


def reach(reading: Reading) -> bool:
    """Whether the change data reaches back to the last change we know of: then it tells everything."""
    return reading.since is not None and reading.now - reading.since <= KEPT


def told_from(reading: Reading) -> datetime | None:
    """From when on changes are asked for; None where the change data does not even reach back to the last read.

    Where nothing has changed for longer than it reaches, it is asked from the last read on: for what was deleted.
    """
    if reading.since is None or reach(reading):
        return reading.since
    begun = clock.parse(reading.state.get("begun"))
    return begun - LATE if begun and reading.now - begun <= KEPT else None


def since(upstream: Upstream, resource: Resource, start: datetime) -> Changes:
    """Every change of a resource since then, in one call.

    What is told to be deleted is looked up first: rows that had only been changed were seen marked so.
    """
    entities = [split["entity"] for split in resource.splits]
    asked = {"entities": ",".join(entities), "changedSince": start.isoformat(timespec="seconds")}
    told = _told(upstream.send(call(upstream, "GET", "/cdc", asked, resource=resource.key)).data)
    records, gone, complete = [], [], True
    for entity in entities:
        rows = told.get(entity, [])
        complete = complete and len(rows) < MOST
        lost = [str(row.get("Id")) for row in rows if row.get("status") == "Deleted"]
        there = query.by_ids(upstream, resource.key, entity, lost)
        records += [ours(entity, row) for row in rows if row.get("status") != "Deleted"] + there
        kept = {str(row["Id"]) for row in there}
        gone += [str(ours(entity, {"Id": number})[resource.id]) for number in lost if number not in kept]
    return Changes(records, tuple(gone), complete and sum(map(len, told.values())) < MOST)


def _told(data: Any) -> dict[str, list[dict]]:
    """Rows by entity. Raises BadAnswer for an answer of another shape."""
    parts = data.get("CDCResponse") if isinstance(data, dict) else None
    if not isinstance(parts, list):
        raise BadAnswer("QuickBooks' answer holds no change data.")
    rows: dict[str, list[dict]] = {}
    for part in parts:
        for response in part.get("QueryResponse") or ():
            for entity, listed in response.items():
                if isinstance(listed, list):
                    rows.setdefault(entity, []).extend(row for row in listed if isinstance(row, dict))
    return rows
