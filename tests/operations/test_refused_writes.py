"""Refused writes of a problem: all sent again, or one with other values, over real HTTP."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from integration_console import clock as house_clock
from integration_console.errors import Conflict, InvalidInput
from integration_console.models import (
    AuditEvent,
    Change,
    ErrorLog,
    FieldMapping,
    Issue,
    Record,
    SyncRun,
    Transaction,
    db,
)
from integration_console.operations.runs import outbox, runs
from integration_console.operations.support import refused_writes
from integration_console.sync.sending import guards

from .conftest import carry_out, sync
from .mapped import cycle, of_clio, pairs, small_pair

BY = "ada@firm.example"
NO = {"method": "PATCH", "status": 422, "body": {"error": {"type": "Invalid", "message": "First name is not nice"}}}


@pytest.fixture
def pair(session, sandbox):
    return small_pair(sandbox, 4)


@pytest.fixture
def refused(sandbox, pair, mapping):
    """Two updates that the service refused for the same reason; the number of their problem."""
    for n, (left, right) in enumerate(pairs(mapping)[:2]):
        sandbox.clio.script(f"/contacts/{right}", NO)
        sandbox.ghl.put("contacts", {"id": left, "firstName": f"Augusta{n}"})
    assert cycle(mapping, pair).refused == 2
    (number,) = set(db.session.scalars(select(Change.issue_id).filter_by(state="dead")))
    db.session.rollback()
    return number


def changes(**of) -> list[Change]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(Change).filter_by(**of).order_by(Change.id)))


def carry(runs) -> None:
    for run in list(runs):
        carry_out(db.session.get_one(SyncRun, run.id))


def test_what_was_refused_leads_to_the_call_that_was_refused_from_the_write_and_from_the_failure(sandbox, refused):
    """Neither told its call: nobody could see what had been sent, and the support packet was without it."""
    calls = {change.call_key for change in changes(issue_id=refused)}
    failed = set(db.session.scalars(select(ErrorLog.transaction_key).filter_by(issue_id=refused)))
    query = select(Transaction.call_key).where(Transaction.method == "PATCH", Transaction.status == 422)
    assert len(calls) == 2
    assert calls == failed == set(db.session.scalars(query))


def test_all_alike_are_estimated_sent_again_in_order_and_their_outcome_is_kept(sandbox, mapping, refused):
    """The problem keeps its writes: what came of each is told there."""
    told = refused_writes.estimate(issue_id=refused)
    assert (told.count, told.calls) == (2, 4)
    assert told.seconds > 0
    right = pairs(mapping)[1][1]
    sandbox.clio.script(f"/contacts/{right}", NO)

    count, asked = refused_writes.retry_all(issue_id=refused, by=BY)
    assert (count, [(run.kind, run.cause, run.asked_by) for run in asked]) == (2, [("push", "retry", BY)])
    carry(asked)

    kept = changes(issue_id=refused)
    assert [one.state for one in kept] == ["done", "dead"]
    assert "not nice" in kept[1].message
    assert kept[0].id < kept[1].id
    assert of_clio(sandbox.clio, pairs(mapping)[0][1])["first"] == "Augusta0"
    assert refused_writes.estimate(issue_id=refused).count == 1
    assert db.session.scalar(select(AuditEvent).filter_by(action="writes retried")).actor == BY


def issue(number: int) -> tuple[str, str, str | None]:
    found = db.session.get_one(Issue, number, populate_existing=True)
    return found.kind, found.state, found.state_by


def test_a_refused_change_of_a_record_that_was_deleted_since_waits_for_nobody(sandbox, pair, mapping, refused):
    """There is nothing left to change; the write of the record that is still there waits on."""
    gone, there = (right for _, right in pairs(mapping)[:2])
    sandbox.clio.delete("contacts", gone)
    sync(pair[1], kind="full", only=["contacts"])
    cycle(mapping, pair)

    dropped, waits = changes(issue_id=refused)
    assert (dropped.external_id, dropped.state, dropped.message) == (str(gone), "dropped", "The record is gone.")
    assert (waits.external_id, waits.state) == (str(there), "dead")
    assert issue(refused)[1] == "open"

    sandbox.clio.delete("contacts", there)
    sync(pair[1], kind="full", only=["contacts"])
    cycle(mapping, pair)
    assert issue(refused)[1:] == ("resolved", "the console")


@pytest.mark.postgresql_at_length
def test_the_problem_closes_by_itself_when_the_last_of_its_writes_went_through(sandbox, pair, mapping, refused):
    """One sent again as it was, the other overtaken by what was corrected where it came from."""
    first, second = changes(issue_id=refused)
    last = second.id
    assert issue(refused) == ("refused", "open", None)
    carry(refused_writes.send_soon([outbox.retry(first, by=BY)], by=BY))
    assert issue(refused)[1] == "open"

    sandbox.ghl.put("contacts", {"id": pairs(mapping)[1][0], "firstName": "Nice"})
    cycle(mapping, pair)

    assert issue(refused) == ("refused", "resolved", "the console")
    assert changes(id=last)[0].state == "dead"  # kept as it was refused


def test_all_of_a_mapping_are_sent_again_whatever_their_problem(sandbox, pair, mapping, refused):
    other = db.session.get_one(Change, changes(issue_id=refused)[0].id)
    other.issue_id = None
    stranger = Change(
        connection_id=pair[1], resource="contacts", op="update", external_id="9", wanted={"first_name": "Eve"},
        idempotency_key="s", state="dead", cause="by hand", created_at=house_clock.now(),
    )  # fmt: skip
    db.session.add(stranger)
    db.session.commit()
    told = refused_writes.estimate(mapping_id=mapping)
    assert (told.count, told.calls) == (2, 4)

    count, asked = refused_writes.retry_all(mapping_id=mapping, by=BY)
    assert (count, [run.mapping_id for run in asked]) == (2, [mapping])
    number = asked[0].id
    carry(asked)

    assert {one.state for one in changes(mapping_id=mapping, sent_run_id=number)} == {"done"}
    assert [of_clio(sandbox.clio, right)["first"] for _, right in pairs(mapping)[:2]] == ["Augusta0", "Augusta1"]
    assert [one.state for one in changes(mapping_id=None)] == ["dead"]
    assert refused_writes.estimate(mapping_id=mapping).count == 0


@pytest.mark.postgresql_at_length
def test_a_cancelled_retry_leaves_what_it_had_not_sent_waiting(session, mapping, refused):
    _, (run,) = refused_writes.retry_all(issue_id=refused, by=BY)
    runs.cancel(db.session.get_one(SyncRun, run.id), BY)
    assert {one.state for one in changes(issue_id=refused)} == {"pending"}
    with pytest.raises(Conflict, match="None of these"):
        refused_writes.retry_all(issue_id=refused, by=BY)


@pytest.mark.postgresql_at_length
def test_an_older_wish_never_goes_over_a_newer_one(session, refused):
    first = changes(issue_id=refused)[0]
    session.add(
        Change(
            connection_id=first.connection_id, resource="contacts", op="update", external_id=first.external_id,
            link_id=first.link_id, mapping_id=first.mapping_id, wanted={}, idempotency_key="newer", state="done",
            cause="a newer one", created_at=house_clock.now(),
        )
    )  # fmt: skip
    session.commit()
    assert refused_writes.estimate(issue_id=refused).count == 1
    refused_writes.retry_all(issue_id=refused, by=BY)
    assert [one.state for one in changes(issue_id=refused)] == ["dead", "pending"]


def test_one_is_sent_with_other_values_and_the_refused_one_is_kept(sandbox, mapping, refused):
    old = changes(issue_id=refused)[0]
    (name,) = [name for name, value in old.wanted.items() if value == "Augusta0"]

    new = refused_writes.send_edited(old, {name: "Augustina"}, by=BY)
    number, before, key = new.id, old.id, old.idempotency_key
    carry(refused_writes.send_soon([new], by=BY))

    (new,), (old,) = changes(id=number), changes(id=before)
    assert (old.state, old.wanted[name], new.state, new.edits_id) == ("dropped", "Augusta0", "done", before)
    assert f"Sent again as write {number} by {BY}" in old.message
    assert "not nice" in old.message
    assert new.idempotency_key != key
    assert (new.wanted[name], name in new.sources) == ("Augustina", False)
    assert of_clio(sandbox.clio, pairs(mapping)[0][1])["first"] == "Augustina"


@pytest.mark.postgresql_at_length
def test_one_is_sent_as_the_mapping_of_today_makes_it(sandbox, mapping, refused):
    old = changes(issue_id=refused)[0]
    (name,) = [name for name, value in old.wanted.items() if value == "Augusta0"]
    with pytest.raises(Conflict, match="would write the same"):
        refused_writes.send_anew(old, by=BY)
    line = next(one for one in db.session.scalars(select(FieldMapping)) if name in (one.left, one.right))
    line.transform = "upper"
    db.session.commit()
    before = old.id

    number = refused_writes.send_anew(old, by=BY).id
    carry(refused_writes.send_soon(changes(id=number), by=BY))

    (new,), (old,) = changes(id=number), changes(id=before)
    assert (old.state, old.wanted[name], new.state, new.edits_id) == ("dropped", "Augusta0", "done", before)
    assert (new.wanted[name], name in new.sources) == ("AUGUSTA0", False)
    assert of_clio(sandbox.clio, pairs(mapping)[0][1])["first"] == "AUGUSTA0"
    with pytest.raises(Conflict, match="Only a refused write"):
        refused_writes.send_anew(old, by=BY)


@pytest.mark.postgresql_at_length
def test_only_fields_of_the_write_may_be_edited_and_only_while_it_waits(session, refused):
    old = changes(issue_id=refused)[0]
    name = next(name for name, value in old.wanted.items() if value == "Augusta0")
    for values, said in (
        ({"title": "Dr"}, "no such field"),
        ({}, "Nothing is different"),
        ({name: "Augusta0"}, "differ"),
    ):
        with pytest.raises(InvalidInput, match=said):
            refused_writes.send_edited(old, values, by=BY)
    assert len(changes(issue_id=refused)) == 2
    refused_writes.send_edited(old, {name: "Other"}, by=BY)
    with pytest.raises(Conflict):
        refused_writes.send_edited(db.session.get_one(Change, old.id), {name: "More"}, by=BY)


@pytest.mark.one_database
def test_a_run_tells_what_was_refused_without_what_is_in_the_record(sandbox, pair, mapping):
    """X12: a run's page and its notices are also for those who may not see records."""
    left, right = pairs(mapping)[0]
    said = {"error": {"type": "UnprocessableEntity", "message": "The name Augusta9 is taken"}}
    sandbox.clio.script(f"/contacts/{right}", {"status": 422, "method": "PATCH", "body": said})
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta9"})

    run = cycle(mapping, pair)

    assert "Augusta9 is taken" in changes(state="dead")[0].message
    assert ("The name … is taken" in run.message, "Augusta9" in run.message) == (True, False)


@pytest.mark.parametrize(("was", "typed"), [(1, "9" * 20), (1.5, "nan"), (1.5, "-inf"), (1.5, "1e300")])
@pytest.mark.one_database
def test_a_number_that_no_service_takes_is_said_to_be_none(session, pair, was, typed):
    """What is no number would have emptied the field, and one beyond 64 bits ended in an error."""
    record = db.session.scalar(select(Record).filter_by(resource="contacts", connection_id=pair[1]))
    change = Change(
        connection_id=pair[1], resource="contacts", op="update", external_id=record.external_id, record_id=record.id,
        wanted={"custom:4": was}, idempotency_key="n", state="dead", cause="a try", created_at=house_clock.now(),
    )  # fmt: skip
    session.add(change)
    session.commit()
    with pytest.raises(InvalidInput, match="Write a number") as refusal:
        refused_writes.send_edited(change, {"custom:4": typed}, by=BY)
    assert refusal.value.field == "custom:4"
    assert [one.state for one in changes()] == ["dead"]


@pytest.mark.one_database
def test_trust_money_is_not_written_by_editing_either(session, sandbox, pair):
    """W8"""
    sync(pair[1], kind="full", only=["bank_transactions"])
    record = db.session.scalar(select(Record).filter_by(resource="bank_transactions"))
    change = Change(
        connection_id=pair[1], resource="bank_transactions", op="update", external_id=record.external_id,
        record_id=record.id, wanted={"amount": 1}, idempotency_key="t", state="dead", cause="a try",
        created_at=house_clock.now(),
    )  # fmt: skip
    session.add(change)
    session.commit()
    before = len(sandbox.clio.requests)
    with pytest.raises(guards.Refused, match="client trust money"):
        refused_writes.send_edited(change, {"amount": "2"}, by=BY)
    assert [one.state for one in changes()] == ["dead"]
    assert db.session.scalar(select(AuditEvent).filter_by(action="trust write refused"))
    assert len(sandbox.clio.requests) == before


AGAIN = {
    "retry": lambda one: outbox.retry(one, by=BY),
    "retry all": lambda one: refused_writes.retry_all(issue_id=one.issue_id, by=BY),
    "drop": lambda one: outbox.drop(one, by=BY),
    "edit": lambda one: refused_writes.send_edited(one, {"first_name": "Nice"}, by=BY),
}


@pytest.mark.one_database("postgresql")  # SQLite lets only one begin at a time
@pytest.mark.parametrize("act", AGAIN.values(), ids=AGAIN)
def test_what_somebody_else_sent_a_moment_before_is_not_sent_once_more(mapping, refused, act):
    """W2: two clicks, or two people: the second one had read that it was refused."""
    late = db.session.scalars(select(Change).filter_by(state="dead")).all()[-1]
    quicker = db.engine.connect()
    quicker.execute(update(Change).where(Change.issue_id == refused).values(state="done"))
    with ThreadPoolExecutor(1) as hand:
        arriving = hand.submit(lambda: (time.sleep(0.3), quicker.commit(), quicker.close()))
        with pytest.raises(Conflict):
            act(late)
        arriving.result()

    assert {one.state for one in changes(issue_id=refused)} == {"done"}
