"""The ready mappings at work: previewed, switched on, and carried between three accounts at the sandbox."""

import pytest
from sqlalchemy import func, select

from integration_console.models import Change, DataMapping, Record, RecordLink, SyncRun, db
from integration_console.operations.mapping import flows, mappings, previews
from integration_console.operations.runs import push_runs, undo
from integration_console.sync.flows import CLIENTS, CONTACTS, MATTERS, PROJECTS, STAGES, TIME
from integration_console.sync.reading.plan import Rules

from .conftest import connect, sync
from .mapped import cycle, keep_only, pairs, push, read, writes
from .ready import partner, switched_on

READ = {
    "ghl": ["contacts", "opportunities", "custom_fields", "users", "pipelines"],
    "clio": ["contacts", "matters", "activities", "custom_fields", "users", "practice_areas", "matter_stages"],
    "clockify": ["clients", "projects", "users", "time_entries", "custom_fields"],
}


@pytest.fixture
def firm(session, sandbox):
    """Three small accounts, connected and read once, with a draft of every ready mapping."""
    keep_only(sandbox.ghl, "contacts", 15)
    keep_only(sandbox.ghl, "opportunities", 12)
    keep_only(sandbox.clio, "contacts", 15)
    keep_only(sandbox.clio, "matters", 8)
    keep_only(sandbox.clio, "activities", 3)
    keep_only(sandbox.clockify, "projects", 2)
    keep_only(sandbox.clockify, "clients", 2)
    keep_only(sandbox.clockify, "time_entries", 4)
    found = {key: connect(sandbox, key) for key in READ}
    for key, number in found.items():
        sync(number, kind="full", only=READ[key])
    flows.ensure()
    return found


def win(sandbox, contact: dict, name: str) -> str:
    """An opportunity of that contact, won."""
    known = sandbox.ghl.record("opportunities", 1)
    given = {"name": name, "status": "won", "contactId": contact["id"], "assignedTo": known["assignedTo"],
             "pipelineId": known["pipelineId"], "pipelineStageId": known["pipelineStageId"]}  # fmt: skip
    return sandbox.ghl.put("opportunities", given)["id"]


def attorney_of(sandbox, opportunity: str) -> int:
    """Clio's user with the e-mail address of whom HighLevel assigned it to."""
    email = sandbox.ghl.record("users", sandbox.ghl.record("opportunities", opportunity)["assignedTo"])["email"]
    users = (sandbox.clio.record("users", number) for number in sandbox.clio.shelves["users"].numbers())
    return next(one["id"] for one in users if one["email"].lower() == email.lower())


@pytest.mark.postgresql_at_length
def test_a_won_opportunity_becomes_a_matter_and_its_client_is_made_first(firm, sandbox):
    contacts, matters = switched_on(CONTACTS), switched_on(MATTERS)
    push(contacts)
    person = sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    won = win(sandbox, person, "Rear-ended on the motorway, whiplash and a broken wrist")
    sync(firm["ghl"], only=["contacts", "opportunities"])

    run = push(matters, release_brake=True)

    assert run.new >= 2, run.message
    made = sandbox.clio.record("matters", int(partner(matters, won)))
    assert made["description"] == "Rear-ended on the motorway, whiplash and a broken wrist"
    assert made["status"] == "Open"
    assert sandbox.clio.record("practice_areas", made["practice_area"]["id"])["name"] == "Personal Injury"
    assert str(made["client"]["id"]) == partner(contacts, person["id"])
    assert made["responsible_attorney"]["id"] == attorney_of(sandbox, won)

    sandbox.ghl.put("opportunities", {"id": won, "name": "Rear-ended, and a broken wrist"})
    sync(firm["ghl"], only=["opportunities"])
    again = push(matters)
    assert (again.new, again.changed) == (0, 1)
    assert sandbox.clio.record("matters", made["id"])["description"] == "Rear-ended, and a broken wrist"


@pytest.mark.one_database
def test_clients_that_matters_wait_for_are_paired_and_written_over_only_by_their_own_mapping_and_its_brake(
    firm, sandbox
):
    """P7"""
    contacts, matters = switched_on(CONTACTS), switched_on(MATTERS)
    push(contacts)
    push(matters)
    people = []
    for n in range(12):
        email = f"nova{n}@example.org"
        known = {"email_addresses": [{"name": "Work", "address": email}],
                 "phone_numbers": [{"name": "Work", "number": f"+1415555{n:04}"}]}  # fmt: skip
        sandbox.clio.put("contacts", {"type": "Person", "first_name": f"Nova{n}", "last_name": "Quist", **known})
        people.append(sandbox.ghl.put("contacts", {"firstName": f"Nova{n}", "lastName": "Quist", "email": email}))
        win(sandbox, people[-1], f"Lease {n}")
    sync(firm["ghl"], only=["contacts", "opportunities"])
    sync(firm["clio"], only=["contacts"])

    assert push(matters).new == 12
    clients = [partner(contacts, one["id"]) for one in people]
    assert None not in clients
    assert push(contacts).state == "needs_person"
    assert not any(sandbox.ghl.record("contacts", one["id"]).get("phone") for one in people)

    push(contacts, release_brake=True)
    assert sandbox.ghl.record("contacts", people[3]["id"])["phone"] == "+14155550003"


@pytest.mark.parametrize("announced", [0, 1])
def test_clients_that_matters_wait_for_are_not_made_by_the_dozen_unasked(firm, sandbox, monkeypatch, announced):
    """P7. Nor by an announcement that is long made."""
    contacts, matters = switched_on(CONTACTS), switched_on(MATTERS)
    push(contacts)
    push(matters, release_brake=True)
    monkeypatch.setattr(push_runs, "rules", lambda: Rules(brake_creates=2))
    for name in ("Nova", "Otto"):
        person = sandbox.ghl.put(
            "contacts", {"firstName": name, "lastName": "Quist", "email": f"{name}@example.org".lower()}
        )
        win(sandbox, person, f"{name} was rear-ended on the motorway, whiplash")
    sync(firm["ghl"], only=["contacts", "opportunities"])
    sends = {"right": {"create": announced, "update": 0, "delete": 0}}
    for number in (contacts, matters):
        for version in db.session.get_one(DataMapping, number).versions:
            version.preview = {"sends": sends} if announced else None
    db.session.commit()

    before = len(writes(sandbox.clio))

    stopped = push(matters)

    assert stopped.state == "needs_person", stopped.message
    assert "2 new records would be made by" in stopped.message
    assert len(writes(sandbox.clio)) == before
    assert push(matters, release_brake=True).new >= 4


@pytest.mark.one_database
def test_a_client_who_was_made_anew_is_paired_again_also_where_a_matter_asks_first(firm, sandbox):
    """The matters' run looks at no pairs of the contacts, so that the one that is gone counted: a person was asked."""
    contacts, matters = switched_on(CONTACTS), switched_on(MATTERS)
    new = {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"}
    person = sandbox.ghl.put("contacts", new)
    won = win(sandbox, person, "Rear-ended on the motorway, whiplash and a broken wrist")
    sync(firm["ghl"], only=["contacts", "opportunities"])
    push(contacts, release_brake=True)
    push(matters, release_brake=True)
    client = partner(contacts, person["id"])
    sandbox.ghl.delete("contacts", person["id"])
    again = sandbox.ghl.put("contacts", new)["id"]
    sandbox.ghl.put("opportunities", {"id": won, "contactId": again})
    sync(firm["ghl"], kind="full", only=["contacts", "opportunities"])

    asked = push(matters)
    push(contacts)

    assert asked.ambiguous == 0, asked.message
    assert partner(contacts, again) == client
    assert str(sandbox.clio.record("matters", int(partner(matters, won)))["client"]["id"]) == client


@pytest.mark.one_database
def test_an_opportunity_that_is_not_won_waits_until_it_is(firm, sandbox):
    push(switched_on(CONTACTS))
    matters = switched_on(MATTERS)
    contact = sandbox.ghl.record("contacts", 1)
    number = win(sandbox, contact, "A lease")
    sandbox.ghl.put("opportunities", {"id": number, "status": "open"})
    sync(firm["ghl"], only=["opportunities"])
    push(matters)
    assert partner(matters, number) is None

    sandbox.ghl.put("opportunities", {"id": number, "status": "won"})
    sync(firm["ghl"], only=["opportunities"])
    push(matters)

    assert partner(matters, number)


@pytest.mark.one_database
def test_a_closed_matter_shows_at_the_opportunity_it_came_from(firm, sandbox):
    push(switched_on(CONTACTS))
    matters = switched_on(MATTERS)
    number = win(sandbox, sandbox.ghl.record("contacts", 1), "A lease")
    sync(firm["ghl"], only=["opportunities"])
    push(matters)
    mapping = db.session.scalar(select(DataMapping).filter_by(flow=STAGES))
    document = mappings.document(mapping).to_json()
    document["lines"][0]["options"]["pairs"] = [["open", "won"], ["closed", "lost"]]
    mappings.edit(mapping, by="ada@firm", lines=document["lines"])
    stages = switched_on(STAGES)
    push(stages)

    sandbox.clio.put("matters", {"id": int(partner(matters, number)), "status": "closed"})
    sync(firm["clio"], only=["matters"])
    push(stages)

    assert sandbox.ghl.record("opportunities", number)["status"] == "lost"


@pytest.mark.one_database
def test_an_open_matter_gets_a_project_of_its_client_and_a_closed_one_archives_it(firm, sandbox):
    clients, projects = switched_on(CLIENTS), switched_on(PROJECTS)
    push(clients)
    client = next(iter(sandbox.clio.shelves["contacts"].numbers()))
    matter = sandbox.clio.put("matters", {"client": {"id": client}, "description": "Lease dispute"})["id"]
    sync(firm["clio"], only=["matters"])

    push(projects)

    made = partner(projects, str(matter))
    assert sandbox.clockify.record("projects", made)["clientId"] == partner(clients, str(client))
    sandbox.clio.put("matters", {"id": matter, "description": "Lease dispute, second tenant"})
    sandbox.clio.put("contacts", {"id": client, "email_addresses": [{"name": "Work", "address": "new@example.org"}]})
    sync(firm["clio"], only=["matters", "contacts"])
    push(clients)
    push(projects)
    assert sandbox.clockify.record("projects", made)["name"].endswith("Lease dispute, second tenant")
    assert sandbox.clockify.record("clients", partner(clients, str(client)))["email"] == "new@example.org"
    sandbox.clockify.put("projects", {"id": made, "billable": False, "name": "Renamed there"})
    sync(firm["clockify"], only=["projects"])
    push(projects)
    kept = sandbox.clio.record("matters", matter)
    assert (kept["billable"], kept["description"]) == (False, "Lease dispute, second tenant")
    sandbox.clio.put("matters", {"id": matter, "status": "closed"})
    sync(firm["clio"], only=["matters"])
    push(projects)
    assert sandbox.clockify.record("projects", made)["archived"] is True


@pytest.mark.postgresql_at_length
def test_hours_become_time_on_the_matter_follow_while_unbilled_and_then_rest(firm, sandbox):
    push(switched_on(CLIENTS))
    projects, time = switched_on(PROJECTS), switched_on(TIME)
    client = next(iter(sandbox.clio.shelves["contacts"].numbers()))
    matter = sandbox.clio.put("matters", {"client": {"id": client}, "description": "Lease dispute"})
    sync(firm["clio"], only=["matters"])
    push(projects)
    worked = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:30:00Z", "duration": "PT1H30M"}
    by_project = sandbox.clockify.put("time_entries", {
        "projectId": partner(projects, str(matter["id"])), "description": "Call with the landlord", "billable": True,
        "timeInterval": worked,
    })["id"]  # fmt: skip
    by_number = sandbox.clockify.put("time_entries", {
        "description": f"Working on #{matter['display_number']}", "billable": False, "timeInterval": worked,
    })["id"]  # fmt: skip
    running = sandbox.clockify.put("time_entries", {
        "projectId": partner(projects, str(matter["id"])), "timeInterval": {**worked, "end": None, "duration": None},
    })["id"]  # fmt: skip
    sync(firm["clockify"], kind="full", only=["time_entries", "projects"])

    push(time)

    activity = sandbox.clio.record("activities", int(partner(time, by_project)))
    assert (activity["type"], activity["quantity"], activity["note"]) == ("TimeEntry", 5400, "Call with the landlord")
    assert (activity["matter"]["id"], activity["non_billable"]) == (matter["id"], False)
    other = sandbox.clio.record("activities", int(partner(time, by_number)))
    assert (other["matter"]["id"], other["non_billable"]) == (matter["id"], True)
    assert partner(time, running) is None

    sandbox.clockify.put("time_entries", {"id": by_project, "description": "Two calls with the landlord"})
    sync(firm["clockify"], kind="full", only=["time_entries"])
    push(time)
    assert sandbox.clio.record("activities", activity["id"])["note"] == "Two calls with the landlord"

    sandbox.clockify.put("time_entries", {"id": by_project, "description": "Call with the landlord's lawyer"})
    sandbox.clockify.delete("time_entries", by_number)
    sandbox.clio.put("activities", {"id": activity["id"], "billed": True})
    sync(firm["clockify"], kind="full", only=["time_entries"])
    sync(firm["clio"], only=["activities"])
    run = push(time)

    assert run.deleted == 1, run.message
    assert sandbox.clio.get("activities", other["id"]) is None
    assert sandbox.clio.record("activities", activity["id"])["note"] == "Two calls with the landlord"
    assert "bill" in run.message


@pytest.mark.one_database
def test_time_that_is_billed_is_not_deleted_with_its_entry_and_that_is_said_once(firm, sandbox):
    time = switched_on(TIME)
    matter = sandbox.clio.record("matters", next(iter(sandbox.clio.shelves["matters"].numbers())))
    worked = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:30:00Z", "duration": "PT1H30M"}
    entry = sandbox.clockify.put("time_entries", {
        "description": f"Call #{matter['display_number']}", "billable": True, "timeInterval": worked,
    })["id"]  # fmt: skip
    sandbox.clio.put("matters", {"id": matter["id"], "status": "open"})
    sync(firm["clio"], only=["matters"])
    sync(firm["clockify"], kind="full", only=["time_entries"])
    push(time)
    activity, made = int(partner(time, entry)), db.session.scalar(select(func.max(SyncRun.id)))
    sandbox.clio.put("activities", {"id": activity, "billed": True})
    sandbox.clockify.delete("time_entries", entry)
    sync(firm["clio"], only=["activities"])
    sync(firm["clockify"], kind="full", only=["time_entries"])

    first, second = push(time), push(time)

    assert (first.deleted, first.refused, "on a bill" in first.message) == (0, 1, True)
    assert (second.state, second.refused) == ("done", 0)
    assert sandbox.clio.record("activities", activity)["billed"]
    assert db.session.scalar(select(func.count()).select_from(Change).filter_by(op="delete")) == 1
    assert "on a bill" in db.session.scalar(select(RecordLink.reason).filter_by(mapping_id=time, state="gone"))
    steps = [one for one in undo.plan(db.session.get_one(SyncRun, made)) if one.change.external_id == str(activity)]
    assert [(one.can, "on a bill" in one.why) for one in steps] == [(False, True)]


@pytest.mark.one_database
@pytest.mark.parametrize(("since", "why"), [("closed", "This matter is closed"), ("deleted", "was deleted there")])
def test_no_time_is_written_to_a_matter_that_was_closed_or_deleted_since_it_was_read(firm, sandbox, since, why):
    """Clio may well take it: its document names no refusal. Hours on a matter still open are none the worse."""
    time = switched_on(TIME)
    ours, other = (
        sandbox.clio.record("matters", number) for number in list(sandbox.clio.shelves["matters"].numbers())[:2]
    )
    worked = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:30:00Z", "duration": "PT1H30M"}
    entries = []
    for matter in (ours, other):
        sandbox.clio.put("matters", {"id": matter["id"], "status": "open"})
        for call in ("Call", "Second call"):
            entries.append(sandbox.clockify.put("time_entries", {
                "description": f"{call} #{matter['display_number']}", "billable": True, "timeInterval": worked,
            })["id"])  # fmt: skip
    sync(firm["clio"], only=["matters"])
    sync(firm["clockify"], kind="full", only=["time_entries"])
    if since == "closed":
        sandbox.clio.put("matters", {"id": ours["id"], "status": "closed"})
    else:
        sandbox.clio.delete("matters", ours["id"])
    before, asked = sandbox.clio.ledger()["activities"], len(sandbox.clio.requests)

    run = push(time)

    assert (run.new, run.refused) == (2, 2), run.message
    assert why in run.message
    assert [bool(partner(time, entry)) for entry in entries] == [False, False, True, True]
    assert sandbox.clio.ledger()["activities"] == before + 2
    reads = [one.path for one in list(sandbox.clio.requests)[asked:] if one.method == "GET" and "/matters/" in one.path]
    assert len(reads) == 2  # once for each matter
    if since == "closed":
        kept = db.session.scalars(select(Record.data).filter_by(resource="matters", external_id=str(ours["id"]))).one()
        assert kept["status"] == "Closed"


@pytest.mark.postgresql_at_length
def test_time_that_was_deleted_and_comes_back_is_written_again_once(firm, sandbox):
    """Clockify can restore an entry. What somebody deleted in Clio stays deleted."""
    time = switched_on(TIME)
    matter = sandbox.clio.record("matters", next(iter(sandbox.clio.shelves["matters"].numbers())))
    worked = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:30:00Z", "duration": "PT1H30M"}
    sandbox.clio.put("matters", {"id": matter["id"], "status": "open"})
    sync(firm["clio"], only=["matters"])
    entry = sandbox.clockify.put("time_entries", {
        "description": f"Call #{matter['display_number']}", "billable": True, "timeInterval": worked,
    })  # fmt: skip
    carry_hours(firm, time)
    first = partner(time, entry["id"])
    sandbox.clockify.delete("time_entries", entry["id"])
    carry_hours(firm, time)
    assert sandbox.clio.get("activities", int(first)) is None

    sandbox.clockify.put("time_entries", entry)
    made = [carry_hours(firm, time).new for _ in range(2)]

    assert made == [1, 0]
    again = partner(time, entry["id"])
    assert sandbox.clio.record("activities", int(again))["quantity"] == 5400

    sandbox.clio.delete("activities", int(again))
    sync(firm["clio"], kind="full", only=["activities"])
    assert [carry_hours(firm, time).new for _ in range(2)] == [0, 0]
    assert partner(time, entry["id"]) is None


@pytest.mark.one_database
def test_an_hour_that_is_moved_to_a_matter_nobody_knows_yet_follows_when_it_is_there(firm, sandbox):
    """Its line waited, once: the hour stayed on the matter of before, and would have been billed there."""
    time = switched_on(TIME)
    first = sandbox.clio.record("matters", next(iter(sandbox.clio.shelves["matters"].numbers())))
    sandbox.clio.put("matters", {"id": first["id"], "status": "open"})
    sync(firm["clio"], only=["matters"])
    worked = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:30:00Z", "duration": "PT1H30M"}
    said = {"billable": True, "timeInterval": worked, "description": f"Call #{first['display_number']}"}
    entry = sandbox.clockify.put("time_entries", said)["id"]
    carry_hours(firm, time)
    made = int(partner(time, entry))
    second = sandbox.clio.put("matters", {"client": {"id": first["client"]["id"]}, "description": "Its appeal"})

    sandbox.clockify.put("time_entries", {"id": entry, "description": f"Call #{second['display_number']}"})
    waits = carry_hours(firm, time)
    assert "for another one that is not there yet" in waits.message
    assert sandbox.clio.record("activities", made)["matter"]["id"] == first["id"]
    sync(firm["clio"], only=["matters"])
    push(time)

    assert sandbox.clio.record("activities", made)["matter"]["id"] == second["id"]
    assert push(time).changed == 0


def carry_hours(firm, time: int):
    """Read Clockify's hours whole and carry them."""
    sync(firm["clockify"], kind="full", only=["time_entries"])
    return push(time)


def with_a_day_of_one_name(firm, sandbox) -> tuple[int, str]:
    """The mapping of contacts, carried, once both sides have a custom field of one name; HighLevel's id of it."""
    day = sandbox.ghl.record("custom_fields", 2)["id"]
    sandbox.ghl.put("custom_fields", {"id": day, "name": "First call"})
    sync(firm["ghl"], only=["custom_fields"])
    flows.ensure()
    contacts = switched_on(CONTACTS)
    push(contacts)
    return contacts, day


@pytest.mark.one_database
def test_what_both_sides_made_a_field_for_by_one_name_goes_both_ways(firm, sandbox):
    """A day, and a choice that Clio keeps by number and HighLevel by its words."""
    choice = sandbox.ghl.record("custom_fields", 1)["id"]
    sandbox.ghl.put("custom_fields", {"id": choice, "name": "language", "picklistOptions": ["English", "Español"]})
    contacts, day = with_a_day_of_one_name(firm, sandbox)
    left, right = pairs(contacts)[0]

    sandbox.ghl.put("contacts", {"id": left, "customFields": [{"id": day, "value": "2026-02-03"}]})
    sandbox.clio.put("contacts", {"id": right, "custom_field_values": [{"custom_field": {"id": 14}, "value": 142}]})
    read(list(firm.values())[:2])
    run = push(contacts)

    assert run.refused == 0, run.message
    held = {
        one["custom_field"]["id"]: one["value"] for one in sandbox.clio.record("contacts", right)["custom_field_values"]
    }
    assert held[15] == "2026-02-03"
    told = {one["id"]: one["value"] for one in sandbox.ghl.record("contacts", left)["customFields"]}
    assert told[choice] == "Español"
    assert cycle(contacts, list(firm.values())[:2]).changed == 0


def with_a_day_carried(firm, sandbox):
    """The mapping, both ids of one pair, the field at HighLevel, and Clio's own value of the day that was carried."""
    contacts, day = with_a_day_of_one_name(firm, sandbox)
    left, right = pairs(contacts)[0]
    sandbox.ghl.put("contacts", {"id": left, "customFields": [{"id": day, "value": "2026-02-03"}]})
    assert cycle(contacts, list(firm.values())[:2]).refused == 0
    held = sandbox.clio.record("contacts", right)["custom_field_values"]
    (own,) = [one for one in held if one["custom_field"]["id"] == 15]
    return contacts, left, right, day, own


@pytest.mark.one_database
@pytest.mark.parametrize("read_again", [True, False])
def test_a_custom_field_that_was_removed_at_one_service_empties_none_at_the_other(firm, sandbox, read_again):
    """P6: Clio then tells it of no contact any more, which is not that a person emptied it. Also in the hour before
    its definitions are read again."""
    contacts, left, right, day, own = with_a_day_carried(firm, sandbox)
    both = list(firm.values())[:2]
    assert own["value"] == "2026-02-03"

    sandbox.clio.put("custom_fields", {"id": 15, "deleted": True})
    sandbox.clio.put("contacts", {"id": right, "custom_field_values": [{"id": own["id"], "_destroy": True}]})
    if read_again:
        sync(firm["clio"], only=["custom_fields"])

    assert cycle(contacts, both).changed == 0
    assert cycle(contacts, both).changed == 0
    told = {one["id"]: one["value"] for one in sandbox.ghl.record("contacts", left)["customFields"]}
    assert told[day] == "2026-02-03"


@pytest.mark.one_database
def test_where_a_service_does_not_tell_of_a_field_nothing_is_taken_for_sent(firm, sandbox):
    """W3: a write that never left is no write without an answer, which is looked up every few seconds."""
    contacts, _, right, _, own = with_a_day_carried(firm, sandbox)
    both = list(firm.values())[:2]
    sandbox.clio.put("contacts", {"id": right, "custom_field_values": [{"id": own["id"], "_destroy": True}]})
    sandbox.clio.script("/custom_fields/15", {"status": 200, "body": {"data": []}})

    assert "1 write waits for another try" in cycle(contacts, both).message
    change = db.session.scalars(select(Change).order_by(Change.id.desc())).first()
    assert (change.state, change.options.get("lost")) == ("retry", None)


def test_every_ready_mapping_can_be_previewed_and_costs_what_it_says(firm, sandbox):
    for flow in (CONTACTS, MATTERS, STAGES, CLIENTS, PROJECTS, TIME):
        mapping = db.session.scalar(select(DataMapping).filter_by(flow=flow))
        before = [len(upstream.requests) for upstream in sandbox.upstreams.values()]

        told = previews.preview(mapping, mappings.draft_of(mapping))

        assert [len(upstream.requests) for upstream in sandbox.upstreams.values()] == before
        assert {side: sum(each.values()) for side, each in told["sends"].items()} == told["writes"]
        assert told["calls"] >= sum(told["writes"].values())
        assert not db.session.scalar(select(func.count()).select_from(Change))
        db.session.rollback()
