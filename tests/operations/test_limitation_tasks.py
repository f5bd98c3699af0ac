"""A limitation date that was moved in its task reaches the matter, though the matter may not count as changed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from integration_console.models import Record, SyncRun, db
from integration_console.operations.matters import limitation_tasks

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
