"""The problems a mapping has as a whole, what each is known by, and their end and that of questions with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from ... import clock
from ...errors import BrakeApplied
from ...models import Conflict, DataMapping, MappingVersion, db
from ...storage import errors
from ...sync.mapping import Side
from .versions import sides


def apart(mapping_id: int, left: Side) -> dict[str, Any]:
    """Its bills and invoices do not agree; see runs/apart.py, which tells it."""
    return _known_by(left, "apart", f"mapping:{mapping_id}")


def braked(mapping_id: int, left: Side) -> dict[str, Any]:
    """It stopped at its brake; see runs/push_runs.py."""
    return _known_by(left, BrakeApplied.kind, f"brake of mapping:{mapping_id}")


def removed(mapping: DataMapping, *, by: str) -> None:
    """No run will ever say that they are over: they are closed with the reason, in the caller's transaction."""
    left, _ = sides(mapping)
    why = f"{by} removed the mapping. Nobody compares its pairs any longer: what did not agree may still not."
    for known in (apart(mapping.id, left), braked(mapping.id, left)):
        errors.give_up(db.session(), **known, by=by, why=why, now=clock.now())


def unasked(mapping: DataMapping, version: MappingVersion, *, by: str) -> None:
    """Nobody need decide about a line this version has not: no run carries it. In the caller's transaction."""
    lines = [f"{line.left}|{line.right}" for line in version.fields]
    moot = update(Conflict).where(
        Conflict.mapping_id == mapping.id, Conflict.state == "open", Conflict.line.not_in(lines)
    )
    db.session.execute(moot.values(state="settled", settled_by=by, settled_at=clock.now()))


def _known_by(left: Side, kind: str, code: str) -> dict[str, Any]:
    return {
        "service": left.service, "connection_id": left.connection_id, "kind": kind, "resource": left.resource,
        "code": code,
    }  # fmt: skip
