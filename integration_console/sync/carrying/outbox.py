"""Writes down what a look at a mapping's records came to: links, conflicts, and wanted writes with their cause (W1).

One call keeps one step, in the caller's transaction: a wanted write exists together with the link and the agreement it
follows from, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from ... import clock
from ...models import Change, Conflict, Connection, Record, RecordLink
from ...models.change import ORIGIN
from ...storage import errors
from ..mapping import Mapping
from . import restless
from .compare import OTHER
from .ends import End, Seen
from .steps import Step
from .verdict import Clash, Intent


@dataclass(frozen=True)
class Ledger:
    """Where a run's steps are written down."""

    mapping: Mapping
    ends: Dictionary[str, End]
    run_id: int | None

    def keep(self, session: Session, step: Step) -> str:
        """Write one step down; its kind, or "paused" when the pair was found not to come to rest."""
        if step.kind in ("same", "update", "link", "refused") and step.left is not None and step.right is not None:
            return self._keep_pair(session, step, step.left, step.right)
        if step.kind in ("delete", "gone"):
            parted = self._want_delete(session, step) if step.kind == "delete" else self._row(session, step, "gone")
            self._close(session, Conflict.link_id == parted)
            self._let_be(session, parted)
        elif step.kind == "create":
            number = self._row(session, step, "waiting", reason="It is being made.")
            self._want(session, number, step, step.side, "create")
        else:
            self._row(session, step, {"wait": "waiting", "refused": "aside"}.get(step.kind, step.kind))
        return step.kind

    # -- pairs --------------------------------------------------------------------------------------------------------

    def _keep_pair(self, session: Session, step: Step, left: Seen, right: Seen) -> str:
        verdict, known = step.verdict, step.known
        assert verdict is not None
        if known and (flapping := restless.found(known.writes, verdict.to_left, verdict.to_right)):
            side, name = flapping
            self._row(session, step, "paused", reason=restless.said(self.ends[side].called([name])))
            return "paused"
        base = {**(known.base if known else {}), **verdict.agreed}
        reason = " ".join(text for _, text in verdict.problems)
        number = self._row(session, step, "linked", base=base, reason=reason)
        numbers = {}
        for side in OTHER:
            if verdict.towards(side):
                numbers[side] = self._refused(session, step, side) or self._want(session, number, step, side, "update")
        self._answered(session, step)
        decided = self._decided_since(session, step)
        for clash in verdict.clashes:
            if clash.line.key not in decided:
                self._note(session, number, clash, left, right, numbers)
        self._settle(session, step, numbers)
        return step.kind

    def _note(
        self, session: Session, link_id: int, clash: Clash, left: Seen, right: Seen, numbers: Dictionary[str, int]
    ) -> None:
        """Keep both values of a conflict, whoever won."""
        line = clash.line
        before = dict(
            zip(("base_left", "base_right"), clash.base or (), strict=False)
        )  # nothing where they never agreed
        facts = {
            "mapping_id": self.mapping.id, "version": self.mapping.version, "run_id": self.run_id,
            "left_field": ",".join(line.left), "right_field": ",".join(line.right), "rule": clash.rule,
            "winner": clash.winner, "left_at": left.changed_at, "right_at": right.changed_at,
            "held": {"left": clash.left, "right": clash.right, **before},
        }  # fmt: skip
        now = clock.now()
        state = "open" if clash.winner is None else "settled"
        change = numbers.get(OTHER[clash.winner]) if clash.winner else None
        if state == "open" or change:
            there = select(Conflict.id).where(
                Conflict.link_id == link_id, Conflict.line == line.key, Conflict.state == state
            )
            there = there.where(Conflict.change_id == change) if change else there
            if number := session.scalar(there):  # noted already: what it shows is brought up to date
                session.execute(update(Conflict).where(Conflict.id == number).values(**facts))
                return
        session.execute(
            insert(Conflict).values(
                link_id=link_id, line=line.key, state=state, change_id=change, created_at=now,
                settled_at=None if state == "open" else now, settled_by=None, **facts,
            )
        )  # fmt: skip

    @staticmethod
    def _decided_since(session: Session, step: Step) -> set[str]:
        """Lines that a person decided about after the pair was looked at: for them it is looked at again."""
        if step.known is None or step.known.state != "linked":
            return set()
        query = select(Conflict.line).where(
            Conflict.link_id == step.known.id, Conflict.state.in_(("settled", "flipped")), Conflict.change_id.is_(None),
            Conflict.settled_by.is_not(None), Conflict.winner.is_not(None), Conflict.id.not_in(step.decisions.values()),
        )  # fmt: skip
        decided = set(session.scalars(query))
        if decided:
            again = update(RecordLink).where(RecordLink.id == step.known.id).values(left_hash=None, right_hash=None)
            session.execute(again)
        return decided

    @staticmethod
    def _answered(session: Session, step: Step) -> None:
        """Close what a person was asked of this pair where the two sides came to agree by themselves, or will: one of
        them took its edit back, or another rule says by now who wins."""
        verdict = step.verdict
        assert verdict is not None
        lines = [*verdict.agreed, *verdict.to_left.agree, *verdict.to_right.agree]
        if step.known is not None and lines:
            Ledger._close(session, Conflict.link_id == step.known.id, Conflict.line.in_(lines))

    @staticmethod
    def _close(session: Session, *asked: Any) -> None:
        """Ask people no longer: the two agree, or are no pair any more."""
        still = update(Conflict).where(*asked, Conflict.state == "open")
        session.execute(still.values(state="settled", settled_at=clock.now()))

    @staticmethod
    def _let_be(session: Session, link_id: int) -> None:
        """Nobody need decide about a refused change of a record that is gone: there is nothing left to change."""
        gone = Change.record_id.in_(select(Record.id).where(Record.deleted_at.is_not(None)))
        moot = update(Change).where(Change.link_id == link_id, Change.op == "update", Change.state == "dead", gone)
        dropped = moot.values(state="dropped", message="The record is gone.").returning(Change.id, Change.connection_id)
        for number, connection_id in session.execute(dropped).all():
            errors.resolve_written(session, number, link_id=link_id, connection_id=connection_id, now=clock.now())

    @staticmethod
    def _settle(session: Session, step: Step, numbers: Dictionary[str, int]) -> None:
        """Tie what a person decided to the write that carries it; 0 where both sides agree by now."""
        number = next(iter(numbers.values()), 0)
        if step.decisions:
            chosen = Conflict.id.in_(step.decisions.values())
            session.execute(update(Conflict).where(chosen).values(change_id=number))

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _row(
        self, session: Session, step: Step, state: str, *, base: dict | None = None, reason: str | None = None
    ) -> int:
        """Make or renew the row of these records; its number. Other rows of theirs that say they have no pair go."""
        now = clock.now()
        facts: dict[str, Any] = {
            "state": state, "version": self.mapping.version, "updated_at": now, "candidates": list(step.candidates),
            "reason": step.reason if reason is None else reason,
        }  # fmt: skip
        waits = step.verdict is not None and bool(step.verdict.waits)  # then it is looked at again, changed or not
        for side, seen in (("left", step.left), ("right", step.right)):
            if seen is not None:
                facts |= {f"{side}_record_id": seen.record_id, f"{side}_hash": None if waits else seen.hash}
        facts |= {"base": base} if base is not None else {}
        facts |= {"how": step.how} if step.how else {}
        self._clear(session, step, facts)
        if step.known is not None:
            session.execute(update(RecordLink).where(RecordLink.id == step.known.id).values(**facts))
            return step.known.id
        blank = {"base": {}, "writes": {}, "how": ""}
        row = insert(RecordLink).values(mapping_id=self.mapping.id, created_at=now, **{**blank, **facts})
        return session.execute(row.returning(RecordLink.id)).scalar_one()

    def _clear(self, session: Session, step: Step, facts: Dictionary[str, Any]) -> None:
        for side in OTHER:
            number, own = facts.get(f"{side}_record_id"), getattr(RecordLink, f"{side}_record_id")
            if number is None:
                continue
            old = delete(RecordLink).where(
                RecordLink.mapping_id == self.mapping.id, own == number,
                RecordLink.state.in_(("waiting", "aside", "ambiguous")),
                RecordLink.id != (step.known.id if step.known else 0),
            )  # fmt: skip
            session.execute(old)

    # -- writes -------------------------------------------------------------------------------------------------------

    def _refused(self, session: Session, step: Step, side: str) -> int | None:
        """The same write where it was the last one of its pair and was refused: a pair of which a line waits is looked
        at by every run, and what was refused waits for a person or for other values (W4).
        """
        if step.known is None or step.verdict is None or not step.verdict.waits or step.decisions:
            return None
        end, intent = self.ends[side], step.verdict.towards(side)
        query = select(Change.id, Change.state, Change.op, Change.wanted, Change.before).where(
            Change.link_id == step.known.id, Change.connection_id == end.connection_id,
            Change.resource == end.resource.key,
        )  # fmt: skip
        last = session.execute(query.order_by(Change.id.desc()).limit(1)).first()
        refused = ("dead", "update", intent.values, intent.before)
        return last.id if last and (last.state, last.op, last.wanted, last.before) == refused else None

    def _want(self, session: Session, link_id: int, step: Step, side: str, op: str) -> int:
        verdict, seen = step.verdict, {"left": step.left, "right": step.right}
        assert verdict is not None
        return want(
            session, self.ends[side], op, link_id=link_id, mapping=self.mapping, run_id=self.run_id,
            target=seen[side] if op == "update" else None, intent=verdict.towards(side),
            origin=_origin(session, self.ends[OTHER[side]], seen[OTHER[side]]) if op == "create" else "",
        )  # fmt: skip

    def _want_delete(self, session: Session, step: Step) -> int:
        """Want the other half deleted; the number of the pair."""
        target = step.right if step.side == "right" else step.left
        assert step.known is not None
        assert target is not None
        session.execute(update(RecordLink).where(RecordLink.id == step.known.id).values(reason=step.reason))
        want(
            session, self.ends[step.side], "delete", link_id=step.known.id, mapping=self.mapping, run_id=self.run_id,
            target=target, intent=Intent(before=target.plain),
        )  # fmt: skip
        return step.known.id


def want(
    session: Session, end: End, op: str, *, intent: Intent, target: Seen | None = None, link_id: int | None = None,
    mapping: Mapping | None = None, run_id: int | None = None, cause: str = "", asked_by: str | None = None,
    undoes_id: int | None = None, closed: bool = False, origin: str = "",
) -> int:  # fmt: skip
    """Put one write into the outbox, in the caller's transaction; its number. Its key is made here, once (W1)."""
    writing = end.service.writing
    version = writing.version_of(end.resource.key, target.data) if target else None
    if mapping is not None:
        cause = cause or f"Mapping {mapping.name}, version {mapping.version}"
    options = {"agree": intent.agree, "closed": closed or bool(mapping and mapping.options.closed), ORIGIN: origin}
    row = insert(Change).values(
        connection_id=end.connection_id, resource=end.resource.key, op=op, link_id=link_id,
        external_id=target.external_id if target else None, record_id=target.record_id if target else None,
        mapping_id=mapping.id if mapping else None, version=mapping.version if mapping else None, run_id=run_id,
        wanted=intent.values, before=intent.before, sources=intent.sources, after={}, expected=version,
        options=options, idempotency_key=uuid4().hex, cause=cause, asked_by=asked_by, undoes_id=undoes_id,
        state="pending", tries=0, created_at=clock.now(),
    )  # fmt: skip
    return session.execute(row.returning(Change.id)).scalar_one()


def _origin(session: Session, end: End, seen: Seen | None) -> str:
    """Whose record one is made of, in words that mean the same after a restore or a new connection of the account."""
    account = session.get_one(Connection, end.connection_id).account_id or f"connection {end.connection_id}"
    return f"{end.service.key} {account} {end.resource.key} {seen.external_id}" if seen else ""
