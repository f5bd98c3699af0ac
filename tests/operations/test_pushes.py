"""Runs of mappings between accounts at the sandbox, over real HTTP, on both databases."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from integration_console import clock as house_clock
from integration_console.errors import Conflict as InTheWay
from integration_console.errors import NotFound
from integration_console.models import (
    AuditEvent,
    Change,
    Conflict,
    DataMapping,
    ErrorLog,
    Issue,
    Record,
    RecordLink,
    SyncRun,
    db,
)
from integration_console.operations.accounts import connections
from integration_console.operations.keeping import erasures
from integration_console.operations.mapping import conflicts, mappings
from integration_console.operations.runs import outbox, push_runs, pushes, run_again, run_steps, undo
from integration_console.operations.support import refused_writes
from integration_console.sync import guards
from integration_console.sync.plan import Rules

from .conftest import carry_out, connect, sync
from .mapped import CONTACTS, cycle, make_agreed, make_mapping, of_clio, of_ghl, pairs, push, read, small_pair, writes
from .ready import links


@pytest.fixture
def pair(session, sandbox):
    return small_pair(sandbox, 12)


@pytest.fixture
def mapping(pair):
    return make_agreed(*pair)


def changes(**of) -> list[Change]:
    db.session.rollback()
    return list(db.session.scalars(select(Change).filter_by(**of).order_by(Change.id)))


# -- pairs ------------------------------------------------------------------------------------------------------------


def test_twins_are_linked_and_never_made_and_what_differs_is_carried_or_asked(session, sandbox, pair):
    mapping = make_mapping(*pair)

    run = push(mapping)

    assert run.state == "done"
    assert links(mapping) == {"linked": 12}
    assert sandbox.ghl.ledger()["contacts"] == sandbox.clio.ledger()["contacts"] == 12
    assert run.conflicts == db.session.scalar(select(func.count()).select_from(Conflict)) > 0


def test_a_cycle_without_edits_writes_nothing(session, sandbox, pair, mapping):
    """W6"""
    before = [len(u.requests) for u in (sandbox.ghl, sandbox.clio)]

    run = cycle(mapping, pair)

    assert (run.state, run.message) == ("done", "Nothing had changed.")
    assert not writes(sandbox.ghl, before[0])
    assert not writes(sandbox.clio, before[1])


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


def test_a_deleted_record_leaves_its_other_half_and_is_not_made_again(session, sandbox, pair, mapping):
    """P7, H4"""
    left, _ = pairs(mapping)[0]
    sandbox.ghl.delete("contacts", left)
    sync(pair[0], kind="full", only=["contacts"])

    first, second = push(mapping), cycle(mapping, pair)

    assert (first.new, second.new) == (0, 0)
    assert (sandbox.ghl.ledger()["contacts"], sandbox.clio.ledger()["contacts"]) == (11, 12)
    assert links(mapping) == {"linked": 11, "gone": 1, "aside": 1}


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


# -- sending ----------------------------------------------------------------------------------------------------------


def test_a_newer_edit_is_never_written_over(session, sandbox, pair, mapping):
    """W4, W5: Clio refuses the stale version; the pair is read and compared anew, in the same run."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sync(pair[0], only=["contacts"])
    sandbox.clio.put("contacts", {"id": right, "last_name": "Byron"})  # nobody has read this yet

    run = push(mapping)

    assert run.state == "done", run.message
    assert [one.state for one in changes()][-3:].count("dropped") == 1
    assert of_ghl(sandbox.ghl, left) == of_clio(sandbox.clio, right)
    assert of_clio(sandbox.clio, right) | {"city": 0} == {"first": "Augusta", "last": "Byron", "city": 0}


@pytest.mark.one_database
def test_where_an_upstream_checks_no_versions_we_look_first(session, sandbox, pair, mapping):
    """W5"""
    left, right = pairs(mapping)[0]
    sandbox.clio.put("contacts", {"id": right, "first_name": "Augusta"})
    sync(pair[1], only=["contacts"])
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Nobody read this"})

    push(mapping)

    assert of_ghl(sandbox.ghl, left)["first"] == "Nobody read this"
    assert db.session.scalar(select(Conflict.held).filter_by(line="firstName|first_name", state="open"))["left"]


def test_a_refused_write_is_filed_and_not_repeated(session, sandbox, pair, mapping):
    """W4"""
    left, right = pairs(mapping)[0]
    sandbox.clio.script(
        f"/contacts/{right}",
        {"method": "PATCH", "status": 422, "body": {"error": {"type": "Invalid", "message": "First name is not nice"}}},
    )
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})

    first, second = cycle(mapping, pair), cycle(mapping, pair)

    assert (first.state, first.refused) == ("done_with_problems", 1)
    assert "First name is not nice" in first.message
    assert second.message == "Nothing had changed."
    (dead,) = changes(state="dead")
    assert "First name is not nice" in dead.message
    assert db.session.scalar(select(ErrorLog.external_id).order_by(ErrorLog.id.desc())) == str(right)

    outbox.retry(db.session.get_one(Change, dead.id), by="ada@firm")
    push(mapping)
    assert of_clio(sandbox.clio, right)["first"] == "Augusta"


@pytest.mark.settings(CALL_DEADLINE_SECONDS=0.6)
def test_a_create_whose_answer_was_lost_is_found_and_not_made_twice(session, sandbox, pair, mapping, clock):
    """W2, W3"""
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    sandbox.clio.script("/contacts", {"method": "POST", "through": True, "delay_s": 1.2})

    lost = cycle(mapping, pair)
    assert [one.state for one in changes(op="create")] == ["uncertain"]
    assert "wait for another try" in lost.message

    while sandbox.clio.ledger()["contacts"] == 12:  # it is still on its way there
        time.sleep(0.05)
    clock.advance(30)
    found = push(mapping)

    assert found.new == 1
    assert sandbox.clio.ledger()["contacts"] == 13
    assert len([one for one in writes(sandbox.clio) if one.method == "POST"]) == 1
    assert links(mapping) == {"linked": 13}


@pytest.mark.one_database
def test_a_create_nobody_can_tell_from_its_twin_is_not_sent_again_by_trying_it_again(
    session, sandbox, pair, mapping, clock
):
    """W3: the answer was lost, two records could be it, and a third one is never made, also not of an edited record."""
    given = {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"}
    nova = sandbox.ghl.put("contacts", given)["id"]
    sandbox.clio.script("/contacts", {"method": "POST", "status": 503, "body": "no"})
    cycle(mapping, pair)
    assert [one.state for one in changes(op="create")] == ["uncertain"]
    for _ in range(2):  # it arrived, and somebody typed the same
        sandbox.clio.put("contacts", {"type": "Person", "first_name": "Nova", "last_name": "Quist",
                                      "email_addresses": [{"address": "nova@example.org"}]})  # fmt: skip
    sent = len(writes(sandbox.clio))
    clock.advance(30)
    push(mapping)
    (dead,) = changes(op="create")
    assert (dead.state, "holds 2 that could be it" in dead.message) == ("dead", True)

    outbox.retry(dead, by="ada@firm")
    push(mapping)
    (dead,) = changes(op="create")
    assert dead.state == "dead"
    with pytest.raises(InTheWay, match="it may be there already"):
        refused_writes.send_edited(dead, {"first_name": "Novah"}, by="ada@firm")
    refused_writes.retry_several([dead.id], by="ada@firm")
    carry_out(db.session.scalar(select(SyncRun).filter_by(cause="retry")))
    assert [one.state for one in changes(op="create")] == ["dead"]
    assert len(writes(sandbox.clio)) == sent

    sandbox.ghl.put("contacts", {"id": nova, "firstName": "Zoe", "lastName": "Vance", "email": "zoe@example.org"})
    sync(pair[0], kind="incremental", only=["contacts"])
    push(mapping)
    assert [one.state for one in changes(op="create")] == ["dead"]
    assert len(writes(sandbox.clio)) == sent


@pytest.mark.parametrize("reached", [True, False])
def test_what_was_being_sent_when_a_process_died_is_looked_up_first(session, sandbox, pair, mapping, clock, reached):
    """W2, W3, S4: killed before the send, and killed after it but before its mark."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    read(pair)
    if not reached:
        sandbox.clio.script(f"/contacts/{right}", {"method": "PATCH", "status": 503, "body": "no"})
    push(mapping)
    number = changes(op="update")[-1].id
    dying = {"state": "sending", "sent_at": house_clock.now(), "retry_at": None}
    db.session.execute(update(Change).where(Change.id == number).values(**dying))
    db.session.commit()
    sent = len(writes(sandbox.clio))

    assert push(mapping).changed == 0  # it may still be on its way
    clock.advance(120)
    push(mapping)

    assert db.session.get_one(Change, number).state == "done"
    assert of_clio(sandbox.clio, right)["first"] == "Augusta"
    assert len(writes(sandbox.clio)) == sent + (not reached)


def test_nothing_is_sent_while_a_connection_is_paused(session, sandbox, pair, mapping):
    """W9"""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    read(pair)
    connections.pause(connections.find(pair[1]), by="ada@firm")

    with pytest.raises(InTheWay, match="not connected"):
        push(mapping)

    connections.resume(connections.find(pair[1]), by="ada@firm")
    push(mapping)
    assert of_clio(sandbox.clio, right)["first"] == "Augusta"


@pytest.mark.one_database
def test_a_run_keeps_to_the_version_it_was_asked_for_and_names_it(session, sandbox, pair, mapping):
    """W9: another version goes live while it waits; the next run is the first to use that one."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta", "city": "Elsewhere"})
    read(pair)
    row = db.session.get_one(DataMapping, mapping)
    asked = pushes.request(row).id
    lines = [one for one in mappings.document(row).to_json()["lines"] if one["left"] != "city"]
    mappings.edit(row, by="ada@firm", lines=lines)
    draft = mappings.draft_of(row)
    draft.preview = {"at": "2026-03-02T12:00:00Z", "counts": {}, "sends": {}}
    db.session.commit()
    mappings.activate(row, by="ada@firm")
    db.session.commit()

    run = carry_out(db.session.get_one(SyncRun, asked))

    assert (run.mapping_version, run.state) == (1, "done")
    assert [step.label for step in run_steps.of(run)] == ["Wait to be begun", "Match", "Map", "Write"]
    assert {(one.version, one.sent_run_id) for one in changes(external_id=str(right))[-1:]} == {(1, asked)}
    assert of_clio(sandbox.clio, right) | {"last": 0} == {"first": "Augusta", "last": 0, "city": "Elsewhere"}
    sandbox.ghl.put("contacts", {"id": left, "city": "Nowhere"})
    assert db.session.get_one(SyncRun, cycle(mapping, pair).id).mapping_version == 2
    assert of_clio(sandbox.clio, right)["city"] == "Elsewhere"

    row = db.session.get_one(DataMapping, mapping)
    ways = run_again.of_mapping(db.session.get_one(SyncRun, asked), row)  # once more as then: the city is carried
    assert [way.values for way in ways.ways] == [{}, {"version": "1"}]
    again = carry_out(pushes.request(row, version=1))
    assert (again.mapping_version, again.state) == (1, "done")
    assert of_clio(sandbox.clio, right)["city"] == "Nowhere"
    row = db.session.get_one(DataMapping, mapping)
    mappings.edit(row, by="ada@firm", lines=lines[:-1])
    with pytest.raises(NotFound, match="never on"):
        pushes.request(row, version=3)


def test_too_many_writes_stop_before_the_first_until_a_person_releases_the_brake(session, sandbox, pair, mapping):
    """P7"""
    for left, _ in pairs(mapping):
        sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere"})
    before = len(writes(sandbox.clio))

    stopped = cycle(mapping, pair)
    assert stopped.state == "needs_person"
    assert "Nothing was written" in stopped.message
    assert len(writes(sandbox.clio)) == before
    assert pushes.due() == 0
    problem = db.session.scalar(select(Issue).filter_by(kind="conflict"))
    assert (problem.title, problem.resource) == (
        f"{db.session.get_one(DataMapping, mapping).name} stopped at its brake",
        "contacts",
    )

    released = push(mapping, release_brake=True)
    assert released.state == "done"
    assert {of_clio(sandbox.clio, right)["city"] for _, right in pairs(mapping)} == {"Elsewhere"}


def make_three(sandbox):
    for name in ("Nova", "Otto", "Pia"):
        sandbox.ghl.put("contacts", {"firstName": name, "lastName": "Quist", "email": f"{name}@example.org"})


def test_many_new_records_stop_before_the_first_until_a_person_releases_the_brake(
    session, sandbox, pair, mapping, monkeypatch
):
    """P7: a list that was imported anew has other ids, and would be made a second time on the other side."""
    monkeypatch.setattr(push_runs, "rules", lambda: Rules(brake_creates=3))
    make_three(sandbox)
    before = len(writes(sandbox.clio))

    stopped = cycle(mapping, pair)

    assert stopped.state == "needs_person"
    assert "3 new records would be made" in stopped.message
    assert "Nothing was written" in stopped.message
    assert len(writes(sandbox.clio)) == before
    assert pushes.due() == 0
    released = push(mapping, release_brake=True)
    assert (released.state, released.new) == ("done", 3)


@pytest.mark.one_database
def test_new_records_the_preview_announced_are_made_over_several_runs(session, sandbox, pair, mapping, monkeypatch):
    monkeypatch.setattr(push_runs, "rules", lambda: Rules(brake_creates=3))
    (version,) = db.session.get_one(DataMapping, mapping).versions
    sends = {"left": {"create": 0, "update": 0, "delete": 0}, "right": {"create": 3, "update": 0, "delete": 0}}
    version.preview, version.activated_at = {"sends": sends}, house_clock.now()
    db.session.commit()
    make_three(sandbox)
    assert cycle(mapping, pair).new == 3
    for name in ("Quirin", "Rosa", "Sven"):
        sandbox.ghl.put("contacts", {"firstName": name, "lastName": "Quist", "email": f"{name}@example.org"})
    assert "3 new records" in cycle(mapping, pair).message


@pytest.mark.one_database
def test_telling_the_other_side_the_ids_of_what_was_made_is_not_braked(session, sandbox, pair):
    """P7: it follows from the records that were made, and nobody could say anything else to it."""
    fields = select(Record).where(Record.connection_id == pair[1], Record.resource == "custom_fields")
    own = next(one.external_id for one in db.session.scalars(fields) if one.data["name"] == "HighLevel id")
    mapping = make_mapping(*pair, (*CONTACTS, ("id", f"custom:{own}", "to_right", "copy", {})))

    run = push(mapping)

    assert run.state == "done", run.message
    assert run.changed >= 12


@pytest.mark.one_database
def test_a_run_writes_no_more_than_its_cap_and_the_rest_follows(session, sandbox, pair):
    """W7"""
    mapping = make_mapping(*pair, write_cap=2)
    push(mapping)
    push(mapping)
    for left, _ in pairs(mapping)[:5]:
        sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere"})
    read(pair)

    sent = [push(mapping).changed for _ in range(3)]

    assert sent == [2, 2, 1]


def test_of_one_object_one_write_is_on_its_way_at_a_time_and_the_oldest_goes_first(session, sandbox, pair, clock):
    """W7: the second waits until it is known what became of the first."""
    contact = str(next(iter(sandbox.clio.shelves["contacts"].numbers())))
    asked = (("First", "sending", house_clock.now(), {}), ("Second", "pending", None, {"title": "First"}))
    for name, state, at, before in asked:
        session.add(Change(
            connection_id=pair[1], resource="contacts", op="update", external_id=contact, idempotency_key=name,
            wanted={"title": name}, before=before, state=state, sent_at=at, cause="test", created_at=house_clock.now(),
        ))  # fmt: skip
    session.commit()

    outbox.push(connections.find(pair[1]))
    assert [one.state for one in changes()] == ["sending", "pending"]
    assert not writes(sandbox.clio)

    clock.advance(120)
    outbox.push(connections.find(pair[1]))
    assert [one.state for one in changes()] == ["done", "done"]
    assert len(writes(sandbox.clio)) == 2
    assert sandbox.clio.record("contacts", int(contact))["title"] == "Second"


@pytest.mark.one_database
def test_a_pair_that_does_not_come_to_rest_is_paused_and_named(session, sandbox, pair, mapping):
    """W6: something else sets both sides back each time."""
    left, right = pairs(mapping)[0]
    for _ in range(5):
        sandbox.ghl.put("contacts", {"id": left, "firstName": "Tick"})
        cycle(mapping, pair)
        sandbox.clio.put("contacts", {"id": right, "first_name": "Tock"})
        last = cycle(mapping, pair)

    assert links(mapping)["paused"] == 1
    said = db.session.scalar(select(RecordLink.reason).filter_by(state="paused"))
    assert said.startswith("First name was written with the same value")
    assert "does not stay" in said
    assert last.message == "Nothing had changed."


# -- guards -----------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_trust_money_is_never_written_and_the_try_is_kept(session, sandbox, pair):
    """W8"""
    sync(pair[1], kind="full", only=["bank_transactions"])
    record = db.session.scalar(select(Record).filter_by(resource="bank_transactions"))
    before = len(sandbox.clio.requests)

    with pytest.raises(guards.Refused, match="client trust money"):
        outbox.send_now(
            connections.find(pair[1]), "bank_transactions", "update", record.external_id, {"amount": 1},
            by="boss@firm", cause="a try",
        )  # fmt: skip

    assert len(sandbox.clio.requests) == before
    event = db.session.scalar(select(AuditEvent).filter_by(action="trust write refused"))
    assert event.actor == "boss@firm"
    assert [one.state for one in changes()] == ["dead"]


def test_a_client_with_matters_is_never_deleted(session, sandbox, pair):
    sync(pair[1], kind="full", only=["matters"])
    client = int(db.session.scalar(select(Record.external_id).filter_by(connection_id=pair[1], resource="contacts")))
    sandbox.clio.put("matters", {"client": {"id": client}, "description": "Lease dispute"})
    sync(pair[1], kind="incremental", only=["matters"])

    with pytest.raises(guards.Refused, match="matter"):
        outbox.send_now(connections.find(pair[1]), "contacts", "delete", str(client), {}, by="boss@firm", cause="a try")


# -- taking back ------------------------------------------------------------------------------------------------------


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
