"""The clock: every slot once, whoever and however many look at it; two weeks asleep are one run (D3)."""

import threading
import traceback
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, text

from integration_console.models import Connection, Heartbeat, Lease, RunPart, SyncRun, db
from integration_console.operations import schedule
from integration_console.operations.accounts import accounts, connections
from integration_console.operations.api import quotas
from integration_console.operations.health import health
from integration_console.operations.keeping import backup_clock
from integration_console.operations.people import throttle
from tests.databases import bare_app

from .conftest import ask, carry_out, connect

pytestmark = [pytest.mark.settings(TICK_SECONDS=10), pytest.mark.usefixtures("few_rules")]


def scheduled(upstreams, frequency: str = "hourly", zone: str = "UTC", key: str = "clockify") -> int:
    """A connection whose first slot has just come."""
    number = connect(upstreams, key)
    connection = connections.find(number)
    connections.set_schedule(connection, frequency, zone, by="Ana")
    db.session.remove()
    return number


def run_ids() -> list[int]:
    found = list(db.session.scalars(select(SyncRun.id).order_by(SyncRun.id)))
    db.session.remove()
    return found


def due_at(connection: int):
    found = db.session.scalar(select(Connection.next_due_at).where(Connection.id == connection))
    db.session.remove()
    return found


def finish_all() -> None:
    """Let every live run be over, without reading anything."""
    db.session.execute(text("UPDATE sync_run SET state = 'done'"))
    db.session.execute(text("UPDATE run_part SET live = false, state = 'done'"))
    db.session.commit()


def test_a_slot_is_run_when_it_comes_and_not_before(session, sandbox, clock):
    connection = scheduled(sandbox)
    assert schedule.tick() == 0
    slot = due_at(connection)

    clock.travel_to(slot + timedelta(seconds=5))

    assert (schedule.tick(), schedule.tick()) == (1, 0)
    run = db.session.scalar(select(SyncRun))
    assert (run.cause, run.due_at, run.kind, run.state) == ("schedule", slot, "incremental", "queued")
    assert due_at(connection) == slot + timedelta(hours=1)


@pytest.mark.parametrize("frequency", ["15min", "hourly", "daily", "weekly", "20 4 * * *"])
@pytest.mark.one_database
def test_a_month_of_slots_makes_as_many_runs(session, sandbox, clock, frequency):
    connection = scheduled(sandbox, frequency, "Europe/Berlin")
    steps = 5 if frequency == "15min" else 4
    for _ in range(steps):
        clock.travel_to(due_at(connection) + timedelta(seconds=1))
        assert schedule.tick() == 1
        finish_all()

    slots = list(db.session.scalars(select(SyncRun.due_at)))
    assert len(set(slots)) == steps


def test_two_weeks_switched_off_are_one_run_and_then_the_usual_pace(session, sandbox, clock):
    """D3: misses are folded and never silent."""
    connection = scheduled(sandbox, "hourly")
    clock.advance(days=14)

    assert schedule.tick() == 1
    assert len(run_ids()) == 1
    assert clock.now() < due_at(connection) <= clock.now() + timedelta(hours=1)
    finish_all()
    assert schedule.tick() == 0


def test_four_clocks_that_look_at_once_ask_for_one_run(session, sandbox, clock, settings):
    """D3"""
    for key in ("clockify", "ghl"):
        scheduled(sandbox, key=key)
    clock.advance(hours=2)
    gate, asked = threading.Barrier(4), []

    def look(app) -> None:
        with app.app_context():
            gate.wait(20)
            asked.append(schedule.tick())
            db.session.remove()
            db.engine.dispose()

    clocks = [threading.Thread(target=look, args=(bare_app(settings),)) for _ in range(4)]
    for each in clocks:
        each.start()
    for each in clocks:
        each.join(60)

    assert len(asked) == 4
    assert len(run_ids()) == 2
    assert db.session.scalar(select(func.count()).where(RunPart.live)) == db.session.scalar(
        select(func.count(RunPart.id))
    )


def test_a_slot_that_finds_the_last_run_still_reading_is_spent(session, sandbox, clock):
    connection = scheduled(sandbox)
    clock.advance(hours=1)
    assert schedule.tick() == 1
    clock.advance(hours=1)

    assert schedule.tick() == 0
    assert len(run_ids()) == 1
    assert due_at(connection) > clock.now()


@pytest.mark.parametrize("asked", [{"records": ["clients:x"]}, {"kind": "full", "only": ["clients"]}])
def test_a_slot_is_not_lost_to_a_run_of_a_part_of_the_connection(session, sandbox, clock, asked):
    """D3: a day's read was dropped where a webhook's record, or a check of one list, was read at that moment."""
    connection = scheduled(sandbox, "daily")
    slot = due_at(connection)
    clock.travel_to(slot - timedelta(seconds=1))
    ask(connection, **asked)
    db.session.remove()
    clock.travel_to(slot + timedelta(seconds=1))

    if "records" in asked:  # short: the slot waits for it
        assert (schedule.tick(), due_at(connection)) == (0, slot)
        finish_all()

    assert schedule.tick() == 1
    run = db.session.scalar(select(SyncRun).filter_by(due_at=slot))
    read = {part.resource for part in run.parts}
    assert {"projects", "time_entries"} < read
    assert ("clients" in read) == ("records" in asked)
    assert run.in_part == ("clients" not in read)  # so that it proves nothing of what it left to the other
    assert due_at(connection) == slot + timedelta(days=1)


def test_a_clock_that_was_ahead_and_is_put_back_stops_nothing(session, sandbox, clock):
    """A machine that starts with a wrong clock: what was due, held or counted then would wait until that day comes."""
    connection = scheduled(sandbox)
    clock.advance(days=30)
    schedule.do_chores({})
    for _ in range(5):
        quotas.count("connect", "ana")
        throttle.count("account", "ana@example.com")
    db.session.execute(text("UPDATE lease SET owner = 'gone:1'"))  # that process ended with the wrong clock
    db.session.commit()
    finish_all()

    clock.advance(days=-30)
    if db.engine.dialect.name == "postgresql":  # leases go by its own clock
        db.session.execute(text("DELETE FROM lease"))
        db.session.commit()
    schedule.do_chores({})

    assert due_at(connection) <= clock.now() + timedelta(hours=1)
    quotas.count("connect", "ana")
    throttle.count("account", "ana@example.com")


def test_what_is_paused_or_manual_is_never_due(session, sandbox, clock):
    paused, manual = scheduled(sandbox), scheduled(sandbox, "manual", key="ghl")
    connections.pause(connections.find(paused), by="Ana")
    db.session.remove()
    clock.advance(days=30)

    assert schedule.tick() == 0
    assert due_at(manual) is None


@pytest.mark.parametrize("trouble", ["everything off", "unknown zone", "unknown service"])
def test_one_connection_that_cannot_be_run_does_not_stop_the_others(session, sandbox, clock, trouble):
    """D3: the loop survives."""
    bad, good = scheduled(sandbox), scheduled(sandbox, key="ghl")
    if trouble == "everything off":
        for resource in (
            "users",
            "clients",
            "projects",
            "tasks",
            "time_entries",
            "tags",
            "custom_fields",
            "workspaces",
        ):
            connections.set_resource(connections.find(bad), resource, False, by="Ana")
    if trouble == "unknown zone":
        db.session.execute(text("UPDATE connection SET time_zone = 'Gone/Zone' WHERE id = :id"), {"id": bad})
    if trouble == "unknown service":
        db.session.execute(text("UPDATE connection SET service = 'gone' WHERE id = :id"), {"id": bad})
    db.session.commit()
    clock.advance(hours=1)

    assert schedule.tick() == 1
    assert list(db.session.scalars(select(SyncRun.connection_id))) == [good]
    assert db.session.scalar(select(func.count(SyncRun.id))) == 1


@pytest.mark.postgresql_at_length
def test_a_scheduled_run_reads(session, sandbox, clock):
    connection = scheduled(sandbox, key="clockify")
    clock.advance(hours=1)
    schedule.tick()

    run = carry_out(db.session.scalar(select(SyncRun)))

    assert run.state == "done"
    assert db.session.get(Connection, connection).last_sync_at is not None


# -- chores -----------------------------------------------------------------------------------------------------------


def test_one_clock_at_a_time_does_the_chores_and_another_takes_over(session, sandbox, clock, monkeypatch):
    """D2, D4"""
    scheduled(sandbox)
    clock.advance(hours=1)
    monkeypatch.setattr(schedule, "process_name", lambda: "a:1")
    schedule.do_chores({})
    assert len(run_ids()) == 1
    finish_all()

    clock.advance(hours=1)
    db.session.execute(text("UPDATE lease SET until = '2026-01-01 00:00:00'"))  # a:1 has been silent for long
    db.session.commit()
    monkeypatch.setattr(schedule, "process_name", lambda: "b:1")
    schedule.do_chores({})
    assert len(run_ids()) == 2
    lease = db.session.scalar(select(Lease).filter_by(name="clock"))
    assert (lease.owner, lease.epoch) == ("b:1", 2)


@pytest.mark.one_database
def test_a_second_clock_only_says_that_it_is_alive(session, sandbox, clock, monkeypatch):
    scheduled(sandbox)
    monkeypatch.setattr(schedule, "process_name", lambda: "a:1")
    schedule.do_chores({})
    db.session.execute(text("UPDATE connection SET next_due_at = '2026-01-01 00:00:00'"))
    db.session.commit()

    monkeypatch.setattr(schedule, "process_name", lambda: "b:1")
    schedule.do_chores({})

    assert run_ids() == []
    beats = {beat.owner: beat.chores for beat in db.session.scalars(select(Heartbeat))}
    assert set(beats) == {"a:1", "b:1"}
    assert beats["b:1"] == {}
    assert "ask for due runs" in beats["a:1"]


def test_a_chore_that_fails_is_told_and_the_next_is_done(session, sandbox, clock, monkeypatch):
    """D3"""

    def broken() -> None:
        raise RuntimeError("oh")

    done = []
    chores = (schedule.Chore("broken", lambda: 1, broken), schedule.Chore("fine", lambda: 1, lambda: done.append(1)))
    monkeypatch.setattr(schedule, "CHORES", chores)

    schedule.do_chores({})

    beat = db.session.scalar(select(Heartbeat))
    assert (done, beat.chores["broken"]["problem"], beat.chores["fine"]["problem"]) == ([1], "RuntimeError", None)


@pytest.mark.one_database
def test_a_long_round_tells_in_between_that_the_worker_is_there(session, monkeypatch):
    """Else pages, /readyz and a restore take it for gone, and another clock for dead."""
    heard = []
    beats = schedule.Chore("look", lambda: 1, lambda: heard.append(db.session.scalar(select(Heartbeat.chores))))
    monkeypatch.setattr(schedule, "CHORES", (schedule.Chore("long", lambda: 1, lambda: None), beats))
    monkeypatch.setattr(schedule, "TOLD_EVERY_S", -1.0)

    schedule.do_chores({})

    assert [list(chores) for chores in heard] == [["long"]]


@pytest.mark.one_database
def test_no_chore_waits_long_for_a_service_that_does_not_answer(session, sandbox, monkeypatch):
    """A rule that sets limitation dates writes in the clock's thread, too."""
    number = connect(sandbox, "clio")
    db.session.remove()
    sandbox.clio.script("*", {"delay_s": 2, "times": 100, "through": True})

    def ask() -> None:
        with accounts.calling(connections.find(number)) as opened:
            opened.service.account(opened.upstream)

    monkeypatch.setattr(schedule, "CHORES", (schedule.Chore("ask", lambda: 1, ask),))
    monkeypatch.setattr(schedule, "CALL_S", 0.3)

    schedule.do_chores({})

    told = db.session.scalar(select(Heartbeat.chores))["ask"]
    assert (told["problem"], told["took_ms"] < 1500) == ("TryLater", True)


@pytest.mark.one_database
def test_the_clock_goes_on_when_the_database_is_away(session, sandbox, monkeypatch):
    """D3"""
    db.session.execute(text("ALTER TABLE lease RENAME TO away"))
    db.session.commit()
    schedule.do_chores({})
    db.session.execute(text("ALTER TABLE away RENAME TO lease"))
    db.session.commit()

    schedule.do_chores({})

    assert db.session.scalar(select(func.count(Heartbeat.owner))) == 1


@pytest.mark.one_database
def test_readiness_knows_of_a_clock_that_beats(session, sandbox):
    schedule.do_chores({})

    assert [part.fine for part in health.parts() if part.name == "worker"] == [True]


@pytest.mark.settings(BACKUP_EVERY_HOURS=24)
@pytest.mark.one_database
def test_no_chore_wants_a_second_connection_while_it_holds_the_turn_to_write(app, session, sandbox):
    """D5: where every other connection waits for that turn, both would wait for half a minute."""
    connect(sandbox, "clio")
    held, second, ours = [], [], threading.get_ident()

    def taken(_driver, record, _fairy):
        if threading.get_ident() != ours:  # a backup is made by a thread of its own
            return
        if any(one.info.get("writer's turn") for one in held):
            second.append("".join(traceback.format_stack(limit=12)))
        held.append(record)

    def given_back(_driver, record):
        held[:] = [one for one in held if one is not record]

    event.listen(db.engine.pool, "checkout", taken)
    event.listen(db.engine.pool, "checkin", given_back)
    for chore in schedule.CHORES:
        chore.do()
        db.session.remove()
        backup_clock.settle()
        assert second == [], chore.name
