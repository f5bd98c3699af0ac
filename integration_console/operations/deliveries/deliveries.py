"""What becomes of a delivery: its records are read again, many in one run, fairly by connection; what fails is tried
again and in the end set aside for a person (H4, H5).

The row is the truth. A delivery is handed to a run in the transaction that makes the run, and is done only when that
run's row says so; whoever dies in between leaves both where another finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer

from ... import clock
from ...errors import Conflict, ConsoleError, NeedsPerson, NotFound, UpstreamError
from ...models import Connection, DataMapping, Delivery, Record, RunPart, SyncRun, WebhookSubscription, db, reading
from ...models.run import LIVE_STATES
from ...storage import deliveries as kept
from .. import audit, several
from ..accounts import accounts, subscriptions
from ..runs import pushes
from . import gaps
from .bundles import Bundle, bundled

log = structlog.get_logger(__name__)

LOOKED_AT = 2_000  # deliveries of one connection considered at once
TRIES = 5  # then it is set aside (H5)
AGAIN_AFTER_S = (60, 300, 900, 3600)
IN_A_WHILE = timedelta(minutes=5)
A_MOMENT = timedelta(seconds=5)
CALL_S = 10  # others' deliveries wait meanwhile
NO_OWNER = "It does not say what the record is listed under. The next read of the list finds it."


def copies_of(delivery: Delivery) -> dict[tuple[str, str], int]:
    """Our copies of the records a delivery names: the resource and the id there -> the number."""
    resources, ids = ({one[at] for one in delivery.records} for at in (0, 1))
    query = select(Record.resource, Record.external_id, Record.id).where(
        Record.connection_id == delivery.connection_id, Record.resource.in_(resources), Record.external_id.in_(ids)
    )
    return {(row.resource, row.external_id): row.id for row in db.session.execute(query)}


# -- asking -----------------------------------------------------------------------------------------------------------


def dispatch() -> int:
    """Settle what runs have read, and ask for a run of every connection with deliveries due; how many were asked for.

    Any number of processes may do this at once: a connection's records are read by one run at a time.
    """
    now = clock.now()
    due = select(Delivery.connection_id).where(Delivery.state == "waiting", Delivery.next_try_at <= now).distinct()
    with reading():  # most of the time there is nothing, and nobody who writes has to wait for that
        being_read = list(db.session.scalars(select(Delivery.run_id).where(Delivery.state == "reading").distinct()))
        ended = [number for number in being_read if not _is_live(number)]
        waiting = list(db.session.scalars(due))
        db.session.rollback()
    for run_id in ended:
        _settle(run_id)
    return sum(_ask_safely(number) for number in waiting)


def _is_live(run_id: int | None) -> bool:
    query = select(SyncRun.id).where(SyncRun.id == run_id, SyncRun.state.in_(LIVE_STATES))
    return db.session.scalar(query) is not None


def _ask_safely(connection_id: int) -> bool:
    try:
        return _ask(connection_id)
    except IntegrityError:  # somebody asked for a run in the same moment
        db.session.rollback()
    except ConsoleError as error:
        db.session.rollback()
        log.info("Deliveries wait", connection=connection_id, why=str(error))
    return False


def _ask(connection_id: int) -> bool:
    """One run for as many of a connection's deliveries as it may take."""
    connection = db.session.get_one(Connection, connection_id)
    if connection.status == "removed":  # it arrived while that was done
        subscriptions.drop_deliveries(connection_id)
        db.session.commit()
        return False
    now = clock.now()
    is_due = connection.next_due_at is not None and connection.next_due_at <= now  # its own read comes first
    if connection.status != "connected" or is_due:
        db.session.rollback()
        return False
    busy = set(db.session.scalars(select(RunPart.resource).where(RunPart.connection_id == connection_id, RunPart.live)))
    rows = db.session.execute(
        select(Delivery.id, Delivery.records, Delivery.tries, Delivery.kind)
        .where(Delivery.connection_id == connection_id, Delivery.state == "waiting", Delivery.next_try_at <= now)
        .order_by(Delivery.id)
        .limit(LOOKED_AT)
    ).all()
    bundle = bundled(connection, rows, busy)
    if bundle.homeless:
        _end(bundle.homeless, NO_OWNER)
    if bundle.checks:
        _end(bundle.checks, "The account was tried.")
    run = _order(connection, bundle) if bundle.ids else None
    db.session.commit()
    if bundle.checks:
        _try_account(connection_id)
    if bundle.missed:
        _read_whole(connection_id, bundle.missed)
    return run is not None


def _order(connection: Connection, bundle: Bundle) -> SyncRun:
    """A run and the deliveries it is to settle, in one transaction."""
    run = SyncRun(
        connection_id=connection.id, kind="webhook", state="queued", cause="webhook", queued_at=clock.now(),
        options={"records": bundle.records, "owners": bundle.owners},
        parts=[RunPart(connection_id=connection.id, resource=resource) for resource in bundle.records],
    )  # fmt: skip
    db.session.add(run)
    db.session.flush()
    db.session.execute(
        update(Delivery)
        .where(Delivery.id.in_(bundle.ids), Delivery.state == "waiting")
        .values(state="reading", run_id=run.id)
    )
    _note_last(connection.id)
    return run


def _note_last(connection_id: int) -> None:
    """When each hook brought something last, for the page. Not while a delivery is answered: that row would be hot."""
    last = (
        select(func.max(Delivery.received_at))
        .where(Delivery.connection_id == connection_id, Delivery.state == "reading",
               Delivery.subscription_id == WebhookSubscription.id)
        .scalar_subquery()
    )  # fmt: skip
    mine = WebhookSubscription.connection_id == connection_id
    db.session.execute(
        update(WebhookSubscription).where(mine)
        .values(last_delivery_at=func.coalesce(last, WebhookSubscription.last_delivery_at))
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def _read_whole(connection_id: int, ids: list[int]) -> None:
    """Have one run make up for all events that these say were held back; later, where another is in its way."""
    settled = update(Delivery).where(Delivery.id.in_(ids), Delivery.state == "waiting")
    try:
        run = gaps.read_whole(db.session.get_one(Connection, connection_id), f"{len(ids)} times events were held back.")
        db.session.execute(settled.values(state="reading", run_id=run.id))
    except ConsoleError as error:
        db.session.rollback()
        log.info("What was held back waits", connection=connection_id, why=str(error))
        db.session.execute(settled.values(next_try_at=clock.now() + IN_A_WHILE))
    db.session.commit()


def _try_account(connection_id: int) -> None:
    """The service says that our access is gone: one call tells, and a person is told if it is so."""
    connection = db.session.get_one(Connection, connection_id)
    try:
        with accounts.calling(connection, within_s=CALL_S) as opened:
            opened.service.account(opened.upstream)
    except (NeedsPerson, UpstreamError, Conflict) as error:
        db.session.rollback()
        log.info("An account was tried after a delivery", connection=connection_id, said=str(error))


# -- settling ---------------------------------------------------------------------------------------------------------


def _settle(run_id: int | None) -> None:
    """Close the deliveries of a run that has ended, or is no longer there."""
    run = db.session.get(SyncRun, run_id) if run_id else None
    parts = {part.resource: part for part in run.parts} if run else {}
    for row in db.session.scalars(select(Delivery).where(Delivery.state == "reading", Delivery.run_id == run_id)):
        mine = [parts[one[0]] for one in row.records if one[0] in parts] if row.records else list(parts.values())
        if run is None or run.state in ("interrupted", "needs_person"):  # nobody's failure: they just wait
            row.state, row.run_id, row.next_try_at = "waiting", None, clock.now() + A_MOMENT
        elif mine and all(part.state == "done" for part in mine):
            row.state, row.outcome, row.done_at = "done", _read_words(mine), clock.now()
        else:
            _fail(row, next((part.message for part in mine if part.message), None) or run.message)
    changed = {name for name, part in parts.items() if part.new + part.changed + part.deleted}
    connection_id = run.connection_id if run else 0
    db.session.commit()
    _carry_on(connection_id, changed)


def _read_words(parts: Sequence[RunPart]) -> str:
    counts = {
        "new": sum(part.new for part in parts), "changed": sum(part.changed for part in parts),
        "gone": sum(part.deleted for part in parts), "refused": sum(part.refused for part in parts),
        "the same as before": sum(part.same for part in parts),
    }  # fmt: skip
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"Read again. Of the run's records: {told or 'nothing to keep'}."


def _fail(row: Delivery, why: str | None) -> None:
    row.tries, row.outcome = row.tries + 1, why or "Its records could not be read."
    if row.tries >= TRIES:
        row.state, row.done_at = "dead", clock.now()
        return
    wait = timedelta(seconds=AGAIN_AFTER_S[min(row.tries, len(AGAIN_AFTER_S)) - 1])
    row.state, row.run_id, row.next_try_at = "waiting", None, clock.now() + wait


def _end(ids: list[int], outcome: str) -> None:
    ending = {"state": "done", "outcome": outcome, "done_at": clock.now()}
    db.session.execute(update(Delivery).where(Delivery.id.in_(ids), Delivery.state == "waiting").values(**ending))


def _carry_on(connection_id: int, changed: set[str]) -> None:
    """What was read goes on to the other side at once, as after any read."""
    if not changed:
        return
    left = (DataMapping.left_connection_id == connection_id) & DataMapping.left_resource.in_(changed)
    right = (DataMapping.right_connection_id == connection_id) & DataMapping.right_resource.in_(changed)
    for number in list(db.session.scalars(select(DataMapping.id).where(DataMapping.state == "active", left | right))):
        pushes.carry_on(db.session.get_one(DataMapping, number))
    db.session.rollback()


# -- people -----------------------------------------------------------------------------------------------------------


def find(delivery_id: int) -> Delivery:
    """The delivery of that number. Raises NotFound."""
    if (found := db.session.get(Delivery, delivery_id)) is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return found


def by_number(numbers: Iterable[int]) -> list[Delivery]:
    """The deliveries of these numbers, without their bodies."""
    query = select(Delivery).where(Delivery.id.in_(list(numbers))).options(defer(Delivery.body))
    return list(db.session.scalars(query))


def count(wanted: kept.Wanted, most: int = several.MOST_COUNTED, *, above: int | None = None) -> int:
    """How many deliveries there are of these, with `above` only those of a higher number; to one more than `most`."""
    numbers = kept.numbers(db.session(), wanted)
    return several.count(numbers if above is None else numbers.where(Delivery.id > above), most)


def found_dead(wanted: kept.Wanted) -> several.Found:
    """Those of these deliveries that were set aside, the newest first."""
    return several.found(kept.dead(db.session(), wanted))


def replay(delivery: Delivery, *, by: str) -> None:
    """Read its records again, as if it had just come.

    Raises Conflict when it names none, or is not dealt with yet.
    """
    if delivery.state in ("waiting", "reading"):
        raise Conflict("This delivery is not dealt with yet: its records are read in a moment.")
    if not delivery.records:
        raise Conflict("This delivery names no record that is read here.")
    delivery.state, delivery.tries, delivery.next_try_at = "waiting", 0, clock.now()
    delivery.run_id, delivery.done_at, delivery.outcome = None, None, None
    audit.add("delivery replayed", str(delivery.id), actor=by, event=delivery.kind)
    db.session.commit()


def replay_dead(*, by: str) -> int:
    """The same for everything that was set aside; how many."""
    again = {"state": "waiting", "tries": 0, "next_try_at": clock.now()}
    again |= dict.fromkeys(("run_id", "done_at", "outcome"))
    done: int = db.session.execute(update(Delivery).where(Delivery.state == "dead").values(**again)).rowcount  # type: ignore[attr-defined]
    audit.add("deliveries replayed", f"{done} set aside", actor=by)
    db.session.commit()
    return done


def latest_at(connection_id: int) -> datetime | None:
    """When something came for a connection last."""
    mine = select(Delivery.received_at).where(Delivery.connection_id == connection_id)
    return db.session.scalar(mine.order_by(Delivery.id.desc()).limit(1))


def counts(connection_id: int | None = None) -> dict[str, int]:
    """How many there are in each state that asks for attention or patience."""
    query = select(Delivery.state, func.count()).where(Delivery.state.in_(("waiting", "reading", "dead")))
    if connection_id is not None:
        query = query.where(Delivery.connection_id == connection_id)
    return {row[0]: row[1] for row in db.session.execute(query.group_by(Delivery.state))}
