"""What a nightly check found: records the reads before had missed, or held otherwise than the service does (P10).

A check is a full read of one resource, so what it finds it also mends; only deletions above the brake wait for a
person, as in any read. Here it is said that there was something to mend.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ... import clock, services
from ...models import Issue, Record, RunPart, SyncRun
from ...storage import errors
from .rules import rules

CAUSE = "check"


def report(session: Session, run: SyncRun) -> None:
    """Tell of each resource what this check found, in the caller's transaction. A clean one closes what it told before.

    Counted is what earlier reads should have brought: of an age that lies behind their mark, overlap and all.
    """
    if run.cause != CAUSE:
        return
    for part in run.parts:
        if part.state != "done" or part.mode != "full" or not part.complete:
            continue
        missed = _missed(session, part) if part.new or part.changed else 0
        if missed:
            _tell(session, run, part, missed)
        else:
            session.execute(
                update(Issue)
                .where(Issue.kind == "drift", Issue.state != "resolved")
                .where(Issue.connection_id == run.connection_id, Issue.resource == part.resource)
                .values(state="resolved", state_by=errors.BY_ITSELF, state_at=clock.now())
            )


def _missed(session: Session, part: RunPart) -> int:
    earlier = select(func.max(RunPart.until)).where(
        RunPart.connection_id == part.connection_id, RunPart.resource == part.resource, RunPart.run_id < part.run_id
    )
    mark = session.scalar(earlier)
    if mark is None:
        return 0
    return session.scalar(
        select(func.count()).where(
            Record.connection_id == part.connection_id, Record.resource == part.resource, Record.deleted_at.is_(None),
            Record.written_run_id == part.run_id, Record.updated_at < mark - timedelta(seconds=rules().overlap_s),
        )
    ) or 0  # fmt: skip


def _tell(session: Session, run: SyncRun, part: RunPart, missed: int) -> None:
    service = services.by_key(run.connection.service)
    label = service.resources[part.resource].label
    said = (
        f"{missed} of {part.seen} {label.lower()} were not here as {service.label} has them, although they had not "
        "changed lately. The check put them right."
    )
    part.note = said
    errors.log_failure(
        session, connection_id=run.connection_id, run_id=run.id, service=service.key, resource=part.resource,
        kind="drift", message=said, raw=said, code="check", field=None, now=clock.now(),
        title=f"{service.label} {label.lower()}: changes were missed",
    )  # fmt: skip
