"""What happened to one connection: what people did to it and how its runs ended, the newest first."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        carried = run.kind == "push"
        before = next((one for one in found[place + 1 :] if _alike(one, run)), None)
        recovered = run.state == "done" and before is not None and before.state != "done"
        word = "Carried" if carried else "Read"
        what = "Recovered" if recovered else _WORDS[run.state].format(word)
        if events and what == word == events[-1].what:
            events[-1] = replace(events[-1], times=events[-1].times + 1)
            continue
        events.append(Event(run.ended_at or run.queued_at, what, run.asked_by, run.message or "", run.id, run.state))
    return events


def _alike(one: SyncRun, other: SyncRun) -> bool:
    """Whether both are reads, or carry one mapping: what failed in one of two mappings is not over in the other."""
    return (one.kind == "push", one.mapping_id) == (other.kind == "push", other.mapping_id)


_WORDS = {
    "done": "{}", "done_with_problems": "{} with problems", "failed": "Failed", "interrupted": "Stopped",
    "needs_person": "Stopped, needs a person",
}  # fmt: skip
