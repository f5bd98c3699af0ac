"""What every way of reading shares: records kept and refused ones set aside, calls and counts written with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from ... import clock
from ...services.base import Resource, Service, Upstream
from ...storage import errors, progress, records
from .plan import Order, Point, Rules
from .sifting import Sifted

Work = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Desk:
    """What a run works with.

    work: a transaction in which the run's lease still holds; committed at its end.
    look: a transaction that only reads.
    flush: adds the calls made so far to a transaction.
    """

    service: Service
    upstream: Upstream
    work: Work
    look: Work
    flush: Callable[[Session], object]
    rules: Rules


@dataclass(frozen=True)
class Known:
    """What a run finds of one resource when it begins. Nobody else changes it: only one live run reads a resource."""

    point: Point = field(default_factory=Point)
    letters: set[str] = field(default_factory=set)  # records that wait as dead letters: those that pass close theirs


class Keeping:
    """Keeps what comes of one resource in one run."""

    lag = timedelta(0)  # how far behind what it reads may be

    def __init__(self, desk: Desk, resource: Resource, order: Order, known: Known) -> None:
        self.desk, self.resource, self.order = desk, resource, order
        self.open_letters = known.letters
        self.line: dict[str, Any] = {}  # columns of this run's line for the resource that wait to be written
        self.more: dict[str, float] = {}  # ... and what is to be added to its counts
        self.begun = clock.now()
        self.all_new = False  # the page before held nothing we had: this one probably does not either
        self._before = (desk.upstream.calls, desk.upstream.waited_ms)

    @property
    def facts(self) -> dict:
        """Whose records these are, as storage wants it."""
        return {"connection_id": self.order.connection_id, "resource": self.resource.key}

    def keep(self, session: Session, sifted: Sifted, now: datetime, *, call_key: str = "") -> records.Kept:
        """Keep the good records and set the refused ones aside with their reason and the call they came with (P5)."""
        kept = records.keep_page(
            session,
            **self.facts,
            run_id=self.order.run_id,
            rows=sifted.rows,
            now=now,
            hopeful=self.all_new,
            since=self.begun,
            lag=self.lag,
        )
        self.all_new = kept.new > 0 and not kept.changed and not kept.same
        if sifted.refused:
            errors.keep_dead_letters(
                session, **self.facts, run_id=self.order.run_id, service=self.desk.service.key,
                label=self.desk.service.label, refused=sifted.refused, now=now, call_key=call_key or None,
            )  # fmt: skip
        if self.open_letters and (passed := self.open_letters & {row.external_id for row in sifted.rows}):
            errors.resolve_dead_letters(session, **self.facts, identities=passed, now=now)
            self.open_letters -= passed
        return kept

    def count(self, kept: records.Kept, refused: int) -> int:
        """Add what was kept to the part's line of the receipt, which `write` writes; how many records that were."""
        seen = kept.new + kept.changed + kept.same + refused
        counts = {"seen": seen, "new": kept.new, "changed": kept.changed, "same": kept.same, "refused": refused}
        self.add(**counts, pages=1)
        return seen

    def add(self, **counts: float) -> None:
        """Add to counts of the part's line, which `write` writes."""
        for name, count in counts.items():
            self.more[name] = self.more.get(name, 0) + count

    def drop(self) -> None:
        """Forget what waits to be written: it speaks of a page that was not kept."""
        self.line, self.more = {}, {}

    def write(self, session: Session, **values: Any) -> None:
        """Write the part's line as it stands now, with the calls and the waiting since last written, and the calls."""
        calls, waited = self.desk.upstream.calls, self.desk.upstream.waited_ms
        (was_calls, was_waited), self._before = self._before, (calls, waited)
        self.add(calls=calls - was_calls, waited_seconds=(waited - was_waited) / 1000)
        progress.write_part(session, self.order.part_id, self.more, self.line | values)
        self.drop()
        self.desk.flush(session)
