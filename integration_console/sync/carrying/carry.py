"""A mapping's look at its records: which pairs changed, which records are new and whose pair they are.

It reads our copies and yields steps; what becomes of them is not its business, so that a preview and a run cannot
differ (outbox.py writes them down, tally.py counts them). A pair is looked at again when the hash of either
copy, or the mapping's version, is another than when it was last compared: nothing is missed after a kill, and nothing
is looked at twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from ... import clock
from ..mapping import Mapping, takes_part
from ..transforms import World, bills
from .compare import OTHER, compare, create
from .ends import AT_ONCE, End, Seen
from .gone import StandIns
from .pairing import Found, Pairing
from .rows import CHANGED, Chosen, Rows, part
from .steps import Known, Step
from .verdict import Decision, Decisions, Verdict

ELSEWHERE = "Another mapping pairs these two records."


class Carrier:
    """Looks at one mapping's records."""

    def __init__(
        self, mapping: Mapping, left: End, right: End, world: World,
        look: Callable[[], AbstractContextManager[Session]], chosen: Chosen = CHANGED,
    ) -> None:  # fmt: skip
        self.mapping, self.world, self.look, self.chosen = mapping, world, look, chosen
        self.ends = {"left": left, "right": right}
        self.rows = Rows(mapping, self.ends, look, chosen)
        self.stand_ins = StandIns(Pairing(mapping, self.ends, look))
        self.matching_s = 0.0  # spent on finding whose pair the newcomers are

    def steps(self) -> Iterator[list[Step]]:
        """Every step, a few hundred at a time."""
        if self.chosen.only is None:
            yield from self._gone()
            yield from self._pairs()
        yield from self._newcomers()

    # -- pairs --------------------------------------------------------------------------------------------------------

    def _pairs(self) -> Iterator[list[Step]]:
        for rows, decided in self.rows.changed():
            yield [self._compared(row, decided.get(row.link_id, {})) for row in rows]

    def _compared(self, row: Any, decided: dict[str, tuple[int, Decision]]) -> Step:
        halves = {side: self.ends[side].seen(part(row, side)) for side in OTHER}
        known = Known(row.link_id, "linked", row.base, row.writes)
        return self.pair(
            halves["left"], halves["right"], known, {line: decision for line, (_, decision) in decided.items()},
            {line: number for line, (number, _) in decided.items()},
        )  # fmt: skip

    def pair(
        self, left: Seen, right: Seen, known: Known | None, decided: Decisions | None = None,
        conflicts: dict[str, int] | None = None, how: str = "",
    ) -> Step:  # fmt: skip
        """Compare two records.

        Where others wait for one of them they only become a pair: what each is to get, its own mapping's run says and
        weighs.
        """
        if self.chosen.only is not None:
            return Step("link", left.uncompared(), right.uncompared(), known, verdict=Verdict(), how=how)
        verdict = compare(self.mapping, left.half(), right.half(), known.base if known else {}, self.world, decided)
        kind = "update" if verdict.to_left or verdict.to_right else "same"
        if verdict.problems and kind == "same":
            kind = "refused"
        if known is None or known.state != "linked":
            kind = "link"
        return Step(kind, left, right, known, verdict=verdict, how=how, decisions=conflicts or {})

    # -- records that are gone ----------------------------------------------------------------------------------------

    def _gone(self) -> Iterator[list[Step]]:
        """Pairs of which one side was deleted. The other is deleted too only where the mapping says so."""
        for rows in self.rows.parted():
            yield self.stand_ins.spared([self._parted(row) for row in rows])

    def _parted(self, row: Any) -> Step:
        halves = {side: self.ends[side].seen(part(row, side)) for side in OTHER}
        gone = [side for side in OTHER if getattr(row, f"{side}_deleted_at") is not None]
        known = Known(row.link_id, "linked", row.base, row.writes)
        there = OTHER[gone[0]]
        deleted = f"It was deleted at {self.ends[gone[0]].service.label}"
        if len(gone) == 1 and self.mapping.deletes(there):
            return Step("delete", halves["left"], halves["right"], known, side=there, reason=f"{deleted}.")
        reason = f"{deleted}; the other half was left as it is."
        owed = len(gone) == 1 and bills.stands(self.mapping.lines, halves[there].plain)
        return Step("gone", halves["left"], halves["right"], known, side=gone[0], reason=reason, owed=owed)

    # -- records without a pair ---------------------------------------------------------------------------------------

    def _newcomers(self) -> Iterator[list[Step]]:
        """Records nobody has looked at, that changed since, or that wait: first the left ones, then the right ones."""
        pairing = Pairing(self.mapping, self.ends, self.look, self.stand_ins.left_behind if self.chosen.every else ())
        if self.chosen.only is None:
            yield from self._paired_before(pairing)
        for side in ("left", "right"):
            if side == "right" and not self._starts_right():
                return
            began = clock.monotonic()
            pairing.match_all(side, (seen for batch in self._unpaired(side) for seen, _ in batch))
            self.matching_s += clock.monotonic() - began
            for batch in self._unpaired(side):
                pairing.fetch(side, [seen for seen, _ in batch])
                yield [step for seen, known in batch if (step := self._placed(pairing, side, seen, known))]

    def _starts_right(self) -> bool:
        """Whether new records on the right are looked at; those that only ever answer the left are found from there."""
        mapping = self.mapping
        return mapping.creates("left") or (bool(mapping.match_keys) and not mapping.creates("right"))

    def _paired_before(self, pairing: Pairing) -> Iterator[list[Step]]:
        """Pairs that another mapping has linked, and this one takes over; and those of which a record was gone."""
        for batch in _batches(pairing.before()):
            with self.look() as session:
                lefts = self.ends["left"].some(session, [left for left, _, _ in batch])
                rights = self.ends["right"].some(session, [right for _, right, _ in batch])
            found = [(lefts[a], rights[b], known) for a, b, known in batch if a in lefts and b in rights]
            for left, right, _ in found:
                pairing.paired("left", left, right)
            yield [self.pair(one, other, known, how="" if known else ELSEWHERE) for one, other, known in found]

    def _unpaired(self, side: str) -> Iterator[list[tuple[Seen, Known | None]]]:
        for rows in self.rows.unpaired(side):
            known = (Known(row.link_id, row.state, may_be_made=row.made) if row.link_id else None for row in rows)
            yield list(zip(map(self.ends[side].seen, rows), known, strict=True))
        if self.chosen.every:
            yield from self.stand_ins.halves(side)

    def _placed(self, pairing: Pairing, side: str, seen: Seen, known: Known | None) -> Step | None:
        """What a record without a pair comes to. None when it was paired a moment ago, from the other side, or read."""
        if pairing.is_paired(side, seen.record_id) or not pairing.was_met(seen):
            return None
        facts: dict[str, Any] = {side: seen, "known": known, "side": side}
        if self.chosen.only is None and not takes_part(self.mapping, side, seen.plain):
            return Step("aside", **facts, reason="The mapping's filter leaves it out.")
        found = pairing.find(side, seen)
        if (other := found.record) is not None:
            if not takes_part(self.mapping, OTHER[side], other.plain):
                return Step("aside", **facts, reason=f"The mapping's filter leaves out {other.label}, its other half.")
            pairing.paired(side, seen, other)
            left, right = (seen, other) if side == "left" else (other, seen)
            return self.pair(left, right, known, how=found.how)
        return self._unsure(pairing, side, seen, facts, found) or self._alone(side, seen, facts, pairing)

    @staticmethod
    def _unsure(pairing: Pairing, side: str, seen: Seen, facts: dict[str, Any], found: Found) -> Step | None:
        """What a person is asked about, now or already."""
        if found.state == "several":
            pairing.asked(side, seen, found)
            return Step("ambiguous", **facts, reason=found.how, candidates=found.candidates)
        return Step("wait", **facts, reason=found.how) if found.state == "asked" else None

    def _alone(self, side: str, seen: Seen, facts: dict[str, Any], pairing: Pairing) -> Step:
        """A record nobody on the other side looks like."""
        there, end = OTHER[side], self.ends[OTHER[side]]
        if not self.mapping.creates(there) and self.chosen.only is None:
            said = f"{end.service.label} has no such record, and this mapping makes none."
            return Step("aside", **facts, reason=said)
        if pairing.was_parted(side, seen.record_id):
            said = f"Its other half was deleted at {end.service.label}; it is not made again."
            return Step("aside", **facts, reason=said)
        if (known := facts["known"]) and known.may_be_made:
            said = f"{end.service.label} may have it already, whole or begun: retry or drop the write that made it."
            return Step("aside", **facts, reason=said)
        verdict = create(self.mapping, there, seen.half(), self.world)
        facts |= {"side": there, "verdict": verdict}
        if verdict.waits:
            return Step("wait", **facts, reason=" ".join(str(wait) for wait in verdict.waits))
        if missing := end.missing(values := verdict.towards(there).values):
            why = " ".join(text for _, text in verdict.problems)
            return Step("refused", **facts, reason=f"{end.needs}{missing}. {why}".strip())
        namesake = pairing.namesake(side, seen, values)
        if asked := self._unsure(pairing, side, seen, {**facts, "side": side, "verdict": None}, namesake):
            return asked
        reason = pairing.namesakes.made_first(there, values)
        return Step("wait" if reason else "create", **facts, reason=reason)


def _batches(pairs: Iterator[tuple[int, int, Known | None]]) -> Iterator[list[tuple[int, int, Known | None]]]:
    while batch := list(islice(pairs, AT_ONCE)):
        yield batch
