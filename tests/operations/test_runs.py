"""Runs from the asking to the receipt, against the sandbox over real HTTP, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select, update

from integration_console import clock
from integration_console.errors import Conflict, InvalidInput
from integration_console.models import (
    Checkpoint,
    DeadLetter,
    ErrorLog,
    Issue,
    Record,
    RunPart,
    SyncRun,
    Transaction,
    db,
)
from integration_console.operations import holds
from integration_console.operations.accounts import connections
from integration_console.operations.runs import runs
from integration_console.storage import errors
from integration_console.sync.outcome import receipt

from .conftest import ask, carry_out, connect, sync


def stored(connection) -> dict[str, int]:
    rows = db.session.execute(
        select(Record.resource, func.count())
        .where(Record.connection_id == connection, Record.deleted_at.is_(None))
        .group_by(Record.resource)
    )
    return dict(rows.all())


def ids(upstream, resource: str) -> list[int]:
    return list(upstream.shelves[resource].numbers())


def lists(upstream, path: str) -> list:
    return [r for r in upstream.requests if r.path.removesuffix(".json").endswith(path)]


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize("key", ["clio", "ghl", "clockify"])
def test_the_whole_account_is_read_and_every_count_is_the_upstreams_own(session, sandbox, key):
    connection = connect(sandbox, key)

    run = sync(connection, kind="full")

    told = receipt(run)
    assert run.state in ("done", "done_with_problems"), (run.message, told)
    truth = {name: count for name, count in sandbox.upstreams[key].ledger().items() if name in told["resources"]}
    assert {name: stored(connection).get(name, 0) for name in truth} == truth
    assert all(line["complete"] for line in told["resources"].values())
    assert set(truth) == set(told["resources"])


def test_a_full_read_costs_exactly_a_call_for_every_200_records(session, sandbox):
    connection = connect(sandbox, "clio")

    run = sync(connection, kind="full", only=["contacts"])

    contacts = sandbox.clio.ledger()["contacts"]
    assert (
        receipt(run)["resources"]["contacts"]["calls"] == -(-contacts // 200) == len(lists(sandbox.clio, "/contacts"))
    )


def test_nothing_changed_costs_one_call_and_no_write(session, sandbox):
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["matters"])
    written = session.scalar(select(func.max(Record.written_at)))
    before = len(lists(sandbox.clio, "/matters"))

    run = sync(connection, only=["matters"])

    line = receipt(run)["resources"]["matters"]
    assert (line["new"], line["changed"], line["deleted"]) == (0, 0, 0)
    assert len(lists(sandbox.clio, "/matters")) - before == 1
    assert db.session.scalar(select(func.max(Record.written_at))) == written


def test_an_increment_brings_what_changed_and_nothing_else(session, sandbox):
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["matters"])
    first = sorted(ids(sandbox.clio, "matters"))[0]
    sandbox.clio.put("matters", {"id": first, "description": "Changed since"})

    run = sync(connection, only=["matters"])

    assert receipt(run)["resources"]["matters"]["changed"] == 1
    kept = db.session.scalar(
        select(Record).filter_by(connection_id=connection, resource="matters", external_id=str(first))
    )
    assert kept.data["description"] == "Changed since"


def test_a_deletion_is_found_by_a_full_read_only(session, sandbox):
    """P7"""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["tasks"])
    gone = sorted(ids(sandbox.clio, "tasks"))[3]
    sandbox.clio.delete("tasks", gone)

    assert receipt(sync(connection, only=["tasks"]))["resources"]["tasks"]["deleted"] == 0
    assert receipt(sync(connection, kind="full", only=["tasks"]))["resources"]["tasks"]["deleted"] == 1
    kept = db.session.scalar(
        select(Record).filter_by(connection_id=connection, resource="tasks", external_id=str(gone))
    )
    assert kept.deleted_at is not None


def test_too_many_deletions_stop_before_the_first_until_a_person_releases_the_brake(session, sandbox):
    """P7"""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["tasks"])
    for number in sorted(ids(sandbox.clio, "tasks"))[:60]:
        sandbox.clio.delete("tasks", number)

    braked = sync(connection, kind="full", only=["tasks"])
    assert braked.state == "needs_person"
    assert "Nothing was marked deleted" in braked.message
    assert session.scalar(select(func.count()).where(Record.deleted_at.is_not(None))) == 0

    released = sync(connection, kind="full", only=["tasks"], release_brake=True)
    assert receipt(released)["resources"]["tasks"]["deleted"] == 60


@pytest.mark.parametrize("said", [{"records": 0}, {}])
def test_a_list_that_came_back_empty_takes_the_last_record_only_with_a_person(session, sandbox, said):
    """P7: nine matters are below the brake, and their limitation dates would be gone with them."""
    connection = connect(sandbox, "clio")
    for number in sorted(ids(sandbox.clio, "matters"))[9:]:
        sandbox.clio.delete("matters", number)
    sync(connection, kind="full", only=["matters"])
    sandbox.clio.script("/matters", {"body": {"data": [], "meta": {"paging": {}, **said}}})

    braked = sync(connection, kind="full", only=["matters"])

    assert (braked.state, stored(connection)["matters"]) == ("needs_person", 9)
    assert "came back empty although there were 9 before. Nothing was marked deleted" in braked.message
    sandbox.clio.script("/matters", {"body": {"data": [], "meta": {"paging": {}, **said}}})
    released = sync(connection, kind="full", only=["matters"], release_brake=True)
    assert (released.state, receipt(released)["resources"]["matters"]["deleted"]) == ("done", 9)


@pytest.mark.one_database
def test_a_time_of_change_that_has_not_come_yet_hides_no_later_change(session, sandbox):
    """P3: the mark would stand in the year 2099, and every read of changes would say that nothing had changed."""
    connection = connect(sandbox, "clio")
    odd, other = sorted(ids(sandbox.clio, "matters"))[:2]
    sandbox.clio.put("matters", {"id": odd, "description": "Imported"})
    sandbox.clio.shelves["matters"]._stamps[odd] = datetime(2099, 1, 1, tzinfo=UTC).timestamp()
    sync(connection, kind="full", only=["matters"])
    sandbox.clio.put("matters", {"id": other, "description": "Changed since"})
    assert receipt(sync(connection, only=["matters"]))["resources"]["matters"]["changed"] == 1

    point = db.session.scalar(select(Checkpoint).filter_by(connection_id=connection, resource="matters"))
    point.high_water = datetime(2099, 1, 1, tzinfo=UTC)  # as an earlier version of the console left it
    db.session.commit()
    sandbox.clio.put("matters", {"id": other, "description": "And again"})
    line = receipt(sync(connection, only=["matters"]))["resources"]["matters"]
    assert (line["mode"], line["changed"]) == ("full", 1)
    assert receipt(sync(connection, only=["matters"]))["resources"]["matters"]["mode"] == "incremental"


def test_an_outage_and_a_lost_sign_in_are_no_open_problems_once_the_same_list_is_read_again(session, sandbox):
    """They stayed so until a person resolved each, over data that was all there."""

    def open_ones() -> list[tuple[str, str]]:
        db.session.rollback()
        found = db.session.execute(select(Issue.kind, Issue.resource).where(Issue.state == "open"))
        return [tuple(row) for row in found]

    connection = connect(sandbox, "clio")
    sandbox.clio.script("/users*", {"status": 503, "times": 9, "body": {}})
    sync(connection, only=["users"])
    assert open_ones() == [("upstream", "users")]
    sandbox.clio.unscript()
    sync(connection, only=["tasks"])
    assert open_ones() == [("upstream", "users")]
    sync(connection, only=["users"])
    assert open_ones() == []
    assert db.session.scalar(select(Issue.state_by)) == errors.BY_ITSELF

    sandbox.clio.revoke()
    sync(connection, only=["users"])
    assert open_ones() == [("connection", "users")]
    sandbox.clio.open_sign_in()
    connections.reconnect(connections.find(connection), sandbox.clio.token_answer(), by="Ana")
    assert len(open_ones()) == 1
    sync(connection, only=["users"])
    assert open_ones() == []


def test_a_full_read_that_failed_stays_a_problem_until_one_comes_to_its_end(session, sandbox):
    """An increment that goes well says nothing of what was deleted: a green light over records that are gone."""

    def is_open() -> bool:
        db.session.rollback()
        return db.session.scalars(select(Issue.state)).one() == "open"

    connection = connect(sandbox, "clio")
    sync(connection, only=["matters"])
    sandbox.clio.script("/matters*", {"status": 503, "times": 9, "body": {}})
    sync(connection, kind="full", only=["matters"])
    sandbox.clio.unscript()
    assert is_open()

    sync(connection, only=["matters"])
    assert is_open()
    sync(connection, kind="full", only=["matters"])
    assert not is_open()


def test_a_malformed_record_is_a_dead_letter_and_the_page_goes_on(session, sandbox):
    """P5"""
    connection = connect(sandbox, "clio")
    victim = sorted(ids(sandbox.clio, "matters"))[5]
    whole = sandbox.clio.record("matters", victim)
    sandbox.clio.put("matters", {**whole, "open_date": "the day before yesterday"})

    run = sync(connection, kind="full", only=["matters"])

    line = receipt(run)["resources"]["matters"]
    assert (run.state, line["refused"], line["new"]) == ("done_with_problems", 1, sandbox.clio.ledger()["matters"] - 1)
    letter = session.scalar(select(DeadLetter))
    assert (letter.external_id, letter.field) == (str(victim), "open_date")
    failure = session.scalar(select(ErrorLog).filter_by(external_id=str(victim)))
    assert session.scalar(select(Transaction).filter_by(call_key=failure.transaction_key)).resource == "matters"

    sandbox.clio.put("matters", {**whole, "open_date": "2026-02-01"})
    retried = sync(connection, records=[f"matters:{victim}"], cause="retry")
    assert retried.state == "done"
    assert db.session.scalar(select(DeadLetter.resolved_at)) is not None


def test_a_record_that_comes_malformed_later_keeps_its_older_copy(session, sandbox):
    """P5, P7: it was there, so it is not gone."""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["tasks"])
    victim = ids(sandbox.clio, "tasks")[5]
    sandbox.clio.put("tasks", {**sandbox.clio.record("tasks", victim), "due_at": "whenever"})

    line = receipt(sync(connection, kind="full", only=["tasks"]))["resources"]["tasks"]

    assert (line["refused"], line["deleted"]) == (1, 0)


@pytest.mark.postgresql_at_length
def test_a_resource_the_account_may_not_read_stops_only_itself(session, sandbox):
    sandbox.clio.script(
        "/bills", {"status": 403, "body": {"error": {"type": "Forbidden", "message": "no"}}, "times": 9}
    )
    connection = connect(sandbox, "clio")

    run = sync(connection, kind="full")

    failed = [p.resource for p in run.parts if p.state == "failed"]
    assert (run.state, failed) == ("done_with_problems", ["bills"])
    assert stored(connection)["matters"] == sandbox.clio.ledger()["matters"]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 200, "body": "<html>maintenance</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 200, "body": {"data": "oops"}},
        {"status": 200, "body": b'{"data": [{"id": 1}, {"id'},
    ],
    ids=["a web page", "no list", "cut"],
)
def test_a_page_that_cannot_be_used_is_not_used_at_all(session, sandbox, answer):
    """P5"""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/matters", {**answer, "times": 99})

    run = sync(connection, kind="full", only=["matters"])

    assert run.state == "failed"
    assert stored(connection) == {}
    assert session.scalar(select(Checkpoint.high_water)) is None
    assert run.message
    assert "Error" not in run.message


def test_a_read_that_stopped_half_way_goes_on_from_the_last_committed_page(session, sandbox):
    connection = connect(sandbox, "clio")
    pages = -(-sandbox.clio.ledger()["contacts"] // 200)
    sandbox.clio.script("/contacts", {"status": 200, "body": "cut", "times": 99, "after": 3})
    assert sync(connection, kind="full", only=["contacts"]).state == "failed"
    assert stored(connection)["contacts"] == 600
    sandbox.clio.unscript()
    before = len(lists(sandbox.clio, "/contacts"))

    run = sync(connection, kind="full", only=["contacts"])

    assert run.state == "done"
    assert stored(connection)["contacts"] == sandbox.clio.ledger()["contacts"]
    assert len(lists(sandbox.clio, "/contacts")) - before == pages - 3


def test_a_revoked_token_needs_a_person_and_pauses_the_connection(session, sandbox):
    """K3"""
    connection = connect(sandbox, "clio")
    sandbox.clio.revoke()

    run = sync(connection, kind="full")

    assert run.state == "needs_person"
    again = connections.find(connection)
    assert again.status == "needs_reconnect"
    with pytest.raises(Conflict):
        ask(connection)


def test_only_one_live_run_reads_a_resource(session, sandbox):
    """D3"""
    connection = connect(sandbox, "clio")
    first = ask(connection, only=["matters", "tasks"])

    with pytest.raises(runs.LiveRun) as refused:
        ask(connection, only=["tasks"])

    assert refused.value.run_id == first.id
    assert ask(connection, only=["users"]).id != first.id
    carry_out(first)
    assert ask(connection, only=["tasks"]).state == "queued"


def test_a_run_that_ends_while_another_is_asked_for_is_in_nobodys_way(session, sandbox):
    """D3"""
    connection = connect(sandbox, "clio")
    first = ask(connection, only=["tasks"]).id

    refused, ended = [], []

    def end(_session, transaction) -> None:
        if refused and not ended and transaction.parent is None:
            ended.append(first)
            with db.engine.begin() as other:
                other.execute(update(RunPart).where(RunPart.run_id == first).values(live=False))

    event.listen(db.session(), "after_rollback", refused.append, once=True)
    event.listen(db.session(), "after_transaction_end", end)

    assert ask(connection, only=["tasks"]).id > first
    assert ended


def test_cancelling_stops_at_a_page_edge_and_keeps_what_was_read(session, sandbox):
    connection = connect(sandbox, "clio")
    run = ask(connection, kind="full", only=["contacts"])
    number = run.id
    db.session.remove()
    (hold,) = holds.claim(db.engine, owner="test:1", lease_s=30, run_id=number)
    sandbox.clio.script("/contacts", {"delay_s": 0.2, "times": 99, "through": True})
    runs.cancel(runs.find(number), by="Ana")
    db.session.remove()

    runs.execute(hold)

    run = runs.find(number)
    assert (run.state, run.parts[0].state, run.parts[0].live) == ("interrupted", "interrupted", False)
    assert "Ana" in run.message


def test_a_lost_lease_writes_nothing_more(session, sandbox):
    """D2: the epoch is checked in the same transaction as every write."""
    connection = connect(sandbox, "clio")
    run = ask(connection, kind="full", only=["matters"])
    number = run.id
    db.session.remove()
    (first,) = holds.claim(db.engine, owner="a:1", lease_s=0, run_id=number)
    clock.sleep(0.01)
    (second,) = holds.claim(db.engine, owner="b:1", lease_s=30, run_id=number)

    runs.execute(first)
    assert stored(connection) == {}
    runs.execute(second)
    assert stored(connection)["matters"] == sandbox.clio.ledger()["matters"]
    assert runs.find(number).epoch == 2


def test_every_call_is_recorded_and_no_secret_is(session, sandbox):
    """X2"""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["matters", "users"])

    rows = list(db.session.scalars(select(Transaction)))
    assert len(rows) == len(sandbox.clio.requests)
    token = sandbox.clio.token_answer()["access_token"]
    assert not any(token in str(vars(row)) for row in rows)
    assert {row.outcome for row in rows} == {"ok"}


@pytest.mark.postgresql_at_length
def test_reference_data_is_read_at_most_once_an_hour_unless_asked(session, sandbox, clock):
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["users", "tasks"])
    before = len(lists(sandbox.clio, "/users"))

    run = sync(connection)
    assert {p.resource: p.state for p in run.parts}["users"] == "skipped"
    assert len(lists(sandbox.clio, "/users")) == before
    sync(connection, only=["users"])
    assert len(lists(sandbox.clio, "/users")) == before + 1
    clock.advance(3601)
    sync(connection)
    assert len(lists(sandbox.clio, "/users")) == before + 2


def test_unknown_names_are_refused_before_anything_is_asked(session, sandbox):
    connection = connect(sandbox, "clio")
    with pytest.raises(InvalidInput, match="no resource 'mattters'"):
        ask(connection, only=["mattters"])
    with pytest.raises(InvalidInput, match="resource:id"):
        ask(connection, records=["17"])
    assert session.scalar(select(func.count(SyncRun.id))) == 0


def test_a_paused_connection_starts_nothing(session, sandbox):
    connection = connect(sandbox, "clio")
    connections.pause(connections.find(connection), by="Ana")

    with pytest.raises(Conflict, match="is paused"):
        ask(connection)
    connections.resume(connections.find(connection), by="Ana")
    assert ask(connection).state == "queued"


@pytest.mark.postgresql_at_length
def test_the_receipt_adds_up(session, sandbox):
    connection = connect(sandbox, "clio")
    sync(connection, kind="full")
    run = sync(connection, kind="full")

    for name, line in receipt(run)["resources"].items():
        assert line["seen"] == line["new"] + line["changed"] + line["same"] + line["refused"], name
    assert session.scalar(select(func.count()).where(RunPart.live)) == 0
    assert run.ended_at - run.started_at < timedelta(minutes=2)


BAD_ANSWERS = {
    "a web page": {"body": b"<html>Down for maintenance</html>"},
    "no list": {"body": {"data": {"id": 1}}},
    "nothing": {"body": b""},
    "another address": {"status": 302, "headers": {"Location": "https://elsewhere.example"}},
    "no right": {"status": 403, "body": {"error": {"message": "no"}}},
}


def test_a_failure_leads_to_its_call_and_different_failures_are_different_problems(session, sandbox):
    connection = connect(sandbox, "clio")
    for answer in BAD_ANSWERS.values():
        sandbox.clio.script("/users", {"status": 200, **answer, "times": 1})
        assert sync(connection, only=["users"]).state in ("failed", "done_with_problems")

    failures = list(db.session.scalars(select(ErrorLog).order_by(ErrorLog.id)))
    calls = {key: url for key, url in db.session.execute(select(Transaction.call_key, Transaction.url))}  # noqa: C416

    assert len(failures) == len(BAD_ANSWERS)
    assert all("/users" in calls[failure.transaction_key] for failure in failures)
    assert db.session.scalar(select(func.count(Issue.id))) == len(BAD_ANSWERS)
