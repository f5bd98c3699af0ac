"""Issues: alike errors in one place, what they mean in plain words, and what a person did about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, literal, select, tuple_, update

from .. import clock
from ..errors import Conflict, InvalidInput, NotFound
from ..models import DeadLetter, ErrorLog, Issue, db
from ..models.base import UtcDateTime
from ..models.error import ISSUE_STATES
from . import audit

SAMPLES = 20  # errors and records shown with an issue


class Advice(NamedTuple):
    """What a kind of error means, whether anything was lost, and what to do next."""

    happened: str
    lost: str
    next: str


ADVICE = {
    "connection": Advice(
        "The service no longer accepts the connection's credentials.",
        "Nothing was lost. Nothing is read until the connection works again.",
        "Ask an admin to reconnect the account on its connection page.",
    ),
    "permission": Advice(
        "The connected account may not read this.",
        "Nothing was lost. Everything else is read as before.",
        "Give the account the right at the service, or switch this resource off on the connection's page.",
    ),
    "rate limit": Advice(
        "The service asked us to slow down.",
        "Nothing was lost. The run waits and then goes on where it stopped.",
        "Nothing, unless it happens every day: then read less often, or lower the service's limits in the settings.",
    ),
    "value": Advice(
        "The service sent records with values that cannot be used.",
        "The records are kept aside as they came; all others were kept.",
        "Correct the value at the service. The record passes at the next read, or when you retry it.",
    ),
    "missing": Advice(
        "The service does not have what was asked for.",
        "Nothing was lost.",
        "Check whether it was deleted at the service. If so, resolve this issue.",
    ),
    "conflict": Advice(
        "The console stopped before a step that may be wrong.",
        "Nothing was changed.",
        "Look at the run. Start it again, or release the brake if what it wants to do is right.",
    ),
    "upstream": Advice(
        "The service did not answer, or its answer could not be used.",
        "Nothing was lost. The next run reads what is missing.",
        "Wait for the next run. If it fails again, look at the service's status page and at the calls.",
    ),
    "ours": Advice(
        "The console made a mistake here.",
        "What was read until then is kept.",
        "Retry once. If it comes back, send the details on this page to whoever looks after the console.",
    ),
}


class Place(NamedTuple):
    """Where a page of issues ended."""

    last_seen_at: datetime
    id: int


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    issue: Issue
    affected: int  # records that wait to be kept


@dataclass(frozen=True)
class Detail:
    """One issue with what a person needs to decide."""

    issue: Issue
    advice: Advice
    affected: int
    letters: Sequence[DeadLetter]  # the latest open ones
    errors: Sequence[ErrorLog]  # the latest ones


def listing(state: str = "open", after: Place | None = None, limit: int = 50) -> tuple[list[Row], Place | None]:
    """Issues in one state, last seen first, and the place where the next page begins.

    Raises InvalidInput when there is no such state.
    """
    if state not in ISSUE_STATES:
        raise InvalidInput(f"There is no state {state!r}. There are: {', '.join(ISSUE_STATES)}.", field="state")
    query = select(Issue).where(Issue.state == state).order_by(Issue.last_seen_at.desc(), Issue.id.desc())
    if after is not None:
        behind = tuple_(literal(after.last_seen_at, UtcDateTime()), literal(after.id))
        query = query.where(tuple_(Issue.last_seen_at, Issue.id) < behind)
    issues = list(db.session.scalars(query.limit(limit + 1)))
    rows = issues[:limit]
    waiting = _affected([issue.id for issue in rows])
    place = Place(rows[-1].last_seen_at, rows[-1].id) if len(issues) > limit else None
    return [Row(issue, waiting.get(issue.id, 0)) for issue in rows], place


def _affected(issue_ids: list[int]) -> dict[int, int]:
    query = (
        select(DeadLetter.issue_id, func.count())
        .where(DeadLetter.issue_id.in_(issue_ids), DeadLetter.resolved_at.is_(None))
        .group_by(DeadLetter.issue_id)
    )
    return {issue_id: count for issue_id, count in db.session.execute(query) if issue_id}


def detail(issue_id: int) -> Detail:
    """One issue, whole. Raises NotFound."""
    issue = by_id(issue_id)
    letters = select(DeadLetter).where(DeadLetter.issue_id == issue_id, DeadLetter.resolved_at.is_(None))
    errors = select(ErrorLog).where(ErrorLog.issue_id == issue_id)
    return Detail(
        issue,
        ADVICE[issue.kind],
        _affected([issue_id]).get(issue_id, 0),
        db.session.scalars(letters.order_by(DeadLetter.id.desc()).limit(SAMPLES)).all(),
        db.session.scalars(errors.order_by(ErrorLog.id.desc()).limit(SAMPLES)).all(),
    )


def by_id(issue_id: int) -> Issue:
    """The issue with that number. Raises NotFound."""
    if issue := db.session.get(Issue, issue_id):
        return issue
    raise NotFound("There is no such issue.")


def acknowledge(issue_id: int, *, by: str) -> Issue:
    """Say that someone looks after it. Raises NotFound, or Conflict when it is resolved already."""
    issue = by_id(issue_id)
    if issue.state == "resolved":
        raise Conflict(f"The issue was resolved already by {issue.state_by or 'the console'}.")
    return _move(issue, "acknowledged", by)


def resolve(issue_id: int, *, by: str) -> Issue:
    """Say that it is done, its waiting records included; what is refused again opens it again. Raises NotFound."""
    waiting = update(DeadLetter).where(DeadLetter.issue_id == issue_id, DeadLetter.resolved_at.is_(None))
    issue = by_id(issue_id)
    db.session.execute(waiting.values(resolved_at=clock.now()))
    return _move(issue, "resolved", by)


def reopen(issue_id: int, *, by: str) -> Issue:
    """Say that it is not done after all. Raises NotFound."""
    return _move(by_id(issue_id), "open", by)


def _move(issue: Issue, state: str, by: str) -> Issue:
    if issue.state != state:
        issue.state, issue.state_by, issue.state_at = state, by, clock.now()
        audit.add(f"issue {state}", f"issue {issue.id}", actor=by)
    db.session.commit()
    return issue
