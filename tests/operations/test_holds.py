"""A run is one process's at a time; a silent one loses it, and writes nothing more (D2)."""

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import current_app
from sqlalchemy import event, func, insert, select, text
from structlog.testing import capture_logs

from integration_console import clock as house_clock
from integration_console.errors import Cancelled, LeaseLost
from integration_console.models import Connection, RunPart, SyncRun, db
from integration_console.operations import holds, schedule
from integration_console.operations.accounts import connections
from integration_console.operations.heart import Heart
from integration_console.operations.runs import runs

from ..cli.conftest import wait_for
from .conftest import ask, connect


@pytest.fixture
def queued(session, sandbox):
    """queued(n) asks for n runs of one account, a resource each."""

    def make(count: int = 1) -> list[int]:
        connection = connect(sandbox, "clio")
        names = list(runs.services.by_key("clio").resources)[:count]
        numbers = [ask(connection, only=[name]).id for name in names]
        db.session.remove()
        return numbers

    return make


def claim(owner: str = "a:1", lease_s: float = 30, **options) -> list[holds.Hold]:
    return holds.claim(db.engine, owner=owner, lease_s=lease_s, **options)


def test_looking_for_work_passes_over_the_runs_that_ended(queued):
    """Every worker looks each second, on SQLite with the writer's lock: it must not read years of runs."""
    (number,) = queued()
    first, asked = db.session.get_one(SyncRun, number), []
    old = {"connection_id": first.connection_id, "kind": "full", "cause": "schedule", "queued_at": first.queued_at}
    db.session.execute(insert(SyncRun), [{**old, "state": "done", "options": {}} for _ in range(3000)])
    db.session.commit()
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2:4]))

    assert [hold.run_id for hold in claim()] == [number]

    statement, values = next(one for one in asked if one[0].startswith("SELECT"))
    how = "EXPLAIN QUERY PLAN " if db.engine.dialect.name == "sqlite" else "EXPLAIN "
    plan = "\n".join(str(row) for row in db.session.connection().exec_driver_sql(how + statement, values))
    assert "ix_sync_run_live" in plan, plan


def test_no_run_is_given_twice_however_many_ask_at_once(queued):
    """D2, D3"""
    numbers = queued(16)
    gate, engine = threading.Barrier(8), db.engine

    def take(worker: int) -> list[int]:
        mine: list[int] = []
        gate.wait(20)
        while got := holds.claim(engine, owner=f"w:{worker}", lease_s=30, most=3):
            mine += [hold.run_id for hold in got]
        return mine

    with ThreadPoolExecutor(8) as pool:
        taken = Counter(number for mine in pool.map(take, range(8)) for number in mine)

    assert set(taken.values()) == {1}
    # A worker that met only locked rows went away empty-handed; the rows it passed over are free for the next look.
    rest = [hold.run_id for hold in claim(most=16)]
    assert sorted([*taken, *rest]) == numbers
    assert set(db.session.scalars(select(SyncRun.epoch))) == {1}


def test_the_oldest_are_taken_first_and_no_more_than_asked_for(queued):
    numbers = queued(4)

    assert [hold.run_id for hold in claim(most=3)] == numbers[:3]


def test_a_silent_owner_loses_its_run_and_the_epoch_rises(queued):
    """D2"""
    queued()
    (old,) = claim("a:1", lease_s=-1)
    (new,) = claim("b:1")

    assert (old.epoch, new.epoch) == (1, 2)
    with pytest.raises(LeaseLost), old.work():
        pytest.fail("nothing may be written under a lost lease")
    with new.work() as session:
        assert session.get_one(SyncRun, new.run_id).lease_owner == "b:1"


@pytest.mark.usefixtures("few_rules")
def test_a_run_left_by_a_clock_that_was_ahead_is_free_when_a_lease_of_now_ends(queued, clock):
    """D2: else its account is not read before that day comes."""
    queued()
    clock.advance(days=30)
    (left,) = claim("gone:1")
    if db.engine.dialect.name == "postgresql":  # its own clock was the wrong one
        db.session.execute(text("UPDATE sync_run SET lease_until = lease_until + interval '30 days'"))
        db.session.commit()
    clock.advance(days=-30)

    schedule.do_chores({})

    assert claim("b:1") == []  # its owner may be alive and renew it
    clock.advance(31)
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("UPDATE sync_run SET lease_until = lease_until - interval '31 s'"))
        db.session.commit()
    assert [hold.run_id for hold in claim("b:1")] == [left.run_id]
    with pytest.raises(LeaseLost), left.work():
        pytest.fail("nothing may be written under a lost lease")


def test_a_run_that_waits_until_a_day_no_wait_can_reach_is_free(queued, clock):
    """The same clock told a run to wait; a service may ask for a week."""
    near, far = queued(2)
    for number, days in ((near, 6), (far, 30)):
        run = db.session.get_one(SyncRun, number)
        run.state, run.retry_at = "waiting", house_clock.now() + timedelta(days=days)
    db.session.commit()

    schedule.do_chores({})

    assert [hold.run_id for hold in claim()] == [far]


def test_nobody_takes_a_run_whose_owner_beats(queued):
    """D2: heartbeats keep a lease also while nothing is written."""
    queued()
    heart = Heart(4)  # beats every 1.3 s, so that a machine busy for two seconds changes nothing
    (hold,) = claim("a:1", lease_s=4)
    with heart.keeping(hold):
        end = time.monotonic() + 6
        while time.monotonic() < end:
            assert claim("b:1") == []
            time.sleep(0.2)
    heart.stop()
    end, taken = time.monotonic() + 20, []
    while not taken and time.monotonic() < end:
        taken = claim("b:1")
        time.sleep(0.2)

    assert [each.epoch for each in taken] == [2]


def test_a_heart_tells_a_hand_that_its_run_was_cancelled_or_taken(queued):
    numbers = queued(2)
    heart = Heart(0.3)
    cancelled, lost = claim("a:1", most=2)
    with heart.keeping(cancelled), heart.keeping(lost):
        runs.cancel(runs.find(numbers[0]), by="Ana")
        db.session.remove()
        holds.expire(db.engine, numbers[1], "a:1")
        claim("b:1", run_id=numbers[1])
        wait_for(lambda: cancelled.should_stop() and lost.should_stop(), "both to be told")
    heart.stop()

    assert (cancelled.cancelled, lost.lost) in ((True, True), (True, False))
    assert cancelled.should_stop()
    with pytest.raises(Cancelled), cancelled.work():
        pytest.fail("a cancelled run writes no further page")
    with pytest.raises(LeaseLost), lost.work():
        pytest.fail("a lost run writes no further page")


def test_a_beat_after_the_end_raises_no_alarm_and_one_after_a_loss_does(queued):
    queued(2)
    ended, lost = claim("a:1", most=2)
    runs.execute(ended)
    holds.expire(db.engine, lost.run_id, "a:1")
    claim("b:1", run_id=lost.run_id)

    with capture_logs() as logs:
        Heart._beat(ended)
        Heart._beat(lost)

    assert [(line["event"], line["run"]) for line in logs] == [("A run was taken over by another process", lost.run_id)]


def test_a_run_waits_for_its_time_and_for_its_connection(queued):
    (number,) = queued()
    db.session.execute(text("UPDATE sync_run SET state = 'waiting', retry_at = '2999-01-01 00:00:00'"))
    db.session.commit()
    assert claim() == []
    db.session.execute(text("UPDATE sync_run SET retry_at = '2026-01-01 00:00:00'"))
    db.session.execute(text("UPDATE connection SET status = 'needs_reconnect'"))
    db.session.commit()
    assert claim() == []
    db.session.execute(text("UPDATE connection SET status = 'connected'"))
    db.session.commit()

    assert [hold.run_id for hold in claim()] == [number]


def test_what_is_given_back_is_free_at_once_and_its_hand_is_stopped(queued):
    """D4"""
    queued()
    (hold,) = claim("a:1")

    holds.give_back(hold)

    assert hold.should_stop()
    with pytest.raises(LeaseLost), hold.work():
        pytest.fail("it is another's now")
    assert [taken.epoch for taken in claim("b:1")] == [2]
    holds.give_back(hold)  # too late: nothing of the new owner's is touched
    assert db.session.scalar(select(SyncRun.lease_owner)) == "b:1"


def test_giving_back_a_run_that_ended_changes_nothing(queued):
    (number,) = queued()
    (hold,) = claim()
    runs.execute(hold)
    before = runs.find(number).state
    db.session.remove()

    holds.give_back(hold)

    assert runs.find(number).state == before == "done"


def test_cancelling_a_run_that_just_ended_leaves_its_message(queued):
    (number,) = queued()
    (hold,) = claim()
    stale = runs.find(number)
    message = _end_behind(number, hold)

    holds.stop(db.session(), stale, "Cancelled by Ana.")
    db.session.commit()

    run = runs.find(number)
    assert (run.message, run.cancel_requested) == (message, False)


def _end_behind(number: int, hold: holds.Hold) -> str:
    db.session.rollback()
    engine = db.engine
    with engine.begin() as connection:
        connection.execute(text("UPDATE sync_run SET state = 'done', message = 'All is well.'"))
    return "All is well."


def test_a_process_of_this_machine_that_is_gone_is_left_behind():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = socket.gethostname()

    assert holds.left_behind(f"{host}:{gone.pid}")
    assert not holds.left_behind(f"{host}:{os.getpid()}")
    assert not holds.left_behind(f"{host}:1")
    assert not any(
        holds.left_behind(odd) for odd in (None, "", "x", f"elsewhere:{gone.pid}", f"{host}:-5", f"{host}:x")
    )


@pytest.mark.settings(ENCRYPTION_KEYS="cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")
def test_a_run_whose_credentials_cannot_be_opened_ends_at_once_and_says_so(queued, sandbox):
    """D5: and keeps nobody from writing meanwhile."""
    (number,) = queued()
    db.session.execute(text("UPDATE connection SET credentials = 'unreadable'"))
    db.session.commit()
    db.session.remove()
    began = time.monotonic()
    (hold,) = claim()

    runs.execute(hold)

    run = runs.find(number)
    assert (run.state, run.parts[0].live) == ("failed", False)
    assert "encryption keys" in run.message
    assert time.monotonic() - began < 10


def test_a_token_that_cannot_be_renewed_just_now_makes_the_run_wait_and_go_on(session, sandbox, clock):
    """K3: a network error is no refusal."""
    connection = connect(sandbox, "clio")
    run = ask(connection, only=["users"]).id
    db.session.remove()
    clock.advance(days=29)
    sandbox.clio.script("/oauth/token", {"status": 503})
    (hold,) = claim()
    runs.execute(hold)
    assert (runs.find(run).state, runs.find(run).parts[0].state) == ("waiting", "queued")
    db.session.execute(text("UPDATE sync_run SET retry_at = '2026-01-01 00:00:00'"))
    db.session.commit()
    db.session.remove()

    (again,) = claim()
    runs.execute(again)

    assert runs.find(run).state == "done"


def test_a_run_that_is_cancelled_while_it_would_wait_ends(session, sandbox, clock):
    connection = connect(sandbox, "clio")
    number = ask(connection, only=["users"]).id
    db.session.remove()
    sandbox.clio.script("/users", {"status": 429, "headers": {"Retry-After": "3000"}, "delay_s": 1, "times": 9})
    (hold,) = claim()
    db.session.remove()
    app = current_app._get_current_object()
    hand = threading.Thread(target=lambda: _in_context(app, hold))
    hand.start()
    wait_for(lambda: sandbox.clio.unasked() < 9, "the call")
    runs.cancel(runs.find(number), by="Ana")
    db.session.remove()
    hand.join(30)

    run = runs.find(number)
    assert (run.state, run.parts[0].live) == ("interrupted", False)
    assert "Ana" in run.message
    assert db.session.scalar(select(func.count()).where(RunPart.live)) == 0
    assert connections.find(connection).status == "connected"
    assert db.session.scalar(select(func.count(Connection.id))) == 1


def _in_context(app, hold) -> None:
    with app.app_context():
        runs.execute(hold)


@pytest.mark.one_database
def test_a_run_begins_while_another_process_writes(session, sandbox):
    """SQLite has one writer; a service is asked, and its answer read, without waiting for it."""
    number = ask(connect(sandbox, "clio"), kind="full", only=["contacts"]).id
    db.session.remove()
    (hold,) = claim()
    app, other = current_app._get_current_object(), sqlite3.connect(db.engine.url.database, isolation_level=None)

    def carry() -> None:
        with app.app_context():
            runs.execute(hold)

    hand = threading.Thread(target=carry)
    other.execute("BEGIN IMMEDIATE")
    hand.start()
    try:
        wait_for(lambda: any("/contacts" in call.path for call in sandbox.clio.requests), "the first call")
    finally:
        other.execute("ROLLBACK")
        hand.join()

    assert runs.find(number).state == "done"


@pytest.mark.one_database
def test_runs_that_wait_for_their_turn_to_write_hold_no_connection(queued):
    """Each connection has pages and prepared statements of its own: a hundred hands must not need a hundred."""
    queued(5)
    first, *others = claim(most=5)
    ready, counts, pool = threading.Barrier(len(others) + 1), [], db.engine.pool
    event.listen(db.engine, "checkout", lambda *_: counts.append(pool.checkedout()))

    def keep(hold: holds.Hold) -> None:
        ready.wait(timeout=30)
        with hold.work() as session:
            session.execute(text("SELECT 1"))

    hands = [threading.Thread(target=keep, args=(hold,)) for hold in others]
    with first.work():
        for hand in hands:
            hand.start()
        ready.wait(timeout=30)
    for hand in hands:
        hand.join()

    assert len(counts) == 5
    assert set(counts) == {1}
