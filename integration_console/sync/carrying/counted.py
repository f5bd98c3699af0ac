"""What a run's steps came to, each record counted once, as it was looked at last.

What waits for another record is looked at in every turn of a run (crossing.py).
"""

from __future__ import annotations

from collections import Counter

from .steps import Step

Key = tuple[int, str, int]  # mapping, side, record


class Counted:
    """Adds steps to the counts of a run."""

    def __init__(self, counts: Counter) -> None:
        self.counts = counts
        self._waiting: dict[Key, tuple[Counter, list[Key]]] = {}  # what may be looked at again

    def add(self, mapping_id: int, kind: str, step: Step) -> None:
        """Count a step, in place of what its records came to in an earlier turn; what was settled then stays told."""
        halves = (("left", step.left), ("right", step.right))
        keys = [(mapping_id, side, half.record_id) for side, half in halves if half is not None]
        told, earlier, verdict = _told(kind, step), self._taken_out(keys), step.verdict
        told["same"] *= not earlier["written"]
        for settled in ("conflicts", "written"):
            told[settled] = max(told[settled], earlier[settled])
        self.counts.update(told)
        if kind == "wait" or (verdict is not None and verdict.waits):
            self._waiting |= dict.fromkeys(keys, (told, keys))

    def _taken_out(self, keys: list[Key]) -> Counter:
        earlier: Counter = Counter()
        for key in keys:
            told, all_of_it = self._waiting.get(key, (Counter(), []))
            for one in all_of_it:
                self._waiting.pop(one, None)
            earlier.update(told)
        self.counts.subtract(earlier)
        return earlier


def _told(kind: str, step: Step) -> Counter:
    told, verdict = Counter({"seen": 1, "owed": int(step.owed), kind: 1}), step.verdict
    if verdict is not None:
        told["written"] = int(bool(verdict.to_left or verdict.to_right))
        told["conflicts"] = len(verdict.clashes)
        told["asked"] = sum(clash.winner is None for clash in verdict.clashes)
        told["same"] += kind == "link" and not told["written"]
    return told
