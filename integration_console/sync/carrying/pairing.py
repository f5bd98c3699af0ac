"""Whose pair a record without one is: what the matcher finds, less what is taken, asked about or known to differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, aliased

from ...models import Change, DataMapping, Record, RecordLink
from ...models.change import WAITING_STATES
from ..mapping import Mapping
from .compare import OTHER
from .ends import End, Seen
from .steps import Known, Sides

if TYPE_CHECKING:
    from ..matching.matching import Candidate, Match

HELD = ("linked", "paused")


@dataclass(frozen=True)
class Found:
    """What was found for one record: none, one (free and clear), several (a person decides), asked (already)."""

    state: str
    record: Seen | None = None
    how: str = ""
    candidates: Sequence[dict[str, Any]] = ()


class Pairing:
    """Finds pairs for one mapping's newcomers."""

    def __init__(
        self, mapping: Mapping, ends: Dictionary[str, End], look: Callable[[], AbstractContextManager[Session]],
        left_behind: Sequence[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        self.mapping, self.ends, self.look, self.left_behind = mapping, ends, look, left_behind
        self.keys = [_prefixed(number, key) for number, key in enumerate(mapping.match_keys)]
        self._matches: dict[int, Match] = {}  # of the side looked at now; those that found something
        self._met: dict[int, bytes | None] = {}  # of the same side: everyone, as they were then
        self._records: dict[int, Seen] = {}

    # -- what is known already ----------------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> _Rows:
        """Who is paired, asked about, parted, and which pairs a person called different."""
        rows = _Rows()
        query = select(
            RecordLink.id, RecordLink.state, RecordLink.left_record_id, RecordLink.right_record_id,
            RecordLink.candidates,
        ).where(RecordLink.mapping_id == self.mapping.id, RecordLink.state != "aside")  # fmt: skip
        making = select(RecordLink.left_record_id, RecordLink.right_record_id).join(
            Change, Change.link_id == RecordLink.id
        )
        making = making.where(
            RecordLink.mapping_id == self.mapping.id, Change.op == "create", Change.state.in_(WAITING_STATES)
        )
        with self.look() as session:
            followed = self._followed(session)
            for number, state, left, right, candidates in session.execute(query):
                side = followed.get(number)
                rows.add(state, left if side != "right" else None, right if side != "left" else None, candidates)
            for left, right in session.execute(making):
                rows.asked.add(left, right)
            for left, right in self.left_behind:
                rows.part(left, right)
            rows.linked = dict(self._linked_elsewhere(session))
        return rows

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

    def before(self) -> Iterator[tuple[int, int, Known | None]]:
        """Pairs (left, right) that were one before this look, and have no other pair here: those that another mapping
        has linked, and with their row those of which a record was gone and is there again.
        """
        rows = self._rows
        elsewhere = ((left, right, None) for left, right in rows.linked.items())
        met: tuple[set[int], set[int]] = (set(), set())
        for left, right, known in [*self._back_again(), *elsewhere]:
            free = left not in rows.taken.left and right not in rows.taken.right and (left, right) not in rows.different
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

    def is_paired(self, side: str, record_id: int) -> bool:
        """Whether it has a pair, found before or just now."""
        return record_id in self._rows.taken.of(side)

    def was_parted(self, side: str, record_id: int) -> bool:
        """Whether it had a pair that was deleted."""
        return record_id in self._rows.parted.of(side)

    def paired(self, side: str, one: Seen, other: Seen) -> None:
        """Remember a pair found just now."""
        self._rows.taken.of(side).add(one.record_id)
        self._rows.taken.of(OTHER[side]).add(other.record_id)

    def asked(self, side: str, seen: Seen, found: Found) -> None:
        """Remember that a person is asked about this record and those it looks like."""
        self._rows.asked.of(side).add(seen.record_id)
        self._rows.asked.of(OTHER[side]).update(one["record_id"] for one in found.candidates)

    # -- finding ------------------------------------------------------------------------------------------------------

    def match_all(self, side: str, newcomers: Iterator[Seen]) -> None:
        """Match every newcomer of a side at once, so that of two that look like one record the more alike gets it."""
        from ..matching.matching import Matcher

        self._matches, self._met = {}, {}
        first = next(newcomers, None)
        if not self.keys or first is None:
            return
        there = OTHER[side]
        with self.look() as session:
            rights = (self.candidate(there, seen) for seen in self.ends[there].all(session))
            matcher = Matcher(self.keys_from(side), rights, self.mapping.options.country)
            taken = self._labels(session, there)
        lefts = (self.candidate(side, self._meet(seen)) for seen in chain([first], newcomers))
        for candidate, match in matcher.match_all(lefts, taken, self.apart(side)):
            if match.state != "none":
                self._matches[candidate.record_id] = match

    def keys_from(self, side: str) -> list[dict[str, Any]]:
        """The keys for looking from a side to the other."""
        return self.keys if side == "left" else [_turned(key) for key in self.keys]

    def apart(self, side: str) -> dict[int, set[int]]:
        """Of a side's records, those of the other that a person said are different from them."""
        found: dict[int, set[int]] = {}
        for left, right in self._rows.different:
            one, other = (left, right) if side == "left" else (right, left)
            if one and other:
                found.setdefault(one, set()).add(other)
        return found

    def _meet(self, seen: Seen) -> Seen:
        self._met[seen.record_id] = seen.hash
        return seen

    def was_met(self, seen: Seen) -> bool:
        """Whether it was among the newcomers matched, as it is now. What a read has brought since, nobody has looked
        for on the other side: the next look does."""
        return not self.keys or self._met.get(seen.record_id) == seen.hash

    def _labels(self, session: Session, side: str) -> dict[int, str]:
        """The paired records of a side, with what their partners are called."""
        own, other = getattr(RecordLink, f"{side}_record_id"), getattr(RecordLink, f"{OTHER[side]}_record_id")
        query = select(own, Record.label).join(Record, other == Record.id)
        rows = session.execute(query.where(RecordLink.mapping_id == self.mapping.id, RecordLink.state.in_(HELD)))
        taken = self._rows.taken.of(side)
        return dict.fromkeys(taken, "another record") | {row[0]: row[1] for row in rows if row[0] in taken}

    def fetch(self, side: str, batch: Sequence[Seen]) -> None:
        """Read the records found for a batch, so that finding each asks the database for nothing."""
        wanted = {one.record_id for seen in batch if (m := self._matches.get(seen.record_id)) for one in m.candidates}
        with self.look() as session:
            self._records = self.ends[OTHER[side]].some(session, sorted(wanted)) if wanted else {}

    def find(self, side: str, seen: Seen) -> Found:
        """What was found for one of the batch fetched last."""
        there = OTHER[side]
        match = self._matches.get(seen.record_id)
        found = [one for one in match.candidates if one.record_id in self._records] if match else []
        if match is None or not found:
            return Found("none")
        asked = [one for one in found if one.record_id in self._rows.asked.of(there)]
        if asked:
            label = self._records[asked[0].record_id].label
            return Found("asked", how=f"A person is asked about {label}, which looks like it.")
        if match.state == "one" and not self.is_paired(there, found[0].record_id):
            return Found("one", self._records[found[0].record_id], _sentence(found[0].why))
        if len(found) == 1 and self._lost_half(there, found[0].record_id):
            return Found("asked", how="What looks like it has lost its other half, which is looked at first.")
        candidates = [{"record_id": one.record_id, "score": one.score, "why": one.why} for one in found]
        return Found("several", how=match.reason or _sentence(found[0].why), candidates=candidates)

    def _lost_half(self, side: str, record_id: int) -> bool:
        """Whether a record counts as paired only because no run has looked at its pair since the other half went."""
        own, other = getattr(RecordLink, f"{side}_record_id"), getattr(RecordLink, f"{OTHER[side]}_record_id")
        of = RecordLink.mapping_id == self.mapping.id, RecordLink.state == "linked", own == record_id
        with self.look() as session:
            gone = session.scalar(select(Record.deleted_at).join(RecordLink, other == Record.id).where(*of))
        return gone is not None and self.is_paired(side, record_id)

    def candidate(self, side: str, seen: Seen) -> Candidate:
        """A record as it is matched."""
        from ..matching.matching import Candidate

        plain = seen.plain
        if side == "left":
            for number, key in enumerate(self.mapping.match_keys):
                if key.get("prefix") and (value := plain.get(key["left"])):
                    plain = {**plain, _name(number): f"{key['prefix']}{value}"}
        return Candidate(seen.record_id, seen.external_id, plain)


@dataclass
class _Rows:
    """What the links of a mapping say about its records."""

    taken: Sides = field(default_factory=Sides)
    asked: Sides = field(default_factory=Sides)
    parted: Sides = field(default_factory=Sides)
    different: set[tuple[int | None, int | None]] = field(default_factory=set)
    linked: dict[int, int] = field(default_factory=dict)  # by another mapping

    def add(self, state: str, left: int | None, right: int | None, candidates: Sequence[Dictionary[str, Any]]) -> None:
        """One row."""
        if state in HELD:
            self.taken.add(left, right)
        elif state == "ambiguous":
            self.asked.add(left, right)
            self.asked.of("right" if left is not None else "left").update(one["record_id"] for one in candidates)
        elif state == "gone":
            self.parted.add(left, right)
        elif state in ("different", "cut"):
            self.different.add((left, right))

    def part(self, left: int, right: int) -> None:
        """A pair of which a half is gone, and nobody has written so down: a preview writes nothing."""
        self.taken.left.discard(left)
        self.taken.right.discard(right)
        self.parted.add(left, right)


def _turned(key: Dictionary[str, Any]) -> dict[str, Any]:
    """A key for looking from the right side to the left."""
    also = [[right, left] for left, right in key.get("with") or ()]
    return {**key, "left": key["right"], "right": key["left"], "with": also}


def _prefixed(number: int, key: Dictionary[str, Any]) -> dict[str, Any]:
    """A key whose left value stands behind a prefix on the right compares the two as one made-up field."""
    plain = {name: value for name, value in key.items() if name in ("by", "left", "right", "with")}
    return {**plain, "left": _name(number)} if key.get("prefix") else plain


def _name(number: int) -> str:
    return f"prefixed:{number}"


def _sentence(why: str) -> str:
    return f"{why[:1].upper()}{why[1:]}."
