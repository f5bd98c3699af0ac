"""Records that went and are there again under another id: made anew, or merged into another. Upstreams tell neither."""

from __future__ import annotations

import pytest

from .conftest import sync
from .mapped import Carried, make_mapping, pairs, push
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


def test_who_is_nowhere_any_more_is_deleted_on_the_other_side(session, sandbox, pair, deleting):
    left, right = pairs(deleting)[0]
    sandbox.clio.put("contacts", {"id": right, "is_client": False})
    sandbox.ghl.delete("contacts", left)

    assert full(deleting, pair).deleted == 1
    assert str(right) not in there(sandbox.clio)


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
