"""One resource, page by page: fetch, keep, checkpoint. A page commits with its dead letters and its bookmark (P1)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ... import clock
from ...errors import BrakeApplied, Missing
from ...services.base import Page, Reading, Resource, Span
from ...storage import full_reads, progress, records
from .absence import Proof
from .keeping import Desk, Keeping, Known
from .plan import Order, age_in_words, mark_of, still_fresh, walk_of, why_short
from .side_by_side import ahead, each_owner
from .sifting import Refused, Sifted, newest, oldest_refused, sift
from .walk import Walk


class Pull(Keeping):
    """Reads one resource into the records table."""

    def __init__(self, desk: Desk, resource: Resource, order: Order, known: Known) -> None:
        super().__init__(desk, resource, order, known)
        self.point, self.lag = known.point, resource.lag
        self.state = self.point.state
        self.of_owner: dict[str, set[str]] = {}  # ids seen in a compared stretch
        self.remember: dict[str, Any] = {}
        self.note = ""
        self.unread: Callable[[Mapping[str, Any]], bool] | None = None  # what the read could not have met
        self.noted = False  # records seen unchanged were noted, to be forgotten at the end
        self.on_pages: set[str | None] = set()  # owners whose list took several pages; None: the list of nobody's
        self.reported: set[int] = set()  # our numbers of those the upstream itself told are deleted
        self.closing: dict[str, Any] = {}  # what the checkpoint says once the read is at its end

    def run(self) -> None:
        """Read it to its end.

        Raises what stops it; every page committed until then stays, and the next run goes on behind it.
        """
        walk = self._begin()
        if walk is None:
            return
        if self.desk.service.by_owner(self.resource, self._reading(walk), self.desk.upstream.settings):
            self._read_owners(walk)
            self._end(walk)
        elif walk.resumed and walk.next is None:  # the last page was kept before the restart
            self._end(walk)
        else:
            self._read_pages(walk)

    # -- beginning ----------------------------------------------------------------------------------------------------

    def _begin(self) -> Walk | None:
        """Decide what to read, without writing anything yet. None when it is still fresh."""
        now, point = clock.now(), self.point
        if still_fresh(point, self.resource, self.order, self.desk.rules, now):
            with self.desk.work() as session:
                said = age_in_words(point, now)
                self.write(session, state="skipped", complete=True, started_at=now, ended_at=now, message=said)
            return None
        walk = walk_of(point, self.resource, self.order, self.desk.rules, now)
        known = point.record_count if walk.mode == "full" and point.last_read_at else None
        self.line = {  # written with the first page
            "state": "running", "mode": walk.mode, "since": walk.since, "started_at": now, "expected": known,
        }  # fmt: skip
        return walk

    # -- reading ------------------------------------------------------------------------------------------------------

    def _reading(self, walk: Walk, **changes) -> Reading:
        return Reading(walk.mode == "full", walk.begun, walk.since, state=self.state, **changes)

    def _read_pages(self, walk: Walk) -> None:
        pages = self.desk.service.read(self.desk.upstream, self.resource, self._reading(walk, cursor=walk.next))
        for page, sifted in ahead(self._sifted(pages), lambda pair: pair[0].cursor is not None):
            walk.next = page.cursor
            self._keep(walk, page, sifted)

    def _sifted(self, pages: Iterable[Page], owner: str | None = None) -> Iterator[tuple[Page, Sifted]]:
        """Each page with its records made ready, by the thread that fetched it: the other waits for the database."""
        for page in pages:
            sifted = sift(self.resource, page.items, owner=owner, asked_at=page.asked_at)
            page.items.clear()  # here and now: thousands of small objects are cheapest to drop while they are warm
            yield page, sifted

    def _read_owners(self, walk: Walk) -> None:
        """Lists by owner: each owner's pages in order, several owners at once."""

        def pages_of(owner: str) -> Iterator[tuple[Page, Sifted]]:
            try:
                reading = self._reading(walk, owner=owner)
                yield from self._sifted(self.desk.service.read(self.desk.upstream, self.resource, reading), owner)
            except Missing:  # the owner went away since we read it
                walk.lost.append(owner)

        with self.desk.look() as session:
            whose: dict[str, Any] = {"connection_id": self.order.connection_id, "resource": str(self.resource.per)}
            walk.few_owners |= not progress.was_read(session, **whose)
        owners, at_once = self._owners(walk), self.desk.rules.owners_at_once
        for owner, pair in each_owner(owners, pages_of, at_once, walk.begun_owners.append):
            if pair is not None:
                self._keep(walk, *pair, owner)
            elif owner in walk.begun_owners and owner not in walk.done:  # its list ended without a last page
                with self.desk.work() as session:
                    self._end_owner(session, walk, owner)
                    self._save(session, walk)

    def _owners(self, walk: Walk) -> Iterator[str]:
        """The owners whose lists this walk reads, by id, those done before a restart left out."""
        since = None
        if self.resource.per_changed and walk.mode != "full" and (begun := self.state.get("begun")):
            since = clock.parse(begun)
        after, skip = walk.after, set(walk.done)
        while True:
            with self.desk.look() as session:
                batch = records.owners(
                    session, connection_id=self.order.connection_id, resource=str(self.resource.per),
                    after=after, written_since=since, limit=500,
                )  # fmt: skip
            if not batch:
                return
            yield from (owner for owner in batch if owner not in skip)
            after = batch[-1]

    # -- keeping ------------------------------------------------------------------------------------------------------

    def _keep(self, walk: Walk, page: Page, sifted: Sifted, owner: str | None = None) -> None:
        """Commit one page: its records, its dead letters, its calls and the bookmark, or nothing of it.

        The last page of a list takes the end of the read with it, so that a short list is one transaction.
        """
        now, braked = clock.now(), None
        ends = owner is None and page.cursor is None
        if page.cursor is not None:
            self.on_pages.add(owner)
        walk.saw(newest(sifted, self.desk.rules.latest(now)), oldest_refused(sifted.refused))
        walk.said = walk.said if page.upstream_count is None else page.upstream_count
        self.remember.update(page.remember)
        self.note, self.unread = page.note or self.note, page.unread or self.unread
        if owner is not None and self._span(walk) is not None:
            self.of_owner.setdefault(owner, set()).update(row.external_id for row in sifted.rows)
        with self.desk.work() as session:
            kept = self.keep(session, sifted, now, call_key=page.call_key)
            walk.new += kept.new
            walk.seen += self.count(kept, len(sifted.refused))
            self.line |= {"until": walk.newest, "upstream_count": walk.said}
            if walk.mode == "full":
                self._remember(session, kept.unchanged_ids, sifted.refused)
            if page.gone:  # of those that went before there is nothing to weigh
                told = records.ids_of(session, **self.facts, external_ids=page.gone, deleted=False)
                self.reported.update(told)
                walk.gone += told
            if owner is not None and page.cursor is None:
                self._end_owner(session, walk, owner)
            unproved = ends and self._unproved(session, walk)
            if ends and not unproved:
                braked = self._finish(session, walk)
            self._save(session, walk)
        if braked:
            raise braked
        if unproved:
            self._end(walk)

    def _remember(self, session: Session, unchanged: list[int], refused: list[Refused]) -> None:
        """Records that cost no write were seen all the same; so was the older copy of one that came but was refused."""
        known = [r.external_id for r in refused if r.external_id]
        seen = unchanged + (records.ids_of(session, **self.facts, external_ids=known) if known else [])
        if seen:
            self.noted = True
            full_reads.remember_seen(session, self.order.run_id, self.resource.key, seen)

    def _save(self, session: Session, walk: Walk) -> None:
        """The bookmark and the part's line, in the same transaction as what they speak of; only this resource's."""
        progress.save_point(session, **self.facts, values=self.closing or {"cursor": walk.to_json()})
        self.write(session)

    # -- ending -------------------------------------------------------------------------------------------------------

    def _span(self, walk: Walk) -> Span | None:
        """The stretch an increment has listed completely, so that absence in it means gone."""
        if walk.mode == "full":
            return None
        return self.desk.service.compared(self.resource, self._reading(walk), self.desk.upstream.settings)

    def _end_owner(self, session: Session, walk: Walk, owner: str) -> None:
        """An owner's list is read to its end: what a compared stretch of it does not hold is gone."""
        walk.owner_done(owner)
        span = self._span(walk)
        if span is not None and not (self.resource.outlives and owner in walk.lost):
            walk.gone += full_reads.gone_in_span(
                session, **self.facts, owner_id=owner, start=span.start, end=span.end,
                seen=self.of_owner.pop(owner, set()),
            )  # fmt: skip

    def _unproved(self, session: Session, walk: Walk) -> bool:
        """Whether a record may have slipped past this read: from a page to come to one that was read, or out of a
        compared stretch, such as an entry whose date was put right; or another run brought it since (P7).
        """
        slips = self.resource.shifts and (walk.resumed or bool(self.on_pages))
        if slips or (bool(walk.gone) and self._span(walk) is not None):
            return True
        written = full_reads.written_beside
        return walk.mode == "full" and written(session, **self.facts, run_ids=walk.runs, since=walk.begun - self.lag)

    def _end(self, walk: Walk) -> None:
        there = self._still_there(walk)
        with self.desk.work() as session:
            braked = self._finish(session, walk, there)
            self._save(session, walk)
        if braked:
            raise braked

    def _still_there(self, walk: Walk) -> set[int]:
        """Our numbers of records that this read did not meet, and that the upstream has all the same."""
        with self.desk.look() as session:
            if not self._unproved(session, walk):
                return set()
            live = records.count_live(session, **self.facts)
            gone = self._missed(session, walk, live)
            if not self.lag and self._brake(walk, len(gone), live):
                return set()  # nothing is marked
            missed = full_reads.places_of(session, [number for number in gone if number not in self.reported])
        if not walk.resumed and self._span(walk) is None:
            since, paged = walk.begun - self.lag, self.on_pages if self.resource.shifts else ()
            missed = [p for p in missed if p.written_at >= since or (self.resource.per and p.owner_id) in paged]
        return Proof(self, lambda owner: replace(self._reading(walk, owner=owner), full=True)).still_there(missed)

    def _missed(self, session: Session, walk: Walk, live: int) -> array:
        """Our numbers of the live records that were told to be gone, or that a complete list did not hold."""
        gone = array("q", walk.gone)
        if not self._short(walk) and walk.mode == "full" and live > walk.new:  # else every one came in this very read
            absent = full_reads.gone(session, **self.facts, run_ids=walk.runs)
            gone.extend(self._of_owners_there(session, walk, absent) if self.resource.outlives else absent)
        return gone if self.unread is None else full_reads.without(session, gone, self.unread)

    def _of_owners_there(self, session: Session, walk: Walk, absent: Sequence[int]) -> array:
        """Those of these numbers whose owner was asked. Whoever was removed is listed no more, and so is what they
        did: that was not deleted.
        """
        owners: dict[str, Any] = {"connection_id": self.order.connection_id, "resource": str(self.resource.per)}
        kept, left = full_reads.of_owners(session, absent, **owners, but=walk.lost)
        if left:
            label, kind = self.desk.service.label, self.resource.label.lower()
            whose = self.desk.service.resources[str(self.resource.per)].label.lower()
            self.note = f"{label} no longer lists {len(left)} of the {whose} with {kind}; their {kind} were kept."
        return kept

    def _finish(self, session: Session, walk: Walk, there: Collection[int] = ()) -> BrakeApplied | None:
        """The receipt's line: who is gone, how far the mark may move, and whether the read was complete.

        Or why it must not be finished, before anything of it is written: the page that was kept stays.

        there: records that were not met and are there all the same.
        """
        now, short = clock.now(), self._short(walk)
        live = records.count_live(session, **self.facts)
        gone = array("q", (number for number in self._missed(session, walk, live) if number not in there))
        if braked := self._brake(walk, len(gone), live):
            return braked
        deleted = records.mark_deleted(session, gone, run_id=self.order.run_id, now=now)
        if self.noted or walk.resumed:
            full_reads.forget_seen(session, walk.runs, self.resource.key)
        self.closing = self._closed(walk, now, complete=not short, count=live - deleted)
        self.line |= {
            "state": "done", "deleted": deleted, "complete": not short, "ended_at": now,
            "message": short, "note": self.note or None,
        }  # fmt: skip
        return None

    def _closed(self, walk: Walk, now: datetime, *, complete: bool, count: int) -> dict[str, Any]:
        """What the checkpoint says of a read that came to its end."""
        state = {**self.state, **self.remember, "begun": walk.begun.isoformat()}
        values: dict[str, Any] = {"cursor": None, "record_count": count, "state": state}
        if complete:
            slow = (now - walk.begun).total_seconds() > self.desk.rules.overlap_s / 2
            before = mark_of(self.point, self.desk.rules, now)
            values |= {"high_water": walk.mark(before, slow=slow), "last_read_at": now}
        if complete and walk.mode == "full":
            values["last_complete_at"] = now
        return values

    def _short(self, walk: Walk) -> str | None:
        return why_short(self.desk.service, self.resource, walk)

    def _brake(self, walk: Walk, gone: int, live: int) -> BrakeApplied | None:
        """Why to stop before the first of too many deletions; the last record of a list is one too many (P7)."""
        emptied = gone and walk.mode == "full" and not walk.seen
        if self.order.release_brake or not (emptied or self.desk.rules.brakes(gone, live)):
            return None
        kind = self.resource.label.lower()
        said = f"{gone:,} of {live:,} {kind} are no longer at {self.desk.service.label}."
        if emptied:
            said = f"The list of {kind} came back empty although there were {live:,} before."
        return BrakeApplied(f"{said} Nothing was marked deleted. If that is right, release the brake.")
