"""A write that was taken and answered with a record nobody can keep: it is done, and what waits behind it goes on."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.models import Change, DeadLetter, Record, db

from .conftest import connect, sync
from .mapped import cycle, pairs, push, small_pair
from .ready import links


@pytest.fixture
def pair(session, sandbox):
    return small_pair(sandbox, 6)


def open_letters() -> list[DeadLetter]:
    db.session.rollback()
    return list(db.session.scalars(select(DeadLetter).where(DeadLetter.resolved_at.is_(None))))


def states() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Change.state).order_by(Change.id)))


def test_a_record_made_with_an_answer_nobody_can_keep_is_made_once_and_the_next_are_made_too(
    session, sandbox, pair, mapping
):
    """W2, P5"""
    for name in ("Nova", "Otto"):
        sandbox.ghl.put("contacts", {"firstName": name, "lastName": "Ravn", "email": f"{name.lower()}@example.org"})
    sync(pair[0], only=["contacts"])
    made = sandbox.clio.put(
        "contacts", {"type": "Person", "first_name": "Nova", "last_name": "Ravn",
                     "email_addresses": [{"name": "Work", "address": "nova@example.org"}]}
    )  # fmt: skip
    odd = {"data": {"id": made["id"], "etag": made["etag"], "first_name": "Nova", "last_name": ["Ravn"],
                    "type": "Person", "created_at": "the other day", "updated_at": "just now"}}  # fmt: skip
    sandbox.clio.script("/contacts", {"method": "POST", "status": 201, "body": odd})

    run = push(mapping)

    assert (run.state, run.new) == ("done_with_problems", 2)
    assert "Not all of its answer could be kept" in run.message
    assert states()[-2:] == ["done", "done"]
    assert sandbox.clio.ledger()["contacts"] == 8
    assert links(mapping) == {"linked": 8}
    (letter,) = open_letters()
    assert letter.external_id == str(made["id"])
    assert push(mapping).message == "Nothing had changed."

    settled = cycle(mapping, pair)  # the list has it as it should be
    assert (settled.state, settled.new, settled.changed) == ("done", 0, 0)
    assert open_letters() == []
    assert sandbox.clio.ledger()["contacts"] == 8


@pytest.mark.one_database
def test_a_refusal_whose_words_hold_a_nul_ends_the_read_and_is_told(session, sandbox):
    """PostgreSQL keeps no such text: the run could not be closed, and held its list for ever."""
    account = connect(sandbox, "ghl")
    sandbox.ghl.script("*", {"status": 400, "body": {"message": "No \0 way"}, "times": 99})

    run = sync(account, only=["contacts"])

    assert run.state == "failed"
    assert "No \ufffd way" in run.message


def test_a_change_answered_with_a_record_nobody_can_keep_is_done_and_our_copy_keeps_the_rest(
    session, sandbox, pair, mapping
):
    """P5, P6"""
    left, right = pairs(mapping)[0]
    before = sandbox.clio.record("contacts", right)
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sync(pair[0], only=["contacts"])
    odd = {**before, "first_name": "Augusta", "last_name": {"odd": True}}
    sandbox.clio.put("contacts", {"id": right, "first_name": "Augusta"})
    sandbox.clio.script(f"/contacts/{right}", {"method": "PATCH", "body": {"data": odd}})

    run = push(mapping)

    assert (run.state, run.changed) == ("done_with_problems", 1)
    kept = db.session.scalar(select(Record.data).filter_by(connection_id=pair[1], external_id=str(right)))
    assert (kept["first_name"], kept["last_name"]) == ("Augusta", before["last_name"])
    assert cycle(mapping, pair).changed == 0
