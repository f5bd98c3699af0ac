"""The list of issues: what is in one state, what each affects, and how often it happened lately."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Select, and_, case, exists, func, literal, or_, select, tuple_

from ... import clock
from ...errors import InvalidInput
from ...models import Change, DeadLetter, ErrorLog, Issue, IssueMention, db
from ...models.base import UtcDateTime
from ...models.error import ISSUE_STATES
from .. import several
from . import failures, issue_notes

HOURS = 24  # of which a list tells how often each happened
MINE = "mine"  # asked for like a state: assigned to the reader, or their name is in a note they have not read


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
