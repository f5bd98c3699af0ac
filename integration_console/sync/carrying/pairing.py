"""Whose pair a record without one is: what the matcher finds, less what is taken, asked about or known to differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...models import Record, RecordLink
from ..mapping import Mapping
from . import kin
from .compare import OTHER
from .ends import End, Seen
from .namesakes import Namesakes
from .paired import HELD, Paired
from .steps import Known

if TYPE_CHECKING:
    from ..matching.matching import Candidate, Match


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
        self.namesakes = Namesakes(ends, look, mapping.match_keys)
        self.keys = [_prefixed(number, key) for number, key in enumerate(mapping.match_keys)]
        self._matches: dict[int, Match] = {}  # of the side looked at now; those that found something
        self._met: dict[int, bytes | None] = {}  # of the same side: everyone, as they were then
        self._kin: dict[int, set[int]] = {}  # of the batch: whom pairs of other mappings lead to
        self._partners: dict[int, str] = {}  # what those of the other side that have a pair are paired with
        self._records: dict[int, Seen] = {}

    # -- what is known already ----------------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> Paired:
        return Paired(self.mapping, self.ends, self.look, self.left_behind)

    def before(self) -> Iterator[tuple[int, int, Known | None]]:
        """Pairs (left, right) that were one before this look, and have no other pair here."""
        return self._rows.before()

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
            everyone = map(partial(self.namesakes.met, there), self.ends[there].all(session))
            rights = (self.candidate(there, seen) for seen in everyone)
            matcher = Matcher(self.keys_from(side), rights, self.mapping.options.country)
            self._partners = self._labels(session, there)
        lefts = (self.candidate(side, self._meet(seen)) for seen in chain([first], newcomers))
        for candidate, match in matcher.match_all(lefts, self._partners, self.apart(side)):
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
        matches = {seen.record_id: self._matches.get(seen.record_id) for seen in batch}
        wanted = {one.record_id for match in matches.values() if match for one in match.candidates}
        alone = [number for number, match in matches.items() if not match] if self.mapping.creates(OTHER[side]) else []
        with self.look() as session:
            self._kin = kin.of(session, self.mapping, side, alone)
            wanted = wanted.union(*self._kin.values())
            self._records = self.ends[OTHER[side]].some(session, sorted(wanted)) if wanted else {}

    def find(self, side: str, seen: Seen) -> Found:
        """What was found for one of the batch fetched last."""
        there = OTHER[side]
        match = self._matches.get(seen.record_id)
        found = [one for one in match.candidates if one.record_id in self._records] if match else []
        if match is None or not found:
            return self._of_kin(side, seen)
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

    def _of_kin(self, side: str, seen: Seen) -> Found:
        """Whom pairs of other mappings lead to, where this one would make another."""
        found = []
        if met := self._kin.get(seen.record_id):
            met = met - self.apart(side).get(seen.record_id, set())
            found = [self._records[number] for number in sorted(met) if number in self._records]
        if not found:
            return Found("none")
        if len(found) == 1 and not self.is_paired(OTHER[side], found[0].record_id):
            return Found("one", found[0], "Pairs of other mappings lead from one to the other.")
        why = "pairs of other mappings lead to it"
        candidates = [{"record_id": one.record_id, "score": 0, "why": why} for one in found]
        return Found("several", how=_sentence(why), candidates=candidates)

    def namesake(self, side: str, seen: Seen, values: Dictionary[str, Any]) -> Found:
        """Who holds what a record made of this one would hold, where the service takes it only once."""
        there = OTHER[side]
        if (one := self.namesakes.holder(there, values)) is None:
            return Found("none")
        if one.record_id in self.apart(side).get(seen.record_id, ()):
            return Found("asked", how=f"{one.said}, and {one.label} has it, who is somebody else: change one of them.")
        if one.record_id in self._rows.asked.of(there):
            return Found("asked", how=f"{one.said}. A person is asked about {one.label}, which has it.")
        partner = self._partners.get(one.record_id, "another record" if self.is_paired(there, one.record_id) else "")
        paired = f", which is paired already with {partner}" if partner else ""
        why = f"{one.said}{f'; paired already with {partner}' if partner else ''}"
        return Found("several", how=f"{one.said}, and {one.label} has it{paired}.", candidates=[
            {"record_id": one.record_id, "score": 0, "why": why}
        ])  # fmt: skip

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
