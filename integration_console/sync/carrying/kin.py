"""What pairs of other mappings say of a record no key finds: in a ring of mappings, what has come round is there
already, as the record it began as, and would be made once more in every turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ...models import DataMapping, Record, RecordLink
from ..mapping import Mapping, Side
from .compare import OTHER
from .paired import HELD

MOST_TURNS = 12  # accounts in a ring
AT_ONCE = 500


def of(session: Session, mapping: Mapping, side: str, numbers: Collection[int]) -> dict[int, set[int]]:
    """Of these records of a side: those of the other list that pairs of other mappings lead to, over any accounts."""
    here, there = mapping.side(side), mapping.side(OTHER[side])
    if not numbers or not all(_has_others(session, mapping, list_) for list_ in (here, there)):
        return {}
    begun = {number: {number} for number in numbers}  # reached -> from which of them
    fresh = dict(begun)
    for _ in range(MOST_TURNS):
        met: dict[int, set[int]] = {}
        for one, other in _pairs(session, mapping, fresh):
            for known, reached in ((one, other), (other, one)):
                if new := fresh.get(known, set()) - begun.get(reached, set()):
                    met.setdefault(reached, set()).update(new)
        if not met:
            break
        for reached, origins in met.items():
            begun.setdefault(reached, set()).update(origins)
        fresh = met
    return _turned(begun, _in_list(session, there, begun.keys() - set(numbers)))


def _has_others(session: Session, mapping: Mapping, list_: Side) -> bool:
    """Whether another mapping pairs this list's records, too."""
    ends = (
        and_(connection == list_.connection_id, resource == list_.resource)
        for connection, resource in (
            (DataMapping.left_connection_id, DataMapping.left_resource),
            (DataMapping.right_connection_id, DataMapping.right_resource),
        )
    )
    return session.scalar(select(DataMapping.id).where(DataMapping.id != mapping.id, or_(*ends)).limit(1)) is not None


def _pairs(session: Session, mapping: Mapping, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    left, right, wanted = RecordLink.left_record_id, RecordLink.right_record_id, sorted(numbers)
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        query = select(left, right).where(
            RecordLink.mapping_id != mapping.id, RecordLink.state.in_(HELD),
            or_(left.in_(some), right.in_(some)),
        )  # fmt: skip
        yield from ((one, other) for one, other in session.execute(query).all() if one and other)


def _in_list(session: Session, list_: Side, numbers: Iterable[int]) -> set[int]:
    """Those of these records that are there in a list."""
    found, wanted = set[int](), sorted(numbers)
    for start in range(0, len(wanted), AT_ONCE):
        query = select(Record.id).where(
            Record.id.in_(wanted[start : start + AT_ONCE]), Record.connection_id == list_.connection_id,
            Record.resource == list_.resource, Record.deleted_at.is_(None),
        )  # fmt: skip
        found.update(session.scalars(query))
    return found


def _turned(reached: dict[int, set[int]], chosen: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for number in chosen:
        for origin in reached[number]:
            found.setdefault(origin, set()).add(number)
    return found
