"""Whether anything may be sent. After a restore nothing is, until an administrator has looked through it (W10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from .. import clock
from ..errors import OutboundPaused
from ..models import Setting

PAUSED, RESTORED = "outbound.paused", "outbound.restored"
LOOKED_FIRST = timedelta(days=30)  # as long, what would be made is looked for first: the lost hours may have made it


def pause(connection: Connection, facts: dict[str, Any]) -> None:
    """Send nothing from now on. facts: at, backup_at, backup, by.

    A backup made after another restore has lost the hours of that one, too.
    """
    restored = dict(facts)
    if before := lost_since(connection):
        restored["backup_at"] = min(before, datetime.fromisoformat(facts["backup_at"])).isoformat()
    for name, told in ((PAUSED, facts), (RESTORED, restored)):
        connection.execute(delete(Setting).where(Setting.name == name))
        value = {"name": name, "value": orjson.dumps(told).decode(), "updated_by": facts["by"]}
        connection.execute(insert(Setting).values(**value, updated_at=clock.now()))


def resume(session: Session) -> None:
    """Send again. What had been restored is remembered."""
    session.execute(delete(Setting).where(Setting.name == PAUSED))


def paused(session: Session) -> dict[str, Any] | None:
    """Since when nothing is sent, and why: at, backup_at, backup, by. None while all goes out."""
    return _facts(session, PAUSED)


def must_flow(session: Session) -> None:
    """Raise OutboundPaused while nothing may be sent."""
    if paused(session):
        raise OutboundPaused


def lost_since(session: Session | Connection) -> datetime | None:
    """From when on our memory of what was made upstream may be lost, for some weeks after a restore."""
    facts = _facts(session, RESTORED)
    if facts is None or clock.now() - datetime.fromisoformat(facts["at"]) > LOOKED_FIRST:
        return None
    return datetime.fromisoformat(facts["backup_at"])


def perhaps_made_since(session: Session, made_at: datetime) -> datetime:
    """From when on a write made then may have left something upstream: longer ago where a restore has made us forget,
    and where it was made by a clock that was ahead, for nobody knows when that was.
    """
    if made_at > clock.latest():
        return clock.now() - LOOKED_FIRST
    return min(made_at, lost_since(session) or made_at)


def _facts(session: Session | Connection, name: str) -> dict[str, Any] | None:
    value = session.scalar(select(Setting.value).where(Setting.name == name))
    return orjson.loads(value) if value else None
