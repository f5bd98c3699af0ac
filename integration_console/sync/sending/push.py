"""Sends what waits in the outbox, once: one write at a time, each with its guard, its proof and its place in the log.

A write is marked as being sent before it leaves, and done only when its own success answer was understood (W2). What
is found half-way after a crash, and what got no answer, is uncertain: the object is looked up before anything is
repeated (W3).
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Dictionary
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ... import clock
from ...errors import (
    BadAnswer,
    BadRecord,
    Cancelled,
    ConsoleError,
    LeaseLost,
    Missing,
    NeedsPerson,
    NotAllowed,
    Parked,
    RateLimited,
    Stale,
    TryLater,
)
from ...models import Change
from ...models.change import LOST, ORIGIN, TOLD
from ...services.writing import Write, Written
from ...storage import errors, outbound
from ..carrying import leaving
from ..carrying.ends import End
from ..carrying.leaving import CALL_ENDS_S
from . import guards, settled
from .definitions import Definitions
from .settled import Landed

Work = Callable[[], AbstractContextManager[Session]]
STALE_TRIES = 3  # a record that changes under every try waits for a person
RETRY_AFTER_S = (60, 300, 900, 3600)
LOOK_AFTER_S = 15  # searches of what was just made lag behind by some seconds (GHL: "may take a few seconds")
MISTAKE = "The console made a mistake here. Whether it was written is looked up when it is tried again."


@dataclass
class Sent:
    """How many writes came to what."""

    done: int = 0
    created: int = 0
    deleted: int = 0
    dead: int = 0
    waiting: int = 0  # to be tried again, or to be looked up
    held: list[str] = field(default_factory=list)  # those of them that a legal hold keeps, each with its reason
    stale: int = 0  # to be compared again
    unkept: int = 0  # taken by the upstream, and a value of it is not there
    messages: list[str] = field(default_factory=list)


class Sender:
    """Sends the outbox of some connections.

    work: a transaction that holds only while we may write, committed at its end. flush: adds the calls made so far.
    """

    def __init__(
        self, ends: Dictionary[int, list[End]], work: Work, flush: Callable[[Session], object], *,
        run_id: int | None = None,
    ) -> None:  # fmt: skip
        self.ends = {(number, end.resource.key): end for number, found in ends.items() for end in found}
        self.work, self.flush, self.run_id = work, flush, run_id
        self.definitions = Definitions(self.ends, work, run_id)
        self.sent = Sent()

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
        begun = self._begin(number)
        if begun is None:
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
            self._keep(change, "pending" if was == "pending" else "uncertain", error, retry_at=until)
            raise
        except Exception as error:
            self._failed(change, self._stands(change, was, before, error), error)
            return error
        try:
            self._done(change, landed)
        except settled.Taken as error:
            self._dead(change, error)
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
        fresh = leaving.fresh(change, end, write)
        if fresh.current is not write.current:  # it may be paid, locked or closed since our copy was read
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

    # -- what came of it ----------------------------------------------------------------------------------------------

    def _done(self, change: Change, landed: Landed) -> None:
        end = self.ends[change.connection_id, change.resource]
        with self.work() as session:
            lost = settled.done(session, end, change, landed, run_id=self.run_id)
            self.flush(session)
        self.sent.done += 1
        self.sent.unkept += bool(lost)
        self.sent.messages += [lost] if lost else []
        self.sent.created += change.op == "create"
        self.sent.deleted += change.op == "delete"

    def _failed(self, change: Change, was: str, error: Exception) -> None:
        """Write down why it did not go through, and whether that is the end of it."""
        if isinstance(error, leaving.Overtaken):
            self._keep(change, "dropped", error, retry_at=None)
            self.sent.stale += error.again
        elif isinstance(error, Stale):
            self._stale(change, error)
        elif isinstance(error, Missing) and change.op == "delete":
            self._done(change, Landed(str(change.external_id), None, ""))
        elif isinstance(error, (BadRecord, Missing, NotAllowed)):
            self._dead(change, error, is_begun=was != "pending")
        elif isinstance(error, TryLater) and error.code == "not sent":
            self._later(change, was, error)
        elif isinstance(error, (TryLater, BadAnswer)):  # it may have arrived all the same
            self._keep(change, "uncertain", error, retry_at=clock.now() + timedelta(seconds=LOOK_AFTER_S))
            self.sent.waiting += 1
        else:
            self._dead(change, error)

    def _later(self, change: Change, was: str, error: TryLater) -> None:
        pause = getattr(error, "wait_s", 0) or RETRY_AFTER_S[min(change.tries, len(RETRY_AFTER_S)) - 1]
        retry_at = clock.now() + timedelta(seconds=pause)
        self._keep(change, "retry" if was == "pending" else "uncertain", error, retry_at=retry_at)
        self.sent.waiting += 1
        self.sent.held += [str(error)] if isinstance(error, leaving.Kept) else []

    def _stale(self, change: Change, error: Stale) -> None:
        """It changed upstream meanwhile: drop this write and have the pair read and compared again (W4)."""
        end = self.ends[change.connection_id, change.resource]
        if change.link_id is None:  # whoever asked looks again, and what they want then is another change
            return self._keep(change, "dropped", error, retry_at=None)
        if change.tries >= STALE_TRIES:
            return self._dead(change, error)
        record = None
        if end.upstream is not None and change.external_id:
            record = end.service.read_one(end.upstream, end.resource, change.external_id)
        with self.work() as session:
            settled.compare_again(session, end, change, record, run_id=self.run_id, error=error)
            self.flush(session)
        self.sent.stale += 1

    def _dead(self, change: Change, error: Exception, *, is_begun: bool = False) -> None:
        """Refused for good: the pair stays as it is until a side changes or a person tries again. What is begun may be
        there in part, and is looked for then."""
        message = str(error) if isinstance(error, ConsoleError) else MISTAKE
        common = getattr(error, "title", "") or errors.of_all(message, change.wanted)  # nothing of what is in a record
        kind, at_field = getattr(error, "kind", "ours"), getattr(error, "field", None)
        end = self.ends.get((change.connection_id, change.resource))
        with self.work() as session:
            settled.dead(session, change, message)
            issue_id = errors.log_failure(
                session, connection_id=change.connection_id, run_id=self.run_id,
                service=end.service.key if end else "", resource=change.resource,
                kind="refused" if kind == "value" else kind, message=message,
                raw=getattr(error, "raw", "") or repr(error), code=getattr(error, "code", "") or type(error).__name__,
                field=at_field, now=clock.now(), external_id=change.external_id,
                title=common, transaction_key=getattr(error, "call_key", "") or None,
            )  # fmt: skip
            self._update(
                session, change, state="dead", message=message, error_kind=kind, error_field=at_field,
                issue_id=issue_id, **settled.known_since(change, error, is_begun),
            )  # fmt: skip
            self.flush(session)
        self.sent.dead += 1
        self.sent.messages.append(common)

    def _keep(self, change: Change, state: str, error: Exception, *, retry_at: datetime | None) -> None:
        with self.work() as session:
            facts = {"message": str(error), "call_key": settled.call_of(change, error), "retry_at": retry_at}
            self._update(session, change, state=state, **facts)
            self.flush(session)

    @staticmethod
    def _update(session: Session, change: Change, **values: Any) -> None:
        session.execute(update(Change).where(Change.id == change.id).values(**values))


def _landed(end: End, write: Write, written: Written) -> Landed:
    if not written.external_id and write.op != "delete":
        raise BadAnswer(f"{end.service.label} did not say what it made of this.")
    return Landed(written.external_id, written.record, written.call_key)
