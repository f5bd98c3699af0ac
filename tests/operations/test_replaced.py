"""Records that went and are there again under another id: made anew, or merged into another. Upstreams tell neither."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.models import DataMapping, RecordLink, SyncRun, db
from integration_console.operations import legal_holds
from integration_console.operations.mapping import previews
from integration_console.operations.runs import undo

from .conftest import sync
from .mapped import Carried, changes, make_mapping, pairs, push
from .ready import links

BOTH_DELETE = {"deletes_left": True, "deletes_right": True}


@pytest.fixture
def deleting(pair) -> int:
    """A mapping that deletes on both sides, carried once."""
    mapping = make_mapping(*pair, **BOTH_DELETE)
    push(mapping)
    return mapping


def person(upstream, number) -> dict:
    """A Clio contact as somebody would type it again."""
    old = upstream.record("contacts", number)
    mails = [{"name": "Work", "address": old["primary_email_address"], "default_email": True}]
    names = {name: old[name] for name in ("type", "first_name", "last_name")}
    return {**names, "email_addresses": mails, "phone_numbers": [], "addresses": []}


def full(mapping: int, connections) -> Carried:
    """Read everything, so that what is gone is missed, and carry."""
    for connection in connections:
        sync(connection, kind="full", only=["contacts"])
    return push(mapping)


def there(upstream) -> set[str]:
    return {str(upstream.record("contacts", one)["id"]) for one in upstream.shelves["contacts"].numbers()}


def test_who_was_deleted_and_made_anew_keeps_the_other_half(session, sandbox, pair, deleting):
    left, right = pairs(deleting)[0]
    again = person(sandbox.clio, right)
    sandbox.clio.delete("contacts", right)
    made = sandbox.clio.put("contacts", again)["id"]

    run = full(deleting, pair)

    assert run.deleted == 0, run.message
    assert left in there(sandbox.ghl)
    assert (left, made) in pairs(deleting)
    assert full(deleting, pair).message == "Nothing had changed."


def test_who_was_merged_into_another_keeps_the_other_half_and_a_person_is_asked(session, sandbox, pair, deleting):
    (_, right), (left, stays) = pairs(deleting)[:2]
    gone, _ = pairs(deleting)[0]
    old = sandbox.ghl.record("contacts", gone)
    sandbox.ghl.delete("contacts", gone)
    sandbox.ghl.put("contacts", {"id": left, "email": old["email"], "phone": old["phone"]})

    run = full(deleting, pair)

    assert (run.deleted, run.ambiguous) == (0, 1), run.message
    assert str(right) in there(sandbox.clio)
    assert (left, stays) in pairs(deleting)
    (asked,) = db.session.scalars(select(RecordLink).filter_by(state="ambiguous"))
    partner = sandbox.clio.record("contacts", stays)["name"]
    assert asked.reason.endswith(f"is paired already with {partner}.")


def test_who_is_nowhere_any_more_is_deleted_on_the_other_side(session, sandbox, pair, deleting):
    left, right = pairs(deleting)[0]
    sandbox.clio.put("contacts", {"id": right, "is_client": False})
    sandbox.ghl.delete("contacts", left)

    assert full(deleting, pair).deleted == 1
    assert str(right) not in there(sandbox.clio)


@pytest.mark.one_database
@pytest.mark.parametrize("deletes", [False, True])
def test_a_preview_tells_of_who_was_made_anew_what_the_run_then_does(session, sandbox, pair, deletes):
    """It writes nothing down, and took the half that is left for a pair still: a person would be asked."""
    mapping = make_mapping(*pair, deletes_left=deletes)
    push(mapping)
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "city": "Reno"})
    again = person(sandbox.clio, right)
    sandbox.clio.delete("contacts", right)
    sandbox.clio.put("contacts", again)
    for connection in pair:
        sync(connection, kind="full", only=["contacts"])

    row = db.session.get_one(DataMapping, mapping)
    told = previews.look(row, row.versions[0])
    run = push(mapping)

    assert (told.counts["link"], told.counts["ambiguous"], told.counts["delete"]) == (1, 0, 0)
    assert (told.writes, run.new, run.changed) == ({"left": 0, "right": 1}, 0, 1)


@pytest.mark.one_database
def test_a_question_of_which_every_answer_is_gone_is_asked_no_longer(session, sandbox, pair):
    mapping = make_mapping(*pair)
    push(mapping)
    left, _ = pairs(mapping)[0]
    mail = sandbox.ghl.record("contacts", left)["email"]
    twin = {"first_name": "Nova", "last_name": "Quist", "type": "Person", "phone_numbers": [], "addresses": []}
    twin["email_addresses"] = [{"name": "Work", "address": mail, "default_email": True}]
    nova = sandbox.clio.put("contacts", twin)["id"]
    assert full(mapping, pair).ambiguous == 1

    sandbox.ghl.delete("contacts", left)
    full(mapping, pair)  # the pair is none any more, and the only answer went with it
    full(mapping, pair)

    assert not links(mapping).get("ambiguous")
    names = {right: left for left, right in pairs(mapping)}
    assert sandbox.ghl.record("contacts", names[nova])["firstName"] == "Nova"


# -- under a legal hold -----------------------------------------------------------------------------------------------


@pytest.fixture
def held(sandbox, pair, deleting) -> tuple[int, str, int]:
    """A contact deleted at HighLevel while a hold keeps what Clio has: the hold, and the pair."""
    left, right = pairs(deleting)[0]
    sandbox.clio.put("contacts", {"id": right, "is_client": False})
    hold = legal_holds.place(pair[1], "Doe v. Roe, 26-1401", by="ada@firm.example").id
    sandbox.ghl.delete("contacts", left)
    return hold, left, right


def test_nothing_is_deleted_at_an_account_under_a_legal_hold_before_it_is_lifted(sandbox, pair, deleting, held, clock):
    hold, _, right = held

    run = full(deleting, pair)

    assert str(right) in there(sandbox.clio)
    assert (run.state, run.deleted) == ("done_with_problems", 0)
    assert "1 deletion waits. A legal hold keeps this data: Doe v. Roe, 26-1401." in run.message
    assert legal_holds.keeps_of(run.id)
    (waits,) = changes(op="delete")
    assert (waits.state, "Doe v. Roe" in waits.message) == ("retry", True)
    clock.advance(days=1, minutes=1)
    assert full(deleting, pair).deleted == 0

    legal_holds.lift(hold, by="ada@firm.example")
    clock.advance(days=1, minutes=1)

    assert full(deleting, pair).deleted == 1
    assert str(right) not in there(sandbox.clio)


@pytest.mark.one_database
def test_what_waits_to_be_deleted_stays_where_its_other_half_was_made_anew_meanwhile(
    sandbox, pair, deleting, held, clock
):
    hold, _, right = held
    full(deleting, pair)
    one = sandbox.clio.record("contacts", right)
    again = {"firstName": one["first_name"], "lastName": one["last_name"], "email": one["primary_email_address"]}
    made = sandbox.ghl.put("contacts", again)["id"]
    legal_holds.lift(hold, by="ada@firm.example")
    clock.advance(days=1, minutes=1)

    assert full(deleting, pair).deleted == 0

    assert str(right) in there(sandbox.clio)
    assert (made, right) in pairs(deleting)


@pytest.mark.one_database
def test_a_run_that_made_records_is_not_taken_back_while_a_legal_hold_keeps_them(session, sandbox, pair, deleting):
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    run = full(deleting, pair)
    assert run.new == 1
    legal_holds.place(None, "Doe v. Roe, 26-1401", by="ada@firm.example")

    (step,) = undo.plan(db.session.get_one(SyncRun, run.id))

    assert (step.can, "Doe v. Roe" in step.why) == (False, True)
