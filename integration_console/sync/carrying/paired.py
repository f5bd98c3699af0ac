"""What a mapping's rows say about its records: which have a pair, which a person is asked about, which are parted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, aliased

from ...models import Change, DataMapping, Record, RecordLink
from ...models.change import WAITING_STATES
from ..mapping import Mapping
from .ends import End
from .steps import Known, Sides

HELD = ("linked", "paused")


class Paired:
    """A mapping's records by what is known of them, as read once.

    left_behind: pairs of which a half is gone, and nobody has written so down: a preview writes nothing.
    """

    def __init__(
        self, mapping: Mapping, ends: Dictionary[str, End], look: Callable[[], AbstractContextManager[Session]],
        left_behind: Sequence[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        self.mapping, self.ends, self.look = mapping, ends, look
        self.taken, self.asked, self.parted = Sides(), Sides(), Sides()
        self.different: set[tuple[int | None, int | None]] = set()  # a person said so of these pairs
        self.linked: dict[int, int] = {}  # by another mapping
        query = select(
            RecordLink.id, RecordLink.state, RecordLink.left_record_id, RecordLink.right_record_id,
            RecordLink.candidates,
        ).where(RecordLink.mapping_id == mapping.id, RecordLink.state != "aside")  # fmt: skip
        making = select(RecordLink.left_record_id, RecordLink.right_record_id).join(
            Change, Change.link_id == RecordLink.id
        )
        making = making.where(
            RecordLink.mapping_id == mapping.id, Change.op == "create", Change.state.in_(WAITING_STATES)
        )
        with look() as session:
            followed = self._followed(session)
            for number, state, left, right, candidates in session.execute(query):
                side = followed.get(number)
                self._add(state, left if side != "right" else None, right if side != "left" else None, candidates)
            for left, right in session.execute(making):
                self.asked.add(left, right)
            for left, right in left_behind:
                self._part(left, right)
            self.linked = dict(self._linked_elsewhere(session))

    def before(self) -> Iterator[tuple[int, int, Known | None]]:
        """Pairs (left, right) that were one before this look, and have no other pair here: those that another mapping
        has linked, and with their row those of which a record was gone and is there again.
        """
        elsewhere = ((left, right, None) for left, right in self.linked.items())
        met: tuple[set[int], set[int]] = (set(), set())
        for left, right, known in [*self._back_again(), *elsewhere]:
            free = left not in self.taken.left and right not in self.taken.right and (left, right) not in self.different
            if free and left not in met[0] and right not in met[1]:
                met[0].add(left)
                met[1].add(right)
                yield left, right, known

    def _back_again(self) -> Iterator[tuple[int, int, Known]]:
        """Rows of pairs that are gone although both records are there, the newest first: what an account may not see
        for a while is absent from its lists, and no key need find the pair again.
        """
        left, right = aliased(Record), aliased(Record)
        query = (
            select(RecordLink.id, left.id, right.id, RecordLink.base, RecordLink.writes)
            .join(left, left.id == RecordLink.left_record_id).join(right, right.id == RecordLink.right_record_id)
            .where(RecordLink.mapping_id == self.mapping.id, RecordLink.state == "gone")
            .where(left.deleted_at.is_(None), right.deleted_at.is_(None))
            .order_by(RecordLink.id.desc())
        )  # fmt: skip
        with self.look() as session:
            for number, one, other, base, writes in session.execute(query).all():
                yield one, other, Known(number, "gone", base, writes)

    def _add(self, state: str, left: int | None, right: int | None, candidates: Sequence[Dictionary[str, Any]]) -> None:
        if state in HELD:
            self.taken.add(left, right)
        elif state == "ambiguous":
            self.asked.add(left, right)
            self.asked.of("right" if left is not None else "left").update(one["record_id"] for one in candidates)
        elif state == "gone":
            self.parted.add(left, right)
        elif state in ("different", "cut"):
            self.different.add((left, right))

    def _part(self, left: int, right: int) -> None:
        self.taken.left.discard(left)
        self.taken.right.discard(right)
        self.parted.add(left, right)

    def _followed(self, session: Session) -> dict[int, str]:
        """Pairs that are gone because the mapping deleted one half after the other, and on which side it did.

        Of the half that went first nobody deleted the other one: where it comes back, its other half is made again.
        """
        query = select(RecordLink.id, Change.connection_id, Change.resource).join(
            Change, Change.link_id == RecordLink.id
        )
        query = query.where(
            RecordLink.mapping_id == self.mapping.id, RecordLink.state == "gone", Change.op == "delete",
            Change.state == "done", Change.undoes_id.is_(None),
        )  # fmt: skip
        left = self.ends["left"]
        return {
            number: "left" if (connection, resource) == (left.connection_id, left.resource.key) else "right"
            for number, connection, resource in session.execute(query)
        }

    def _linked_elsewhere(self, session: Session) -> Iterator[tuple[int, int]]:
        """Pairs that another mapping of the same two accounts has linked, as (left, right) of this one."""
        ours = self.mapping.left.connection_id, self.mapping.right.connection_id
        ends = tuple_(DataMapping.left_connection_id, DataMapping.right_connection_id)
        for flow in self.mapping.link_flows:
            query = select(RecordLink.left_record_id, RecordLink.right_record_id, DataMapping.left_connection_id).join(
                DataMapping
            )
            query = query.where(DataMapping.flow == flow, ends.in_([ours, ours[::-1]]), RecordLink.state == "linked")
            for left, right, connection_id in session.execute(query):
                if left and right:
                    yield (left, right) if connection_id == ours[0] else (right, left)
