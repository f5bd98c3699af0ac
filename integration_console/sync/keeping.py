"""What every way of reading shares: records kept and refused ones set aside, calls and counts written with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from ..models import RunPart
from ..services.base import Resource, Service, Upstream
from ..storage import errors, progress, records
from .plan import Order, Rules
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


class Keeping:
    """Keeps what comes of one resource in one run."""

    def __init__(self, desk: Desk, resource: Resource, order: Order) -> None:
        self.desk, self.resource, self.order = desk, resource, order
        self.open_letters: set[str] = set()
        self.all_new = False  # the page before held nothing we had: this one probably does not either
        self._before = (desk.upstream.calls, desk.upstream.waited_ms)

    @property
    def facts(self) -> dict:
        """Whose records these are, as storage wants it."""
        return {"connection_id": self.order.connection_id, "resource": self.resource.key}

    def know_letters(self, session: Session) -> None:
        """Look up which records wait as dead letters, so that those that pass now close theirs."""
        self.open_letters = errors.open_identities(session, **self.facts)

    def keep(self, session: Session, sifted: Sifted, now: datetime, *, call_key: str = "") -> records.Kept:
        """Keep the good records and set the refused ones aside with their reason and the call they came with (P5)."""
        kept = records.keep_page(
            session, **self.facts, run_id=self.order.run_id, rows=sifted.rows, now=now, hopeful=self.all_new
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

    def count(
        self,
        session: Session,
        kept: records.Kept,
        refused: int,
        *,
        newest: datetime | None = None,
        said: int | None = None,
    ) -> int:
        """Add a page to the part's line of the receipt; how many records that were."""
        seen = kept.new + kept.changed + kept.same + refused
        more = {
            "seen": seen,
            "new": kept.new,
            "changed": kept.changed,
            "same": kept.same,
            "refused": refused,
            "pages": 1,
        }
        progress.add_to_part(session, self.order.part_id, more | self._spent(), newest=newest, said=said)
        return seen

    def spend(self, session: Session) -> None:
        """Write down the calls and the waiting since last written, and the calls themselves."""
        self.part(session, **self.spent())
        self.desk.flush(session)

    def spent(self) -> dict:
        """The calls and the waiting since last written, as additions to the part's columns."""
        return {name: getattr(RunPart, name) + value for name, value in self._spent().items()}

    def part(self, session: Session, **values) -> None:
        """Set columns of this run's line for the resource."""
        session.execute(update(RunPart).where(RunPart.id == self.order.part_id).values(**values))

    def _spent(self) -> dict[str, float]:
        calls, waited = self.desk.upstream.calls, self.desk.upstream.waited_ms
        (was_calls, was_waited), self._before = self._before, (calls, waited)
        return {"calls": calls - was_calls, "waited_seconds": (waited - was_waited) / 1000}
