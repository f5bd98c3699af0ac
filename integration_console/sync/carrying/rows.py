"""Which rows a mapping's look is about: pairs that changed or lost a half, and records that have no pair yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, exists, false, or_, select
from sqlalchemy.orm import Session, aliased

from ...models import Change, Conflict, Record, RecordLink
from ...models.change import WAITING_STATES
from ..mapping import Mapping
from .ends import AT_ONCE, COLUMNS, End
from .gone import moot
from .leaving import may_be_made
from .verdict import Decision

NO_PAIR = ("different", "cut", "gone")  # rows that remember a pair that is none
NAMES = [column.key for column in COLUMNS]
# Made once: to find the columns of a new alias takes longer than to look at a few records.
LEFT, RIGHT, KEPT = aliased(Record), aliased(Record), aliased(RecordLink)

Decided = dict[int, dict[str, tuple[int, Decision]]]  # link -> line -> (conflict, what was decided)


@dataclass(frozen=True)
class Chosen:
    """Which records are looked at."""

    every: bool = False  # also pairs that did not change: a preview counts them all
    only: dict[str, frozenset[str]] | None = None  # side -> upstream ids: records another mapping waits for


CHANGED = Chosen()  # and new ones


class Rows:
    """Reads them a few hundred at a time."""

    def __init__(
        self, mapping: Mapping, ends: Dictionary[str, End], look: Callable[[], AbstractContextManager[Session]],
        chosen: Chosen,
    ) -> None:  # fmt: skip
        self.mapping, self.ends, self.look, self.chosen = mapping, ends, look, chosen

    def changed(self) -> Iterator[tuple[Sequence[Any], Decided]]:
        """Pairs of which a side is not as it was compared last, and what people decided about them."""
        query = self._linked().where(LEFT.deleted_at.is_(None), RIGHT.deleted_at.is_(None))
        if not self.chosen.every:
            query = query.where(
                or_(
                    RecordLink.left_hash.is_(None), RecordLink.right_hash.is_(None), RecordLink.version.is_(None),
                    RecordLink.version != self.mapping.version, RecordLink.left_hash != LEFT.content_hash,
                    RecordLink.right_hash != RIGHT.content_hash,
                ),
                ~_on_its_way(RecordLink.id),
            )  # fmt: skip
        yield from self._walk(query, RecordLink.id, self._decided)

    def parted(self) -> Iterator[Sequence[Any]]:
        """Pairs of which a side was deleted."""
        query = self._linked().where(or_(LEFT.deleted_at.is_not(None), RIGHT.deleted_at.is_not(None)))
        query = query.where(~_on_its_way(RecordLink.id))
        for rows, _ in self._walk(query, RecordLink.id):
            yield rows

    def unpaired(self, side: str) -> Iterator[Sequence[Any]]:
        """Records of a side that have no pair, and that nobody has looked at, that changed since, or that wait."""
        end, own = self.ends[side], getattr(RecordLink, f"{side}_record_id")
        hash_, version = getattr(RecordLink, f"{side}_hash"), RecordLink.version
        current = and_(RecordLink.mapping_id == self.mapping.id, own == Record.id, RecordLink.state.not_in(NO_PAIR))
        again = or_(
            RecordLink.state == "waiting", hash_.is_(None), hash_ != Record.content_hash, version.is_(None),
            version != self.mapping.version,
        )  # fmt: skip
        with self.look() as session:
            asked_in_vain = RecordLink.id.in_(moot(session, self.mapping.id))
        single = and_(RecordLink.state.in_(("waiting", "aside")), again, ~_on_its_way(RecordLink.id)) | asked_in_vain
        cut = exists().where(
            KEPT.mapping_id == self.mapping.id, getattr(KEPT, f"{side}_record_id") == Record.id, KEPT.state == "cut"
        )
        query = (
            select(*COLUMNS, RecordLink.id.label("link_id"), RecordLink.state, may_be_made(RecordLink.id).label("made"))
            .outerjoin(RecordLink, current)
            .where(
                Record.connection_id == end.connection_id, Record.resource == end.resource.key,
                Record.deleted_at.is_(None), or_(RecordLink.id.is_(None), single), ~cut,
            )
        )  # fmt: skip
        if self.chosen.only is not None:
            wanted = self.chosen.only.get(side, frozenset())
            query = query.where(Record.external_id.in_(wanted) if wanted else false())
        for rows, _ in self._walk(query, Record.id):
            yield rows

    def _linked(self) -> Select:
        columns = [getattr(LEFT, name).label(f"left_{name}") for name in NAMES]
        columns += [getattr(RIGHT, name).label(f"right_{name}") for name in NAMES]
        return (
            select(RecordLink.id.label("link_id"), RecordLink.base, RecordLink.writes, *columns)
            .join(LEFT, RecordLink.left_record_id == LEFT.id)
            .join(RIGHT, RecordLink.right_record_id == RIGHT.id)
            .where(RecordLink.mapping_id == self.mapping.id, RecordLink.state == "linked")
        )

    def _decided(self, session: Session, link_ids: list[int]) -> dict[int, dict[str, tuple[int, Decision]]]:
        """What people decided and nobody has carried yet: link -> line -> (conflict, what was decided)."""
        query = select(
            Conflict.link_id, Conflict.line, Conflict.id, Conflict.winner, Conflict.held, Conflict.state
        ).where(
            Conflict.link_id.in_(link_ids), Conflict.state.in_(("settled", "flipped")), Conflict.change_id.is_(None),
            Conflict.settled_by.is_not(None), Conflict.winner.is_not(None),
        ).order_by(Conflict.id)  # fmt: skip
        found: dict[int, dict[str, tuple[int, Decision]]] = {}
        for link_id, line, number, winner, held, state in session.execute(query):
            if held:  # or they went with somebody who was erased: nothing is brought back as nothing
                found.setdefault(link_id, {})[line] = (number, Decision(str(winner), held, again=state == "flipped"))
        return found

    def _walk(
        self, query: Select, number: Any, beside: Callable[[Session, list[int]], Any] = lambda session, numbers: None
    ) -> Iterator[tuple[Sequence[Any], Any]]:
        """The rows of a query along the number it begins with, a few hundred at a time; and what stands beside them."""
        last = 0
        while True:
            with self.look() as session:
                rows = session.execute(query.where(number > last).order_by(number).limit(AT_ONCE)).all()
                more = beside(session, [row[0] for row in rows])
            if not rows:
                return
            yield rows, more
            last = rows[-1][0]


def part(row: Any, side: str) -> Any:
    """One record of a row that holds a pair's two."""
    return _Row(*(getattr(row, f"{side}_{name}") for name in NAMES))


@dataclass(frozen=True)
class _Row:
    id: int
    external_id: str
    label: str
    data: dict
    content_hash: bytes
    updated_at: Any
    deleted_at: Any


def _on_its_way(link_id: Any) -> Any:
    """Whether a write of this pair is under way: it is compared again when that is settled."""
    return exists().where(Change.link_id == link_id, Change.state.in_(WAITING_STATES))
