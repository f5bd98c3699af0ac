"""Bills and invoices that do not agree, and bills no invoice can be made of: a problem from the run that meets it until
it is so no longer.

A pair is looked at when a side of it changes, and one that lost a half never again. So the next run is green, and
nobody looks at an invoice that stands although its bill was taken back, or at a bill that nobody is asked to pay. A
person resolves it where it is right so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from ... import clock
from ...models import Record, RecordLink
from ...storage import errors
from ...sync.crossing import Crossing
from ...sync.transforms import bills
from ..mapping import problems

AT_ONCE = 500  # pairs in memory; all are looked at, or a problem would end with older ones that still do not agree
LEFT, RIGHT = aliased(Record), aliased(Record)
DELETED = (LEFT.deleted_at.is_not(None), RIGHT.deleted_at.is_not(None))


def report(session: Session, run_id: int, crossing: Crossing) -> None:
    """Tell what does not agree and was not told yet, and close the problem where nothing is left of it.

    Not by the run: one that was stopped before it came here met pairs that no later one looks at.
    """
    if not bills.carries(crossing.mapping.lines):
        return
    found = [*_refused(session, crossing), *_left_over(session, crossing), *_unmade(session, crossing)]
    about = problems.apart(crossing.mapping.id, crossing.mapping.left)
    if not found and not _is_one_unseen(session, crossing):
        errors.resolve(session, **about, now=clock.now())
    told = errors.told_at(session, **about)
    for link in found:
        if told is None or link.updated_at > told:
            errors.log_failure(
                session, **about, run_id=run_id, message=f"Pair {link.id}: {link.reason}", raw="", field=None,
                title=f"{crossing.mapping.name}: what does not agree and is not carried", now=clock.now(),
            )  # fmt: skip


def _is_one_unseen(session: Session, crossing: Crossing) -> bool:
    """Whether a pair is still to be compared: a line of it waits, say. It may be the one that did not agree."""
    unseen = or_(RecordLink.left_hash.is_(None), RecordLink.right_hash.is_(None))
    of = RecordLink.mapping_id == crossing.mapping.id, RecordLink.state == "linked"
    return bool(session.scalar(select(exists().where(*of, unseen))))


def _refused(session: Session, crossing: Crossing) -> Iterator[Any]:
    """Pairs that could not be carried when they were compared last."""
    query = _of(crossing, "linked").where(RecordLink.reason != "", ~DELETED[0], ~DELETED[1])
    return iter(session.execute(query))


def _left_over(session: Session, crossing: Crossing) -> Iterator[Any]:
    """Pairs of which a half is gone, and the other one stands."""
    query = _of(crossing, "gone").where(DELETED[0] != DELETED[1])
    for link in session.execute(query):
        end, data = (crossing.right, link.right) if link.is_left_gone else (crossing.left, link.left)
        if bills.stands(crossing.mapping.lines, end.plain("", data)):
            yield link


def _unmade(session: Session, crossing: Crossing) -> Iterator[Any]:
    """Records of which nothing can be made at the other side, as a bill with tax on it."""
    query = select(RecordLink.id, RecordLink.reason, RecordLink.updated_at).join(
        LEFT, LEFT.id == RecordLink.left_record_id
    ).where(
        RecordLink.mapping_id == crossing.mapping.id, RecordLink.state == "aside", ~DELETED[0],
        RecordLink.reason.startswith(crossing.right.needs, autoescape=True),
    )  # fmt: skip
    return iter(session.execute(query.order_by(RecordLink.id).execution_options(yield_per=AT_ONCE)))


def _of(crossing: Crossing, state: str) -> Any:
    return (
        select(
            RecordLink.id, RecordLink.reason, RecordLink.updated_at, DELETED[0].label("is_left_gone"),
            LEFT.data.label("left"), RIGHT.data.label("right"),
        )
        .join(LEFT, LEFT.id == RecordLink.left_record_id).join(RIGHT, RIGHT.id == RecordLink.right_record_id)
        .where(RecordLink.mapping_id == crossing.mapping.id, RecordLink.state == state)
        .order_by(RecordLink.id).execution_options(yield_per=AT_ONCE)
    )  # fmt: skip
