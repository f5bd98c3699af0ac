"""What the clock does: ask for runs that are due, and the console's own chores. A new chore is one row in CHORES."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import clock
from ..errors import ConsoleError
from ..models import Connection, Heartbeat, db
from ..storage import leases
from ..storage.outage import away
from .accounts import accounts, sign_ins
from .accounts.slots import next_due
from .api import webhook_messages
from .deliveries import tending
from .finding import search, traces
from .health import tally
from .holds import bring_back as bring_holds_back
from .holds import process_name
from .keeping import backup_clock, erasures, put_back, retention, upkeep
from .mapping import flows, practice_area_rules
from .matters import limitation_tasks, vanished
from .matters.limitations import work_out_all
from .notices import notifications
from .runs import pushes, reconcile, runs, wakers
from .support import issues

log = structlog.get_logger(__name__)

TOGETHER = 100  # connections whose runs are asked for in one transaction
TOLD_EVERY_S = 3.0  # in a long round, that we are there: it may take longer than a silent worker counts as alive
CALL_S = 10.0  # a chore's call to a service that does not answer: all other chores wait for it
READ_BY_ITSELF = frozenset({"record", "webhook"})  # kinds of runs that read single records
CANNOT = (ConsoleError, ValueError, LookupError)  # raised by one connection's own state, which must not stop others


@dataclass(frozen=True)
class Chore:
    """Something the clock does by itself, on one machine at a time."""

    name: str
    every_s: Callable[[], float]
    do: Callable[[], object]


def tick(now: datetime | None = None) -> int:
    """Ask for a run of every connection that is due; the number asked for.

    A slot is run once: its run carries the slot's time, which is unique per connection. Slots that passed
    while nobody looked are folded into one run, and said in the log (D3).
    """
    now = now or clock.now()
    due = select(Connection.id).where(Connection.status == "connected", Connection.next_due_at <= now)
    waiting, asked = list(db.session.scalars(due.order_by(Connection.next_due_at))), 0
    for start in range(0, len(waiting), TOGETHER):
        batch = waiting[start : start + TOGETHER]
        try:
            asked += _ask(batch, now)
        except CANNOT:  # one of them: then each for itself
            db.session.rollback()
            asked += sum(_ask_alone(connection_id, now) for connection_id in batch)
    db.session.rollback()
    return asked


def _ask(connection_ids: list[int], now: datetime, but: Container[str] = ()) -> int:
    """Ask for the runs of several connections in one transaction, and set when they are due next."""
    found = db.session.scalars(select(Connection).where(Connection.id.in_(connection_ids)))
    orders = []
    for connection in found:
        slot = connection.next_due_at
        if slot is None or slot > now or connection.status != "connected":
            continue  # another clock was here between our look and now
        following = next_due(connection.frequency, connection.time_zone, slot)
        if following and following <= now - timedelta(minutes=1):
            log.warning("Missed slots are folded into one run", connection=connection.id, since=slot.isoformat())
        connection.next_due_at = next_due(connection.frequency, connection.time_zone, now)
        orders.append((connection, slot))
    return len(runs.request_slots(orders, but))


def _ask_alone(connection_id: int, now: datetime) -> int:
    """A run of one connection. While single records of it are read its slot waits: those runs are short, and the next
    slot may be a day away. What another run reads as a whole is left to that one.
    """
    slot = db.session.get_one(Connection, connection_id).next_due_at
    reading = runs.being_read(connection_id)
    if not READ_BY_ITSELF.isdisjoint(reading.values()):
        db.session.rollback()
        return 0
    try:
        return _ask([connection_id], now, reading)
    except ConsoleError as error:  # the run before is still reading, or nothing is switched on: the slot is spent
        db.session.rollback()
        log.info("A slot was not run by itself", connection=connection_id, slot=str(slot), why=str(error))
        connection = db.session.get_one(Connection, connection_id)
        if connection.next_due_at == slot:
            connection.next_due_at = next_due(connection.frequency, connection.time_zone, now)
        db.session.commit()
    except CANNOT:
        db.session.rollback()
        log.exception("A connection's schedule cannot be read; the others go on", connection=connection_id)
    return 0


def bring_back() -> int:
    """Let what is due too late be due as its schedule says: after a clock that was ahead was put back; how many."""
    now, brought = clock.now(), 0
    far = select(Connection).where(Connection.status == "connected", Connection.next_due_at > now)
    for connection in list(db.session.scalars(far)):
        try:
            following = next_due(connection.frequency, connection.time_zone, now)
        except CANNOT:  # told by the tick when it is due
            continue
        if following and connection.next_due_at and following < connection.next_due_at:
            log.warning("The clock was put back: a read is due earlier", connection=connection.id, due=str(following))
            connection.next_due_at = following
            brought += 1
    db.session.commit()
    return brought


CHORES = (
    Chore("ask for due runs", lambda: current_app.config["SETTINGS"].TICK_SECONDS, tick),
    Chore("bring schedules back", lambda: 900, bring_back),
    Chore(
        "bring leases and waits back",
        lambda: 60,
        lambda: bring_holds_back(db.engine, current_app.config["SETTINGS"].LEASE_SECONDS),
    ),
    Chore("bring waiting work back", lambda: 60, put_back.bring_back),
    Chore("wake forgotten runs", lambda: current_app.config["SETTINGS"].TICK_SECONDS, wakers.wake_forgotten),
    Chore("offer ready mappings", lambda: 60, flows.ensure),
    Chore("carry mappings", lambda: current_app.config["SETTINGS"].TICK_SECONDS, pushes.due),
    Chore("look after webhooks", lambda: current_app.config["SETTINGS"].TICK_SECONDS, tending.tend),
    Chore("find what webhooks tell", lambda: current_app.config["SETTINGS"].TICK_SECONDS, webhook_messages.find),
    Chore("wake snoozed problems", lambda: current_app.config["SETTINGS"].TICK_SECONDS, issues.wake),
    Chore("tell people", lambda: current_app.config["SETTINGS"].TICK_SECONDS, notifications.tell),
    Chore("keep sign-ins alive", lambda: 3600, sign_ins.keep_alive),
    Chore("remove what is past its retention", lambda: 30 if retention.is_left() else 3600, retention.turn),
    Chore("look over the tables", lambda: 3600, upkeep.look_over),
    Chore("follow with the search", lambda: current_app.config["SETTINGS"].TICK_SECONDS, search.follow),
    Chore("follow with the traces of calls", lambda: current_app.config["SETTINGS"].TICK_SECONDS, traces.follow),
    Chore("count the calls of every hour", lambda: 300, tally.follow),
    Chore("erase people", lambda: 30, erasures.work),
    Chore("make and rehearse backups", lambda: current_app.config["SETTINGS"].TICK_SECONDS, backup_clock.due),
    Chore("check what reads of changes missed", lambda: 900, reconcile.due),
    Chore("work out limitation dates", lambda: 900, work_out_all),
    Chore("follow limitation dates that moved", lambda: 60, limitation_tasks.look),
    Chore("tell of limitation dates that are gone", lambda: 900, vanished.tell),
    Chore("bring the practice area rules up to date", lambda: 24 * 3600, practice_area_rules.ensure),
)


def do_chores(last: dict[str, float]) -> None:
    """Do every chore whose time has come, if this process has the clock's lease; note when, and how long it took.

    last: when this process last did each, by clock.monotonic; updated. Never raises: the clock must go on.
    """
    settings = current_app.config["SETTINGS"]
    notes: dict[str, dict] = {}
    try:
        leads, told_at = _lead(settings.TICK_SECONDS), clock.monotonic()
        for chore in CHORES if leads else ():
            if clock.monotonic() - last.get(chore.name, -1e9) >= chore.every_s() * 0.9:
                last[chore.name] = clock.monotonic()
                notes[chore.name] = _do(chore)
            if clock.monotonic() - told_at > TOLD_EVERY_S:
                _beat(notes)
                if not _lead(settings.TICK_SECONDS):
                    break
                told_at = clock.monotonic()
        _beat(notes)
    except away() as error:  # the next tick looks again
        log.warning("The clock could not do its round: the database is away", error=type(error).__name__)
    except Exception:  # a mistake in one round must not end the clock of all connections (D3)
        log.exception("The clock could not do its round")
    finally:
        db.session.remove()


def _lead(tick_s: float) -> bool:
    """Whether this process may act as the clock: one at a time, the next within three ticks of its end."""
    with Session(db.engine) as session, session.begin():
        return leases.take(session, "clock", process_name(), max(tick_s * 3, 5)) is not None


def _do(chore: Chore) -> dict:
    began = clock.monotonic()
    try:
        with accounts.briefly(CALL_S):
            chore.do()
        problem = None
    except Exception as error:  # and one chore's mistake is no other chore's
        db.session.rollback()
        log.exception("A chore failed", chore=chore.name)
        problem = type(error).__name__
    return {"at": clock.now().isoformat(), "took_ms": round((clock.monotonic() - began) * 1000, 1), "problem": problem}


def _beat(notes: dict[str, dict]) -> None:
    """Tell pages and /readyz that this worker is alive and what its clock did."""
    now, me = clock.now(), process_name()
    beat = db.session.get(Heartbeat, me) or Heartbeat(owner=me, started_at=now, chores={})
    beat.seen_at, beat.chores = now, {**beat.chores, **notes}
    db.session.add(beat)
    db.session.commit()
