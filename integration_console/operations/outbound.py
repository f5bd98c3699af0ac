"""What goes out, as a whole: held back after a restore until an administrator has looked through it (W10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select

from ..errors import Conflict
from ..models import Change, Checkpoint, Connection, DataMapping, db
from ..models.change import WAITING_STATES
from ..storage import outbound
from . import audit


@dataclass(frozen=True)
class Held:
    """Nothing is sent: since when, why, what waits, and what should be read first."""

    at: datetime  # of the restore
    backup_at: datetime
    backup: str
    by: str
    waiting: int  # writes in the outbox; each is looked up at the other side before anything is sent
    unread: list[str]  # mapped connections that were not read since: what was made in the lost hours is not known yet


def refuse_while_held() -> None:
    """For whoever is about to send something. Raises OutboundPaused."""
    outbound.must_flow(db.session())


def is_held() -> bool:
    """Whether nothing is sent now."""
    return outbound.paused(db.session()) is not None


def held() -> Held | None:
    """What an administrator looks through before anything is sent again; None while all goes out."""
    facts = outbound.paused(db.session())
    if facts is None:
        return None
    waiting = db.session.scalar(select(func.count()).where(Change.state.in_(WAITING_STATES))) or 0
    at = datetime.fromisoformat(facts["at"])
    return Held(at, datetime.fromisoformat(facts["backup_at"]), facts["backup"], facts["by"], waiting, _unread(at))


def _unread(since: datetime) -> list[str]:
    """Connections whose mapped resources were not read since that moment."""
    found: set[str] = set()
    for side in ("left", "right"):
        number, resource = getattr(DataMapping, f"{side}_connection_id"), getattr(DataMapping, f"{side}_resource")
        at = (Checkpoint.connection_id == number) & (Checkpoint.resource == resource)
        query = (
            select(Connection.name).select_from(DataMapping).join(Connection, Connection.id == number)
            .outerjoin(Checkpoint, at).where(DataMapping.state == "active", Connection.status == "connected")
            .where(or_(Checkpoint.last_read_at.is_(None), Checkpoint.last_read_at <= since))
        )  # fmt: skip
        found |= set(db.session.scalars(query))
    return sorted(found)


def resume(*, by: str, anyway: bool = False) -> None:
    """Send again from now on. What waited is looked up at the other side before it is sent.

    anyway: also before every mapped connection was read. Raises Conflict when nothing is held, or something is unread.
    """
    now = held()
    if now is None:
        raise Conflict("Nothing is held back: what is to be sent is sent.")
    if now.unread and not anyway:
        raise Conflict(
            f"Not read since the restore: {', '.join(now.unread)}. Read first (Run now, or `flask sync`), so that what "
            "was made there meanwhile is known and not made twice."
        )
    facts: dict[str, Any] = {"backup": now.backup, "waiting": now.waiting, "unread": now.unread}
    outbound.resume(db.session())
    audit.add("sending resumed after a restore", now.backup, actor=by, **facts)
    db.session.commit()
