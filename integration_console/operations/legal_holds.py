"""Legal holds: what stays although its days are over, and is not erased, until the hold is lifted (X15).

Nor is it deleted at its service: such a write waits (sync/carrying/leaving.py).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, false, select, true

from .. import clock
from ..errors import Conflict, InvalidInput, NotFound
from ..models import Change, Connection, LegalHold, db
from . import audit


def every() -> list[LegalHold]:
    """All holds, those in force first."""
    return list(db.session.scalars(select(LegalHold).order_by(LegalHold.lifted_at.is_not(None), LegalHold.id.desc())))


def place(connection_id: int | None, reason: str, *, by: str) -> LegalHold:
    """Keep everything of one account, or with None of the whole firm. Raises InvalidInput naming the field."""
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= 500:
        raise InvalidInput("Say in a few words why, such as the case and its number.", field="reason")
    if connection_id is not None and db.session.get(Connection, connection_id) is None:
        raise InvalidInput("There is no such connection.", field="connection")
    hold = LegalHold(connection_id=connection_id, reason=reason, placed_by=by, placed_at=clock.now())
    db.session.add(hold)
    audit.add("legal hold placed", reason, actor=by, connection=connection_id)
    db.session.commit()
    return hold


def lift(hold_id: int, *, by: str) -> None:
    """Let the usual days count again. Raises NotFound, Conflict when it was lifted already."""
    hold = db.session.get(LegalHold, hold_id)
    if hold is None:
        raise NotFound("There is no such hold.")
    if hold.lifted_at:
        raise Conflict(f"This hold was lifted already by {hold.lifted_by}.")
    hold.lifted_by, hold.lifted_at = by, clock.now()
    audit.add("legal hold lifted", hold.reason, actor=by, connection=hold.connection_id)
    db.session.commit()


def free(table) -> ColumnElement[bool]:
    """Which rows of a table no hold keeps. Where they name no account, any hold keeps them: they may be about it."""
    held = set(db.session.scalars(select(LegalHold.connection_id).where(LegalHold.lifted_at.is_(None))))
    if None in held or (held and not hasattr(table, "connection_id")):
        return false()
    return table.connection_id.is_(None) | table.connection_id.not_in(held) if held else true()


def on(*connection_ids: int) -> LegalHold | None:
    """A hold that keeps the data of one of these accounts, if there is one."""
    theirs = LegalHold.connection_id.is_(None) | LegalHold.connection_id.in_(connection_ids)
    return db.session.scalar(select(LegalHold).where(LegalHold.lifted_at.is_(None), theirs).limit(1))


def keeps_of(run_id: int) -> bool:
    """Whether a hold keeps something that this run was to delete."""
    theirs = LegalHold.connection_id.is_(None) | (LegalHold.connection_id == Change.connection_id)
    kept = select(Change.id).join(LegalHold, theirs & LegalHold.lifted_at.is_(None))
    kept = kept.where(Change.sent_run_id == run_id, Change.op == "delete", Change.state == "retry")
    return db.session.scalar(kept.limit(1)) is not None


def any_in_force() -> LegalHold | None:
    """A hold that keeps anything at all, if there is one."""
    return db.session.scalar(select(LegalHold).where(LegalHold.lifted_at.is_(None)).limit(1))
