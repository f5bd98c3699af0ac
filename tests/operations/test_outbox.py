"""What runs of mappings send: once, over nobody's newer edit, and nothing that is never written."""

import time

import pytest
from sqlalchemy import select, update

from integration_console import clock as house_clock
from integration_console.errors import Conflict as InTheWay
from integration_console.errors import NotFound
from integration_console.models import (
    AuditEvent,
    Change,
    Conflict,
    DataMapping,
    ErrorLog,
    FieldMapping,
    Issue,
    Record,
    RecordLink,
    SyncRun,
    Transaction,
    db,
)
from integration_console.operations.accounts import connections
from integration_console.operations.mapping import mappings
from integration_console.operations.runs import outbox, push_runs, pushes, run_again, run_steps
from integration_console.operations.support import refused_writes
from integration_console.sync.reading.plan import Rules
from integration_console.sync.sending import guards

from .conftest import carry_out, sync
from .mapped import (
    CONTACTS,
    changes,
    cycle,
    make_mapping,
    of_clio,
    of_ghl,
    pairs,
    push,
    read,
    writes,
)
from .ready import links

# -- sending ----------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_a_newer_edit_is_never_written_over(session, sandbox, pair, mapping):
    """W4, W5: Clio refuses the stale version; the pair is read and compared anew, in the same run."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sync(pair[0], only=["contacts"])
    sandbox.clio.put("contacts", {"id": right, "last_name": "Byron"})  # nobody has read this yet

    run = push(mapping)

    assert run.state == "done", run.message
    (late,) = [one for one in changes()[-3:] if one.state == "dropped"]
    call = session.scalar(select(Transaction).filter_by(call_key=late.call_key))
    assert (call.status, call.outcome) == (412, "stale")  # the one it was refused in
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


@pytest.mark.parametrize("status", [422, 423])
def test_a_refused_write_is_filed_and_not_repeated(session, sandbox, pair, mapping, status):
    """W4. No document of Clio's knows 423, which says that a record is locked."""
    left, right = pairs(mapping)[0]
    sandbox.clio.script(
        f"/contacts/{right}",
        {
            "method": "PATCH",
            "status": status,
            "body": {"error": {"type": "Invalid", "message": "First name is not nice"}},
        },
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


@pytest.mark.postgresql_at_length
@pytest.mark.settings(CALL_DEADLINE_SECONDS=0.6)
def test_a_create_whose_answer_was_lost_is_found_and_not_made_twice(session, sandbox, pair, mapping, clock):
    """W2, W3"""
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    sandbox.clio.script("/contacts", {"method": "POST", "through": True, "delay_s": 1.2})

    lost = cycle(mapping, pair)
    assert [one.state for one in changes(op="create")] == ["uncertain"]
    assert "waits for another try" in lost.message

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


@pytest.mark.postgresql_at_length
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

    for _ in range(3):  # somebody asks for it again and again: no pair is taken for one that does not come to rest
        assert push(mapping).state == "needs_person"
    released = push(mapping, release_brake=True)
    assert released.state == "done"
    assert {of_clio(sandbox.clio, right)["city"] for _, right in pairs(mapping)} == {"Elsewhere"}
    assert db.session.scalar(select(Issue.state).filter_by(kind="conflict")) == "resolved"


def make_three(sandbox):
    for name in ("Nova", "Otto", "Pia"):
        sandbox.ghl.put("contacts", {"firstName": name, "lastName": "Quist", "email": f"{name}@example.org"})


@pytest.mark.postgresql_at_length
def test_the_problem_of_a_brake_ends_with_its_mapping(session, sandbox, pair, mapping, monkeypatch):
    monkeypatch.setattr(push_runs, "rules", lambda: Rules(brake_creates=3))
    make_three(sandbox)
    assert cycle(mapping, pair).state == "needs_person"

    row = db.session.get_one(DataMapping, mapping)
    mappings.pause(row, by="ada@firm")
    mappings.remove(row, by="ada@firm")

    assert db.session.scalar(select(Issue.state).filter_by(kind="conflict")) == "resolved"


@pytest.mark.postgresql_at_length
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
def test_a_mapping_has_its_own_number_of_new_records_to_stop_at(session, sandbox, pair, mapping, monkeypatch):
    """P7: a firm that bills by the hundred every month says so once; elsewhere three may be too many, however many
    pairs there are.
    """
    cycle(mapping, pair)
    monkeypatch.setattr(push_runs, "rules", lambda: Rules(brake_creates=3, brake_percent=1_000))
    (version,) = db.session.get_one(DataMapping, mapping).versions
    version.options = {**version.options, "brake_creates": 2}
    db.session.commit()
    make_three(sandbox)
    stopped = cycle(mapping, pair)
    assert (stopped.state, "its settings" in stopped.message) == ("needs_person", True)

    (version,) = db.session.get_one(DataMapping, mapping).versions
    version.options = {**version.options, "brake_creates": 4}
    db.session.commit()

    assert push(mapping).new == 3


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
def test_a_field_emptied_at_highlevel_is_emptied_at_clio(session, sandbox, pair):
    """Its definition is asked for before, and is there."""
    own = sandbox.ghl.record("custom_fields", 1)["id"]
    mapping = make_mapping(*pair, (*CONTACTS, (f"custom:{own}", "title", "to_right", "copy", {})))
    push(mapping, release_brake=True)
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "customFields": [{"id": own, "value": "Injury"}]})
    cycle(mapping, pair)
    assert sandbox.clio.record("contacts", right)["title"] == "Injury"
    sandbox.ghl.put("contacts", {"id": left, "customFields": []})

    cycle(mapping, pair)

    assert not sandbox.clio.record("contacts", right)["title"]


@pytest.mark.one_database
def test_a_new_record_with_a_default_costs_no_look_at_the_empty_field_it_stands_for(session, sandbox, pair):
    """A record that is being made has nothing that could be emptied."""
    own = sandbox.ghl.record("custom_fields", 1)["id"]
    mapping = make_mapping(*pair, (*CONTACTS, (f"custom:{own}", "title", "to_right", "copy", {"default": "Client"})))
    line = db.session.scalar(select(FieldMapping).filter_by(right="title"))
    line.blank = "default"
    db.session.commit()
    push(mapping, release_brake=True)
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    since = len(sandbox.ghl.requests)

    assert cycle(mapping, pair).new == 1

    made = db.session.scalar(select(Change).filter_by(op="create").order_by(Change.id.desc()).limit(1))
    assert sandbox.clio.record("contacts", int(made.external_id))["title"] == "Client"
    assert not [one.path for one in list(sandbox.ghl.requests)[since:] if "customFields" in one.path]


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


def let_send(mapping, most: int) -> None:
    """Let runs of a mapping send so many writes, and keep the others waiting."""
    (version,) = db.session.get_one(DataMapping, mapping).versions
    version.options = {**version.options, "write_cap": most}
    db.session.commit()


@pytest.mark.parametrize("became", ["deleted", "left out", "renamed"])
def test_what_waited_to_be_made_is_made_of_the_record_as_it_is_by_then(session, sandbox, pair, mapping, became):
    """A bill that was voided while its invoice waited for a lost sign-in: it was made all the same."""
    (version,) = db.session.get_one(DataMapping, mapping).versions
    version.filters = [{"side": "left", "field": "city", "is": "not in", "values": ["Void"]}]
    let_send(mapping, 1)
    make_three(sandbox)
    assert cycle(mapping, pair).new == 1
    waits = changes(op="create", state="pending")[0]
    number = db.session.get_one(RecordLink, waits.link_id).left_record.external_id
    db.session.rollback()
    if became == "deleted":
        sandbox.ghl.delete("contacts", number)
        sync(pair[0], kind="full", only=["contacts"])
    else:
        news = {"city": "Void"} if became == "left out" else {"firstName": "Newest"}
        sandbox.ghl.put("contacts", {"id": number, **news})

    let_send(mapping, 10)
    run = cycle(mapping, pair)

    assert (run.state, run.new) == ("done", 2 if became == "renamed" else 1)
    names = [sandbox.clio.record("contacts", one)["first_name"] for one in sandbox.clio.shelves["contacts"].numbers()]
    assert names.count("Newest") == (became == "renamed")
    assert len(names) == 12 + (3 if became == "renamed" else 2)


@pytest.mark.parametrize("is_refused", [False, True])
def test_what_waited_to_be_made_is_matched_with_what_somebody_made_by_hand_meanwhile(
    session, sandbox, pair, mapping, is_refused
):
    """An invoice that was entered by hand while QuickBooks could not be written was there twice."""
    let_send(mapping, 1)
    make_three(sandbox)
    assert cycle(mapping, pair).new == 1
    waits = changes(op="create", state="pending")[0]
    if is_refused:
        waits.state, waits.retry_at = "retry", house_clock.now()
        db.session.commit()
    made = {name: waits.wanted[name] for name in ("first_name", "last_name")}
    addresses = [{"address": waits.wanted["email"], "name": "Work", "primary": True}]
    sandbox.clio.put("contacts", {"type": "Person", **made, "email_addresses": addresses})
    let_send(mapping, 10)

    run = cycle(mapping, pair)

    assert (run.state, run.new) == ("done", 1)
    assert sandbox.clio.ledger()["contacts"] == 15
    assert links(mapping) == {"linked": 15}


def test_what_waited_to_be_deleted_stays_where_its_other_half_is_there_again(session, sandbox, pair, mapping):
    (version,) = db.session.get_one(DataMapping, mapping).versions
    version.options = {**version.options, "deletes_left": True}
    let_send(mapping, 1)
    (_, first), (left, second), *_ = pairs(mapping)
    there = {number: sandbox.clio.record("contacts", number) for number in (first, second)}
    for number in there:
        sandbox.clio.delete("contacts", number)
    sync(pair[1], kind="full", only=["contacts"])
    assert push(mapping).deleted == 1
    sandbox.clio.put("contacts", there[second])
    sync(pair[1], kind="full", only=["contacts"])

    let_send(mapping, 10)

    assert push(mapping).deleted == 0
    assert sandbox.ghl.record("contacts", left)
    assert (left, second) in pairs(mapping)


@pytest.mark.one_database
def test_what_a_person_drops_before_it_is_sent_is_not_made_by_the_next_run(session, sandbox, pair, mapping):
    """Somebody has made it by hand, say: a bill would be there twice."""
    let_send(mapping, 1)
    make_three(sandbox)
    assert cycle(mapping, pair).new == 1
    first, _ = changes(op="create", state="pending")
    outbox.drop(first, by="ada@firm")

    assert [cycle(mapping, pair).new, cycle(mapping, pair).new] == [1, 0]

    assert sandbox.clio.ledger()["contacts"] == 14
    row = db.session.scalars(select(RecordLink).filter_by(state="aside")).one()
    assert row.reason == "ada@firm dropped the write of it."


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
