"""What a mapping's look at its records comes to, one step a record or pair, before anything is written anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .ends import Seen
from .verdict import Verdict

# same: nothing to do. link: a new pair, agreed as it stands or with what `verdict` wants. update, create, delete: to be
# sent. ambiguous, aside, wait, gone: why nothing is. refused: it should be carried and cannot be.
KINDS = ("same", "link", "update", "create", "delete", "ambiguous", "aside", "wait", "gone", "refused")


@dataclass
class Sides:
    """Record numbers of each side."""

    left: set[int] = field(default_factory=set)
    right: set[int] = field(default_factory=set)

    def of(self, side: str) -> set[int]:
        """One side's."""
        return self.left if side == "left" else self.right

    def add(self, left: int | None, right: int | None) -> None:
        """A row's records."""
        for side, number in (("left", left), ("right", right)):
            if number is not None:
                self.of(side).add(number)


@dataclass(frozen=True)
class Known:
    """A row of record_link as the engine needs it."""

    id: int
    state: str = "linked"
    base: dict[str, list] = field(default_factory=dict)
    writes: dict[str, list] = field(default_factory=dict)
    may_be_made: bool = False  # its other half may be there: a person decides about the write that made it


@dataclass(frozen=True)
class Step:
    """One record or pair, looked at."""

    kind: str
    left: Seen | None = None
    right: Seen | None = None
    known: Known | None = None  # the row there is already
    side: str = ""  # create, delete: on which side; aside, ambiguous, wait, gone: whose record it is about
    verdict: Verdict | None = None
    how: str = ""  # how a pair was found
    reason: str = ""
    candidates: Sequence[dict[str, Any]] = ()
    owed: bool = False  # gone: what is left is a bill or an invoice that stands
    decisions: dict[str, int] = field(default_factory=dict)  # line -> the conflict a person decided

    @property
    def subject(self) -> Seen | None:
        """The record a step of one side is about."""
        return self.left if self.left is not None else self.right

    @property
    def both(self) -> tuple[int, int]:
        """The numbers of a pair's records."""
        assert self.left is not None
        assert self.right is not None
        return self.left.record_id, self.right.record_id
