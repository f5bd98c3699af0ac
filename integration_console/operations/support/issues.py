"""One issue: what a person needs to know of it, whose it is, how long it sleeps, and what was done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, bindparam, exists, func, select, update

from ... import clock
from ...errors import Conflict, InvalidInput, NotFound
from ...models import Change, DeadLetter, ErrorLog, Issue, IssueMention, IssueNote, User, db
from .. import advice, audit
from ..advice import Advice
from . import issue_notes

SAMPLES = 20  # errors and records shown with an issue
LONGEST_SNOOZE = timedelta(days=366)
MOST_EVENTS = 1_000_000


@dataclass(frozen=True)
class Detail:
    """One issue with what a person needs to decide."""

    issue: Issue
    advice: Advice
    affected: int  # records that wait to be kept
    refused: int  # writes that wait for a person
    letters: Sequence[DeadLetter]  # the latest open ones
    errors: Sequence[ErrorLog]  # the latest ones
    notes: Sequence[IssueNote] = ()  # the oldest first
    mentioned: bool = False  # the reader is named in a note and has not read it


def detail(issue_id: int, *, reader: str = "") -> Detail:
    """One issue, whole; reader: whose e-mail the mentions are about. Raises NotFound."""
    issue = by_id(issue_id)
    affected, refused, written, mentioned = db.session.execute(_ABOUT, {"issue": issue_id, "reader": reader}).one()
    letters = select(DeadLetter).where(DeadLetter.issue_id == issue_id, DeadLetter.resolved_at.is_(None))
    errors = select(ErrorLog).where(ErrorLog.issue_id == issue_id)
    return Detail(
        issue,
        advice.of(issue.kind, writes=written),
        affected,
        refused,
        db.session.scalars(letters.order_by(DeadLetter.id.desc()).limit(SAMPLES)).all(),
        db.session.scalars(errors.order_by(ErrorLog.id.desc()).limit(SAMPLES)).all(),
        issue_notes.of(issue_id),
        bool(mentioned),
    )


_ONE: BindParameter[int] = bindparam("issue")
_ABOUT = select(
    select(func.count()).where(DeadLetter.issue_id == _ONE, DeadLetter.resolved_at.is_(None)).scalar_subquery(),
    select(func.count()).where(Change.issue_id == _ONE, Change.state == "dead").scalar_subquery(),
    exists().where(Change.issue_id == _ONE),
    exists().where(
        IssueMention.issue_id == _ONE, IssueMention.email == bindparam("reader"), IssueMention.seen_at.is_(None)
    ),
)


def by_id(issue_id: int) -> Issue:
    """The issue with that number. Raises NotFound."""
    if issue := db.session.get(Issue, issue_id):
        return issue
    raise NotFound("There is no such issue.")


def _unresolved(issue_id: int) -> Issue:
    issue = by_id(issue_id)
    if issue.state == "resolved":
        raise Conflict(f"The issue was resolved already by {issue.state_by or 'the console'}.")
    return issue


def acknowledge(issue_id: int, *, by: str) -> Issue:
    """Say that someone looks after it. Raises NotFound, or Conflict when it is resolved already."""
    return _move(_unresolved(issue_id), "acknowledged", by)


def resolve(issue_id: int, *, by: str) -> Issue:
    """Say that it is done, its waiting records included; what is refused again opens it again. Raises NotFound."""
    waiting = update(DeadLetter).where(DeadLetter.issue_id == issue_id, DeadLetter.resolved_at.is_(None))
    issue = by_id(issue_id)
    db.session.execute(waiting.values(resolved_at=clock.now()))
    return _move(issue, "resolved", by)


def reopen(issue_id: int, *, by: str) -> Issue:
    """Say that it is not done after all, or that it has slept enough. Raises NotFound."""
    return _move(by_id(issue_id), "open", by)


def _move(issue: Issue, state: str, by: str) -> Issue:
    if issue.state != state:
        issue.state, issue.state_by, issue.state_at = state, by, clock.now()
        issue.snoozed_until = issue.snoozed_count = None
        audit.add(f"issue {state}", f"issue {issue.id}", actor=by)
    if state == "resolved":
        issue_notes.read_by_all(issue.id)
    db.session.commit()
    return issue


# -- whose it is, and how long it sleeps -----------------------------------------------------------------------------


def assign(issue_id: int, email: str, *, by: str) -> Issue:
    """Give it to a person, or to nobody with "".

    Raises NotFound, or InvalidInput when nobody active has that e-mail.
    """
    issue = by_id(issue_id)
    chosen = issue_notes.active_email(email) if email else None
    if issue.assignee != chosen:
        audit.add("issue assigned", f"issue {issue.id}", actor=by, before=issue.assignee, after=chosen)
        issue.assignee = chosen
    db.session.commit()
    return issue


def note_retry(issue: Issue, run_id: int) -> None:
    """Remember the run that reads its records again, for its outcome."""
    issue.retry_run_id = run_id
    db.session.commit()


def people() -> list[str]:
    """The e-mails of those who may be given a problem."""
    return sorted(db.session.scalars(select(User.email).where(User.active)))


def snooze(issue_id: int, *, by: str, until: datetime | None = None, events: int | None = None) -> Issue:
    """Put it out of sight until a time, or until it happened so many times more.

    Raises NotFound, InvalidInput for a condition that never or at once comes true, Conflict when it is resolved.
    """
    issue = _unresolved(issue_id)
    if (until is None) == (events is None):
        raise InvalidInput("Say until when, or after how many more times.", field="until")
    if until is not None and not clock.now() < until <= clock.now() + LONGEST_SNOOZE:
        raise InvalidInput("Choose a time to come, within a year.", field="until")
    if events is not None and not 0 < events <= MOST_EVENTS:
        raise InvalidInput(f"Write a number from 1 to {MOST_EVENTS:,}.", field="events")
    issue.state, issue.state_by, issue.state_at = "snoozed", by, clock.now()
    issue.snoozed_until, issue.snoozed_count = until, issue.count + events if events else None
    audit.add(
        "issue snoozed", f"issue {issue.id}", actor=by, until=until.isoformat() if until else None,
        count=issue.snoozed_count,
    )  # fmt: skip
    db.session.commit()
    return issue


def snooze_until_worse(issue_id: int, *, by: str) -> Issue:
    """Put it out of sight until it happened twice as often as now. Raises as snooze."""
    return snooze(issue_id, by=by, events=max(by_id(issue_id).count, 1))


def wake() -> int:
    """Open what was snoozed until a time that has come; how many."""
    over = (Issue.state == "snoozed", Issue.snoozed_until <= clock.now())
    if db.session.scalar(select(Issue.id).where(*over).limit(1)) is None:
        return 0  # nothing is written by every tick
    woken = db.session.execute(
        update(Issue).where(*over)
        .values(state="open", state_by=None, state_at=clock.now(), snoozed_until=None, snoozed_count=None)
        .returning(Issue.id)
    ).all()  # fmt: skip
    db.session.commit()
    return len(woken)
