"""A run taken back: what it wrote is put as it was, over real HTTP, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from integration_console.errors import Conflict as InTheWay
from integration_console.models import (
    Change,
    Record,
    SyncRun,
    db,
)
from integration_console.operations.accounts import connections
from integration_console.operations.keeping import erasures
from integration_console.operations.runs import outbox, undo

from .conftest import sync
from .mapped import cycle, of_clio, of_ghl, pairs


def undo_now(run) -> list:
    """Ask for it and send it, as a worker would."""
    asked = undo.undo(run, by="ada@firm")
    numbers = [one.id for one in asked]
    for connection in sorted({one.connection_id for one in asked}):
        outbox.push(connections.find(connection))
    db.session.rollback()
    return [db.session.get_one(Change, number) for number in numbers]


def test_a_run_is_taken_back_and_stays_taken_back(session, sandbox, pair, mapping):
    left, right = pairs(mapping)[0]
    was = of_clio(sandbox.clio, right)
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta", "city": "Elsewhere"})
    made = sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    run = db.session.get_one(SyncRun, cycle(mapping, pair).id)
    assert sandbox.clio.ledger()["contacts"] == 13

    number, shown = run.id, [(step.op, step.can) for step in undo.plan(run)]
    taken = undo_now(run)

    assert shown == [("delete", True), ("update", True)]
    assert {one.state for one in taken} == {"done"}, [one.message for one in taken]
    assert of_clio(sandbox.clio, right) == was
    assert sandbox.clio.ledger()["contacts"] == 12
    assert cycle(mapping, pair).message == "Nothing had changed."
    assert sandbox.clio.ledger()["contacts"] == 12
    assert sandbox.ghl.get("contacts", made["id"])
    with pytest.raises(InTheWay, match="Nothing of run"):
        undo.undo(db.session.get_one(SyncRun, number), by="ada@firm")


def test_what_was_made_is_not_deleted_where_it_was_edited_before_the_deletion_came(session, sandbox, pair, mapping):
    """W5: on the page it was still as it was made."""
    sandbox.clio.put("contacts", {"type": "Person", "first_name": "Otto", "last_name": "Ravn",
                                  "email_addresses": [{"name": "Work", "address": "otto@example.org"}]})  # fmt: skip
    run = db.session.get_one(SyncRun, cycle(mapping, pair).id)
    ((step, made),) = [(one, one.change.external_id) for one in undo.plan(run)]
    assert (step.op, step.can) == ("delete", True)
    sandbox.ghl.put("contacts", {"id": made, "firstName": "Otto Emil"})

    (taken,) = undo_now(run)

    assert (taken.state, "changed at GoHighLevel since" in taken.message) == ("dropped", True)
    assert sandbox.ghl.get("contacts", made)["firstName"] == "Otto Emil"


@pytest.mark.one_database
def test_a_write_whose_values_were_erased_with_somebody_is_not_taken_back(session, sandbox, pair, mapping):
    """X15: nobody can tell any more whether what it made is still as it was made."""
    sandbox.ghl.put("contacts", {"firstName": "Maria", "lastName": "Lopezia", "email": "maria@example.org"})
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org",
                                 "city": "c/o Maria Lopezia"})  # fmt: skip
    run = db.session.get_one(SyncRun, cycle(mapping, pair).id)
    hers = db.session.scalars(select(Record.id).where(Record.label == "Maria Lopezia")).all()
    erasures.request(hers, "asked by letter", by="ada@firm")
    erasures.work()

    steps = undo.plan(run)

    assert len(hers) == len(steps) == 2
    assert [one.why for one in steps if one.record.deleted_at is None] == [
        "What was written is erased here, so it cannot be compared."
    ]
    assert not any(one.can for one in steps)


@pytest.mark.one_database
def test_what_changed_since_is_not_taken_back_and_said(session, sandbox, pair, mapping):
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    run = cycle(mapping, pair)
    sandbox.clio.put("contacts", {"id": right, "first_name": "Somebody else's"})
    sync(pair[1], only=["contacts"])

    (step,) = undo.plan(db.session.get_one(SyncRun, run.id))

    assert not step.can
    assert "First name changed at Clio" in step.why


@pytest.mark.one_database
def test_what_was_edited_since_a_run_is_carried_after_the_run_is_taken_back(session, sandbox, pair, mapping):
    """It had been read and not been carried: both sides were said to agree on it, and it never arrived."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    run = cycle(mapping, pair)
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Typed since"})
    sync(pair[0], only=["contacts"])

    (taken,) = undo_now(db.session.get_one(SyncRun, run.id))
    assert taken.state == "done"
    cycle(mapping, pair)

    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == "Typed since"


@pytest.mark.one_database("postgresql")  # SQLite lets only one begin at a time
def test_two_who_take_a_run_back_at_once_take_it_back_once(app, sandbox, pair, mapping):
    """W2: nor does the second one meet an error of ours."""
    left, _ = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    number, together = cycle(mapping, pair).id, Barrier(2)
    db.session.remove()

    def ask(who: str) -> str:
        with app.app_context():
            run = db.session.get_one(SyncRun, number)
            together.wait()
            try:
                return f"{len(undo.undo(run, by=who))} asked"
            except InTheWay as error:
                return str(error)
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as people:
        told = sorted(people.map(ask, ("ada@firm", "bea@firm")))

    assert told == ["1 asked", f"Nothing of run {number} can be taken back any more."]
