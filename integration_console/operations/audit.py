"""What people did, kept for those who ask later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import has_request_context, request
from sqlalchemy import ColumnElement, Select, func, or_, select

from .. import clock
from ..models import AuditEvent, Connection, db, holds
from ..storage.counting import Count, among_newest
from . import several


def add(action: str, target: str = "", *, actor: str, **details) -> None:
    """Add one event to the caller's transaction."""
    address = (request.remote_addr or "") if has_request_context() else ""
    db.session.add(
        AuditEvent(at=clock.now(), actor=actor, action=action, target=target[:200], details=details, address=address)
    )


def about(action: str, connection: Connection, *, actor: str, **details) -> None:
    """Add one event that belongs to a connection, whatever it is called later."""
    add(action, connection.name, actor=actor, **details, connection=connection.id)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """What differs, as details of an event: {"retention.runs": "365 → 30"}."""
    return {name: f"{_said(before.get(name))} → {_said(new)}" for name, new in after.items() if before.get(name) != new}


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None or value == "" else str(value)


@dataclass(frozen=True)
class Wanted:
    """Which lines; what is empty does not matter."""

    text: str = ""  # part of who it was, or of what it was about
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


def browse(wanted: Wanted, *, before: int | None = None, limit: int = 50) -> tuple[list[AuditEvent], int | None]:
    """Lines, the newest first, and the number before which the next page begins."""
    query = _matching(wanted)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    found = list(db.session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def count(wanted: Wanted, *, above: int | None = None) -> Count:
    """How many lines there are of these: as far as several.count counts, a text's among the newest.

    above: only those of a higher number.
    """
    walk = _matching(replace(wanted, text="")).with_only_columns(AuditEvent.id)
    if above is not None:
        walk = walk.where(AuditEvent.id > above)
    if not wanted.text:
        return Count(several.count(walk))
    return among_newest(db.session(), walk.order_by(AuditEvent.id.desc()), _holds(wanted.text))


def _holds(text: str) -> ColumnElement[bool]:
    return or_(*(holds(column, text) for column in (AuditEvent.actor, AuditEvent.target)))


def _matching(wanted: Wanted) -> Select:
    query = select(AuditEvent)
    if wanted.text:
        query = query.where(_holds(wanted.text))
    if wanted.action:
        query = query.where(AuditEvent.action == wanted.action)
    if wanted.since:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until:
        query = query.where(AuditEvent.at < wanted.until)
    return query


def actions() -> list[str]:
    """What was ever done, for the filter: from each to the next along the index, however many lines there are."""
    found = select(func.min(AuditEvent.action).label("action")).cte(recursive=True)
    following = select(func.min(AuditEvent.action)).where(AuditEvent.action > found.c.action).scalar_subquery()
    found = found.union_all(select(following).where(found.c.action.is_not(None)))
    return sorted(one for one in db.session.scalars(select(found.c.action)) if one)
