"""One resource, page by page: fetch, keep, checkpoint. A page commits with its dead letters and its bookmark (P1)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..errors import BrakeApplied, Missing
from ..models import Checkpoint, RunPart
from ..services.base import Page, Reading, Resource, Service, Upstream
from ..storage import errors, progress, records
from .side_by_side import ahead, each_owner
from .sifting import Refused, newest, oldest_refused, sift
from .walk import Walk

Work = Callable[
    [], AbstractContextManager[Session]
]  # a transaction that still holds the run's lease; commits at its end


@dataclass(frozen=True)
class Rules:
    """The firm's limits for reading; see config.py."""

    overlap_s: float = 300
    reference_s: float = 3600
    owners_at_once: int = 8
    brake_records: int = 10
    brake_percent: float = 5
    brake_always: int = 500
    resume_within_s: float = 6 * 3600  # an unfinished read older than this is begun anew


@dataclass(frozen=True)
class Order:
    """What was asked for: one resource of one run."""

    run_id: int
    connection_id: int
    part_id: int
    full: bool
    asked: bool  # named by a person: reference data is read again however fresh it is
    release_brake: bool = False


class Pull:
    """Reads one resource into the records table."""

    def __init__(self, work: Work, service: Service, upstream: Upstream, flush: Callable[[Session], None],
                 resource: Resource, order: Order, rules: Rules) -> None:  # fmt: skip
        self.work, self.service, self.upstream, self.flush = work, service, upstream, flush
        self.resource, self.order, self.rules = resource, order, rules
        self.of_owner: dict[str, set[str]] = {}  # ids seen in a compared stretch
        self.remember: dict[str, Any] = {}
        self.before = (upstream.calls, upstream.waited_ms)

    def run(self) -> None:
        """Read it to its end.

        Raises what stops it; every page committed until then stays, and the next run goes on behind it.
        """
        with self.work() as session:
            walk = self._begin(session)
        if walk is None:
            return
        if self.service.by_owner(self.resource, self._reading(walk), self.upstream.settings):
            self._read_owners(walk)
        else:
            self._read_pages(walk)
        with self.work() as session:
            self._finish(session, walk)

    # -- single records -----------------------------------------------------------------------------------------------

    def owner_of(self, external_id: str) -> str | None:
        """The record this one is listed under, as far as we know."""
        with self.work() as session:
            known = records.find(session, self.order.connection_id, self.resource.key, external_id)
            return known.owner_id if known else None

    def read_one(self, external_id: str) -> None:
        """Read one record by its id and keep it; one that the upstream no longer has is marked deleted."""
        owner = self.owner_of(external_id)
        with self.work() as session:
            self._prepare_single(session)
        try:
            item = self.service.read_one(self.upstream, self.resource, external_id, owner)
        except Missing:
            self._lose_one(external_id)
        else:
            self._keep_one(item, owner)

    def _keep_one(self, item: dict, owner: str | None) -> None:
        sifted, now = sift(self.resource, [item], owner=owner), clock.now()
        with self.work() as session:
            kept = records.keep_page(
                session, connection_id=self.order.connection_id, resource=self.resource.key,
                run_id=self.order.run_id, rows=sifted.rows, now=now,
            )  # fmt: skip
            self._settle_letters(session, sifted, now)
            self._part(
                session, seen=RunPart.seen + 1, new=RunPart.new + kept.new, changed=RunPart.changed + kept.changed,
                same=RunPart.same + kept.same, refused=RunPart.refused + len(sifted.refused),
            )  # fmt: skip
            self.spend(session)
            self.flush(session)

    def _lose_one(self, external_id: str) -> None:
        """The upstream has no such record: mark ours deleted."""
        with self.work() as session:
            ids = records.ids_of(session, self.order.connection_id, self.resource.key, [external_id])
            gone = records.mark_deleted(session, ids, run_id=self.order.run_id, now=clock.now())
            missing = (
                None if ids else f"{self.service.label} has no {self.resource.label.lower()} with the id {external_id}."
            )
            self._part(session, deleted=RunPart.deleted + gone, message=missing)
            self.spend(session)
            self.flush(session)

    def close_single(self) -> None:
        """The named records are read; this says nothing about the rest of the list, so no mark moves."""
        with self.work() as session:
            self._part(session, state="done", mode="record", complete=True, ended_at=clock.now())

    def _prepare_single(self, session: Session) -> None:
        self.open_letters = errors.open_identities(session, self.order.connection_id, self.resource.key)
        self._part(session, state="running", mode="record", started_at=clock.now())

    # -- beginning ----------------------------------------------------------------------------------------------------

    def _begin(self, session: Session) -> Walk | None:
        """Decide what to read: the rest of an unfinished walk, everything, or what changed. None = still fresh."""
        now = clock.now()
        point = self._checkpoint(session)
        if self._fresh(point, now):
            self._part(session, state="skipped", complete=True, started_at=now, ended_at=now, message=_age(point, now))
            return None
        walk = self._unfinished(point, now) or self._new_walk(point, now)
        self.state = dict(point.state)
        self.open_letters = errors.open_identities(session, self.order.connection_id, self.resource.key)
        self._part(
            session, state="running", mode=walk.mode, since=walk.since, started_at=now,
            expected=point.record_count if walk.mode == "full" and point.last_read_at else None,
        )  # fmt: skip
        return walk

    def _fresh(self, point: Checkpoint, now: datetime) -> bool:
        if self.order.full or self.order.asked or not self.resource.reference or not point.last_read_at:
            return False
        return not point.cursor and now - point.last_read_at < timedelta(seconds=self.rules.reference_s)

    def _unfinished(self, point: Checkpoint, now: datetime) -> Walk | None:
        walk = Walk.from_json(point.cursor)
        if walk is None or now - walk.begun > timedelta(seconds=self.rules.resume_within_s):
            return None
        if self.order.full and walk.mode != "full":
            return None
        if self.order.run_id not in walk.runs:
            walk.runs.append(self.order.run_id)
        return walk

    def _new_walk(self, point: Checkpoint, now: datetime) -> Walk:
        full = self.order.full or self.resource.lists_everything or not point.last_complete_at
        since = None
        if not full and point.high_water:
            since = point.high_water - timedelta(seconds=self.rules.overlap_s)
        return Walk("full" if full else "incremental", [self.order.run_id], now, since)

    def _checkpoint(self, session: Session) -> Checkpoint:
        key = {"connection_id": self.order.connection_id, "resource": self.resource.key}
        point = session.scalar(select(Checkpoint).filter_by(**key))
        if point is None:
            point = Checkpoint(**key, state={}, record_count=0)
            session.add(point)
            session.flush()
        self.point_id = point.id
        return point

    # -- reading ------------------------------------------------------------------------------------------------------

    def _reading(self, walk: Walk, **changes) -> Reading:
        return Reading(walk.mode == "full", walk.begun, walk.since, state=self.state, **changes)

    def _read_pages(self, walk: Walk) -> None:
        if walk.resumed and walk.next is None:
            return  # the last page was kept before the restart
        pages = self.service.read(self.upstream, self.resource, self._reading(walk, cursor=walk.next))
        for page in ahead(pages, lambda page: page.cursor is not None):
            walk.next = page.cursor
            self._keep(walk, page)

    def _read_owners(self, walk: Walk) -> None:
        """Lists by owner: each owner's pages in order, several owners at once."""

        def pages_of(owner: str) -> Iterator[Page]:
            try:
                yield from self.service.read(self.upstream, self.resource, self._reading(walk, owner=owner))
            except Missing:
                return  # the owner went away since we read it; its records go with the next full read

        owners = self._owners(walk)
        for owner, page in each_owner(owners, pages_of, self.rules.owners_at_once, walk.begun_owners.append):
            if page is not None:
                self._keep(walk, page, owner, last=page.cursor is None)
            elif owner in walk.begun_owners and owner not in walk.done:  # its list ended without a last page
                with self.work() as session:
                    self._end_owner(session, walk, owner)
                    self._save(session, walk)

    def _owners(self, walk: Walk) -> Iterator[str]:
        """The owners whose lists this walk reads, by id, those done before a restart left out."""
        since = None
        if self.resource.per_changed and walk.mode != "full" and (begun := self.state.get("begun")):
            since = clock.parse(begun)
        after, skip = walk.after, set(walk.done)
        while True:
            with self.work() as session:
                batch = records.owners(
                    session, connection_id=self.order.connection_id, resource=str(self.resource.per),
                    after=after, written_since=since, limit=500,
                )  # fmt: skip
            if not batch:
                return
            for owner in batch:
                if owner not in skip:
                    yield owner
            after = batch[-1]

    # -- keeping ------------------------------------------------------------------------------------------------------

    def _keep(self, walk: Walk, page: Page, owner: str | None = None, *, last: bool = False) -> None:
        """Commit one page: its records, its dead letters, its calls and the bookmark, or nothing of it."""
        sifted = sift(self.resource, page.items, owner=owner)
        walk.saw(newest(sifted), oldest_refused(sifted.refused))
        walk.said = walk.said if page.upstream_count is None else page.upstream_count
        self.remember.update(page.remember)
        if owner is not None and self._span(walk) is not None:
            self.of_owner.setdefault(owner, set()).update(row.external_id for row in sifted.rows)
        now = clock.now()
        facts = {"connection_id": self.order.connection_id, "resource": self.resource.key, "run_id": self.order.run_id}
        with self.work() as session:
            kept = records.keep_page(session, **facts, rows=sifted.rows, now=now)
            walk.new += kept.new
            walk.seen += (count := kept.new + kept.changed + kept.same + len(sifted.refused))
            if walk.mode == "full":
                self._remember(session, kept.unchanged_ids, sifted.refused)
            if page.gone:
                walk.gone += records.ids_of(session, facts["connection_id"], facts["resource"], page.gone)
            self._settle_letters(session, sifted, now)
            self._count(session, count, kept, len(sifted.refused), walk)
            if owner is not None and last:
                self._end_owner(session, walk, owner)
            self._save(session, walk)

    def _remember(self, session: Session, unchanged: list[int], refused: list[Refused]) -> None:
        """Records that cost no write were seen all the same; so was the older copy of one that came but was refused."""
        known = [r.external_id for r in refused if r.external_id]
        seen = unchanged + records.ids_of(session, self.order.connection_id, self.resource.key, known)
        if seen:
            records.remember_seen(session, self.order.run_id, self.resource.key, seen)

    def _settle_letters(self, session: Session, sifted, now: datetime) -> None:
        """Refused records become dead letters; those that pass now close theirs."""
        facts = {"connection_id": self.order.connection_id, "resource": self.resource.key}
        if sifted.refused:
            errors.keep_dead_letters(
                session, **facts, run_id=self.order.run_id, service=self.service.key, label=self.service.label,
                refused=sifted.refused, now=now,
            )  # fmt: skip
        if self.open_letters and (passed := self.open_letters & {row.external_id for row in sifted.rows}):
            errors.resolve_dead_letters(session, **facts, identities=passed, now=now)
            self.open_letters -= passed

    def _count(self, session: Session, seen: int, kept, refused: int, walk: Walk) -> None:
        more = {
            "seen": seen,
            "new": kept.new,
            "changed": kept.changed,
            "same": kept.same,
            "refused": refused,
            "pages": 1,
        }
        progress.add_to_part(session, self.order.part_id, more | self.spent(), newest=walk.newest, said=walk.said)

    def spent(self) -> dict[str, float]:
        """The calls and the seconds of waiting since last asked."""
        calls, waited = self.upstream.calls, self.upstream.waited_ms
        (was_calls, was_waited), self.before = self.before, (calls, waited)
        return {"calls": calls - was_calls, "waited_seconds": (waited - was_waited) / 1000}

    def spend(self, session: Session) -> None:
        """Add them to the part."""
        more = {name: getattr(RunPart, name) + value for name, value in self.spent().items()}
        self._part(session, **more)

    def _save(self, session: Session, walk: Walk) -> None:
        """The bookmark, in the same transaction as what it speaks of; only this resource's."""
        progress.save_bookmark(session, self.point_id, walk.to_json())
        self.flush(session)

    def _part(self, session: Session, **values) -> None:
        session.execute(update(RunPart).where(RunPart.id == self.order.part_id).values(**values))

    # -- ending -------------------------------------------------------------------------------------------------------

    def _span(self, walk: Walk):
        """The stretch an increment has listed completely, so that absence in it means gone."""
        if walk.mode == "full":
            return None
        return self.service.compared(self.resource, self._reading(walk), self.upstream.settings)

    def _end_owner(self, session: Session, walk: Walk, owner: str) -> None:
        """An owner's list is read to its end: what a compared stretch of it does not hold is gone."""
        walk.owner_done(owner)
        span = self._span(walk)
        if span is not None:
            walk.gone += records.gone_in_span(
                session, connection_id=self.order.connection_id, resource=self.resource.key, owner_id=owner,
                start=span.start, end=span.end, seen=self.of_owner.pop(owner, set()),
            )  # fmt: skip

    def _finish(self, session: Session, walk: Walk) -> None:
        """The receipt's line: who is gone, how far the mark may move, and whether the read was complete."""
        now = clock.now()
        facts = {"connection_id": self.order.connection_id, "resource": self.resource.key}
        short = self._short(walk)
        gone = array("q", walk.gone)
        live = records.count_live(session, **facts)
        if not short and walk.mode == "full" and live > walk.new:  # else every record there is came in this very read
            gone.extend(records.gone(session, **facts, run_ids=walk.runs))
        self._brake(len(gone), live)
        deleted = records.mark_deleted(session, gone, run_id=self.order.run_id, now=now)
        records.forget_seen(session, walk.runs, self.resource.key)
        self._close_checkpoint(session, walk, now, complete=not short, count=live - deleted)
        self._part(
            session, state="done", deleted=deleted, complete=not short, ended_at=now,
            message=short or _empty(walk, live),
        )  # fmt: skip
        self.spend(session)
        self.flush(session)

    def _close_checkpoint(self, session: Session, walk: Walk, now: datetime, *, complete: bool, count: int) -> None:
        point = session.get_one(Checkpoint, self.point_id)
        if complete:
            slow = (now - walk.begun).total_seconds() > self.rules.overlap_s / 2
            point.high_water = walk.mark(point.high_water, slow=slow)
            point.last_complete_at = now if walk.mode == "full" else point.last_complete_at
            point.last_read_at = now
        point.cursor, point.record_count = None, count
        point.state = {**self.state, **self.remember, "begun": walk.begun.isoformat()}

    def _short(self, walk: Walk) -> str | None:
        """A sentence when the upstream itself counts more than it sent."""
        if walk.said is None or self.resource.per or len(self.resource.splits) > 1 or walk.seen >= walk.said:
            return None
        return (
            f"{self.service.label} counts {walk.said} but sent {walk.seen}. "
            "Nothing was marked deleted; the next run looks again."
        )

    def _brake(self, gone: int, live: int) -> None:
        """Stop before the first of too many deletions (P7)."""
        rules = self.rules
        many = gone >= rules.brake_records and gone > live * rules.brake_percent / 100
        if (many or gone >= rules.brake_always) and not self.order.release_brake:
            raise BrakeApplied(
                f"{gone} of {live} {self.resource.label.lower()} are no longer at {self.service.label}. "
                "Nothing was marked deleted. If that is right, release the brake."
            )


def _age(point: Checkpoint, now: datetime) -> str:
    minutes = int((now - (point.last_read_at or now)).total_seconds() // 60)
    return f"Read {minutes} min ago; reference data is read again after an hour, or when asked for by name."


def _empty(walk: Walk, live: int) -> str | None:
    """Zero where there was something is odd, and said."""
    if walk.mode == "full" and not walk.seen and live:
        return "The list came back empty although there were records before. Please check the account."
    return None
