"""Limitation dates that move without their matter. In Clio each is a task of its own, and whether moving or completing
it counts as a change of the matter is in no document. Tasks are read anyway, so no call is spent on looking: a matter
that says otherwise than its task is read again by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select

from ... import clock
from ...errors import ConsoleError
from ...models import Connection, Record, Setting, db
from ...services.base import dig
from ..runs import runs
from . import matters
from .limitation_rules import STATUTE, day_of

log = structlog.get_logger(__name__)

CAUSE = "date"
SEEN = "limitations.tasks_seen_at"  # tasks written until then were looked at
LATE = timedelta(minutes=2)  # what a long transaction wrote before it was committed is met all the same
BATCH = 500
MOST = 500  # matters one look asks for of an account: the next goes on


def look() -> int:
    """Ask for the matters whose limitation date says otherwise than its task, as both were read last; how many.

    A matter is asked for only shortly after a change of its task, for what never agrees is no news. Where a run is in
    the way, the next look asks.
    """
    now = clock.now()
    mark = db.session.get(Setting, SEEN) or Setting(name=SEEN, value=now.isoformat())
    since, asked, is_whole = clock.parse(mark.value) or now, 0, True
    for account in matters.connections():
        wanted = list(_apart(account, since - LATE))
        try:
            asked += _ask(account, wanted[:MOST])
            is_whole = is_whole and len(wanted) <= MOST
        except ConsoleError as error:
            db.session.rollback()
            is_whole = False
            log.info("Matters whose limitation dates moved wait", connection=account.id, why=str(error))
    if is_whole:
        mark.value, mark.updated_at = now.isoformat(), now
        db.session.add(mark)
        db.session.commit()
    return asked


def _ask(account: Connection, wanted: Sequence[str]) -> int:
    if wanted:
        runs.request(account, records=[f"{matters.RESOURCE}:{number}" for number in wanted], cause=CAUSE)
    return len(wanted)


def _apart(account: Connection, since: datetime) -> Iterator[str]:
    """The matters of an account that say otherwise than a task of theirs which was written since then, each once."""
    query = (
        select(Record.id, Record.external_id, Record.data, Record.deleted_at, Record.written_at)
        .where(Record.connection_id == account.id, Record.resource == "tasks", Record.written_at >= since)
        .order_by(Record.id)
        .limit(BATCH)
    )
    last, met = 0, set[str]()
    while tasks := db.session.execute(query.where(Record.id > last)).all():
        last = tasks[-1].id
        named = {task.id: str(number) for task in tasks if (number := dig(task.data, "matter.id"))}
        there = _matters(account, set(named.values()) - met)
        for task in tasks:
            matter = there.get(named.get(task.id, ""))
            if matter is not None and matter.external_id not in met and _differ(task, matter.data):
                met.add(matter.external_id)
                yield matter.external_id


def _matters(account: Connection, external_ids: set[str]) -> dict[str, Any]:
    query = select(Record.external_id, Record.data).where(
        Record.connection_id == account.id, Record.resource == matters.RESOURCE, Record.deleted_at.is_(None),
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
