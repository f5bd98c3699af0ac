"""Limitation dates that move without their matter. In Clio each is a task of its own, and whether moving or completing
it counts as a change of the matter is in no document. Tasks are read anyway, so no call is spent on looking: a matter
that says otherwise than its task is read again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from sqlalchemy import func, select, true, tuple_

from ... import clock
from ...errors import ConsoleError
from ...models import Connection, Record, RunPart, Setting, SyncRun, db, reading
from ...services.base import dig
from ..runs import runs
from . import matters
from .limitation_rules import STATUTE, day_of

log = structlog.get_logger(__name__)

CAUSE = "date"
SEEN = "limitations.tasks_seen_at"  # of each account: its tasks written before then were looked at
LATE = timedelta(minutes=2)  # what a long transaction wrote before it was committed is met all the same
BATCH = 500
MOST = 500  # matters one look asks for of an account: the next goes on


def look() -> int:
    """Ask for the matters whose limitation date says otherwise than its task, as both were read last; how many.

    A matter is asked for only shortly after a change of its task, for what never agrees is no news. Where a run is in
    the way, the next look asks; of an account that is not read, the first one after it is read again.
    """
    with reading():  # no writer waits meanwhile
        accounts = matters.connections()
        unread = matters.unread(accounts)
        read = [account.id for account in accounts if account not in unread]
        db.session.rollback()
    return sum([_look_at(number) for number in read])


def _look_at(number: int) -> int:
    """The same of one account: what keeps it waiting has no other one asked again."""
    now = clock.now()
    with reading():
        since = _changed_since(number, _seen(number))
        found = list(islice(_apart(number, min(since, now)), MOST)) if since else []
        db.session.rollback()
    try:
        _ask(number, [matter for _, matter in found])
    except ConsoleError as error:
        db.session.rollback()
        log.info("Matters whose limitation dates moved wait", connection=number, why=str(error))
        return 0
    _move_mark(number, found[-1][0] if len(found) == MOST else now - LATE)
    return len(found)


def _ask(number: int, wanted: Sequence[str]) -> None:
    if wanted:
        account = db.session.get_one(Connection, number)
        runs.request(account, records=[f"{matters.RESOURCE}:{matter}" for matter in wanted], cause=CAUSE)


def _changed_since(number: int, seen: datetime | None) -> datetime | None:
    """From when on a task of an account may have been written that was not looked at; None where no read changed one.

    Most reads change none, and what was written lately may be a million contacts.
    """
    begun = (
        select(func.min(SyncRun.started_at)).join(RunPart, RunPart.run_id == SyncRun.id)
        .where(RunPart.connection_id == number, RunPart.resource == "tasks")
        .where(RunPart.new + RunPart.changed + RunPart.deleted > 0)
    )  # fmt: skip
    # What is under way first: a run may end between the two questions.
    which: tuple[Any, ...] = (true(),) if seen is None else (RunPart.live, SyncRun.ended_at >= seen)
    found = [moment for one in which if (moment := db.session.scalar(begun.where(one)))]
    if not found:
        return None
    since = min(found) - LATE  # another machine may have begun it, whose clock is ahead
    return max(seen, since) if seen else since


def _seen(number: int) -> datetime | None:
    row = db.session.get(Setting, f"{SEEN}.{number}")
    return clock.parse(row.value) if row else None


def _move_mark(number: int, at: datetime) -> None:
    name = f"{SEEN}.{number}"
    row = db.session.get(Setting, name) or Setting(name=name)
    row.value, row.updated_at = at.isoformat(), clock.now()
    db.session.add(row)
    db.session.commit()


def _apart(number: int, since: datetime) -> Iterator[tuple[datetime, str]]:
    """The matters of an account that say otherwise than a task of theirs which was written since then, each once, and
    when that was.
    """
    place = tuple_(Record.written_at, Record.id)  # as the index has them, which holds little of so late
    query = (
        select(Record.id, Record.external_id, Record.data, Record.deleted_at, Record.written_at)
        .where(Record.connection_id == number, Record.resource == "tasks", Record.written_at >= since)
        .order_by(Record.written_at, Record.id)
        .limit(BATCH)
    )
    last, met = (since, 0), set[str]()
    while tasks := db.session.execute(query.where(place > last)).all():
        last = tasks[-1].written_at, tasks[-1].id
        named = {task.id: str(matter) for task in tasks if (matter := dig(task.data, "matter.id"))}
        there = _matters(number, set(named.values()) - met)
        for task in tasks:
            matter = there.get(named.get(task.id, ""))
            if matter is not None and matter.external_id not in met and _differ(task, matter.data):
                met.add(matter.external_id)
                yield task.written_at, matter.external_id


def _matters(number: int, external_ids: set[str]) -> dict[str, Any]:
    query = select(Record.external_id, Record.data).where(
        Record.connection_id == number, Record.resource == matters.RESOURCE, Record.deleted_at.is_(None),
        Record.external_id.in_(external_ids),
    )  # fmt: skip
    return {row.external_id: row for row in db.session.execute(query)}


def _differ(task: Any, matter: dict[str, Any]) -> bool:
    shown = matter.get(STATUTE) or {}
    is_shown = str(shown.get("id")) == task.external_id
    if task.deleted_at is not None or not task.data.get(STATUTE):
        return is_shown
    return not is_shown or _said(shown) != _said(task.data)


def _said(task: dict[str, Any]) -> tuple[Any, ...]:
    return day_of(str(task.get("due_at") or "")), task.get("status")
