"""What happened to one connection: what people did to it and how its runs ended, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select

from ...models import AuditEvent, Connection, SyncRun, db
from ...models.run import ENDED_STATES
from . import slots

LOOKS = 5_000  # audit events looked through: there is no index by connection, and there need not be one
MOST = 60


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    at: datetime
    what: str
    by: str | None = None
    note: str = ""
    run_id: int | None = None
    state: str = ""  # of the run
    times: int = 1  # alike runs in a row are one line


def of(connection: Connection) -> list[Event]:
    """Its last events. Runs that went well one after the other are folded into one line."""
    events = [*_acts(connection), *_runs(connection)]
    return sorted(events, key=lambda event: event.at, reverse=True)[:MOST]


def _acts(connection: Connection) -> list[Event]:
    recent = select(AuditEvent.id).order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(LOOKS)
    number = AuditEvent.details["connection"].as_integer()
    its_own = or_(number == connection.id, and_(number.is_(None), AuditEvent.target == connection.name))
    query = select(AuditEvent).where(AuditEvent.id.in_(recent), its_own)
    found = db.session.scalars(query.order_by(AuditEvent.at.desc()).limit(MOST))
    return [Event(act.at, act.action[:1].upper() + act.action[1:], act.actor, _note(act)) for act in found]


def _note(act: AuditEvent) -> str:
    details = act.details or {}
    if act.action == "schedule changed":
        return " → ".join(slots.in_words(str(details.get(key) or "manual")) for key in ("before", "after"))
    if "before" in details:
        return f"{details['before']} → {details.get('after')}"
    return str(details.get("reason") or details.get("account") or details.get("resource") or "")


def _runs(connection: Connection) -> list[Event]:
    ended = select(SyncRun).where(SyncRun.connection_id == connection.id, SyncRun.state.in_(ENDED_STATES))
    found = list(db.session.scalars(ended.order_by(SyncRun.id.desc()).limit(300)))
    events: list[Event] = []
    for place, run in enumerate(found):
        before = found[place + 1] if place + 1 < len(found) else None
        recovered = run.state == "done" and before is not None and before.state != "done"
        if run.state == "done" and not recovered and events and events[-1].state == "done":
            last = events[-1]
            events[-1] = Event(
                last.at, last.what, note=last.note, run_id=last.run_id, state="done", times=last.times + 1
            )
            continue
        what = "Recovered" if recovered else _WORDS[run.state]
        events.append(Event(run.ended_at or run.queued_at, what, run.asked_by, run.message or "", run.id, run.state))
    return events


_WORDS = {
    "done": "Read", "done_with_problems": "Read with problems", "failed": "Failed", "interrupted": "Stopped",
    "needs_person": "Stopped, needs a person",
}  # fmt: skip
