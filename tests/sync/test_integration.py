"""One run from beginning to end: what stops a resource, what stops the run, and what each leaves behind."""

import pytest
from sqlalchemy import func, select

from integration_console.models import Checkpoint, ErrorLog, Issue, Record, SeenPage, db
from integration_console.sync.outcome import receipt
from tests.operations.conftest import connect, point_at, sync


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    point_at(monkeypatch, fresh_upstreams)
    return fresh_upstreams


def states(run) -> dict[str, str]:
    return {part.resource: part.state for part in run.parts}


def asked_for(sandbox, path: str) -> int:
    return sum(seen.path.removesuffix(".json").endswith(path) for seen in sandbox.clio.requests)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status": 403, "body": {"error": {"type": "Forbidden", "message": "no"}}}, "permission"),
        ({"status": 404, "body": {"error": {"message": "no such list"}}}, "missing"),
        ({"status": 422, "body": {"error": {"message": "bad fields"}}}, "value"),
        ({"status": 200, "body": "<html>"}, "upstream"),
    ],
    ids=["403", "404", "422", "a web page"],
)
@pytest.mark.one_database
def test_what_is_wrong_with_one_list_stops_only_that_list_and_is_filed_once(session, sandbox, answer, kind):
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/matters*", {**answer, "times": 99})

    run = sync(connection, kind="full", only=["users", "matters", "tasks"])

    assert run.state == "done_with_problems"
    assert states(run) == {"users": "done", "matters": "failed", "tasks": "done"}
    assert "matters" in run.message
    errors = list(db.session.scalars(select(ErrorLog)))
    assert [(e.kind, e.resource, e.run_id) for e in errors] == [(kind, "matters", run.id)]
    sync(connection, kind="full", only=["matters"])
    issue = db.session.scalar(select(Issue))
    assert (db.session.scalar(select(func.count(Issue.id))), issue.count, issue.state) == (1, 2, "open")


def test_a_person_is_needed_for_the_account_and_nothing_more_is_tried(session, sandbox):
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/matters*", {"status": 401, "times": 99})

    run = sync(connection, kind="full", only=["users", "matters", "tasks", "contacts"])

    assert (run.state, run.failure_kind) == ("needs_person", "connection")
    tried = [name for name, state in states(run).items() if state == "done"]
    assert asked_for(sandbox, "/matters") == 2  # once more with a renewed token
    assert "contacts" not in tried or list(states(run)).index("contacts") < list(states(run)).index("matters")


@pytest.mark.one_database
def test_a_service_that_falls_silent_half_way_is_left_alone_and_what_was_read_counts(session, sandbox):
    """P9: two lists in a row without an answer, and the rest is not tried."""
    connection = connect(sandbox, "clio")
    for name in ("practice_areas", "groups", "currencies"):
        sandbox.clio.script(f"/{name}", {"status": 503, "times": 999})

    run = sync(connection, kind="full", only=["users", "practice_areas", "groups", "currencies"])

    found = list(states(run).values())
    assert (found.count("done"), found.count("failed")) == (1, 3)
    assert [part.message for part in run.parts if part.message and part.message.startswith("Not tried")]
    assert run.state == "done_with_problems"
    assert [request.status for request in sandbox.clio.requests].count(503) == 2 * 5


def test_after_a_brake_the_list_is_read_anew(session, sandbox):
    """P7: what a person releases is what is gone then, not what was gone before."""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["tasks"])
    gone = sorted(sandbox.clio.shelves["tasks"].numbers())[:50]
    kept = {number: sandbox.clio.record("tasks", number) for number in gone}
    for number in gone:
        sandbox.clio.delete("tasks", number)
    braked = sync(connection, kind="full", only=["tasks"])
    assert (braked.state, braked.parts[0].deleted) == ("needs_person", 0)
    point = db.session.scalar(select(Checkpoint).filter_by(resource="tasks"))
    assert point.cursor is None
    assert db.session.scalar(select(func.count(SeenPage.id))) == 0
    for number in gone[:20]:
        sandbox.clio.put("tasks", kept[number])  # somebody brought them back

    released = sync(connection, kind="full", only=["tasks"], release_brake=True)

    assert receipt(released)["resources"]["tasks"]["deleted"] == 30
    live = select(func.count()).where(Record.resource == "tasks", Record.deleted_at.is_(None))
    assert db.session.scalar(live) == sandbox.clio.ledger()["tasks"]


def test_named_records_are_read_by_themselves_and_move_no_mark(session, sandbox):
    connection = connect(sandbox, "clio")
    sandbox.clio.delete("contacts", 9)

    run = sync(connection, records=["contacts:3", "contacts:9", "matters:5"])

    assert (run.kind, run.state) == ("record", "done_with_problems")
    assert db.session.scalar(select(func.count(Record.id))) == 2
    assert db.session.scalar(select(func.count()).where(Checkpoint.last_read_at.is_not(None))) == 0
    assert "no contacts with the id 9" in " ".join(filter(None, (part.message for part in run.parts)))

    sandbox.clio.delete("contacts", 3)
    sync(connection, records=["contacts:3"])
    assert db.session.scalar(select(Record.deleted_at).filter_by(external_id="3")) is not None


@pytest.mark.parametrize("answer", [{"status": 403, "body": {"error": {"message": "no"}}}, {"body": "<html>"}])
@pytest.mark.one_database
def test_of_named_records_one_that_may_not_be_read_keeps_none_behind_it_from_being_read(session, sandbox, answer):
    """A limitation date that was moved is asked for in this way, once, and many of them together."""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/matters/5", {"status": 200, "times": 99, **answer})

    run = sync(connection, records=["matters:5", "matters:6", "matters:7"])

    assert (run.state, run.parts[0].new) == ("failed", 2)
    assert sorted(db.session.scalars(select(Record.external_id))) == ["6", "7"]
    assert db.session.scalar(select(func.count(ErrorLog.id))) == 1

    sandbox.clio.script("/matters/*", {"status": 403, "body": {"error": {"message": "no"}}, "times": 99})
    before = len(sandbox.clio.requests)
    sync(connection, records=[f"matters:{number}" for number in range(8, 40)])
    assert len(sandbox.clio.requests) - before < 10  # it is no longer this or that record's fault
