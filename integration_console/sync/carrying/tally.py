"""Counts what a run would do, with samples: a mapping's preview. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...models.change import OPERATIONS
from .compare import OTHER
from .ends import Seen
from .steps import Step
from .verdict import Intent

SAMPLES = 25  # of each kind
SENT = ("create", "update", "link")  # what waits, is refused or asked about costs no call yet
COUNTED = ("create", "update", "same", "conflict", "ambiguous", "refused", "delete", "aside", "wait", "link")


class Counted(NamedTuple):
    """A record or a pair that was counted: its numbers, and why it is of this kind."""

    left: int | None
    right: int | None
    reason: str


@dataclass
class Tally:
    """What was counted so far.

    counts: create, update, same, conflict, ambiguous, refused, delete, aside (left out), wait, link (new pairs).
    Pairs with a conflict are counted there and, where something is written all the same, among the updates too.
    writes: objects written on each side; sends: the same by what is done with them. rows: who was counted, by kind.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rows: dict[str, list[Counted]] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=lambda: {"left": 0, "right": 0})
    sends: dict[str, dict[str, int]] = field(
        default_factory=lambda: {side: dict.fromkeys(OPERATIONS, 0) for side in ("left", "right")}
    )

    def add(self, steps: Iterable[Step]) -> None:
        """Count a batch."""
        for step in steps:
            counted = _counted(step)
            for kind in self._kinds(step):
                self.counts[kind] += 1
                self.rows.setdefault(kind, []).append(counted)
                kept = self.samples.setdefault(kind, [])
                if len(kept) < SAMPLES:
                    kept.append(sample(step))
            for side in OTHER:
                if op := self._sent(step, side):
                    self.writes[side] += 1
                    self.sends[side][op] += 1

    @staticmethod
    def _sent(step: Step, side: str) -> str:
        """What is done with an object of this side; "" when nothing."""
        if step.kind == "delete" and step.side == side:
            return "delete"
        if step.kind not in SENT or step.verdict is None or not step.verdict.towards(side):
            return ""
        return "create" if step.kind == "create" and step.side == side else "update"

    @staticmethod
    def _kinds(step: Step) -> list[str]:
        kinds = [step.kind] if step.kind in COUNTED else []
        verdict = step.verdict
        if step.kind == "link":
            kinds.append("update" if verdict and (verdict.to_left or verdict.to_right) else "same")
        if verdict and verdict.clashes:
            kinds = [kind for kind in kinds if kind != "same"] + ["conflict"]
        if verdict and verdict.problems and step.kind not in ("refused", "create"):
            kinds.append("refused")
        return kinds


def sample(step: Step) -> dict[str, Any]:
    """One step for people: {"left", "right": labels and numbers, "fields": [{"side", "field", "before", "after"}],
    "conflicts": [{"line", "left", "right", "winner"}], "reason"}."""
    verdict = step.verdict
    fields = [one for side in OTHER for one in _fields(side, verdict.towards(side))] if verdict else []
    clashes = [
        {"line": clash.line.key, "left": clash.left, "right": clash.right, "winner": clash.winner, "rule": clash.rule}
        for clash in (verdict.clashes if verdict else ())
    ]
    return {
        "left": _named(step.left), "right": _named(step.right), "fields": fields, "conflicts": clashes,
        "reason": _why(step), "candidates": list(step.candidates),
    }  # fmt: skip


def _counted(step: Step) -> Counted:
    left, right = step.left, step.right
    return Counted(left.record_id if left else None, right.record_id if right else None, _why(step))


def _why(step: Step) -> str:
    problems = [text for _, text in step.verdict.problems] if step.verdict else ()
    return " ".join(filter(None, [step.reason, step.how, *problems]))


def _fields(side: str, intent: Intent) -> list[Dictionary[str, Any]]:
    return [
        {"side": side, "field": name, "before": intent.before.get(name), "after": value}
        for name, value in intent.values.items()
    ]


def _named(seen: Seen | None) -> dict[str, Any] | None:
    return {"record_id": seen.record_id, "external_id": seen.external_id, "label": seen.label} if seen else None
