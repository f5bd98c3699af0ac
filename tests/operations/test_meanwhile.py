"""What people edit or decide while a write waits or is under way: it is neither written over nor forgotten (W5)."""

from __future__ import annotations

from threading import Thread

import pytest
from flask import current_app
from sqlalchemy import select, update

from integration_console.errors import ChangedMeanwhile
from integration_console.errors import Conflict as InTheWay
from integration_console.models import Change, Conflict, DataMapping, Issue, Record, RecordLink, SyncRun, db
from integration_console.operations.accounts import connections
from integration_console.operations.mapping import conflicts, mappings, matches, previews
from integration_console.operations.runs import outbox, pushes, undo
from integration_console.operations.support import refused_writes
from integration_console.services.base import Service
from integration_console.sync.carrying.carry import Carrier
from integration_console.sync.carrying.pairing import Pairing
from integration_console.sync.reading.pull import Pull

from .conftest import carry_out, connect, sync
from .mapped import CONTACTS, changes, cycle, keep_only, make_mapping, of_clio, of_ghl, pairs, push, read
from .ready import links
from .test_refused_writes import NO, carry

BY = "ada@firm.example"
FIRST = "firstName|first_name"


def refused_name(sandbox, mapping, pair) -> tuple[str, int]:
    """A pair whose lead got another first name, which Clio refused."""
    left, right = pairs(mapping)[0]
    sandbox.clio.script(f"/contacts/{right}", NO)
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    assert cycle(mapping, pair).refused == 1
    return left, right


def send_refused_again() -> Change:
    refused = db.session.scalars(select(Change).filter_by(state="dead")).one()
    number = refused.id
    carry(refused_writes.send_soon([outbox.retry(refused, by=BY)], by=BY))
    db.session.rollback()
    return db.session.get_one(Change, number, populate_existing=True)


def asked(line: str = FIRST) -> list[Conflict]:
    db.session.rollback()
    return list(db.session.scalars(select(Conflict).filter_by(line=line, state="open")))


# -- edited while it waits --------------------------------------------------------------------------------------------


def test_a_refused_write_sent_again_goes_not_over_what_was_edited_and_read_since(session, sandbox, pair, mapping):
    """The version that Clio checks is that of our copy, and our copy has the edit by now."""
    left, right = refused_name(sandbox, mapping, pair)
    sandbox.clio.put("contacts", {"id": right, "first_name": "Somebody's own"})
    sync(pair[1], only=["contacts"])

    send_refused_again()

    assert of_clio(sandbox.clio, right)["first"] == "Somebody's own"
    assert of_ghl(sandbox.ghl, left)["first"] == "Augusta"
    (one,) = asked()
    assert (one.held["left"], one.held["right"]) == ("Augusta", "Somebody's own")


@pytest.mark.one_database
def test_a_refused_write_and_its_conflict_stand_once_while_another_line_of_the_pair_waits(session, sandbox, pair):
    """Such a pair is looked at by every run: each sent the write that was refused once more."""
    waits = ("city", "title", "to_right", "linked", {"flow": "not there", "side": "left"})
    mapping = make_mapping(*pair, (*(line for line in CONTACTS if line[0] != "city"), waits), rule="left")
    push(mapping)
    left, right = pairs(mapping)[0]
    sandbox.clio.script(f"/contacts/{right}", NO | {"times": 9})
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta", "city": "Reno"})
    sandbox.clio.put("contacts", {"id": right, "first_name": "Somebody's own"})

    runs = [cycle(mapping, pair) for _ in range(3)]

    assert all("not there yet" in run.message for run in runs)
    assert [run.refused for run in runs] == [1, 0, 0]
    assert [change.wanted for change in db.session.scalars(select(Change).filter_by(state="dead"))] == [
        {"first_name": "Augusta"}
    ]
    assert len(db.session.scalars(select(Conflict).filter_by(line=FIRST)).all()) == 1


@pytest.mark.one_database
def test_a_pair_of_which_a_line_waits_is_counted_once_however_often_a_run_looks_at_it(session, sandbox, pair):
    """Every turn of a run counted it, and each conflict of it, once more."""
    waits = ("city", "title", "to_right", "linked", {"flow": "not there", "side": "left"})
    mapping = make_mapping(*pair, (*(line for line in CONTACTS if line[0] != "city"), waits), rule="left")
    push(mapping)
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta", "city": "Reno"})
    sandbox.clio.put("contacts", {"id": right, "first_name": "Somebody's own"})

    run = cycle(mapping, pair)

    waiting = db.session.scalars(select(RecordLink).filter_by(mapping_id=mapping, left_hash=None)).all()
    part = db.session.get_one(SyncRun, run.id).parts[0]
    assert (run.changed, run.conflicts) == (1, 1)
    assert part.seen == len(waiting) >= 1


@pytest.mark.one_database
def test_another_field_edited_before_a_write_arrives_is_carried_with_the_next_run(session, sandbox, pair):
    """The answer to our write tells it first, so that the next read finds nothing new."""
    keep_only(sandbox.clockify, "clients", 1)
    (number,) = sandbox.clockify.shelves["clients"].numbers()
    sandbox.clockify.put("clients", {"id": number, "name": "Acme", "email": None})
    acme = sandbox.clio.put("contacts", {"type": "Company", "name": "Acme", "email_addresses": [], "addresses": []})
    clockify = connect(sandbox, "clockify")
    ends, kinds = (pair[1], clockify), ("contacts", "clients")
    lines = (("name", "name", "both", "copy", {}), ("email", "email", "both", "email", {}))
    only_acme = ({"side": "left", "field": "name", "is": "in", "values": ["Acme"]},)
    keys = ({"by": "field", "left": "name", "right": "name"},)
    sync(pair[1], only=["contacts"])
    sync(clockify, kind="full", only=["clients"])
    mapping = make_mapping(*ends, lines, kinds=kinds, keys=keys, filters=only_acme, creates_left=False)
    push(mapping)
    assert links(mapping)["linked"] == 1
    sandbox.clio.put("contacts", {"id": acme["id"], "name": "Acme Widgets"})
    sync(pair[1], only=["contacts"])
    sandbox.clockify.put("clients", {"id": number, "email": "office@acme.example"})  # nobody has read this yet

    push(mapping)
    assert sandbox.clockify.record("clients", number)["name"] == "Acme Widgets"
    sync(clockify, only=["clients"])
    push(mapping)

    told = sandbox.clio.record("contacts", acme["id"])["email_addresses"]
    assert [one["address"] for one in told] == ["office@acme.example"]


@pytest.mark.one_database
def test_a_deletion_takes_nothing_with_it_that_nobody_has_read(session, sandbox, pair):
    """W5: GoHighLevel checks no versions, and what somebody typed a moment before was nowhere any more."""
    mapping = make_mapping(*pair, deletes_left=True)
    push(mapping)
    left, right = pairs(mapping)[-1]
    sandbox.clio.delete("contacts", right)
    sync(pair[1], kind="full", only=["contacts"])
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Typed since"})  # nobody has read this yet

    run = push(mapping)

    assert (run.state, run.deleted) == ("done", 1)
    assert sandbox.ghl.get("contacts", left) is None
    first, last = changes(op="delete")
    assert (first.state, "First name changed at GoHighLevel" in first.message) == ("dropped", True)
    assert (last.state, last.before["firstName"]) == ("done", "Typed since")


# -- edited while a person is asked -----------------------------------------------------------------------------------


@pytest.fixture
def clash(sandbox, pair, mapping):
    """A pair whose first name was changed on both sides: its ids, and the number of the conflict."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sandbox.clio.put("contacts", {"id": right, "first_name": "Ada-May"})
    cycle(mapping, pair)
    (one,) = asked()
    return left, right, one.id


@pytest.mark.parametrize("edited", ["left", "right"])
def test_a_decision_holds_for_the_values_it_was_made_on(session, sandbox, pair, mapping, clash, edited):
    left, right, number = clash
    conflicts.settle(number, "left", by=BY)
    if edited == "left":
        sandbox.ghl.put("contacts", {"id": left, "firstName": "Newer"})
    else:
        sandbox.clio.put("contacts", {"id": right, "first_name": "Newer"})

    cycle(mapping, pair)

    names = of_ghl(sandbox.ghl, left)["first"], of_clio(sandbox.clio, right)["first"]
    assert names == (("Newer", "Ada-May") if edited == "left" else ("Augusta", "Newer"))
    (again,) = asked()
    assert (again.held["left"], again.held["right"]) == names
    assert db.session.get_one(Conflict, number).change_id == 0


@pytest.mark.one_database
def test_nothing_is_decided_about_values_that_a_run_brought_up_to_date_after_they_were_shown(
    session, sandbox, pair, mapping, clash
):
    left, right, number = clash
    shown = conflicts.seen(db.session.get_one(Conflict, number))
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Newer"})
    cycle(mapping, pair)

    with pytest.raises(ChangedMeanwhile, match=r"Now: .+ Newer, .+ Ada-May"):
        conflicts.settle(number, "left", by=BY, mark=shown)
    db.session.rollback()
    push(mapping)
    assert of_clio(sandbox.clio, right)["first"] == "Ada-May"

    (again,) = asked()
    conflicts.settle(again.id, "left", by=BY, mark=conflicts.seen(again))
    push(mapping)
    assert of_clio(sandbox.clio, right)["first"] == "Newer"


@pytest.mark.one_database
def test_a_decision_made_while_a_run_has_looked_at_the_pair_is_carried_and_not_asked_for_again(
    session, sandbox, pair, mapping, clash, monkeypatch
):
    left, right, _ = clash
    sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere"})
    read(pair)
    looked = Carrier.steps

    def steps(self):
        for batch in looked(self):
            for one in [one.id for one in asked()]:
                conflicts.settle(one, "left", by=BY)
            db.session.remove()  # or it would keep SQLite's writer lock
            yield batch

    monkeypatch.setattr(Carrier, "steps", steps)
    assert push(mapping).state == "done"
    assert not asked()
    assert push(mapping).state == "done"

    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == "Augusta"
    assert not asked()


@pytest.mark.one_database
def test_a_question_is_closed_when_both_sides_came_to_say_the_same(session, sandbox, pair, mapping, clash):
    left, right, number = clash
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Countess"})
    sandbox.clio.put("contacts", {"id": right, "first_name": "Countess"})

    cycle(mapping, pair)

    assert not asked()
    with pytest.raises(InTheWay, match="settled this already"):
        conflicts.settle(number, "left", by=BY)


@pytest.mark.one_database
@pytest.mark.parametrize("how", ["taken back", "another rule", "no such line"])
def test_a_question_is_closed_when_it_is_answered_otherwise(session, sandbox, pair, mapping, clash, how):
    """It stayed open for good, and what was decided about it then was carried nowhere."""
    left, right, _ = clash
    if how == "taken back":
        (one,) = asked()
        sandbox.clio.put("contacts", {"id": right, "first_name": one.held["base_right"]})
    else:
        row = db.session.get_one(DataMapping, mapping)
        lines = mappings.document(row).to_json()["lines"]
        kept = [one for one in lines if one["left"] != "firstName" or how == "another rule"]
        mappings.edit(row, by=BY, lines=kept, rule="left")
        previews.preview(row, mappings.draft_of(row))
        mappings.activate(db.session.get_one(DataMapping, mapping), by=BY)

    cycle(mapping, pair)

    assert not asked()
    names = of_ghl(sandbox.ghl, left)["first"], of_clio(sandbox.clio, right)["first"]
    assert names == ("Augusta", "Ada-May" if how == "no such line" else "Augusta")


@pytest.mark.one_database
def test_a_flip_brings_nothing_back_over_a_newer_edit(session, sandbox, pair, mapping, clash):
    left, right, number = clash
    conflicts.settle(number, "left", by=BY)
    push(mapping)
    sandbox.clio.put("contacts", {"id": right, "first_name": "Newer"})
    sync(pair[1], only=["contacts"])

    conflicts.flip(number, by=BY)
    push(mapping)

    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == "Newer"


@pytest.mark.one_database
@pytest.mark.parametrize("braked", [False, True])
def test_a_decision_holds_where_its_write_came_too_late_or_met_the_brake(
    session, sandbox, pair, mapping, clash, braked
):
    """Nobody touched what was decided: another field of the record was edited, or too much else was to be written."""
    left, right, number = clash
    conflicts.settle(number, "left", by=BY)
    if braked:
        for lead, _ in pairs(mapping):
            sandbox.ghl.put("contacts", {"id": lead, "city": "Elsewhere"})
        assert cycle(mapping, pair).state == "needs_person"
    else:
        sandbox.clio.put("contacts", {"id": right, "title": "Countess"})  # which nobody has read yet

    push(mapping, release_brake=True)

    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == "Augusta"
    assert not asked()
    assert db.session.get_one(Change, db.session.get_one(Conflict, number).change_id).state == "done"


@pytest.mark.one_database
@pytest.mark.parametrize(("winner", "name"), [("left", "Ada-May"), ("right", "Augusta")])
def test_a_flip_of_which_one_write_came_too_late_is_carried_whole(session, sandbox, pair, mapping, clash, winner, name):
    """It writes both sides: what the other one still said was taken for a newer edit, and the flip undone by it."""
    left, right, number = clash
    conflicts.settle(number, winner, by=BY)
    push(mapping)
    conflicts.flip(number, by=BY)
    sandbox.clio.put("contacts", {"id": right, "title": "Countess"})  # which nobody has read yet

    push(mapping)
    cycle(mapping, pair)

    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == name
    assert not asked()


# -- read while a run is at work ---------------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize("came", ["new", "changed"])
def test_a_record_that_is_read_after_the_newcomers_were_matched_is_not_made_a_second_time(
    session, sandbox, pair, mapping, monkeypatch, came
):
    """Nobody had looked whose pair it is; it was taken for nobody's."""
    (version,) = db.session.get_one(DataMapping, mapping).versions
    version.filters = [{"side": "left", "field": "city", "is": "not in", "values": ["Void"]}]
    version.options = {**version.options, "creates_left": False}  # so that the other one is looked for from here alone
    db.session.commit()
    nova = {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"}
    if came == "changed":
        there = sandbox.ghl.put("contacts", {**nova, "email": "wrong@example.org", "city": "Void"})
        nova["id"] = there["id"]
        cycle(mapping, pair)
    twin = {"type": "Person", "first_name": "Nova", "last_name": "Quist"}
    sandbox.clio.put("contacts", {**twin, "email_addresses": [{"address": "nova@example.org", "primary": True}]})
    read(pair)
    sandbox.ghl.put("contacts", {**nova, "city": "Reno"})
    matched = Pairing.match_all

    def and_then_read(self, side, newcomers):
        matched(self, side, newcomers)
        if side == "left":
            sync(pair[0], only=["contacts"])
            db.session.remove()  # or it would keep SQLite's writer lock

    monkeypatch.setattr(Pairing, "match_all", and_then_read)
    assert push(mapping).state == "done"
    monkeypatch.setattr(Pairing, "match_all", matched)
    push(mapping)

    assert sandbox.clio.ledger()["contacts"] == sandbox.ghl.ledger()["contacts"] == 13
    assert len(pairs(mapping)) == 13


# -- a pair that is another by now ------------------------------------------------------------------------------------


def test_a_refused_create_makes_no_second_record_once_it_has_its_other_half(session, sandbox, pair, mapping):
    nova = {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org", "tags": []}
    sandbox.ghl.put("contacts", nova)
    sandbox.clio.script("/contacts", NO | {"method": "POST"})
    assert cycle(mapping, pair).refused == 1
    address = {"name": "Work", "address": nova["email"]}
    person = {"type": "Person", "first_name": "Nova", "last_name": "Quist", "email_addresses": [address]}
    by_hand = sandbox.clio.put("contacts", person)
    sync(pair[1], only=["contacts"])
    push(mapping)
    assert str(by_hand["id"]) in {str(right) for _, right in pairs(mapping)}

    again = send_refused_again()

    assert again.state == "dropped"
    assert sandbox.clio.ledger()["contacts"] == 13


def test_a_create_found_paired_with_another_record_is_set_aside_and_the_others_go_on(
    session, sandbox, pair, mapping, clock
):
    """W3: its answer was lost, it was read meanwhile, and somebody gave it another half."""
    nova = {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org", "tags": []}
    sandbox.ghl.put("contacts", nova)
    sandbox.clio.script("/contacts", {"method": "POST", "status": 503, "body": "no"})
    cycle(mapping, pair)
    address = {"name": "Work", "address": nova["email"]}
    person = {"type": "Person", "first_name": "Nova", "last_name": "Quist", "email_addresses": [address]}
    arrived = sandbox.clio.put("contacts", person)  # it had arrived
    twin = sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Q.", "email": "q@example.org", "tags": []})
    read(pair)
    numbers = {row.external_id: row.id for row in db.session.scalars(select(Record))}
    by_hand = matches.link_by_hand(mapping, numbers[twin["id"]], numbers[str(arrived["id"])], by=BY).id
    sandbox.ghl.put("contacts", {"id": pairs(mapping)[0][0], "firstName": "Augusta"})
    sandbox.ghl.put("contacts", {"firstName": "Vera", "lastName": "Late", "email": "vera@example.org", "tags": []})
    read(pair)
    clock.advance(30)

    run = push(mapping)

    (refused,) = db.session.scalars(select(Change).filter_by(state="dead"))
    assert (run.state, run.refused, run.new) == ("done_with_problems", 1, 1)
    assert f"was paired with another one (pair {by_hand})" in refused.message
    title = db.session.get_one(Issue, refused.issue_id).title
    assert title.startswith("Clio has this as record …, which was paired with another one (pair …). No second")
    assert of_clio(sandbox.clio, pairs(mapping)[0][1])["first"] == "Augusta"
    assert db.session.get_one(RecordLink, refused.link_id).state == "aside"
    assert sandbox.clio.ledger()["contacts"] == 14

    matches.cut(by_hand, by=BY, why="They are cousins.")
    assert send_refused_again().state == "done"
    assert sandbox.clio.ledger()["contacts"] == 14


@pytest.mark.one_database
def test_a_refused_write_of_a_pair_that_was_cut_is_never_sent(session, sandbox, pair, mapping):
    left, right = refused_name(sandbox, mapping, pair)
    was = of_clio(sandbox.clio, right)
    link = db.session.scalars(select(RecordLink).join(Record, Record.id == RecordLink.left_record_id)
                              .where(Record.external_id == left)).one()  # fmt: skip

    matches.cut(link.id, by=BY, why="They are cousins.")

    assert not db.session.scalars(select(Change).filter_by(state="dead")).all()
    push(mapping)
    assert of_clio(sandbox.clio, right) == was


# -- the brake --------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_what_a_run_wanted_that_ended_before_its_brake_is_weighed_by_the_next(session, sandbox, pair, mapping):
    """P7"""
    was = {right: of_clio(sandbox.clio, right) for _, right in pairs(mapping)}
    for left, _ in pairs(mapping):
        sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere"})
    stopped = cycle(mapping, pair)
    assert stopped.state == "needs_person"
    # the same, cancelled after its look and before its brake
    db.session.execute(update(Change).where(Change.run_id == stopped.id).values(state="pending", message=None))
    db.session.commit()

    run = push(mapping)

    assert run.state == "needs_person"
    assert {right: of_clio(sandbox.clio, right) for right in was} == was


@pytest.mark.one_database
def test_a_run_that_was_asked_for_writes_nothing_once_its_mapping_is_paused(session, sandbox, pair, mapping):
    """W9"""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    read(pair)
    asked_for = pushes.request(db.session.get_one(DataMapping, mapping))
    mappings.pause(db.session.get_one(DataMapping, mapping), by=BY)

    run = carry_out(asked_for)

    assert (run.state, "switched off" in run.message) == ("failed", True)
    assert of_clio(sandbox.clio, right)["first"] != "Augusta"


# -- taken back -------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_a_run_is_not_taken_back_beside_a_write_of_the_same_pair(session, sandbox, pair, mapping):
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    run = cycle(mapping, pair).id
    sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere"})
    sandbox.clio.script(f"/contacts/{right}", {"method": "PATCH", "status": 500, "body": {}, "times": 9})
    cycle(mapping, pair)
    waiting = db.session.scalars(select(Change).where(Change.state.in_(("retry", "uncertain")))).one()

    (step,) = undo.plan(db.session.get_one(SyncRun, run))

    assert not step.can
    assert "comes first" in step.why
    with pytest.raises(InTheWay):
        undo.undo(db.session.get_one(SyncRun, run), by=BY)
    assert waiting.state != "done"


def test_a_page_of_clockify_asked_for_before_our_write_does_not_set_it_back(session, sandbox, monkeypatch):
    """It tells no time of a change: the old name looked like somebody's edit, and would have travelled back."""
    clockify, ours = acme_of(sandbox)
    keep, write = Pull._keep, Beside(lambda: rename(clockify, ours))

    def late(self, *page):
        write.once()
        return keep(self, *page)

    monkeypatch.setattr(Pull, "_keep", late)
    run = sync(clockify, kind="full", only=["clients"])

    (part,) = run.parts
    assert (run.state, part.seen, part.same, part.deleted, part.complete) == ("done", 1, 1, 0, True)
    assert names_of(sandbox, clockify) == ("Acme Widgets", "Acme Widgets")


def test_nor_does_a_single_record_asked_for_before_it(session, sandbox, monkeypatch):
    """As a webhook has it read. What changed after our write, and was asked for after it, is kept."""
    clockify, ours = acme_of(sandbox)
    read_one, write = Service.read_one, Beside(lambda: rename(clockify, ours))

    def late(self, *asked):
        answer = read_one(self, *asked)
        write.once()
        return answer

    monkeypatch.setattr(Service, "read_one", late)
    (part,) = sync(clockify, kind="record", records=[f"clients:{ours}"]).parts

    assert (part.seen, part.same, part.changed) == (1, 1, 0)
    assert names_of(sandbox, clockify) == ("Acme Widgets", "Acme Widgets")
    (there,) = sandbox.clockify.shelves["clients"].numbers()
    sandbox.clockify.put("clients", {"id": there, "name": "Acme Ltd"})
    (part,) = sync(clockify, kind="record", records=[f"clients:{ours}"]).parts
    assert (part.changed, *names_of(sandbox, clockify)) == (1, "Acme Ltd", "Acme Ltd")


class Beside:
    """Something another process does once, while we are under way."""

    def __init__(self, does) -> None:
        app = current_app._get_current_object()
        self.begun = False

        def act() -> None:
            with app.app_context():
                does()

        self.worker = Thread(target=act)

    def once(self) -> None:
        if not self.begun:
            self.begun = True
            self.worker.start()
            self.worker.join(60)


def acme_of(sandbox) -> tuple[int, str]:
    """A Clockify account with one client, called Acme and read: its number, and the client's there."""
    keep_only(sandbox.clockify, "clients", 1)
    (number,) = sandbox.clockify.shelves["clients"].numbers()
    sandbox.clockify.put("clients", {"id": number, "name": "Acme"})
    clockify = connect(sandbox, "clockify")
    sync(clockify, kind="full", only=["clients"])
    return clockify, db.session.scalars(select(Record.external_id).filter_by(connection_id=clockify)).one()


def rename(clockify: int, number: str) -> None:
    named = {"name": "Acme Widgets"}
    outbox.send_now(connections.find(clockify), "clients", "update", number, named, by=BY, cause="test")


def names_of(sandbox, clockify: int) -> tuple[str, str]:
    """What the one client is called here and there."""
    (client,) = db.session.scalars(select(Record).filter_by(connection_id=clockify, resource="clients"))
    (there,) = sandbox.clockify.shelves["clients"].numbers()
    return client.data["name"], sandbox.clockify.record("clients", there)["name"]
