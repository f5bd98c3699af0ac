"""The outbox as people and programs meet it: write one thing now, send what waits, try again, or let it be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ... import clock, services
from ...errors import Conflict, NotFound, Parked, RateLimited, TryLater
from ...models import Change, Connection, db
from ...models.change import ERASED, WAITING_STATES
from ...services.base import Upstream
from ...storage import records
from ...sync.carrying.ends import End
from ...sync.carrying.outbox import want
from ...sync.carrying.verdict import Intent
from ...sync.sending import settled
from ...sync.sending.agreement import told
from ...sync.sending.ending import Sent
from ...sync.sending.push import Sender
from .. import audit, outbound
from ..accounts import connections
from ..accounts.accounts import calling
from ..mapping import crossings

STOOD_BACK = (
    "Another write of this record is on its way, or its connection was paused this moment. Nothing was saved; try "
    "again in a minute."
)

KEPT = "What was to be written is kept, and is sent by itself when the time has come."
EMPTIED = "It named somebody who was erased, and its values went with them."


def send_now(
    connection: Connection, resource: str, op: str, external_id: str | None, wanted: Mapping[str, Any], *, by: str,
    cause: str, options: Mapping[str, Any] | None = None,
) -> Change:  # fmt: skip
    """Write one object while the caller waits; the change, done.

    Through the same outbox and sender as every other write: it is kept before it leaves, guarded, and logged.
    options: {"closed": True} lets a closed matter be written.
    Raises what the upstream said (BadRecord with its field, Stale, NeedsPerson ...), guards.Refused for what is never
    written, RateLimited or Parked where it is kept and sent by itself later, TryLater when its answer was lost (the
    change then stays in the outbox and is looked up before anything is sent again), Conflict when another write of the
    same record is on its way, OutboundPaused since a restore.
    """
    outbound.refuse_while_held()
    _refuse_again(connection, resource, external_id, wanted)
    with calling(connection) as account:
        end = crossings.end(connection, resource, upstream=account.upstream)
        row = records.find(db.session(), connection.id, resource, external_id) if external_id else None
        if external_id is not None and row is None:
            raise NotFound(f"There is no such record of {connection.name}.")
        target = end.seen(row) if row else None
        intent = Intent(
            values=dict(wanted), before={name: told(target.plain, name) for name in wanted} if target else {}
        )
        number = want(
            db.session(), end, op, intent=intent, target=target, cause=cause, asked_by=by,
            closed=bool(options and options.get("closed")),
        )  # fmt: skip
        db.session.commit()
        try:
            failure = Sender({connection.id: [end]}, _work, account.recorder.flush).send(number)
        except (RateLimited, Parked) as error:
            error.args = (f"{error} {KEPT}",)
            raise
        if failure is not None:
            raise failure
    return _sent(number)


def _refuse_again(connection: Connection, resource: str, external_id: str | None, wanted: Mapping[str, Any]) -> None:
    """Raise Parked where this very change was kept before and still has a while to wait: one is enough."""
    kept = select(Change).where(
        Change.connection_id == connection.id, Change.resource == resource, Change.external_id == external_id,
        Change.link_id.is_(None), Change.state == "pending", Change.retry_at > clock.now(),
    )  # fmt: skip
    same = next((one for one in db.session.scalars(kept) if external_id and one.wanted == wanted), None)
    if same is not None and same.retry_at is not None:
        raise Parked(f"{same.message} {KEPT}", until=same.retry_at)


def _sent(number: int) -> Change:
    """The change, if it was sent. One that had to stand back is taken out again: whoever waits is not told it is done.

    Raises Conflict, or TryLater where another process took it up at the same moment.
    """
    mine = (Change.id == number, Change.state == "pending")
    db.session.rollback()
    stood: Any = db.session.execute(update(Change).where(*mine).values(state="dropped", message=STOOD_BACK))
    db.session.commit()
    if stood.rowcount:
        raise Conflict(STOOD_BACK)
    change = find(number)
    if change.state != "done":
        raise TryLater(f"{change.message or 'It is on its way.'} Look again in a minute whether it arrived.")
    return change


@contextmanager
def _work() -> Iterator[Session]:
    """A transaction of its own, committed at its end."""
    db.session.rollback()
    with Session(db.engine, expire_on_commit=False) as session, session.begin():
        yield session


def find(number: int) -> Change:
    """The change of that number. Raises NotFound."""
    if change := db.session.get(Change, number):
        return change
    raise NotFound("There is no such write.")


def waiting(limit: int = 200) -> list[Change]:
    """What waits to be sent or looked up, oldest first."""
    query = select(Change).where(Change.state.in_(WAITING_STATES)).order_by(Change.id).limit(limit)
    return list(db.session.scalars(query))


def push(connection: Connection) -> Sent:
    """Send what waits for one connection and belongs to no mapping, here and now.

    Raises what ends it: Parked, NeedsPerson; OutboundPaused since a restore. What was sent until then stays sent.
    """
    outbound.refuse_while_held()
    opened = connections.open_account(connection)
    ends = ends_of(connection, opened.upstream)
    db.session.rollback()
    return Sender({connection.id: ends}, _work, opened.recorder.flush).send_all(mapping_id=None)


def ends_of(connection: Connection, upstream: Upstream) -> list[End]:
    """Every resource of a connection that can be written."""
    kinds = services.by_key(connection.service).writing.writable
    return [crossings.end(connection, kind, upstream=upstream) for kind in kinds]


def retry(change: Change, *, by: str) -> Change:
    """Send a refused write again, as it was.

    Raises Conflict when it is not waiting for a person, has no values any more, or another write of its pair is on its
    way.
    """
    as_it_is(change)
    refuse_emptied(change)
    if change.state != "dead":
        raise Conflict("Only a write that was refused can be tried again.")
    refuse_beside_another(change)
    change.put_back()
    audit.add("write retried", f"change {change.id}", actor=by)
    db.session.commit()
    return change


def as_it_is(change: Change) -> None:
    """Look again, and keep others from it until the end of the transaction: a click that comes twice, or a worker, may
    have been quicker, and what was sent meanwhile must not wait to be sent once more (W2).
    """
    db.session.refresh(change, with_for_update=True)


def refuse_emptied(change: Change) -> None:
    """Raise Conflict for a write whose values went with a person who was erased."""
    if change.options.get(ERASED):
        raise Conflict((change.state == "dead" and change.message) or EMPTIED)


def refuse_beside_another(change: Change) -> None:
    """Raise Conflict while another write of the same pair waits or is on its way: one goes at a time, each way."""
    other = select(Change.id).where(
        Change.link_id == change.link_id, Change.connection_id == change.connection_id, Change.id != change.id,
        Change.state.in_(WAITING_STATES),
    )  # fmt: skip
    if change.link_id is not None and (number := db.session.scalar(other.limit(1))):
        raise Conflict(f"Write {number} of the same pair waits to be sent. Look again when it has arrived.")


def drop(change: Change, *, by: str) -> Change:
    """Let a write be that was not sent, or was refused. What it was to make or delete is not wanted again by the next
    run, before its record changes.

    Raises Conflict while it is on its way, or done.
    """
    as_it_is(change)
    if change.state not in ("pending", "retry", "dead"):
        raise Conflict("This write is on its way or done; it cannot be dropped.")
    change.state, change.message = "dropped", f"Dropped by {by}."
    settled.dead(db.session(), change, f"{by} dropped the write of it.")
    audit.add("write dropped", f"change {change.id}", actor=by)
    db.session.commit()
    return change
