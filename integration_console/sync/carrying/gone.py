"""What is not to follow from a record that is gone: somebody may have made it anew, or merged it into another one.

Upstreams tell of neither. The record that is gone has another id then, and only what it says is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...models import Record, RecordLink
from .compare import OTHER
from .ends import AT_ONCE, Seen
from .pairing import Pairing
from .steps import Known, Step

if TYPE_CHECKING:
    from ..matching.matching import Matcher


REPLACED = ", but something that looks like it is there; the other half was left as it is."


class StandIns:
    """Looks for records that may be the ones that are gone. Its index of a side is made once, and only when asked."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        # Pairs of which a half is gone: a run writes that down, a preview only remembers it.
        self.left_behind: list[tuple[int, int]] = []
        self._matchers: dict[str, Matcher] = {}

    def spared(self, steps: list[Step]) -> list[Step]:
        """The same steps, and nothing is deleted whose other half may be there still: it is matched again instead."""
        kept = set().union(*(self._found(side, [one for one in steps if one.kind == "delete" and one.side == side])
                             for side in OTHER))  # fmt: skip
        told = [
            replace(one, kind="gone", side=OTHER[one.side], reason=f"{one.reason[:-1]}{REPLACED}")
            if one.kind == "delete" and _left(one).record_id in kept else one
            for one in steps
        ]  # fmt: skip
        self.left_behind += [one.both for one in told if one.kind == "gone"]
        return told

    def halves(self, side: str) -> Iterator[list[tuple[Seen, Known | None]]]:
        """What is left on a side of the pairs that are none any more, for whom it may be the other half of by now."""
        numbers = [both[side == "right"] for both in self.left_behind]
        for start in range(0, len(numbers), AT_ONCE):
            with self.pairing.look() as session:
                some = self.pairing.ends[side].some(session, numbers[start : start + AT_ONCE])
            yield [(seen, None) for seen in some.values()]

    def _found(self, side: str, steps: list[Step]) -> set[int]:
        """The records of a side, to be deleted, that something at the other side looks like by the mapping's keys."""
        halves = [self.pairing.candidate(side, _left(step)) for step in steps]
        if not halves or not self.pairing.keys:
            return set()
        matched = self._matcher(side).match_all(halves, apart=self.pairing.apart(side))
        return {candidate.record_id for candidate, match in matched if match.state != "none"}

    def _matcher(self, side: str) -> Matcher:
        from ..matching.matching import Matcher

        if side not in self._matchers:
            pairing, there = self.pairing, OTHER[side]
            with pairing.look() as session:
                rights = (pairing.candidate(there, seen) for seen in pairing.ends[there].all(session))
                self._matchers[side] = Matcher(pairing.keys_from(side), rights, pairing.mapping.options.country)
        return self._matchers[side]


def _left(step: Step) -> Seen:
    """The half that is there still."""
    half = step.left if step.side == "left" else step.right
    assert half is not None
    return half


def moot(session: Session, mapping_id: int) -> list[int]:
    """Rows in which a person is asked about candidates that are all gone: no answer makes a pair of them."""
    query = select(RecordLink.id, RecordLink.candidates).where(
        RecordLink.mapping_id == mapping_id, RecordLink.state == "ambiguous"
    )
    asked = {row.id: {one["record_id"] for one in row.candidates} for row in session.execute(query)}
    numbers, there = sorted(set().union(*asked.values())), set[int]()
    for start in range(0, len(numbers), AT_ONCE):
        some = Record.id.in_(numbers[start : start + AT_ONCE])
        there.update(session.scalars(select(Record.id).where(some, Record.deleted_at.is_(None))))
    return [number for number, candidates in asked.items() if not candidates & there]
