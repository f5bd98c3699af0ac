"""What a comparison is about and what it finds: two halves, what people decided, and what each side is to get."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...errors import Wait
from ..mapping import Line


@dataclass(frozen=True)
class Half:
    """One side of a pair as it stands: its record in plain values, and when the upstream says it changed."""

    plain: Dictionary[str, Any]
    changed_at: datetime | None = None
    record_id: int | None = None


@dataclass(frozen=True)
class Decision:
    """What a person decided about one line. held: side -> what it said then. again: the value that lost wins after all.

    It holds for those values: of what was edited since, nobody has seen it.
    """

    winner: str
    held: Dictionary[str, Any]
    again: bool = False


Decisions = Dictionary[str, Decision]


@dataclass
class Intent:
    """What one side's record should be given."""

    values: dict[str, Any] = field(default_factory=dict)  # field -> value
    before: dict[str, Any] = field(default_factory=dict)  # field -> value that is there
    sources: dict[str, dict] = field(default_factory=dict)  # field -> {"record_id", "field", "value"}
    # line -> {"source": the other half, "fields": what is compared, "kept": what those of them say that stay}
    agree: dict[str, dict] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values)


@dataclass(frozen=True)
class Clash:
    """Both sides changed the same line. winner: None while a person is asked."""

    line: Line
    left: Any
    right: Any
    base: list | None
    rule: str
    winner: str | None


@dataclass
class Verdict:
    """What a comparison found."""

    to_left: Intent = field(default_factory=Intent)
    to_right: Intent = field(default_factory=Intent)
    agreed: dict[str, list] = field(default_factory=dict)  # line -> [left, right] that agree as they stand
    clashes: list[Clash] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)  # (line, why its value could not be carried)
    waits: list[Wait] = field(default_factory=list)

    def towards(self, side: str) -> Intent:
        """What is wanted of a side, "left" or "right"."""
        return self.to_left if side == "left" else self.to_right
