"""Issues: alike errors in one place, whose they are, how long they sleep, and what a person did about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BindParameter, Select, and_, bindparam, case, exists, func, literal, or_, select, tuple_, update

from .. import clock
from ..errors import Conflict, InvalidInput, NotFound
from ..models import Change, DeadLetter, ErrorLog, Issue, IssueMention, IssueNote, db
from ..models.base import UtcDateTime
from ..models.error import ISSUE_STATES
from . import audit, failures, issue_notes, several, users
from .advice import ADVICE, Advice

HOURS = 24  # of which a list tells how often each happened
SAMPLES = 20  # errors and records shown with an issue
MINE = "mine"  # asked for like a state: assigned to the reader, or their name is in a note they have not read
LONGEST_SNOOZE = timedelta(days=366)
MOST_EVENTS = 1_000_000


class Place(NamedTuple):
    """Where a page of issues ended."""

    last_seen_at: datetime
    id: int


class Weight(NamedTuple):
    """The same where the most affected come first."""

    affected: int
    id: int


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    issue: Issue
    affected: int  # records that wait to be kept, and writes that were refused
    mentioned: bool = False  # the reader is named in a note and has not read it
    hours: tuple[int, ...] = ()  # how often it happened in each of the last 24 hours, the oldest first


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


def listing(
    state: str = "open",
    after: Place | Weight | None = None,
    limit: int = 50,
    *,
    reader: str = "",
    heaviest: bool = False,
) -> tuple[list[Row], Place | Weight | None]:
    """Issues in one state, last seen first, and the place where the next page begins.

    heaviest: those that affect the most records first; `after` is a Weight then, else a Place.
    reader: whose e-mail "mine" and the mentions are about. Raises InvalidInput when there is no such state.
    """
    query = _heaviest(state, reader) if heaviest else _latest(state, reader)
    if isinstance(after, Weight):
        query = query.where(tuple_(_weight(), Issue.id) < tuple_(literal(after.affected), literal(after.id)))
    elif after is not None:
        behind = tuple_(literal(after.last_seen_at, UtcDateTime()), literal(after.id))
        query = query.where(tuple_(Issue.last_seen_at, Issue.id) < behind)
    issues = list(db.session.scalars(query.limit(limit + 1)))
    rows = issues[:limit]
    numbers = [issue.id for issue in rows]
    waiting, refused = _affected(numbers), _refused(numbers)
    naming, hours = issue_notes.naming(reader, numbers), _by_hour(numbers)
    lines = [Row(one, waiting.get(one.id, 0) + refused.get(one.id, 0), one.id in naming, hours[one.id]) for one in rows]
    if len(issues) <= limit:
        return lines, None
    return lines, Weight(lines[-1].affected, rows[-1].id) if heaviest else Place(rows[-1].last_seen_at, rows[-1].id)


def _by_hour(issue_ids: list[int]) -> dict[int, tuple[int, ...]]:
    """How often each happened in each of the last 24 hours, the oldest first."""
    now = clock.now()
    starts = [now - timedelta(hours=back) for back in range(1, HOURS + 1)]
    hour = case(*((ErrorLog.created_at >= start, HOURS - n) for n, start in enumerate(starts, 1)))
    query = select(ErrorLog.issue_id, hour, func.count()).where(
        ErrorLog.issue_id.in_(issue_ids),
        ErrorLog.id > failures.last_before(starts[-1]),  # so that only the last of each are read, by its index
        ErrorLog.created_at >= starts[-1],
    )
    found = {(number, at): count for number, at, count in db.session.execute(query.group_by(ErrorLog.issue_id, hour))}
    return {number: tuple(found.get((number, at), 0) for at in range(HOURS)) for number in issue_ids}


def _latest(state: str, reader: str) -> Select:
    if state not in (*ISSUE_STATES, MINE):
        raise InvalidInput(f"There is no state {state!r}. There are: {', '.join(ISSUE_STATES)}.", field="state")
    return select(Issue).where(_in_state(state, reader)).order_by(Issue.last_seen_at.desc(), Issue.id.desc())


def _heaviest(state: str, reader: str) -> Select:
    return _latest(state, reader).order_by(None).order_by(_weight().desc(), Issue.id.desc())


def _weight():
    """Records an issue affects, as a column."""
    waiting = select(func.count()).where(DeadLetter.issue_id == Issue.id, DeadLetter.resolved_at.is_(None))
    refused = select(func.count()).where(Change.issue_id == Issue.id, Change.state == "dead")
    return waiting.scalar_subquery() + refused.scalar_subquery()


def found(state: str, *, reader: str) -> several.Found:
    """The numbers of every issue in one state, in the order of the list. Raises InvalidInput as `listing`."""
    return several.found(_latest(state, reader).with_only_columns(Issue.id))


def count(state: str, *, reader: str) -> int:
    """How many there are in one state, as far as several.count counts. Raises InvalidInput as `listing`."""
    return several.count(_latest(state, reader).with_only_columns(Issue.id))


def titles(issue_ids: Iterable[int]) -> dict[int, str]:
    """What they are called."""
    query = select(Issue.id, Issue.title).where(Issue.id.in_(list(issue_ids)))
    return dict(db.session.execute(query).all())


def _in_state(state: str, reader: str):
    """What belongs on a tab. One whose time has come is open, also before the clock has woken it."""
    over = and_(Issue.state == "snoozed", Issue.snoozed_until <= clock.now())
    if state == "open":
        return or_(Issue.state == "open", over)
    if state == "snoozed":
        return and_(Issue.state == "snoozed", or_(Issue.snoozed_until.is_(None), Issue.snoozed_until > clock.now()))
    if state == MINE:
        named = exists().where(
            IssueMention.issue_id == Issue.id, IssueMention.email == reader, IssueMention.seen_at.is_(None)
        )
        return or_(and_(Issue.assignee == reader, Issue.state != "resolved"), named)
    return Issue.state == state


def _affected(issue_ids: list[int]) -> dict[int, int]:
    """Records that wait to be kept, by issue."""
    query = select(DeadLetter.issue_id, func.count()).where(
        DeadLetter.issue_id.in_(issue_ids), DeadLetter.resolved_at.is_(None)
    )
    return {number: count for number, count in db.session.execute(query.group_by(DeadLetter.issue_id)) if number}


def _refused(issue_ids: list[int]) -> dict[int, int]:
    """Writes that wait for a person, by issue."""
    query = select(Change.issue_id, func.count()).where(Change.issue_id.in_(issue_ids), Change.state == "dead")
    return {number: count for number, count in db.session.execute(query.group_by(Change.issue_id)) if number}


def detail(issue_id: int, *, reader: str = "") -> Detail:
    """One issue, whole; reader: as `listing` has it. Raises NotFound."""
    issue = by_id(issue_id)
    affected, refused, mentioned = db.session.execute(_ABOUT, {"issue": issue_id, "reader": reader}).one()
    letters = select(DeadLetter).where(DeadLetter.issue_id == issue_id, DeadLetter.resolved_at.is_(None))
    errors = select(ErrorLog).where(ErrorLog.issue_id == issue_id)
    return Detail(
        issue,
        ADVICE[issue.kind],
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
    exists().where(
        IssueMention.issue_id == _ONE, IssueMention.email == bindparam("reader"), IssueMention.seen_at.is_(None)
    ),
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
    return sorted(user.email for user in users.every() if user.active)


def snooze(issue_id: int, *, by: str, until: datetime | None = None, events: int | None = None) -> Issue:
    """Put it out of sight until a time, or until it happened so many times more.

    Raises NotFound, InvalidInput for a condition that never or at once comes true, Conflict when it is resolved.
    """
    issue = by_id(issue_id)
    if issue.state == "resolved":
        raise Conflict(f"The issue was resolved already by {issue.state_by or 'the console'}.")
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
