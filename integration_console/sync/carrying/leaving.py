"""Whether a write may leave now, and still as it was wanted: not twice at once, not over what was edited since, and not
for a pair that is another by now.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Exists, exists, or_, select, update
from sqlalchemy.orm import Session

from ... import clock
from ...errors import ConsoleError, Stale, TryLater
from ...models import Change, Conflict, Connection, DataMapping, LegalHold, Record, RecordLink
from ...models.change import LOST
from ...services.writing import Write
from ...storage import outbound
from ...storage.records import ERASED
from .ends import End
from .same import same

CALL_ENDS_S = 90  # no call lasts longer: what another process is sending is not touched before
_MADE_BY_NOW = {
    "linked": "It has its other half by now, so no second one is made.",
    "paused": "It has its other half by now, so no second one is made.",
    "ambiguous": "A person is asked which record is its other half, so none is made.",
}


class Overtaken(ConsoleError):
    """There is nothing left to write: what it was wanted for is settled otherwise.

    again: its pair, or the record without one, is to be looked at anew.
    """

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class Kept(TryLater):
    """A legal hold keeps the record: it is deleted when the hold is lifted, and asked for once a day."""

    wait_s = 24 * 3600


def may_leave(session: Session, change: Change) -> bool:
    """Whether it may be sent or looked up now: not while another process has it, or its connection or mapping is paused
    (W9). Raises where nothing at all is sent since a restore (W10).
    """
    if not _is_free(change):
        return False
    if session.scalar(select(Connection.status).where(Connection.id == change.connection_id)) != "connected":
        return False
    if change.mapping_id is not None and not _is_on(session, change.mapping_id):
        return False
    outbound.must_flow(session)
    return True


def may_be_made(link_id: Any) -> Exists:
    """Whether a create of this pair that may be there, whole or begun, waits for a person."""
    lost = Change.options[LOST].as_boolean()
    return exists().where(Change.link_id == link_id, Change.op == "create", Change.state == "dead", lost)


def overtaken(session: Session, change: Change) -> Overtaken | None:
    """Why a mapping's write is not to be sent any more: what became of its pair since it was wanted; None when it is.

    Where its record is another by now, it is looked at again.
    """
    if _is_of_erased(session, change):
        return Overtaken("It is of somebody who was erased here.")
    if why := _paired_otherwise(session, change):
        return Overtaken(why)
    if why := _of_another_version(session, change) or _outdated(session, change):
        look_again(session, change.link_id)
        decide_again(session, Change.link_id == change.link_id, Change.run_id == change.run_id)  # a flip writes both
        return Overtaken(why, again=True)
    return None


def kept(session: Session, change: Change) -> Kept | None:
    """Why a deletion waits: what an account under a legal hold has is not removed, least of all there (X15)."""
    if change.op != "delete":
        return None
    theirs = or_(LegalHold.connection_id.is_(None), LegalHold.connection_id == change.connection_id)
    why = session.scalar(select(LegalHold.reason).where(LegalHold.lifted_at.is_(None), theirs).limit(1))
    if why is None:
        return None
    return Kept(
        f"A legal hold keeps this data: {why}. It is deleted within a day after the hold is lifted.", code="not sent"
    )


def _is_of_erased(session: Session, change: Change) -> bool:
    """Whether it was wanted by somebody who had looked at a record before its person was erased (X15)."""
    link = session.get(RecordLink, change.link_id) if change.link_id else None
    whose = {change.record_id, *((link.left_record_id, link.right_record_id) if link else ())}
    erased = select(Record.id).where(Record.id.in_(whose), Record.content_hash == ERASED)
    return session.scalar(erased.limit(1)) is not None


def _paired_otherwise(session: Session, change: Change) -> str:
    if change.mapping_id is None:
        return ""  # a person's own write, or one that takes another back
    link = session.get(RecordLink, change.link_id) if change.link_id else None
    state = link.state if link is not None else "gone"
    if change.op == "create" and state not in ("waiting", "aside"):
        return _MADE_BY_NOW.get(state, "Its pair is none any more, so it is not made.")
    return "The pair was cut." if state == "cut" else ""


def _of_another_version(session: Session, change: Change) -> str:
    """Why a write that waited is not sent as another version of its mapping wanted it: a line, a direction or the
    deletions may have been taken out since. A run sends what it wanted itself, and a person's own values are theirs.
    """
    own = change.mapping_id is None or change.run_id == change.sent_run_id or change.edits_id is not None
    if own or (change.op == "create" and change.options.get(LOST)):  # only this very write finds what may be there
        return ""
    active = session.scalar(select(DataMapping.active_version).where(DataMapping.id == change.mapping_id))
    return "" if change.version == active else f"Version {active} of its mapping is on by now, and is asked anew."


def _outdated(session: Session, change: Change) -> str:
    """Why what a create or a deletion was wanted for is no longer so, by our copy of the record at the other side. It
    may have waited for days: a bill was voided meanwhile, or what was deleted is there again.
    """
    link = session.get(RecordLink, change.link_id) if change.link_id and change.mapping_id else None
    if link is None or change.op == "update":
        return ""
    target = change.connection_id, change.resource, change.external_id
    for record, compared in ((link.left_record, link.left_hash), (link.right_record, link.right_hash)):
        if record is None or (record.connection_id, record.resource, record.external_id) == target:
            continue
        if change.op == "delete":
            return "" if record.deleted_at else "Its other half is there again, so it is not deleted."
        if change.options.get(LOST):
            return ""  # it may be there by now, and only this very write finds it
        if record.deleted_at:
            return "The record it was to be made of was deleted."
        if compared not in (None, record.content_hash) and change.edits_id is None:
            return "The record it is made of changed since."
    return ""


def look_again(session: Session, link_id: int | None) -> None:
    """Have a pair, or a record without one, looked at anew by the next look."""
    again = update(RecordLink).where(RecordLink.id == link_id)
    session.execute(again.values(left_hash=None, right_hash=None, updated_at=clock.now()))


def decide_again(session: Session, *dropped: Any) -> None:
    """What people decided, and what these writes were to carry, is still to be carried: they were dropped."""
    tied = Conflict.change_id.in_(select(Change.id).where(*dropped)), Conflict.settled_by.is_not(None)
    session.execute(update(Conflict).where(*tied).values(change_id=None))


def fresh(change: Change, end: End, write: Write) -> Write:
    """Refuse to write over a value that is not the one it was wanted for, or to delete what is another by now (W5).

    Where the upstream checks versions itself, our copy is looked at: it may have been read anew while the write
    waited, and the write goes out with that version. Elsewhere the record is.
    """
    if change.op == "create":
        return write
    record = write.current
    if change.resource not in end.service.writing.conditional:
        assert end.upstream is not None
        record = end.service.read_one(end.upstream, end.resource, str(change.external_id))
    if record is None:
        return write
    plain = end.plain(str(change.external_id), record)
    names = change.before if change.op == "delete" else change.wanted
    moved = [name for name in names if not same(plain.get(name), change.before.get(name))]
    if moved:
        raise Stale(f"{end.called(moved)} changed at {end.service.label} since it was read.")
    return replace(write, current=record)


def _is_on(session: Session, mapping_id: int) -> bool:
    """Whether a mapping is switched on: one that is paused in the middle of its run sends nothing more."""
    return session.scalar(select(DataMapping.state).where(DataMapping.id == mapping_id)) == "active"


def _is_free(change: Change) -> bool:
    """Whether it may be sent or looked up now; one that another process is sending is left to it."""
    if change.state == "sending":
        return change.sent_at is not None and change.sent_at <= clock.now() - timedelta(seconds=CALL_ENDS_S)
    return change.state in ("pending", "retry", "uncertain")
