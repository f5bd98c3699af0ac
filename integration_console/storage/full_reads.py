"""What a full read saw of a resource, and so which of our records are gone upstream."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from ..models import Record, SeenPage
from .records import live

_SEEN: Any = SeenPage.__table__
BATCH = 10_000  # ids read at once while looking for what is gone


def remember_seen(session: Session, run_id: int, resource: str, ids: Iterable[int]) -> None:
    """Note which unchanged records a page of this run held; the changed ones carry the run's number themselves."""
    packed = array("q", ids).tobytes()
    session.execute(insert(_SEEN).values(run_id=run_id, resource=resource, record_ids=packed))


def forget_seen(session: Session, run_ids: Collection[int], resource: str) -> None:
    """Drop what these runs noted of this resource."""
    session.execute(delete(_SEEN).where(_SEEN.c.run_id.in_(run_ids), _SEEN.c.resource == resource))


def gone(session: Session, *, connection_id: int, resource: str, run_ids: Collection[int]) -> array:
    """Our numbers of the live records that a full read did not hold: neither written nor noted by its runs.

    run_ids: the runs that read the list together. Needs two bits a record, however many there are.
    """
    seen = _Numbers()
    for packed in session.scalars(
        select(SeenPage.record_ids)
        .where(SeenPage.run_id.in_(run_ids), SeenPage.resource == resource)
        .execution_options(yield_per=100)
    ):
        seen.update(array("q", packed))
    missing, last = array("q"), 0
    rows = live(connection_id, resource).with_only_columns(Record.id, Record.written_run_id)
    while batch := session.execute(rows.where(Record.id > last).order_by(Record.id).limit(BATCH)).all():
        missing.extend(number for number, run in batch if run not in run_ids and number not in seen)
        last = batch[-1][0]
    return missing


def written_beside(
    session: Session, *, connection_id: int, resource: str, run_ids: Collection[int], since: datetime
) -> bool:
    """Whether others than these runs wrote a record of this resource since that moment."""
    others = or_(Record.written_run_id.is_(None), Record.written_run_id.not_in(run_ids))
    query = live(connection_id, resource).with_only_columns(Record.id).where(Record.written_at >= since, others)
    return session.scalar(query.limit(1)) is not None


def without(session: Session, ids: Sequence[int], unread: Callable[[Mapping[str, Any]], bool]) -> array:
    """These numbers without those of records that the read could not have met."""
    kept = array("q")
    for start in range(0, len(ids), 500):
        rows = session.execute(select(Record.id, Record.data).where(Record.id.in_(ids[start : start + 500])))
        kept.extend(number for number, data in rows if not unread(data))
    return kept


def of_owners(
    session: Session, ids: Sequence[int], *, connection_id: int, resource: str, but: Collection[str]
) -> tuple[array, set[str]]:
    """These numbers without those of records whose owner is not live or in `but`; and who these owners are.

    resource: of which kind the owners are.
    """
    there = set(session.scalars(live(connection_id, resource).with_only_columns(Record.external_id))) - set(but)
    kept, left = array("q"), set[str]()
    for start in range(0, len(ids), 500):
        rows = session.execute(select(Record.id, Record.owner_id).where(Record.id.in_(ids[start : start + 500])))
        for number, owner in rows:
            if owner is None or owner in there:
                kept.append(number)
            else:
                left.add(owner)
    return kept, left


class _Numbers:
    """A set of row numbers, a bit each, in pieces so that far-apart numbers cost little."""

    PIECE = 1 << 16

    def __init__(self) -> None:
        self.pieces: dict[int, bytearray] = {}

    def update(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            piece = self.pieces.get(number >> 16)
            if piece is None:
                piece = self.pieces[number >> 16] = bytearray(self.PIECE // 8)
            piece[(number & 0xFFFF) >> 3] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        piece = self.pieces.get(number >> 16)
        return piece is not None and bool(piece[(number & 0xFFFF) >> 3] & 1 << (number & 7))


def gone_in_span(
    session: Session,
    *,
    connection_id: int,
    resource: str,
    owner_id: str,
    start: datetime,
    end: datetime,
    seen: set[str],
) -> array:
    """Our numbers of an owner's live records that take place within start and end and were not among those seen."""
    found = session.execute(
        live(connection_id, resource)
        .with_only_columns(Record.id, Record.external_id)
        .where(Record.owner_id == owner_id, Record.starts_at.between(start, end))
    )
    return array("q", (number for number, external_id in found if external_id not in seen))


@dataclass(frozen=True)
class Place:
    """Where a record of ours is to be looked for upstream."""

    number: int
    external_id: str
    owner_id: str | None
    written_at: datetime


def places_of(session: Session, ids: Sequence[int]) -> list[Place]:
    """Where these records, by our numbers, are to be looked for."""
    found: list[Place] = []
    for start in range(0, len(ids), 500):
        place = select(Record.id, Record.external_id, Record.owner_id, Record.written_at)
        found += [Place(*row) for row in session.execute(place.where(Record.id.in_(ids[start : start + 500])))]
    return found
