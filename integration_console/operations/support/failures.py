"""Failures as they happened, one by one, and what of them can be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, and_, func, select

from ...models import DeadLetter, ErrorLog, Issue, Record, SyncRun, Transaction, db
from ...models.run import LIVE_STATES
from ...storage.counting import Count, among_newest
from .. import several

PAGE = 50
_LOOKED_AT = ("connection_id", "kind", "resource")  # no index leads to these
MOST_RETRIED = 200  # records one run reads one by one; beyond that a whole read is cheaper


@dataclass(frozen=True)
class Wanted:
    """Which failures: everything when empty."""

    run_id: int | None = None
    connection_id: int | None = None
    issue_id: int | None = None
    kind: str = ""
    resource: str = ""
    since: datetime | None = None
    until: datetime | None = None


def browse(wanted: Wanted, *, before: int | None = None) -> tuple[list[ErrorLog], int | None]:
    """Failures, the newest first, and the number before which the next page begins."""
    query = _matching(wanted)
    if before is not None:
        query = query.where(ErrorLog.id < before)
    rows = list(db.session.scalars(query.order_by(ErrorLog.id.desc()).limit(PAGE + 1)))
    return rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None


def count(wanted: Wanted, *, above: int | None = None) -> Count:
    """How many failures there are of these: as far as several.count counts; among the newest where no index knows.

    above: only those of a higher number.
    """
    rest = {name: value for name in _LOOKED_AT if (value := getattr(wanted, name))}
    walk = _matching(replace(wanted, connection_id=None, kind="", resource="")).with_only_columns(ErrorLog.id)
    if above is not None:
        walk = walk.where(ErrorLog.id > above)
    if not rest:
        return Count(several.count(walk))
    fits = and_(*(getattr(ErrorLog, name) == value for name, value in rest.items()))
    return among_newest(db.session(), walk.order_by(ErrorLog.id.desc()), fits)


def _matching(wanted: Wanted) -> Select:
    query = select(ErrorLog)
    for name in ("run_id", "issue_id", *_LOOKED_AT):
        if value := getattr(wanted, name):
            query = query.where(getattr(ErrorLog, name) == value)
    if wanted.since:
        query = query.where(ErrorLog.id > last_before(wanted.since))
    if wanted.until:
        query = query.where(ErrorLog.id <= last_before(wanted.until))
    return query


def last_before(moment: datetime):
    """The last failure before a moment, by its number: a time range is a range of numbers, found by its index."""
    older = select(ErrorLog.id).where(ErrorLog.created_at < moment).order_by(ErrorLog.created_at.desc()).limit(1)
    return func.coalesce(older.scalar_subquery(), 0)


def last_problem() -> datetime | None:
    """When anything last failed."""
    return db.session.scalar(select(ErrorLog.created_at).order_by(ErrorLog.created_at.desc()).limit(1))


def waiting_records(issue: Issue, letter_id: str = "") -> list[str]:
    """The records of a problem that can be read again by name: ["matters:17"]; only one when its letter is given."""
    query = select(DeadLetter.resource, DeadLetter.external_id).where(
        DeadLetter.issue_id == issue.id, DeadLetter.resolved_at.is_(None), DeadLetter.external_id.is_not(None)
    )
    if letter_id.isdecimal():
        query = query.where(DeadLetter.id == int(letter_id[:15]))
    found = db.session.execute(query.order_by(DeadLetter.id).limit(MOST_RETRIED + 1)).all()
    return [] if len(found) > MOST_RETRIED else [f"{resource}:{external_id}" for resource, external_id in found]


@dataclass(frozen=True)
class Outcome:
    """What reading one record again came to."""

    resource: str
    external_id: str
    state: str  # waiting, done, failed
    reason: str = ""


def retry_run(issue: Issue) -> SyncRun | None:
    """The run that last read the records of a problem again, while it is kept."""
    return db.session.get(SyncRun, issue.retry_run_id) if issue.retry_run_id else None


def outcome_of(run: SyncRun) -> list[Outcome]:
    """What became of the records a run read again, in the order it was asked for them."""
    found = []
    for resource, numbers in run.options.get("records", {}).items():
        query = select(DeadLetter).where(
            DeadLetter.connection_id == run.connection_id, DeadLetter.resource == resource,
            DeadLetter.external_id.in_(numbers),
        )  # fmt: skip
        letters = {letter.external_id: letter for letter in db.session.scalars(query)}
        found += [_outcome(run, resource, number, letters.get(number)) for number in numbers]
    return found


def _outcome(run: SyncRun, resource: str, external_id: str, letter: DeadLetter | None) -> Outcome:
    if letter is None or letter.resolved_at is not None:
        return Outcome(resource, external_id, "done")
    if run.state in LIVE_STATES:
        return Outcome(resource, external_id, "waiting", "The run is under way.")
    read = letter.run_id == run.id
    return Outcome(resource, external_id, "failed", letter.reason if read else run.message or letter.reason)


def copies_of(letters: Sequence[DeadLetter]) -> dict[int, int]:
    """Letters whose record we hold in an older form: letter number -> record number."""
    named = {one.id: (one.connection_id, one.resource, one.external_id) for one in letters if one.external_id}
    if not named:
        return {}
    accounts, resources, ids = (set(part) for part in zip(*named.values(), strict=True))
    query = select(Record.id, Record.connection_id, Record.resource, Record.external_id).where(
        Record.connection_id.in_(accounts), Record.resource.in_(resources), Record.external_id.in_(ids)
    )
    held = {tuple(one): number for number, *one in db.session.execute(query)}
    return {number: held[one] for number, one in named.items() if one in held}


def calls_of(errors: Sequence[ErrorLog]) -> dict[str, int]:
    """The calls on which failures happened: call key -> the number of its last attempt."""
    keys = {error.transaction_key for error in errors if error.transaction_key}
    query = select(Transaction.call_key, Transaction.id).where(Transaction.call_key.in_(keys))
    return dict(db.session.execute(query.order_by(Transaction.attempt)).all()) if keys else {}
