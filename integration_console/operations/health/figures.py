"""The day's figures: what moved, what failed, what waits, and how many calls are left. No table is counted for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, Select, bindparam, func, select

from ... import clock
from ...models import Connection, DataMapping, DeadLetter, ErrorLog, Issue, MappingVersion, RunPart, SyncRun, User, db
from ...models.base import UtcDateTime
from ..accounts.accounts import limits_of
from ..runs.run_history import last_before
from . import health
from .waiting import COUNTS, Waiting

MOST_FAILURES = 10_000  # beyond it is "over 10,000"
NEW_FOR = timedelta(days=14)  # so long a console is told its first steps


@dataclass(frozen=True)
class Window:
    """How much of one of an account's limits is used now."""

    calls: int
    per_s: float
    used: int

    @property
    def left(self) -> int:
        """Calls that may still be made in it, 0 or more."""
        return max(self.calls - self.used, 0)

    @property
    def share(self) -> float:
        """The share of the calls that is left."""
        return self.left / self.calls


@dataclass(frozen=True)
class Figures:
    """The four numbers, and what the menu counts. The day began at the reader's midnight."""

    moved: int
    moved_before: int  # yesterday, up to the same time
    failed: int
    failed_before: int
    waiting: int
    heard: datetime | None  # when any worker was heard last
    waits: Waiting
    tightest: tuple[Connection, Window] | None  # the connection with the smallest share of calls left


def of_day(
    connections: Iterable[Connection], *, midnight: datetime, yesterday: datetime, same_time: datetime
) -> Figures:
    """The day against yesterday up to the same time: one question for all of it."""
    moments = {"midnight": midnight, "yesterday": yesterday, "same_time": same_time, "latest": clock.latest()}
    heard, *counts = db.session.connection().execute(_DAY, moments).one()
    moved, moved_before, failed, failed_before, waiting, *waits = (int(count or 0) for count in counts)
    return Figures(
        moved, moved_before, failed, failed_before, waiting, heard, Waiting(*waits),
        tightest=min(
            ((c, left) for c in connections if (left := calls_left(c))), key=lambda pair: pair[1].share, default=None
        ),
    )  # fmt: skip


def _moved(since: BindParameter[datetime], until: BindParameter[datetime] | None = None) -> Select:
    newest = select(func.max(SyncRun.id)).scalar_subquery()  # an end of the range, or PostgreSQL reads the whole table
    last = newest if until is None else last_before(until)
    moved = func.sum(RunPart.new + RunPart.changed + RunPart.deleted)
    return select(moved).where(RunPart.run_id > last_before(since), RunPart.run_id <= last)


def _failed(since: BindParameter[datetime], until: BindParameter[datetime] | None = None) -> Select:
    rows = select(ErrorLog.id).where(ErrorLog.created_at >= since)
    if until is not None:
        rows = rows.where(ErrorLog.created_at < until)
    return select(func.count()).select_from(rows.limit(MOST_FAILURES + 1).subquery())


_WAITING = select(func.count()).select_from(SyncRun).where(SyncRun.state.in_(("queued", "waiting")))
_MIDNIGHT, _YESTERDAY, _SAME_TIME = (
    bindparam(name, type_=UtcDateTime()) for name in ("midnight", "yesterday", "same_time")
)
_ASKED = (
    health.LAST_HEARD,
    _moved(_MIDNIGHT),
    _moved(_YESTERDAY, _SAME_TIME),
    _failed(_MIDNIGHT),
    _failed(_YESTERDAY, _SAME_TIME),
    _WAITING,
)
_DAY = select(*(one.scalar_subquery() for one in _ASKED), *COUNTS)


def windows(connection: Connection) -> list[Window]:
    """The limits of an account with what was used of them when it was last called.

    A window that has passed since then is empty again.
    """
    budget = connection.budget or {}
    told = budget.get("windows") or [
        {"calls": one.calls, "per_s": one.per_s, "used": 0} for one in limits_of(connection)
    ]
    at = clock.parse(budget.get("at"))
    age_s = (clock.now() - at).total_seconds() if at else 0
    return [Window(w["calls"], w["per_s"], 0 if age_s > w["per_s"] else w["used"]) for w in told if w["calls"]]


def calls_left(connection: Connection) -> Window | None:
    """The window that is fullest; None before the account was ever called."""
    return min(windows(connection), key=lambda window: window.share) if connection.budget else None


@dataclass(frozen=True)
class OpenIssues:
    """The open problems at a glance."""

    worst: list[Issue]  # those for which most records wait, then those that happened most often
    count: int  # of all
    since: datetime | None  # the oldest


def open_issues(limit: int = 3) -> OpenIssues:
    """The worst of the open problems, and how many there are since when."""
    rows = db.session.execute(_OPEN_ISSUES, {"most": limit}).all()
    return OpenIssues([row[0] for row in rows], *(rows[0][1:] if rows else (0, None)))


_AFFECTED = select(func.count()).where(DeadLetter.issue_id == Issue.id, DeadLetter.resolved_at.is_(None))
_OPEN_ISSUES = (
    select(Issue, func.count().over(), func.min(Issue.first_seen_at).over())
    .where(Issue.state == "open")
    .order_by(_AFFECTED.scalar_subquery().desc(), Issue.count.desc(), Issue.id.desc())
    .limit(bindparam("most"))
)


def first_steps(connections: Iterable[Connection]) -> list[tuple[str, bool]]:
    """What a new console still needs, each with whether it is done; empty when all is, or after two weeks."""
    connections = list(connections)
    if connections and min(one.created_at for one in connections) < clock.now() - NEW_FOR:
        return []
    # by what it holds: a draft that lost its preview holds JSON's null, which is a value to a database
    counted_at = MappingVersion.preview["at"].as_string()
    previewed = select(MappingVersion.id).where(counted_at.is_not(None)).limit(1)
    on = select(DataMapping.id).where(DataMapping.active_version.is_not(None)).limit(1)
    mapped = db.session.scalar(on) is not None
    colleagues = len(db.session.execute(select(User.id).limit(2)).all()) > 1
    steps = [
        ("connect", bool(connections)),
        ("read", any(connection.last_sync_at for connection in connections)),
        ("schedule", any(connection.frequency != "manual" for connection in connections)),
        ("second", len({connection.service for connection in connections}) > 1),
        ("preview", mapped or db.session.scalar(previewed) is not None),
        ("activate", mapped),
        ("people", colleagues),
    ]
    return [] if all(done for name, done in steps if name != "people") else steps
