"""Whether a write may leave now, and still as it was wanted: not twice at once, not over what was edited since, and not
for a pair that is another by now.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Exists, exists, select
from sqlalchemy.orm import Session

from ... import clock
from ...errors import ConsoleError, Stale
from ...models import Change, Connection, DataMapping, RecordLink
from ...models.change import LOST
from ...services.writing import Write
from ...storage import outbound
from .compare import same
from .ends import End

CALL_ENDS_S = 90  # no call lasts longer: what another process is sending is not touched before
_MADE_BY_NOW = {
    "linked": "It has its other half by now, so no second one is made.",
    "paused": "It has its other half by now, so no second one is made.",
    "ambiguous": "A person is asked which record is its other half, so none is made.",
}


class Overtaken(ConsoleError):
    """There is nothing left to write: what it was wanted for is settled otherwise."""


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


def overtaken(session: Session, change: Change) -> str:
    """Why a mapping's write is not to be sent any more: what became of its pair since it was wanted; "" when it is."""
    if change.mapping_id is None:
        return ""  # a person's own write, or one that takes another back
    link = session.get(RecordLink, change.link_id) if change.link_id else None
    state = link.state if link is not None else "gone"
    if change.op == "create" and state not in ("waiting", "aside"):
        return _MADE_BY_NOW.get(state, "Its pair is none any more, so it is not made.")
    return "The pair was cut." if state == "cut" else ""


def fresh(change: Change, end: End, write: Write) -> Write:
    """Refuse to write over a value that is not the one it was wanted for (W5), or to take back what is another by now.

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
    names = change.before if change.op == "delete" and change.undoes_id else change.wanted
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
