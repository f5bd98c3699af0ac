"""A limitation date that was moved in its task reaches the matter, though the matter may not count as changed."""

import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import event, select, text, update

from integration_console import clock
from integration_console.models import Connection, Record, RunPart, SyncRun, db
from integration_console.operations.matters import limitation_tasks
from integration_console.operations.support import run_log

from .conftest import ask, carry_out, connect, sync

BOTH = ["matters", "tasks"]


@pytest.fixture
def clio(session, sandbox):
    """An account whose matters and tasks were read whole, and looked at."""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=BOTH)
    limitation_tasks.look()
    return connection


def dated() -> list[tuple[str, int]]:
    """Matters that show a limitation date, and its task: their ids at Clio."""
    found = [
        (record.external_id, record.data["statute_of_limitations"]["id"])
        for record in db.session.scalars(select(Record).filter_by(resource="matters", deleted_at=None))
        if record.data["statute_of_limitations"]
    ]
    db.session.rollback()
    return found


def shown(matter: str) -> dict | None:
    record = db.session.scalars(select(Record).filter_by(resource="matters", external_id=matter)).one()
    data = record.data["statute_of_limitations"]
    db.session.rollback()
    return data


def waiting() -> SyncRun | None:
    return db.session.scalar(select(SyncRun).filter_by(state="queued"))


@pytest.mark.parametrize("change", [{"due_at": "2031-05-06"}, {"status": "complete"}])
def test_what_was_done_to_the_task_alone_is_read_again_of_its_matter(clio, sandbox, change):
    (matter, task), *_ = dated()
    sandbox.clio.put("tasks", {"id": task, **change})
    sync(clio, only=BOTH)

    assert limitation_tasks.look() == 1

    run = carry_out(waiting())
    assert (run.state, run.cause, run.options["records"]) == ("done", "date", {"matters": [matter]})
    assert {**shown(matter), **change} == shown(matter)
    assert "limitation date" in next(run_log.lines(run.id, "txt", least="detail", contents=False))
    assert limitation_tasks.look() == 0
    assert waiting() is None


@pytest.mark.one_database
def test_where_matters_and_tasks_agree_nothing_is_asked_for(clio, sandbox):
    sandbox.clio.put("tasks", {"id": dated()[0][1], "description": "Call the court"})
    sync(clio, kind="full", only=BOTH)

    assert limitation_tasks.look() == 0
    assert waiting() is None


@pytest.mark.one_database
def test_a_date_that_is_no_limitation_date_any_more_goes_from_the_matter(clio, sandbox):
    (matter, task), (other, gone), *_ = dated()
    sandbox.clio.put("tasks", {"id": task, "statute_of_limitations": False})
    sandbox.clio.delete("tasks", gone)
    sync(clio, kind="full", only=["tasks"])

    assert limitation_tasks.look() == 2
    assert sorted(waiting().options["records"]["matters"]) == sorted([matter, other])


def test_a_run_in_the_way_puts_the_question_off(clio, sandbox):
    (_, task), *_ = dated()
    sandbox.clio.put("tasks", {"id": task, "due_at": "2031-05-06"})
    sync(clio, only=["tasks"])
    in_the_way = ask(clio, only=["matters"], kind="full")
    assert limitation_tasks.look() == 0
    in_the_way.state = "interrupted"
    for part in in_the_way.parts:
        part.live = False
    db.session.commit()

    assert limitation_tasks.look() == 1


@pytest.mark.one_database
def test_what_never_agrees_is_not_asked_for_each_minute(clio, sandbox, monkeypatch):
    monkeypatch.setattr(limitation_tasks, "LATE", timedelta(0))
    sandbox.clio.put("tasks", {"id": dated()[0][1], "due_at": "2031-05-06"})
    sync(clio, only=["tasks"])

    assert limitation_tasks.look() == 1
    db.session.delete(waiting())
    db.session.commit()
    assert limitation_tasks.look() == 0


@pytest.mark.one_database
def test_an_account_that_is_paused_does_not_have_another_asked_each_minute(clio, sandbox, monkeypatch):
    """Its own question waits until it is switched on again."""
    monkeypatch.setattr(limitation_tasks, "LATE", timedelta(0))
    paused = beside(clio)
    sandbox.clio.put("tasks", {"id": dated()[0][1], "due_at": "2031-05-06"})
    sync(clio, only=["tasks"])

    assert limitation_tasks.look() == 1
    db.session.delete(waiting())
    db.session.commit()
    assert limitation_tasks.look() == 0
    db.session.get_one(Connection, paused).status = "connected"
    db.session.commit()
    assert limitation_tasks.look() == 1
    assert waiting().connection_id == paused


@pytest.mark.one_database
def test_more_than_one_look_asks_for_are_asked_for_by_the_next(clio, sandbox, monkeypatch):
    monkeypatch.setattr(limitation_tasks, "MOST", 2)
    monkeypatch.setattr(limitation_tasks, "LATE", timedelta(0))
    wanted = dated()[:3]
    for _, task in wanted:
        sandbox.clio.put("tasks", {"id": task, "due_at": "2031-05-06"})
        sync(clio, only=["tasks"])
    asked = []
    for _ in range(3):
        if limitation_tasks.look():
            asked += waiting().options["records"]["matters"]
            db.session.delete(waiting())
            db.session.commit()

    assert set(asked) == {matter for matter, _ in wanted}
    assert limitation_tasks.look() == 0


@pytest.mark.one_database
def test_a_look_walks_what_was_written_lately_and_keeps_no_writer_waiting(clio, sandbox):
    """It is taken every minute, beside a million records."""
    plans = []
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    writer = sqlite3.connect(db.engine.url.database, timeout=0, isolation_level=None)

    @event.listens_for(db.engine, "before_cursor_execute")
    def explain(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("SELECT record."):
            writer.execute("BEGIN IMMEDIATE")  # refused while somebody else holds the lock
            writer.execute("ROLLBACK")
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(" ".join(row[3] for row in cursor.fetchall()))

    try:
        limitation_tasks.look()
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)
        writer.close()
    assert "ix_record_written_at_id (written_at" in plans[0], plans


@pytest.mark.one_database
def test_nothing_is_walked_where_no_read_changed_a_task(clio, sandbox, monkeypatch):
    monkeypatch.setattr(limitation_tasks, "LATE", timedelta(0))
    limitation_tasks.look()
    sync(clio, kind="full", only=BOTH)
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))

    assert limitation_tasks.look() == 0
    assert not [one for one in asked if one.startswith("SELECT record.")]


@pytest.mark.one_database
def test_the_first_look_begins_with_the_first_read_of_tasks(session, sandbox):
    """Not with the account: a million contacts may have come before."""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["contacts"])
    whole = sync(connection, kind="full", only=BOTH)
    begun = whole.started_at
    asked = []
    event.listen(db.engine, "before_cursor_execute", lambda *said: asked.append(said[2:4]))

    limitation_tasks.look()

    walked = next(values for said, values in asked if said.startswith("SELECT record."))
    assert (begun - limitation_tasks.LATE).strftime("%Y-%m-%d %H:%M:%S") in str(walked)


def test_a_run_that_ends_while_runs_are_asked_for_is_met(clio, sandbox):
    """Under way it was found by one question, and ended by the other: it was found by neither."""
    long_ago()
    sandbox.clio.put("tasks", {"id": dated()[0][1], "due_at": "2031-05-06"})
    run = sync(clio, only=["tasks"])
    ended = [
        text("UPDATE run_part SET live = false WHERE run_id = :run").bindparams(run=run.id),
        update(SyncRun).where(SyncRun.id == run.id).values(state="done", ended_at=clock.now()),
    ]
    run.state, run.ended_at, run.parts[0].live = "running", None, True
    db.session.commit()

    @event.listens_for(db.engine, "after_cursor_execute")
    def end(connection, cursor, statement, parameters, context, executemany):
        if ended and "min(sync_run.started_at)" in statement:
            both, ended[:] = ended[:], []
            with db.engine.begin() as worker:
                for one in both:
                    worker.execute(one)

    try:
        assert limitation_tasks.look() == 1
    finally:
        event.remove(db.engine, "after_cursor_execute", end)
    assert not ended


@pytest.mark.one_database
def test_a_run_that_a_machine_began_whose_clock_is_ahead_is_met(clio, sandbox):
    long_ago()
    sandbox.clio.put("tasks", {"id": dated()[0][1], "due_at": "2031-05-06"})
    run = sync(clio, only=["tasks"])
    run.started_at = clock.now() + timedelta(minutes=1)
    db.session.commit()

    assert limitation_tasks.look() == 1


def long_ago() -> None:
    """What was read until now was read yesterday."""
    day = timedelta(days=1)
    for run in db.session.scalars(select(SyncRun)):
        run.started_at, run.ended_at = run.started_at - day, run.ended_at - day
    db.session.commit()


def beside(clio: int) -> int:
    """Another account, paused, with a matter that says otherwise than its task."""
    (matter, task), *_ = dated()
    first = db.session.get_one(Connection, clio)
    other = Connection(
        **{column.name: getattr(first, column.name) for column in Connection.__table__.columns if column.name != "id"}
        | {"key": "other", "account_id": "other", "status": "paused"}
    )
    db.session.add(other)
    db.session.flush()
    for resource, number in (("matters", matter), ("tasks", str(task))):
        one = db.session.scalars(
            select(Record).filter_by(connection_id=clio, resource=resource, external_id=number)
        ).one()
        values = {c.name: getattr(one, c.name) for c in Record.__table__.columns if c.name != "id"}
        values |= {"connection_id": other.id, "written_at": clock.now()}
        if resource == "tasks":
            values["data"] = {**one.data, "due_at": "2032-01-01"}
        db.session.add(Record(**values))
    run = SyncRun(
        connection_id=other.id, kind="full", state="done", cause="schedule", queued_at=clock.now(),
        started_at=clock.now() - timedelta(minutes=1), ended_at=clock.now(),
        parts=[RunPart(connection_id=other.id, resource="tasks", live=False, state="done", new=1)],
    )  # fmt: skip
    db.session.add(run)
    db.session.commit()
    return other.id
