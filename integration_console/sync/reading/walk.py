"""How far a read has come: kept in the checkpoint with every page, so that a killed read goes on from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

VERSION = 1


@dataclass
class Walk:
    """One read of one resource, from its first page to its last, over as many runs as it takes."""

    mode: str  # full, incremental
    runs: list[int]  # the runs that had a part in it
    begun: datetime
    since: datetime | None = None
    newest: datetime | None = None  # newest change seen upstream so far
    held_back: datetime | None = None  # oldest change among refused records: the mark stays before it
    seen: int = 0
    new: int = 0  # of those, records we had not had before
    said: int | None = None  # the upstream's own count
    gone: list[int] = field(default_factory=list)  # our ids of records reported or found gone, marked at the end
    next: Any | None = None  # the upstream's cursor of the next page; None once the last page is kept
    after: str | None = None  # lists by owner: every owner up to this one is done
    done: list[str] = field(default_factory=list)  # ... and so are these behind it
    lost: list[str] = field(default_factory=list)  # owners that are no longer there to ask
    few_owners: bool = False  # the owners had never been read whole while this was under way
    resumed: bool = False  # read back from a checkpoint
    begun_owners: list[str] = field(default_factory=list)  # handed out, in order, not yet done

    def saw(self, newest: datetime | None, refused: datetime | None) -> None:
        """Take one page's times into account."""
        self.newest = max(filter(None, (self.newest, newest)), default=None)
        self.held_back = min(filter(None, (self.held_back, refused)), default=None)

    def owner_done(self, owner: str) -> None:
        """Move the mark over every owner of which all before it are done too."""
        self.done.append(owner)
        while self.begun_owners and self.begun_owners[0] in self.done:
            self.after = self.begun_owners.pop(0)
            self.done.remove(self.after)

    def mark(self, before: datetime | None, *, slow: bool) -> datetime | None:
        """The high-water mark this read earns: the newest change seen, never past a refused record (P3).

        slow: the read took so long that records may have changed behind its back on pages it had passed; then the
        mark stays at the time it began, and the next increment looks at those again.
        """
        if not self.newest:
            return before
        limits = [self.newest, *filter(None, (self.held_back, self.begun if slow else None))]
        return max(filter(None, (min(limits), before if not self.held_back else None)))

    def to_json(self) -> dict:
        """As the checkpoint keeps it."""
        return {
            "v": VERSION, "mode": self.mode, "runs": self.runs, "begun": self.begun.isoformat(),
            "since": _text(self.since), "newest": _text(self.newest), "held_back": _text(self.held_back),
            "seen": self.seen, "new": self.new, "said": self.said, "gone": self.gone, "next": self.next,
            "after": self.after, "done": self.done, "lost": self.lost, "few_owners": self.few_owners,
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: dict | None) -> Walk | None:
        """The read that was under way; None when there was none or another version of us wrote it."""
        if not kept or kept.get("v") != VERSION:
            return None
        return cls(
            kept["mode"], kept["runs"], datetime.fromisoformat(kept["begun"]),
            since=_time(kept["since"]), newest=_time(kept["newest"]), held_back=_time(kept["held_back"]),
            seen=kept["seen"], new=kept["new"], said=kept["said"], gone=kept["gone"],
            next=kept["next"], after=kept["after"], done=kept["done"], lost=kept.get("lost", []),
            few_owners=kept.get("few_owners", False), resumed=True,
        )  # fmt: skip


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
