"""The steps of a run and how long each took: read and keep, or match, map and write.

Measured by whoever works on the run and written down when it is closed, so a run that was killed has none. What a run
took in several goes, as one that had to wait for its service, is added up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...models import SyncRun

_READING = {
    "read": ("Read", "Asking the service, and taking its answers apart"),
    "wait": ("Wait for our turn", "Held back, so that the service is never asked faster than it allows"),
    "keep": ("Keep", "Comparing with our copies and storing what is new or changed"),
}
_CARRYING = {
    "match": ("Match", "Finding whose pair a new record is"),
    "map": ("Map", "Comparing both sides and working out each field to write"),
    "write": ("Write", "Sending what was to be written, and checking what came of it"),
}


@dataclass(frozen=True)
class Step:
    """One step of a run."""

    label: str
    what: str
    seconds: float


def added(options: Mapping[str, Any], took: Mapping[str, float]) -> dict[str, Any]:
    """A run's options with these times added to those of its earlier goes."""
    before = options.get("took", {})
    return {**options, "took": {step: round(before.get(step, 0.0) + took.get(step, 0.0), 3) for step in before | took}}


def of(run: SyncRun) -> list[Step]:
    """The steps of a run as far as they were measured; first how long it waited to be begun."""
    took = run.options.get("took", {})
    kinds = _CARRYING if run.kind == "push" else _READING
    steps = [Step(label, what, took[key]) for key, (label, what) in kinds.items() if key in took]
    if not steps or run.started_at is None:
        return steps
    queued = max((run.started_at - run.queued_at).total_seconds(), 0.0)
    return [Step("Wait to be begun", "From being asked for until a worker had a hand free", queued), *steps]
