"""The problem of a mapping whose bills and invoices do not agree: what it is known by, and its end without a run."""

from __future__ import annotations

from typing import Any

from ... import clock
from ...models import DataMapping, db
from ...storage import errors
from ...sync.mapping import Side
from .versions import sides


def problem(mapping_id: int, left: Side) -> dict[str, Any]:
    """What it is known by; see runs/apart.py, which tells it."""
    return {
        "service": left.service, "connection_id": left.connection_id, "kind": "apart", "resource": left.resource,
        "code": f"mapping:{mapping_id}",
    }  # fmt: skip


def removed(mapping: DataMapping, *, by: str) -> None:
    """No run will ever say that they agree: it is closed with the reason, in the caller's transaction."""
    why = f"{by} removed the mapping. Nobody compares its pairs any longer: what did not agree may still not."
    errors.give_up(db.session(), **problem(mapping.id, sides(mapping)[0]), by=by, why=why, now=clock.now())
