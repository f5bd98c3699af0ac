"""Taking a person out of everything the console keeps (X15): records, pairs, writes, calls, failures, deliveries.

Nothing is deleted at the services. An erased record stays as an empty place, so that the next read does not bring it
back. The work is done by the clock in small committed steps; a killed step is done again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Text, cast, delete, func, or_, select, update

from ... import clock
from ...errors import Conflict, InvalidInput, SealBroken
from ...models import (
    Change,
    DeadLetter,
    Delivery,
    Erasure,
    ErrorLog,
    Issue,
    IssueNote,
    LegalHold,
    Notice,
    PracticeAreaCorrection,
    PreviewPage,
    Record,
    RecordLink,
    RunPart,
    SavedView,
    Setting,
    SyncRun,
    Transaction,
    UnmatchedValue,
    db,
    holds,
)
from ...models import Conflict as Clash
from ...storage.records import ERASED
from .. import audit, legal_holds
from ..finding import telling, traces
from ..sealed import vault
from . import erased_records, erased_writes
from .erased_records import WIPED, terms_of

PEOPLE = ("contacts", "customers", "clients", "users", "vendors")
LONGEST_SEARCH = 200  # characters; SQLite refuses patterns that are very much longer
FOUND_AT_MOST, ERASED_AT_MOST = 50, 200
AT_ONCE = 300  # comparisons in one question; SQLite takes a thousand
STEP = 2_000  # rows looked through in one transaction
A_TURN_S = 10.0  # of work before the clock gets its thread back
HELD = "held"  # among what was reached: a hold has kept rows from this look
AGAIN = "erasures.again"  # a setting: what a restored backup without a table of erasures still owes, sealed


@dataclass(frozen=True)
class Place:
    """A table whose texts may speak of a person, and what stands there afterwards."""

    table: Any
    texts: tuple[str, ...]
    then: dict[str, Any] | None  # None: the row goes


PLACES = {
    # The first: while one is on its way, it leaves texts in the other tables, which are begun when it has ended.
    "writes": Place(
        Change, ("wanted", "before", "after", "sources", "options", "message"), erased_writes.EMPTY
    ),
    "calls": Place(
        Transaction, ("request_body", "response_body", "url", "error"),
        {"request_body": None, "response_body": None, "error": None, "url": Transaction.path_template},
    ),
    "failures": Place(ErrorLog, ("raw_message", "message", "external_id"), {"raw_message": WIPED, "message": WIPED}),
    "dead letters": Place(DeadLetter, ("payload", "reason"), {"payload": "{}", "reason": WIPED}),
    "deliveries": Place(Delivery, ("body",), {"body": None}),
    "conflicts": Place(Clash, ("held",), {"held": {}}),
    "notices": Place(
        Notice, ("title", "text", "sent_text", "said"), {"title": WIPED, "text": WIPED, "sent_text": None, "said": None}
    ),
    "notes on problems": Place(IssueNote, ("text",), {"text": WIPED}),
    "practice area corrections": Place(PracticeAreaCorrection, ("text",), {"text": WIPED}),
    "previews": Place(PreviewPage, ("rows",), {"rows": []}),
    "unmatched values": Place(UnmatchedValue, ("value",), None),
    "pairs of others": Place(
        RecordLink, ("how", "reason", "candidates"),
        {"how": "", "reason": "", "candidates": [], "left_hash": None, "right_hash": None},  # looked at again
    ),
    "runs": Place(SyncRun, ("message",), {"message": WIPED}),
    "lines of runs": Place(RunPart, ("message", "note"), {"message": WIPED, "note": None}),
    "problems": Place(Issue, ("title",), {"title": WIPED}),
    "saved views": Place(SavedView, ("name", "query"), None),
}  # fmt: skip


# -- asking -----------------------------------------------------------------------------------------------------------


def every() -> list[Erasure]:
    """Erasures, the newest first."""
    return list(db.session.scalars(select(Erasure).order_by(Erasure.id.desc()).limit(100)))


def candidates(text: str) -> list[Record]:
    """Records of people that hold this text anywhere: a name, an e-mail address, a telephone number, an id.

    Raises InvalidInput when the text is too short to find one person by, or too long to be of one.
    """
    text = text.strip()
    if len(text) > LONGEST_SEARCH:
        raise InvalidInput(f"This may have at most {LONGEST_SEARCH} characters.", field="q")
    if len(text) < 3:
        raise InvalidInput("Write at least three characters of a name, an address, a number or an id.", field="q")
    told = or_(holds(Record.label, text), Record.external_id == text, holds(cast(Record.data, Text), text))
    query = select(Record).where(Record.resource.in_(PEOPLE), Record.content_hash != ERASED, told)
    return list(db.session.scalars(query.order_by(Record.id).limit(FOUND_AT_MOST)))


def request(record_ids: Iterable[int], reason: str, *, by: str) -> Erasure:
    """Have these records' person erased; the clock does it. Nothing can bring it back but a backup.

    Raises InvalidInput for no record or no reason, Conflict while a legal hold keeps one of them or its pair.
    """
    found = _records(record_ids)
    reason = " ".join(reason.split())
    if not found or len(found) > ERASED_AT_MOST:
        raise InvalidInput(f"Choose 1 to {ERASED_AT_MOST} records of one person.", field="record")
    if not 0 < len(reason) <= 500:
        raise InvalidInput("Say in a few words who asked for it and when.", field="reason")
    if hold := _hold_on([record.id for record in found]):
        raise Conflict(f"A legal hold keeps this data: {hold.reason}. Nothing was erased.")
    row = Erasure(
        state="waiting", record_ids=[record.id for record in found], reason=reason, asked_by=by, asked_at=clock.now(),
        reached={}, counts={},
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    row.terms = vault().seal(f"erasure:{row.id}", orjson.dumps(sorted(terms_of(found))).decode())
    audit.add("erasure asked for", reason, actor=by, erasure=row.id, records=row.record_ids)
    db.session.commit()
    return row


def _records(record_ids: Iterable[int]) -> list[Record]:
    numbers = list(dict.fromkeys(record_ids))
    return list(db.session.scalars(select(Record).where(Record.id.in_(numbers), Record.content_hash != ERASED)))


# -- doing ------------------------------------------------------------------------------------------------------------


def work() -> int:
    """Go on with what was asked for, for some seconds; how many erasures were finished."""
    ends, finished = clock.monotonic() + A_TURN_S, 0
    for number in list(db.session.scalars(select(Erasure.id).where(Erasure.state == "waiting").order_by(Erasure.id))):
        finished += _go_on(number, ends)
    _take_up()
    return finished


def owed(value: str) -> list[dict[str, Any]]:
    """What the setting AGAIN holds: reason, asked_by, asked_at, record_ids, counts and terms of each."""
    return orjson.loads(vault().open(f"setting:{AGAIN}", value))


def _take_up() -> None:
    """What a restore of older tables left to be done has its table since the upgrade."""
    setting = db.session.get(Setting, AGAIN)
    if setting is None:
        return
    for one in owed(setting.value):
        terms, asked_at = one.pop("terms"), clock.parse(one.pop("asked_at"))
        row = Erasure(state="waiting", reached={}, asked_at=asked_at, **one)
        db.session.add(row)
        db.session.flush()
        row.terms = vault().seal(f"erasure:{row.id}", orjson.dumps(terms).decode())
    db.session.delete(setting)
    db.session.commit()


def _go_on(number: int, ends: float) -> bool:
    row = db.session.get_one(Erasure, number)
    if hold := _hold_on(row.record_ids):
        return _wait(row, f"A legal hold keeps this data: {hold.reason}. It goes on when the hold is lifted.")
    held = legal_holds.any_in_force()
    if held is not None:
        row.reached = {**row.reached, HELD: None}
    elif row.message or HELD in row.reached:  # what a hold has kept is looked through now
        row.reached, row.message = {}, None
    if not erased_records.empty_now(row):
        return _wait(row, erased_records.ON_ITS_WAY)
    if erased_records.is_run_going_on(row):
        return _wait(row, erased_records.RUN_GOES_ON)
    try:
        terms = orjson.loads(vault().open(f"erasure:{row.id}", row.terms or ""))
    except SealBroken:  # the others go on
        return _wait(
            row, "The records are erased. What else to look for no key of ENCRYPTION_KEYS opens: add the old one."
        )
    for name, place in PLACES.items():
        while (reached := row.reached.get(name, 0)) is not None:
            if clock.monotonic() > ends:
                return False
            if not _look_through(row, name, place, terms, reached):
                return _wait(row, "A write that names this person is on its way. It goes on when that has arrived.")
    if held is not None:
        said = "The records are erased. What other accounts say of this person is kept by a legal hold"
        return _wait(row, f"{said}: {held.reason}. It goes on when the hold is lifted.")
    traces.forget(terms)
    row.state, row.done_at, row.terms, row.message = "done", clock.now(), None, None
    audit.add("person erased", row.reason, actor=row.asked_by, erasure=row.id, **row.counts)
    db.session.commit()
    return True


def _wait(row: Erasure, why: str) -> bool:
    """Not finished, and why."""
    row.message = why
    db.session.commit()
    return False


def _hold_on(mine: list[int]) -> LegalHold | None:
    """The hold that keeps one of these records, or one that is paired with it: their pair says what both do."""
    left, right = RecordLink.left_record_id, RecordLink.right_record_id
    there = Record.id.in_(mine) | Record.id.in_(select(left).where(right.in_(mine)))
    there |= Record.id.in_(select(right).where(left.in_(mine)))
    return legal_holds.on(*db.session.scalars(select(Record.connection_id).where(there).distinct()))


def _look_through(row: Erasure, name: str, place: Place, terms: list[str], reached: int) -> bool:
    """One step through a table; `reached` is None once it is looked through. False, and nothing done, when a write it
    found is on its way."""
    table, upto = place.table, reached + STEP
    last = db.session.scalar(select(func.max(table.id))) or 0
    spelled = sorted({spelling for term in terms for spelling in telling.spellings(term)})
    within = select(table.id).where(table.id > reached, table.id <= upto, legal_holds.free(table))
    texts = [cast(getattr(table, column), Text) for column in place.texts]
    found_in, many = set[int](), AT_ONCE // len(texts)
    for some in (spelled[at : at + many] for at in range(0, len(spelled), many)):
        found_in.update(db.session.scalars(within.where(or_(*(holds(text, one) for text in texts for one in some)))))
    ids = sorted(found_in)
    if ids and table is Change:
        if erased_writes.is_on_its_way(db.session(), ids, row.asked_at):
            return False
        erased_writes.empty(db.session(), ids)
    elif ids:
        found = table.id.in_(ids)
        gone = delete(table).where(found) if place.then is None else update(table).where(found).values(**place.then)
        db.session.execute(gone.execution_options(synchronize_session=False))
        if table is Clash:
            _ask_anew(found)
    row.counts = {**row.counts, name: row.counts.get(name, 0) + len(ids)}
    row.reached = {**row.reached, name: upto if upto < last else None}
    db.session.commit()
    return True


def _ask_anew(emptied: Any) -> None:
    """The next run tells what both sides say now: nobody decides about values that went."""
    asked = select(Clash.link_id).where(emptied, Clash.state == "open")
    again = update(RecordLink).where(RecordLink.id.in_(asked)).values(left_hash=None, right_hash=None)
    db.session.execute(again.execution_options(synchronize_session=False))
