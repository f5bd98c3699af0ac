"""What came of each write, written down with its reason and counted: done, refused, compared again or tried later."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Dictionary
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from ... import clock
from ...errors import BadAnswer, BadRecord, ConsoleError, Missing, NotAllowed, Stale, TryLater
from ...models import Change
from ...storage import errors
from ..carrying import leaving
from ..carrying.ends import End
from . import settled
from .settled import Landed

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


class Ending:
    """Ends one write after the other. work and flush: as the Sender has them."""

    def __init__(
        self, ends: Dictionary[tuple[int, str], End], work: Callable[[], AbstractContextManager[Session]],
        flush: Callable[[Session], object], run_id: int | None, sent: Sent,
    ) -> None:  # fmt: skip
        self.ends, self.work, self.flush, self.run_id, self.sent = ends, work, flush, run_id, sent

    def done(self, change: Change, landed: Landed) -> None:
        """It is there."""
        end = self.ends[change.connection_id, change.resource]
        with self.work() as session:
            lost = settled.done(session, end, change, landed, run_id=self.run_id)
            self.flush(session)
        self.sent.done += 1
        self.sent.unkept += bool(lost)
        self.sent.messages += [lost] if lost else []
        self.sent.created += change.op == "create"
        self.sent.deleted += change.op == "delete"

    def failed(self, change: Change, was: str, error: Exception) -> None:
        """Write down why it did not go through, and whether that is the end of it."""
        if isinstance(error, leaving.Overtaken):
            self.keep(change, "dropped", error, retry_at=None)
            self.sent.stale += error.again
        elif isinstance(error, Stale):
            self._stale(change, error)
        elif isinstance(error, Missing) and change.op == "delete":
            self.done(change, Landed(str(change.external_id), None, ""))
        elif isinstance(error, (BadRecord, Missing, NotAllowed)):
            self.dead(change, error, is_begun=was != "pending")
        elif isinstance(error, TryLater) and error.code == "not sent":
            self._later(change, was, error)
        elif isinstance(error, (TryLater, BadAnswer)):  # it may have arrived all the same
            self.keep(change, "uncertain", error, retry_at=clock.now() + timedelta(seconds=LOOK_AFTER_S))
            self.sent.waiting += 1
        else:
            self.dead(change, error)

    def _later(self, change: Change, was: str, error: TryLater) -> None:
        pause = getattr(error, "wait_s", 0) or RETRY_AFTER_S[min(change.tries, len(RETRY_AFTER_S)) - 1]
        retry_at = clock.now() + timedelta(seconds=pause)
        self.keep(change, "retry" if was == "pending" else "uncertain", error, retry_at=retry_at)
        self.sent.waiting += 1
        self.sent.held += [str(error)] if isinstance(error, leaving.Kept) else []

    def _stale(self, change: Change, error: Stale) -> None:
        """It changed upstream meanwhile: drop this write and have the pair read and compared again (W4)."""
        end = self.ends[change.connection_id, change.resource]
        if change.link_id is None:  # whoever asked looks again, and what they want then is another change
            return self.keep(change, "dropped", error, retry_at=None)
        if change.tries >= STALE_TRIES:
            return self.dead(change, error)
        record = None
        if end.upstream is not None and change.external_id:
            record = end.service.read_one(end.upstream, end.resource, change.external_id)
        with self.work() as session:
            settled.compare_again(session, end, change, record, run_id=self.run_id, error=error)
            self.flush(session)
        self.sent.stale += 1

    def dead(self, change: Change, error: Exception, *, is_begun: bool = False) -> None:
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

    def keep(self, change: Change, state: str, error: Exception, *, retry_at: datetime | None) -> None:
        """It stands in this state, for this reason."""
        with self.work() as session:
            facts = {"message": str(error), "call_key": settled.call_of(change, error), "retry_at": retry_at}
            self._update(session, change, state=state, **facts)
            self.flush(session)

    @staticmethod
    def _update(session: Session, change: Change, **values: Any) -> None:
        session.execute(update(Change).where(Change.id == change.id).values(**values))
