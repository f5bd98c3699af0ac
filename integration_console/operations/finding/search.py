"""One box for everything: a name, an address, a telephone or matter number, or an id finds what it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CompoundSelect, Row, Text, bindparam, false, or_, select, tuple_, union_all

from ... import clock
from ...models import Change, DeadLetter, Issue, Record, RecordLink, Setting, SyncRun, Transaction, db, is_like
from ...storage import search as index
from ...storage.records import ERASED
from ...storage.storable import without_nul
from .. import settings
from . import telling, traces, turns

MOST = 30  # of each kind
MOST_NAMED = 2_000  # records that one look into the index may name
RANKED = 500  # records that hold the words, of which those that are called by them come first
LOT = 1_000  # records indexed in one transaction
HELD = 100  # of them in memory at once: a whole record takes ten times what is told of it
SETTLED_AFTER = timedelta(seconds=15)  # a page that was written before is committed by then
SHOWN = (
    Record.id, Record.connection_id, Record.resource, Record.external_id, Record.label, Record.updated_at,
    Record.deleted_at,
)  # fmt: skip
_MARK = "search.indexed_to"
_LIKE_A_NUMBER_OF_THEIRS = re.compile(r"(?=.*[\d_])\w[\w.:;=/+-]{7,}", re.ASCII)  # no name, no telephone number


@dataclass
class Found:
    """What a search brought, each kind in its own order."""

    records: Sequence[Row] = ()  # what a list shows of each: SHOWN
    partners: dict[int, list[Row]] = field(default_factory=dict)  # record number -> records it is paired with
    calls: Sequence[Transaction] = ()
    runs: Sequence[SyncRun] = ()
    issues: Sequence[Issue] = ()
    letters: Sequence[DeadLetter] = ()
    writes: Sequence[Change] = ()
    too_short: bool = False
    more: bool = False  # records there are more of

    @property
    def nothing(self) -> bool:
        """Whether nothing was found at all."""
        return not any((self.records, self.calls, self.runs, self.issues, self.letters, self.writes))


def everywhere(words: str, *, by_content: bool) -> Found:
    """Everything that belongs to these words. by_content: also by what is in records, not by ids alone."""
    words = " ".join(words.split())[:200]
    if not words:
        return Found()
    found = Found(too_short=len(words) < index.SHORTEST and not words.isdecimal())
    ranked = _ranked(_named(words, by_content), words)
    found.records, found.partners = _with_partners(ranked[:MOST])
    found.more = len(ranked) > MOST
    number = int(words) if words.isascii() and words.isdecimal() and len(words) < 16 else None
    title = index.pattern(words) if len(words) >= index.SHORTEST else None
    asked = traces.asked_by(words) | {"words": words, "number": number, "title": title}
    in_calls, in_letters, in_issues = map(bool, db.session.connection().execute(_THERE, asked).one())
    found.calls = _calls(words, number, named=in_calls)
    found.runs = _numbered(SyncRun, number)
    found.writes = _writes(words, number)
    if in_letters:
        found.letters = db.session.scalars(select(DeadLetter).where(_LETTER).limit(MOST), asked).all()
    if in_issues:
        newest = select(Issue).where(_ISSUE).order_by(Issue.last_seen_at.desc())
        found.issues = db.session.scalars(newest.limit(MOST), asked).all()
    return found


_LETTER = (DeadLetter.identity == bindparam("words")) & DeadLetter.resolved_at.is_(None)
_ISSUE = is_like(Issue.title, bindparam("title", type_=Text)) | (Issue.id == bindparam("number"))
_THERE = select(  # mostly in none of them
    traces.NAMING.exists(), select(DeadLetter.id).where(_LETTER).exists(), select(Issue.id).where(_ISSUE).exists()
)


def may_hold(words: str) -> list[int] | None:
    """Our numbers of every record whose name may hold these words: what the index knows, and what it has not seen yet.

    None where they cannot be named, because the words are too short, or the records too many: then whoever reads the
    records one after the other meets enough of them soon.
    """
    at, last = _place(settings.get(_MARK))  # an older place than there is now only names more
    words = (without_nul(words) or "")[:200]
    if at is None or len(words) < index.SHORTEST:
        return None
    since = select(Record.id).where(tuple_(Record.written_at, Record.id) > (at, last))
    numbers = list(db.session.scalars(since.limit(MOST_NAMED + 1)))
    if len(numbers) <= MOST_NAMED:
        numbers += index.find(db.session(), words, MOST_NAMED + 1)
    return numbers if len(numbers) <= MOST_NAMED else None


def _named(words: str, by_content: bool) -> Iterable[index.Named]:
    """Records that hold the words or are called so, each once."""
    by_content = by_content and len(words) >= index.SHORTEST
    digits = telling.digits_of(words) if by_content and not any(letter.isalpha() for letter in words) else ""
    if len(digits) >= 7 and digits in words:  # whoever looks for the digits finds what holds the words, too
        names = index.find_named(db.session(), words, RANKED, held=digits)
    else:
        names = index.find_named(db.session(), words, RANKED, held=words if by_content else "")
        if len(digits) >= 7:
            names += index.find_named(db.session(), digits, MOST + 1, held=digits)
    return {one.id: one for one in names}.values()


def _ranked(names: Iterable[index.Named], words: str) -> list[int]:
    """Called exactly so first, then those whose name begins so, then what only mentions it; what is gone comes last."""
    wanted = words.casefold()

    def place(row: index.Named) -> tuple[int, bool, int]:
        label = row.label.casefold()
        if wanted in (label, row.external_id.casefold()):
            near = 0
        elif label.startswith(wanted):
            near = 1
        else:
            near = 2 if f" {wanted}" in label else 3
        return near, row.gone, -row.id

    return [row.id for row in sorted(names, key=place)]


def _with_partners(numbers: list[int]) -> tuple[list[Row], dict[int, list[Row]]]:
    """What is shown of these records, in this order, and of those each is paired with: one question for both."""
    found: dict[int, Row] = {}
    partners: dict[int, list[Row]] = {}
    for row in db.session.connection().execute(_WITH_PARTNERS, {"numbers": numbers}) if numbers else ():
        if row.of == row.id:
            found[row.id] = row
        else:
            partners.setdefault(row.of, []).append(row)
    return [found[number] for number in numbers if number in found], partners


_NUMBERS: Any = bindparam("numbers", expanding=True)
_SIDES = (RecordLink.left_record_id, RecordLink.right_record_id)
_WITH_PARTNERS: CompoundSelect[Any] = union_all(
    select(Record.id.label("of"), *SHOWN).where(Record.id.in_(_NUMBERS), Record.content_hash != ERASED),
    *(
        select(one.label("of"), *SHOWN)
        .join(Record, Record.id == other)
        .where(one.in_(_NUMBERS), RecordLink.state == "linked")
        for one, other in (_SIDES, _SIDES[::-1])
    ),
)


def _calls(words: str, number: int | None, *, named: bool) -> list[Transaction]:
    """A call by its number, the key all its attempts share, the number the service gave it, or by whom it named."""
    which = [Transaction.id == number] if number is not None else []
    if named:
        which.append(Transaction.id.in_(traces.calls_naming(words, MOST)))
    if len(words) == 32 and words.isalnum():
        which.append(Transaction.call_key == words)
    query = select(Transaction).where(or_(false(), *which)).order_by(Transaction.id.desc()).limit(MOST)
    found = list(db.session.scalars(query)) if which else []
    if not found and _LIKE_A_NUMBER_OF_THEIRS.fullmatch(words):
        found = _by_their_number(words)
    return found


def _by_their_number(words: str) -> list[Transaction]:
    """Among the latest calls: the whole log has no index for this, and support asks about what just happened."""
    columns = select(Transaction.id, Transaction.upstream_request_id)
    newest = columns.order_by(Transaction.id.desc()).limit(20_000).subquery()
    numbers = select(newest.c.id).where(newest.c.upstream_request_id == words).limit(MOST)
    found = list(db.session.scalars(numbers))
    return list(db.session.scalars(select(Transaction).where(Transaction.id.in_(found)))) if found else []


def _numbered(model, number: int | None) -> list:
    return [row] if number is not None and (row := db.session.get(model, number)) is not None else []


def _writes(words: str, number: int | None) -> list[Change]:
    if number is None and not (len(words) >= 32 and words.isalnum()):
        return []
    which = [Change.idempotency_key == words] + ([Change.id == number] if number is not None else [])
    return list(db.session.scalars(select(Change).where(or_(false(), *which)).limit(MOST)))


# -- the index --------------------------------------------------------------------------------------------------------


def follow() -> int:
    """Index what was written since the last time, for some seconds; how many records that were."""
    return turns.one(_index_lot, LOT)


def _index_lot() -> int:
    at, last = _mark()
    query = select(Record).where(Record.written_at < clock.now() - SETTLED_AFTER)
    if at is not None:
        query = query.where(tuple_(Record.written_at, Record.id) > (at, last))
    lot = query.order_by(Record.written_at, Record.id).limit(LOT).execution_options(yield_per=HELD)
    entries: list[tuple[int, str]] = []
    end: tuple[datetime, int] | None = None
    for row in db.session.scalars(lot):
        entries.append((row.id, "" if row.content_hash == ERASED else _text(row)))
        end = row.written_at, row.id
    if end is None:
        db.session.rollback()
        return 0
    index.put(db.session(), entries)
    _move_mark(*end)
    db.session.commit()
    db.session.expunge_all()
    return len(entries)


def _text(record: Record) -> str:
    return "\n".join(telling.of(record))[:4_000]


def _mark() -> tuple[datetime | None, int]:
    row = db.session.get(Setting, _MARK, populate_existing=True)
    return _place(row.value if row else "")


def _place(text: str) -> tuple[datetime | None, int]:
    moment, _, number = text.partition(" ")
    return clock.parse(moment or None), int(number or 0)


def _move_mark(at: datetime, number: int) -> None:
    row = db.session.get(Setting, _MARK) or Setting(name=_MARK, value="", updated_at=clock.now())
    row.value, row.updated_at = f"{at.isoformat()} {number}", clock.now()
    db.session.add(row)
