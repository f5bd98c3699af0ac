"""Sends what waits in the outbox, once: one write at a time, each with its guard, its proof and its place in the log.

A write is marked as being sent before it leaves, and done only when its own success answer was understood (W2). What
is found half-way after a crash, and what got no answer, is uncertain: the object is looked up before anything is
repeated (W3).
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Dictionary
from contextlib import AbstractContextManager
from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ... import clock
from ...errors import (
    BadAnswer,
    BadRecord,
    Cancelled,
    LeaseLost,
    NeedsPerson,
    Parked,
    RateLimited,
)
from ...models import Change
from ...models.change import LOST, ORIGIN, TOLD
from ...services.writing import Write, Written
from ...storage import outbound
from ..carrying import leaving
from ..carrying.ends import End
from ..carrying.leaving import CALL_ENDS_S
from . import guards, settled
from .agreement import Taken
from .around import Around
from .definitions import Definitions
from .ending import Ending, Sent
from .settled import Landed

Work = Callable[[], AbstractContextManager[Session]]


class Sender:
    """Sends the outbox of some connections.

    work: a transaction that holds only while we may write, committed at its end. flush: adds the calls made so far.
    sent: the counts to add to.
    """

    def __init__(
        self, ends: Dictionary[int, list[End]], work: Work, flush: Callable[[Session], object], *,
        run_id: int | None = None, sent: Sent | None = None,
    ) -> None:  # fmt: skip
        self.ends = {(number, end.resource.key): end for number, found in ends.items() for end in found}
        self.work, self.run_id = work, run_id
        self.definitions, self.around = Definitions(self.ends, work, run_id), Around(work, run_id)
        self.sent = Sent() if sent is None else sent
        self.ending = Ending(self.ends, work, flush, run_id, self.sent)

    def send_all(self, *, mapping_id: int | None, most: int = 500, only_own: bool = False) -> Sent:
        """Send what is due of one mapping, or what belongs to none, oldest first, at most so many.

        only_own: nothing but what this run wanted, for a mapping whose own run may not have weighed its writes yet.
        Raises what ends a run: Parked, NeedsPerson, LeaseLost, Cancelled. What was sent until then stays sent.
        """
        tried, last = 0, 0
        while tried < most and (number := self._next(last, mapping_id, only_own)):
            tried, last = tried + 1, number
            self.send(number)
        return self.sent

    def _next(self, last: int, mapping_id: int | None, only_own: bool) -> int | None:
        now = clock.now()
        due = or_(
            Change.state.in_(("pending", "uncertain", "retry"))
            & or_(Change.retry_at.is_(None), Change.retry_at <= now),
            (Change.state == "sending") & (Change.sent_at <= now - timedelta(seconds=CALL_ENDS_S)),
        )
        connections = {number for number, _ in self.ends}
        of = Change.mapping_id.is_(None) if mapping_id is None else Change.mapping_id == mapping_id
        query = select(Change.id).where(due, of, Change.connection_id.in_(connections), Change.id > last)
        query = query.where(Change.run_id == self.run_id) if only_own else query
        with self.work() as session:
            return session.scalar(query.order_by(Change.id).limit(1))

    # -- one write ----------------------------------------------------------------------------------------------------

    def send(self, number: int) -> Exception | None:
        """Send one write, or find out what became of it; why it did not go through, already written down with it.

        Raises RateLimited, Parked, NeedsPerson, LeaseLost and Cancelled: those end more than this one write.
        """
        if (begun := self._begin(number)) is None:
            return None
        change, was = begun
        before = self._written(change)
        try:
            landed = self._carry_out(change, was)
        except (LeaseLost, Cancelled):
            raise
        except (RateLimited, Parked, NeedsPerson) as error:
            was = self._stands(change, was, before, error)
            until = getattr(error, "until", None)
            self.ending.keep(change, "pending" if was == "pending" else "uncertain", error, retry_at=until)
            raise
        except Exception as error:
            self.ending.failed(change, self._stands(change, was, before, error), error)
            return error
        try:
            self.ending.done(change, landed)
        except Taken as error:
            self.ending.dead(change, error)
            return error
        return None

    def _written(self, change: Change) -> int:
        """How many calls of this run have changed something where the write goes to."""
        end = self.ends.get((change.connection_id, change.resource))
        return end.upstream.written if end and end.upstream else 0

    def _stands(self, change: Change, was: str, before: int, error: Exception) -> str:
        """What it is after it was stopped: a create that takes several calls may be there half-way by then, and is
        looked up before it is sent again, for its key may be forgotten when that is (W3)."""
        may_be_there = self._written(change) > before or getattr(error, "may_be_there", False)
        return "uncertain" if change.op == "create" and may_be_there else was

    def _begin(self, number: int) -> tuple[Change, str] | None:
        """Mark it as being sent, before it is. None when it may not leave now."""
        try:
            with self.work() as session:
                change = session.get(Change, number, with_for_update=True)
                if change is None or not leaving.may_leave(session, change):
                    return None
                was = {"sending": "uncertain", "retry": "pending"}.get(change.state, change.state)
                if change.op == "create" and outbound.lost_since(session):
                    was = "forgotten"  # it may have been made in the hours a restore has made us forget
                change.state, change.sent_run_id, change.tries = "sending", self.run_id, change.tries + 1
                change.sent_at = clock.now()
                if was != "pending":
                    change.options = {**change.options, LOST: True}
                session.flush()
                session.expunge(change)
            return change, was
        except IntegrityError:  # another write of the same record is on its way (W7)
            return None

    def _carry_out(self, change: Change, was: str) -> Landed:
        end = self.ends.get((change.connection_id, change.resource))
        if end is None or end.upstream is None:
            raise BadRecord("Nothing of this kind can be written here.")
        write = self._write(change, end)
        self._refuse(change, end, write)
        if was != "pending" and (landed := settled.look(end, write, trusting=was != "forgotten")) is not None:
            return landed
        with self.work() as session:
            stopped = leaving.overtaken(session, change) or leaving.kept(session, change)
        if stopped:
            raise stopped
        self.definitions.check(change)
        looked, fresh = self.around.look(end, write), leaving.fresh(change, end, write)
        if looked or fresh.current is not write.current:  # it may be paid, locked or closed since our copy was read
            self._refuse(change, end, fresh)
        return _landed(end, fresh, end.service.writing.send(end.upstream, fresh))

    def _write(self, change: Change, end: End) -> Write:
        with self.work() as session:
            current = settled.copy_of(session, end, change)
            since = outbound.perhaps_made_since(session, change.created_at)
        return Write(
            change.op, change.resource, change.wanted, change.external_id, current, end.custom, change.idempotency_key,
            change.options.get(ORIGIN, ""), since, change.options.get(TOLD, ()), bool(change.options.get("closed")),
        )  # fmt: skip

    def _refuse(self, change: Change, end: End, write: Write) -> None:
        with self.work() as session:
            if said := guards.refusal(session, end, write):
                guards.note(session, end, write, said, change)
        if said:
            raise guards.Refused(said)


def _landed(end: End, write: Write, written: Written) -> Landed:
    if not written.external_id and write.op != "delete":
        raise BadAnswer(f"{end.service.label} did not say what it made of this.")
    return Landed(written.external_id, written.record, written.call_key)
