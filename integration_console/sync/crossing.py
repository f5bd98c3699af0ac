"""One run of a mapping, from the first look to the last write: look, want, brake, send, look again at what waited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from .. import clock
from ..errors import BrakeApplied, Wait
from ..models import Change, RecordLink, RunPart
from ..storage import unmatched
from .carrying import leaving, waiting
from .carrying.carry import Carrier
from .carrying.counted import Counted
from .carrying.ends import End
from .carrying.outbox import Ledger
from .carrying.pairing import Pairing
from .carrying.rows import Chosen
from .mapping import Mapping
from .outcome import Ending, carried
from .reading.keeping import Work
from .reading.plan import Rules
from .sending.ending import Sent
from .sending.push import Sender
from .world import StoredWorld

MAKES = "{:,} new records would be made by {}, unannounced and more than its settings allow: are they there already?"
TURNS = 4  # a matter waits for its client, which waits for nothing: more turns would be a circle


@dataclass(frozen=True)
class Crossing:
    """One mapping with its two ends, ready to be carried."""

    mapping: Mapping
    left: End
    right: End
    world: StoredWorld


@dataclass
class Bridge:
    """What a push run works with.

    work, look: transactions as in sync.reading.keeping.Desk. flush: adds the calls made so far to a transaction.
    others: makes another active mapping of the firm ready, by its number; None when it may not run now.
    calls: how many calls were made so far, and the milliseconds waited for them.
    spend: adds seconds to the time of a step: "match", "map" or "write".
    """

    run_id: int
    part_id: int
    work: Work
    look: Work
    flush: Callable[[Session], object]
    rules: Rules
    others: Callable[[str], Crossing | None]
    calls: Callable[[], tuple[int, float]]
    spend: Callable[[str, float], object]
    expected: Dictionary[str, int] | None = None  # the preview's counts, for the first run after activation
    announced: int = 0  # how many records the preview of this version said would be made, while that is news
    released: bool = False
    counts: Counter = field(default_factory=Counter)


class PushRun:
    """Carries one mapping once."""

    def __init__(self, crossing: Crossing, bridge: Bridge) -> None:
        self.crossing, self.bridge = crossing, bridge
        self.sent, self.counted = Sent(), Counted(bridge.counts)

    def run(self) -> Ending:
        """Carry it. Raises what stops a run as a whole; what was sent until then stays sent."""
        waits: list[Wait] = []
        with self.bridge.work() as session:
            self._part(session, state="running", mode="push", started_at=clock.now())
        try:
            self._look_at_what_waits()
            for turn in range(TURNS):
                waits = self._look(self.crossing, Chosen())
                self._brake()
                before = self.sent.done
                self._send()
                more = self._fetch(waits) if turn < TURNS - 1 else False
                if not more and not (waits and self.sent.done > before) and not self.sent.stale:
                    break
                self.sent.stale *= turn == TURNS - 1  # what is stale at the very end, the next run compares again
        finally:
            self._save()
        ending = carried(self.bridge.counts, self.sent, len(waits))
        with self.bridge.work() as session:
            self._part(session, state="done", complete=True, ended_at=clock.now(), message=ending.message)
        return ending

    # -- looking ------------------------------------------------------------------------------------------------------

    def _look_at_what_waits(self) -> None:
        """What an earlier run wanted to make, and somebody has made since, is no longer to be made."""
        ends = {"left": self.crossing.left, "right": self.crossing.right}
        if found := waiting.resembling(Pairing(self.crossing.mapping, ends, self.bridge.look)):
            with self.bridge.work() as session:
                waiting.take_back(session, found)

    def _look(self, crossing: Crossing, chosen: Chosen) -> list[Wait]:
        """Look at what changed and write down what follows; what has to wait for another record."""
        carrier = Carrier(crossing.mapping, crossing.left, crossing.right, crossing.world, self.bridge.look, chosen)
        ledger = Ledger(crossing.mapping, carrier.ends, self.bridge.run_id)
        waits: list[Wait] = []
        began = clock.monotonic()
        try:
            for batch in carrier.steps():
                with self.bridge.work() as session:
                    for step in batch:
                        kind = ledger.keep(session, step)
                        self.counted.add(crossing.mapping.id, kind, step)
                        if step.verdict is not None:
                            waits += step.verdict.waits
                    self._note_unmatched(session, crossing)
                    self._part(session, **self._numbers())
        finally:
            self.bridge.spend("match", carrier.matching_s)
            self.bridge.spend("map", clock.monotonic() - began - carrier.matching_s)
        return waits

    @staticmethod
    def _note_unmatched(session: Session, crossing: Crossing) -> None:
        """Keep the values that no table knew, for the admin."""
        if seen := crossing.world.unmatched:
            unmatched.add(session, crossing.mapping.id, seen, now=clock.now())
            seen.clear()

    def _fetch(self, waits: list[Wait]) -> bool:
        """Have the records paired or made that others wait for, by the mapping that pairs them; whether any was.

        Nothing is written over: what a pair is to get waits for its own mapping's run, and its brake.
        """
        wanted: dict[str, dict[str, set[str]]] = {}
        for wait in waits:
            if wait.flow and wait.side:
                wanted.setdefault(wait.flow, {}).setdefault(wait.side, set()).add(wait.external_id)
        before = self._settled()
        for flow, ids in wanted.items():
            if (other := self.bridge.others(flow)) is None:
                continue
            self._look(other, Chosen(only={side: frozenset(each) for side, each in ids.items()}))
            self._brake_making(other)
            self._send_all(other, other.mapping.options.write_cap, only_own=True)
            other.world.forget()
        self.crossing.world.forget()
        return self._settled() > before

    def _settled(self) -> int:
        """How many records have got their other half so far, or got something written."""
        return self.sent.done + self.bridge.counts["link"]

    # -- the brake ----------------------------------------------------------------------------------------------------

    def _brake(self) -> None:
        """Stop before the first of too many writes over what is there, or of more than the preview told (P7).

        What an earlier run wanted and never began to send, for it was cancelled or failed first, is weighed with it.
        """
        sent = aliased(Change)
        weighed = exists().where(sent.sent_run_id == Change.run_id)
        mine = (
            Change.mapping_id == self.crossing.mapping.id, Change.state == "pending",
            or_(Change.run_id == self.bridge.run_id, ~weighed),
        )  # fmt: skip
        with self.bridge.look() as session:
            rows = session.execute(select(Change.op, Change.sources).where(*mine)).all()
        wants = Counter(op for op, sources in rows if not _tells_an_id(op, sources))
        if not self.bridge.released and (why := self._too_many(wants)):
            self._stop(mine, why)

    def _brake_making(self, other: Crossing) -> None:
        """The same for what another mapping is to make for this one, which the preview told as what waits for it."""
        if self.bridge.released or self.bridge.expected:
            return
        its = (Change.mapping_id == other.mapping.id, Change.state == "pending", Change.run_id == self.bridge.run_id)
        with self.bridge.look() as session:
            new = session.scalar(select(func.count()).where(*its, Change.op == "create")) or 0
        if self._makes_too_many(other, new, others=new):
            self._stop(its, MAKES.format(new, other.mapping.name))

    def _stop(self, mine: Sequence[Any], why: str) -> None:
        with self.bridge.work() as session:
            session.execute(  # they are looked at again by the next run
                update(RecordLink)
                .where(RecordLink.id.in_(select(Change.link_id).where(*mine)))
                .values(left_hash=None, right_hash=None)
            )
            leaving.decide_again(session, *mine)
            session.execute(update(Change).where(*mine).values(state="dropped", message="Stopped at the brake."))
        told = "Nothing more was written." if self.sent.done else "Nothing was written."
        raise BrakeApplied(f"{why} {told} If that is right, release the brake.")

    def _pairs(self, crossing: Crossing) -> int:
        linked = RecordLink.mapping_id == crossing.mapping.id, RecordLink.state == "linked"
        with self.bridge.look() as session:
            return session.scalar(select(func.count()).where(*linked)) or 0

    def _too_many(self, wants: Dictionary[str, int]) -> str | None:
        if expected := self.bridge.expected:
            for op, count in wants.items():
                told = expected.get(op, 0)
                if count > told and self.bridge.rules.brakes(count - told, told):
                    return f"The preview told of {told:,} to {op}; now it would be {count:,}."
            return None
        over, new = wants.get("update", 0) + wants.get("delete", 0), wants.get("create", 0)
        if self.bridge.rules.brakes(over, pairs := self._pairs(self.crossing)):
            return f"{over:,} of {pairs:,} pairs would be written over or deleted."
        if self._makes_too_many(self.crossing, new):
            return MAKES.format(new, self.crossing.mapping.name)
        return None

    def _makes_too_many(self, crossing: Crossing, new: int, *, others: int = 0) -> bool:
        """Whether a mapping would make more records than the preview announced and than is believed unasked.

        What it announced may take several runs: it is made so many a run, and after what it waits for.
        others: how many of these another mapping is to make; this one's own wishes follow when they are there.
        """
        limits = self._pairs(crossing), crossing.mapping.options.brake_creates
        brakes = self.bridge.rules.brakes_making
        if not self.bridge.announced or not brakes(new, *limits):
            return brakes(new, *limits)
        own = Change.mapping_id == self.crossing.mapping.id, Change.version == self.crossing.mapping.version
        with self.bridge.look() as session:
            query = select(func.count()).where(*own, Change.op == "create", Change.state != "dropped")
            wanted = (session.scalar(query) or 0) + others
        return brakes(min(new, max(0, wanted - self.bridge.announced)), *limits)

    # -- sending ------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        left = self.crossing.mapping.options.write_cap - self.sent.done
        if left > 0:
            self._send_all(self.crossing, left)

    def _send_all(self, crossing: Crossing, most: int, *, only_own: bool = False) -> None:
        began = clock.monotonic()
        try:
            self._sender(crossing).send_all(mapping_id=crossing.mapping.id, most=most, only_own=only_own)
        finally:
            self.bridge.spend("write", clock.monotonic() - began)

    def _sender(self, crossing: Crossing) -> Sender:
        ends: dict[int, list[End]] = {}
        for end in (crossing.left, crossing.right):
            ends.setdefault(end.connection_id, []).append(end)
        return Sender(ends, self.bridge.work, self._flush, run_id=self.bridge.run_id, sent=self.sent)

    # -- the receipt --------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        with self.bridge.work() as session:
            self._flush(session)

    def _flush(self, session: Session) -> None:
        """The receipt so far, with every write: some runs send for minutes, and somebody watches."""
        self._part(session, **self._numbers())
        self.bridge.flush(session)

    def _numbers(self) -> dict[str, Any]:
        counts, sent = self.bridge.counts, self.sent
        calls, waited_ms = self.bridge.calls()
        return {
            "seen": counts["seen"], "same": counts["same"], "new": sent.created, "deleted": sent.deleted,
            "changed": sent.done - sent.created - sent.deleted, "refused": counts["refused"] + sent.dead,
            "conflicts": counts["conflicts"], "ambiguous": counts["ambiguous"], "calls": calls,
            "waited_seconds": waited_ms / 1000,
        }  # fmt: skip

    def _part(self, session: Session, **values: Any) -> None:
        session.execute(update(RunPart).where(RunPart.id == self.bridge.part_id).values(**values))


def _tells_an_id(op: str, sources: Dictionary[str, dict]) -> bool:
    """Whether a write only tells a record the id of its other half: what follows from every record made there."""
    return op == "update" and bool(sources) and all(one.get("field") == "id" for one in sources.values())
