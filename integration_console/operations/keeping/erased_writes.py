"""What becomes of writes of others that name an erased person: none is sent without its values, none is lost unseen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ... import clock
from ...models import Change, Connection, RecordLink
from ...models.change import ERASED, LOST, WAITING_STATES
from ...storage import errors

ARRIVES_WITHIN = timedelta(minutes=10)  # what was sent longer ago is not looked up every few seconds any more
LONGEST_WAIT = timedelta(days=1)  # for an answer: a service that stays away holds up no erasure for good
WHY = "It named somebody who was erased, and its values went with them. "
EMPTY: dict[str, Any] = {
    "wanted": {}, "before": {}, "after": {}, "sources": {}, "options": {ERASED: True}, "message": "erased",
}  # fmt: skip
COMPARED = WHY + "Its pair is compared again."
NOT_SENT = WHY + "It was not sent: do it anew where it is still wanted, and drop this."
PERHAPS = WHY + "Nobody knows whether it arrived: look at the service whether it is there, then drop this."


def is_on_its_way(session: Session, ids: list[int], asked_at: datetime) -> bool:
    """Whether one of these writes left a moment ago, and what became of it is still found out by itself.

    asked_at: when the erasure was asked for. Those that wait stay where they are until the transaction's end.
    """
    now = clock.now()
    waited_for = ("sending", "uncertain") if asked_at > now - LONGEST_WAIT else ("sending",)
    waiting = Change.id.in_(ids), Change.state.in_(WAITING_STATES)
    found = session.execute(select(Change.state, Change.sent_at).where(*waiting).with_for_update()).all()
    return any(state in waited_for and sent_at and sent_at > now - ARRIVES_WITHIN for state, sent_at in found)


def perhaps_made(session: Session, of_them: Any) -> list[Change]:
    """Those of these writes that may have made something which nobody has found yet."""
    lost = or_(Change.state.in_(("sending", "uncertain")), Change.options[LOST].as_boolean())
    unknown = Change.op == "create", Change.state.in_((*WAITING_STATES, "dead")), lost
    return list(session.scalars(select(Change).where(of_them, *unknown)))


def tell(session: Session, lost: list[Change]) -> None:
    """Ask a person to look for what these emptied writes may have made of somebody who was erased."""
    for change in lost:
        session.refresh(change)
        change.options = {ERASED: True, LOST: True}
        _ask(session, change, PERHAPS)
    session.flush()


def empty(session: Session, ids: list[int]) -> None:
    """Take their values, and see to those that had not ended: without values one would be sent as nothing, and be done.

    A mapping's write is dropped and its pair compared again, so the next run wants it anew out of the records. One that
    a person asked for, and a create that may have been made, waits for a person as refused.
    """
    not_ended = Change.state.in_((*WAITING_STATES, "dead"))
    found = list(session.scalars(select(Change).where(Change.id.in_(ids), not_ended)))
    every = update(Change).where(Change.id.in_(ids)).values(**EMPTY)
    session.execute(every.execution_options(synchronize_session=False))
    for change in found:
        _see_to(session, change)
    session.flush()


def _see_to(session: Session, change: Change) -> None:
    is_lost = change.state in ("uncertain", "sending") or change.options.get(LOST)
    if change.op == "create" and is_lost:
        change.options = {ERASED: True, LOST: True}  # which keeps a second one from being made of its pair
        _ask(session, change, PERHAPS)
    elif change.link_id is None or change.mapping_id is None or change.undoes_id is not None:
        _ask(session, change, PERHAPS if is_lost else NOT_SENT)
    else:
        change.state, change.message, change.done_at = "dropped", COMPARED, clock.now()
        again = update(RecordLink).where(RecordLink.id == change.link_id).values(left_hash=None, right_hash=None)
        session.execute(again.execution_options(synchronize_session=False))


def _ask(session: Session, change: Change, said: str) -> None:
    change.state, change.message = "dead", said
    change.issue_id = errors.log_failure(
        session, connection_id=change.connection_id, run_id=None, resource=change.resource, kind="refused",
        service=session.get_one(Connection, change.connection_id).service, message=said, raw="", field=None,
        code="Erased" if said == NOT_SENT else "Erased, may have arrived", now=clock.now(),
        external_id=change.external_id,
    )  # fmt: skip
