"""Runs of mappings between accounts at the sandbox, over real HTTP, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from integration_console import clock as house_clock
from integration_console.errors import Conflict as InTheWay
from integration_console.models import (
    Change,
    Conflict,
    DataMapping,
    Record,
    RecordLink,
    RunPart,
    SyncRun,
    db,
)
from integration_console.operations.accounts import connections
from integration_console.operations.mapping import conflicts
from integration_console.operations.runs import pushes
from integration_console.sync.sending.push import Sender

from .conftest import carry_out, connect, sync
from .mapped import changes, cycle, make_mapping, of_clio, of_ghl, pairs, push, read, writes
from .ready import links

# -- pairs ------------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_twins_are_linked_and_never_made_and_what_differs_is_carried_or_asked(session, sandbox, pair):
    mapping = make_mapping(*pair)

    run = push(mapping)

    assert run.state == "done"
    assert links(mapping) == {"linked": 12}
    assert sandbox.ghl.ledger()["contacts"] == sandbox.clio.ledger()["contacts"] == 12
    assert run.conflicts == db.session.scalar(select(func.count()).select_from(Conflict)) > 0


@pytest.mark.postgresql_at_length
def test_a_cycle_without_edits_writes_nothing(session, sandbox, pair, mapping):
    """W6"""
    before = [len(u.requests) for u in (sandbox.ghl, sandbox.clio)]

    run = cycle(mapping, pair)

    assert (run.state, run.message) == ("done", "Nothing had changed.")
    assert not writes(sandbox.ghl, before[0])
    assert not writes(sandbox.clio, before[1])


def test_a_run_that_still_sends_tells_how_far_it_is(session, sandbox, pair, mapping, monkeypatch):
    """Eight minutes of sending said "0 written, 0 calls" to whoever watched."""
    for name in ("Ada", "Grace", "Mary"):
        sandbox.ghl.put("contacts", {"firstName": name, "lastName": "Nova", "email": f"{name}@nova.example.org"})
    told, send = [], Sender.send

    def watched(self, number):
        with Session(db.engine) as beside:
            told.append(beside.execute(select(RunPart.new, RunPart.calls).order_by(RunPart.id.desc()).limit(1)).one())
        return send(self, number)

    monkeypatch.setattr(Sender, "send", watched)
    assert cycle(mapping, pair).new == 3
    made, calls = zip(*told[:3], strict=True)
    assert made == (0, 0, 1)  # each is told with the next write
    assert 0 < calls[1] < calls[2]


@pytest.mark.postgresql_at_length
def test_a_sign_in_lost_on_one_side_stops_that_side_only_and_a_new_one_is_enough(session, sandbox, pair, mapping):
    """The other account was marked as lost, too, and the mapping waited for a person although both sides worked."""
    sandbox.ghl.put("contacts", {"id": pairs(mapping)[0][0], "firstName": "Augusta"})
    read(pair)
    sandbox.clio.revoke()

    assert push(mapping).state == "needs_person"
    assert [connections.find(one).status for one in pair] == ["connected", "needs_reconnect"]

    sandbox.clio.open_sign_in()
    connections.reconnect(connections.find(pair[1]), sandbox.clio.token_answer(), by="Ana")
    assert pushes.due() == 1
    assert carry_out(db.session.scalar(select(SyncRun).order_by(SyncRun.id.desc()))).state == "done"
    assert of_clio(sandbox.clio, pairs(mapping)[0][1])["first"] == "Augusta"


@pytest.mark.postgresql_at_length
def test_edits_of_different_fields_on_both_sides_are_merged(session, sandbox, pair, mapping):
    """W5"""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sandbox.clio.put("contacts", {"id": right, "last_name": "Byron"})

    assert cycle(mapping, pair).state == "done"

    assert of_ghl(sandbox.ghl, left) == of_clio(sandbox.clio, right)
    assert of_clio(sandbox.clio, right)["first"] == "Augusta"
    assert of_ghl(sandbox.ghl, left)["last"] == "Byron"


@pytest.mark.one_database
def test_every_value_written_tells_where_it_came_from(session, sandbox, pair, mapping):
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})

    run = cycle(mapping, pair)

    (change,) = [one for one in changes() if "first_name" in one.wanted]
    source = db.session.get_one(Record, change.sources["first_name"]["record_id"])
    assert source.external_id == left
    assert change.sources["first_name"] | {"record_id": 0} == {"record_id": 0, "field": "firstName", "value": "Augusta"}
    assert (change.sent_run_id, change.external_id, change.version) == (run.id, str(right), 1)
    assert change.after == {"first_name": "Augusta"}
    assert change.call_key


@pytest.mark.postgresql_at_length
def test_a_new_record_is_made_once_on_the_other_side(session, sandbox, pair, mapping):
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org", "tags": []})
    sandbox.clio.put("contacts", {"type": "Person", "first_name": "Otto", "last_name": "Ravn",
                                  "email_addresses": [{"name": "Work", "address": "otto@example.org"}]})  # fmt: skip

    first, second = cycle(mapping, pair), cycle(mapping, pair)

    assert (first.new, second.new, second.changed) == (2, 0, 0)
    assert sandbox.ghl.ledger()["contacts"] == sandbox.clio.ledger()["contacts"] == 14
    assert links(mapping) == {"linked": 14}


@pytest.mark.one_database
def test_pairs_that_a_mapping_of_other_accounts_has_linked_are_none_here(session, sandbox, pair, mapping):
    db.session.execute(update(DataMapping).values(flow="people"))
    db.session.commit()
    clockify, by_link = connect(sandbox, "clockify"), ({"by": "link", "flow": "people"},)
    other = make_mapping(pair[1], clockify, (), kinds=("contacts", "clients"), keys=by_link, direction="link")

    push(other)

    assert links(mapping) == {"linked": 12}
    assert "linked" not in links(other)


@pytest.mark.one_database
def test_what_looks_like_a_record_that_is_paired_already_is_asked_about_and_not_made(session, sandbox, pair, mapping):
    left, _ = pairs(mapping)[0]
    twin = sandbox.ghl.record("contacts", left)
    sandbox.ghl.put("contacts", {"firstName": "A.", "lastName": "Twin", "email": twin["email"], "phone": twin["phone"]})

    run = cycle(mapping, pair)

    assert run.ambiguous == 1
    assert sandbox.clio.ledger()["contacts"] == 12
    asked = db.session.scalar(select(RecordLink).filter_by(state="ambiguous"))
    assert "paired already" in asked.reason


@pytest.mark.postgresql_at_length
def test_a_deleted_record_leaves_its_other_half_and_is_not_made_again(session, sandbox, pair, mapping):
    """P7, H4"""
    left, _ = pairs(mapping)[0]
    sandbox.ghl.delete("contacts", left)
    sync(pair[0], kind="full", only=["contacts"])

    first, second = push(mapping), cycle(mapping, pair)

    assert (first.new, second.new) == (0, 0)
    assert (sandbox.ghl.ledger()["contacts"], sandbox.clio.ledger()["contacts"]) == (11, 12)
    assert links(mapping) == {"linked": 11, "gone": 1, "aside": 1}


def test_a_pair_goes_on_where_what_was_gone_is_there_again(session, sandbox, pair, mapping):
    """Clio leaves out what an account may not see for a while. By then no key finds the pair any more, and the run was
    green."""
    (left, right), *_ = pairs(mapping)
    both_change(sandbox, left, right)
    cycle(mapping, pair)
    there = sandbox.clio.record("contacts", right)
    sandbox.clio.delete("contacts", right)
    sync(pair[1], kind="full", only=["contacts"])
    sandbox.ghl.put("contacts", {"id": left, "email": "new@example.org", "phone": None, "city": "Newtown"})
    cycle(mapping, pair)
    asked = select(Conflict.id).join(RecordLink).where(Conflict.state == "open", RecordLink.state == "gone")
    assert not db.session.scalars(asked).all()  # of what is no pair nothing can be decided
    assert links(mapping) == {"linked": 11, "gone": 1, "aside": 1}

    sandbox.clio.put("contacts", there)
    sync(pair[1], kind="full", only=["contacts"])
    push(mapping)

    assert links(mapping) == {"linked": 12}
    assert (left, right) in pairs(mapping)
    assert of_clio(sandbox.clio, right)["city"] == "Newtown"
    assert sandbox.clio.ledger()["contacts"] == sandbox.ghl.ledger()["contacts"] == 12
    (one,) = db.session.scalars(select(Conflict).filter_by(state="open", line="firstName|first_name")).all()
    assert (one.held["left"], one.held["right"]) == ("Augusta", "Ada-May")


@pytest.mark.one_database
def test_nothing_is_asked_any_more_of_a_pair_whose_other_half_was_deleted_too(session, sandbox, pair):
    mapping = make_mapping(*pair, deletes_right=True)
    push(mapping)
    parted = pairs(mapping)[:2]
    for is_client, (left, right) in enumerate(parted):
        sandbox.clio.put("contacts", {"id": right, "is_client": bool(is_client)})
        both_change(sandbox, left, right)
    assert cycle(mapping, pair).conflicts == 2
    for left, _ in parted:
        sandbox.ghl.delete("contacts", left)
    sync(pair[0], kind="full", only=["contacts"])

    run = push(mapping)

    assert (run.deleted, run.refused) == (1, 1), run.message  # one is the client of a matter
    assert links(mapping)["gone"] == 2
    asked = select(Conflict.id).join(RecordLink).where(Conflict.state == "open", RecordLink.state == "gone")
    assert not db.session.scalars(asked).all()


@pytest.mark.one_database
def test_two_records_that_became_one_upstream_are_followed(session, sandbox, pair, mapping):
    """The one that stays takes the other's place; nothing is made twice."""
    (gone, right), *_ = pairs(mapping)
    email = sandbox.ghl.record("contacts", gone)["email"]
    sandbox.ghl.delete("contacts", gone)
    kept = sandbox.ghl.put("contacts", {"firstName": "Ada", "lastName": "Merged", "email": email})
    sync(pair[0], kind="full", only=["contacts"])

    push(mapping)

    assert (kept["id"], right) in pairs(mapping)
    assert sandbox.ghl.ledger()["contacts"] == sandbox.clio.ledger()["contacts"] == 12


# -- conflicts --------------------------------------------------------------------------------------------------------


def both_change(sandbox, left, right) -> None:
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sandbox.clio.put("contacts", {"id": right, "first_name": "Ada-May"})


def test_the_same_field_changed_on_both_sides_waits_for_a_person_and_is_carried_when_decided(
    session, sandbox, pair, mapping
):
    left, right = pairs(mapping)[0]
    both_change(sandbox, left, right)
    asked = cycle(mapping, pair)

    (open_one,) = db.session.scalars(select(Conflict).filter_by(state="open", line="firstName|first_name")).all()
    assert asked.conflicts >= 1
    assert (open_one.held["left"], open_one.held["right"]) == ("Augusta", "Ada-May")
    assert of_clio(sandbox.clio, right)["first"] == "Ada-May"

    number = open_one.id
    conflicts.settle(number, "left", by="ada@firm")
    push(mapping)
    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == "Augusta"

    assert db.session.get_one(Conflict, number).change_id

    conflicts.flip(number, by="ada@firm")
    push(mapping)
    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == "Ada-May"
    assert cycle(mapping, pair).changed == 0


@pytest.mark.one_database
def test_a_side_that_wins_by_rule_keeps_the_losers_value_in_the_list(session, sandbox, pair):
    mapping = make_mapping(*pair, rule="right")
    push(mapping)
    left, right = pairs(mapping)[0]
    both_change(sandbox, left, right)

    cycle(mapping, pair)

    kept = db.session.scalar(
        select(Conflict).where(Conflict.line == "firstName|first_name").order_by(Conflict.id.desc())
    )
    assert (kept.state, kept.winner, kept.held["left"], kept.held["right"]) == (
        "settled",
        "right",
        "Augusta",
        "Ada-May",
    )
    assert of_ghl(sandbox.ghl, left)["first"] == "Ada-May"
    assert db.session.get_one(Change, kept.change_id).wanted == {"firstName": "Ada-May"}


# -- the clock --------------------------------------------------------------------------------------------------------


def test_a_mapping_is_carried_by_itself_after_a_read_and_only_then(session, sandbox, pair, mapping, clock):
    """D3"""
    assert pushes.due() == 0
    clock.advance(60)
    read(pair)

    assert pushes.due() == 1
    assert pushes.due() == 0  # one live run of a mapping
    with pytest.raises(InTheWay, match="under way"):
        push(mapping)
    assert db.session.get_one(DataMapping, mapping).updated_at < house_clock.now() - timedelta(seconds=1)
