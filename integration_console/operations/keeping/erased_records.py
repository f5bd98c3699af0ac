"""The records of an erased person: emptied with what pairs them and what is written of them, whatever is under way.

Nothing of theirs is on its way to a service at that moment, and what one of their writes made there since the erasure
was asked for is emptied with them. A run that had looked at them before may still write down what it saw: its writes
are refused right before they leave (sync/carrying/leaving.py), and the rest is emptied once more when it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from ... import clock
from ...errors import SealBroken
from ...models import Change, Conflict, Erasure, Record, RecordLink, SyncRun, db
from ...models.change import WAITING_STATES
from ...storage import search as index
from ...storage.records import ERASED
from ..finding import telling
from ..sealed import vault
from . import erased_writes

WIPED = "erased"
SHORTEST_TERM = 5  # characters; a shorter name is in half of all texts
ON_ITS_WAY = "A write of this person is on its way. Nothing is erased before that has ended."
RUN_GOES_ON = (
    "The records are erased. A run that began before may still write down what it had read: it goes on when that has "
    "ended."
)


def terms_of(records: Iterable[Any]) -> set[str]:
    """What speaks of these people in texts: their names, addresses and numbers."""
    found: set[str] = set()
    for record in records:
        found |= set(telling.of(record))
    return {term for text in found if len(term := text.strip()) >= SHORTEST_TERM}


def empty_now(row: Erasure) -> bool:
    """Empty them, at every turn: what a run wrote down meanwhile goes too. False, and nothing done, while a write of
    theirs is on its way.
    """
    session = db.session()
    of_them, known = _of(session, row.record_ids), set[int]()  # of none, where a restore left only the texts to be done
    while new := set(row.record_ids) - known:  # what a write made may have been taken on from there
        known |= new
        session.execute(select(Record.id).where(Record.id.in_(known)).order_by(Record.id).with_for_update())
        of_them = _of(session, row.record_ids)
        mine = list(session.scalars(select(Change.id).where(of_them, Change.state.in_(WAITING_STATES))))
        if erased_writes.is_on_its_way(session, mine, row.asked_at):
            session.rollback()
            return False
        _take_in(session, row, of_them)
    lost = erased_writes.perhaps_made(session, of_them)
    row.counts = {**empty(session, row.record_ids), **row.counts}
    erased_writes.tell(session, lost)
    session.commit()
    return True


def _take_in(session: Session, row: Erasure, of_them: Any) -> None:
    """Erase also what a write made since: nobody could choose that."""
    made = select(Change.record_id).where(of_them, Change.op == "create", Change.done_at >= row.asked_at)
    rows = session.scalars(select(Record).where(Record.id.in_(made), Record.id.not_in(row.record_ids)))
    if not (found := list(rows)):
        return
    row.record_ids = [*row.record_ids, *(record.id for record in found)]
    owner = f"erasure:{row.id}"
    try:
        terms = set(orjson.loads(vault().open(owner, row.terms or "")))
    except SealBroken:
        return  # whoever looks through the texts says so
    row.terms = vault().seal(owner, orjson.dumps(sorted(terms | terms_of(found))).decode())


def is_run_going_on(row: Erasure) -> bool:
    """Whether a run that was at work when they were emptied still is."""
    emptied = select(func.max(Record.deleted_at)).where(Record.id.in_(row.record_ids)).scalar_subquery()
    still = select(SyncRun.id).where(SyncRun.state == "running", SyncRun.started_at <= emptied)
    return db.session.scalar(still.limit(1)) is not None


def empty(session: Session, mine: list[int], *, searched: bool = True) -> dict[str, int]:
    """The records, what pairs them, and what waits to be written of them, in the caller's transaction.

    searched: there is a search index to take them out of.
    """
    gone: dict[str, Any] = {"data": {}, "label": WIPED, "content_hash": ERASED, "deleted_at": clock.now()}
    if searched:
        index.put(session, [(number, "") for number in mine])
    theirs = update(Record).where(Record.id.in_(mine), Record.content_hash != ERASED)
    counts = {"records": _rowcount(session, theirs.values(**gone))}
    links = _links(session, mine)
    cut = {"state": "cut", "base": {}, "writes": {}, "candidates": [], "how": "", "reason": "The person was erased."}
    counts["pairs"] = _rowcount(session, update(RecordLink).where(RecordLink.id.in_(links)).values(**cut))
    of_them = _of(session, mine)
    waiting = update(Change).where(of_them, Change.state.in_((*WAITING_STATES, "dead")))
    _rowcount(session, waiting.values(state="dropped", done_at=clock.now()))
    counts["writes"] = _rowcount(session, update(Change).where(of_them).values(**erased_writes.EMPTY))
    counts["conflicts"] = _rowcount(session, update(Conflict).where(Conflict.link_id.in_(links)).values(held={}))
    asked = update(Conflict).where(Conflict.link_id.in_(links), Conflict.state == "open")
    _rowcount(session, asked.values(state="settled", settled_at=clock.now()))
    return counts


def _links(session: Session, mine: list[int]) -> list[int]:
    either = or_(RecordLink.left_record_id.in_(mine), RecordLink.right_record_id.in_(mine))
    return list(session.scalars(select(RecordLink.id).where(either)))


def _of(session: Session, mine: list[int]) -> Any:
    """Which writes are of these records, or of a pair of one of them."""
    return or_(Change.record_id.in_(mine), Change.link_id.in_(_links(session, mine)))


def _rowcount(session: Session, statement: Any) -> int:
    return session.execute(statement.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
