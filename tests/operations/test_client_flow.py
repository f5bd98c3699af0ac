"""Clio's clients and Clockify's, kept the same both ways, beside the mapping that keeps Clio and HighLevel the same."""

import pytest
from sqlalchemy import select

from integration_console.models import Conflict, DataMapping, RecordLink, db
from integration_console.operations.accounts import connections
from integration_console.operations.mapping import flows, mappings, previews
from integration_console.operations.runs import outbox
from integration_console.sync.flows import CLIENTS, CONTACTS
from integration_console.sync.sending import guards

from .conftest import connect, sync
from .mapped import keep_only, push, writes
from .ready import links, mapping_of, partner, switched_on

READ = {"ghl": ["contacts", "custom_fields"], "clio": ["contacts", "custom_fields"], "clockify": ["clients"]}
ADA = {"type": "Person", "first_name": "Ada", "last_name": "Byron", "name": "Ada Byron"}
ACME = {"type": "Company", "name": "Acme Widgets"}
HOUSE = {"street": "12 Main St, Suite 4", "city": "Springfield", "province": "IL", "postal_code": "62701"}


@pytest.fixture
def firm(session, sandbox):
    """Three accounts of one person each, read once, and a draft of every ready mapping."""
    for upstream, kind in ((sandbox.ghl, "contacts"), (sandbox.clio, "contacts"), (sandbox.clockify, "clients")):
        keep_only(upstream, kind, 1)
    sandbox.clio.put("contacts", {"id": 1, "phone_numbers": []})  # else a question of its own
    found = {key: connect(sandbox, key) for key in READ}
    for key, number in found.items():
        sync(number, kind="full", only=READ[key])
    flows.ensure()
    return found


def client(sandbox, who: dict, email: str | None = None, **more) -> int:
    """A client of the firm in Clio; its number."""
    given = {**who, "is_client": True, "phone_numbers": [], "addresses": [], "email_addresses": [], **more}
    if email:
        given["email_addresses"] = [{"name": "Work", "address": email, "default_email": True}]
    return sandbox.clio.put("contacts", given)["id"]


def read(firm, *services: str) -> None:
    for key in services or READ:
        sync(firm[key], only=READ[key])


def both(firm, *, first: str = CLIENTS) -> list:
    """Read all, carry one mapping, read all, carry the other."""
    runs = []
    for flow in (first, CONTACTS if first == CLIENTS else CLIENTS):
        read(firm)
        runs.append(push(number_of(flow), release_brake=True))
    return runs


@pytest.mark.one_database
def test_a_client_with_projects_and_a_project_with_hours_are_never_deleted(firm, sandbox):
    """Whose hours they were would be told by nothing else."""
    there = sandbox.clockify
    client = there.put("clients", {"name": "Acme Widgets", "archived": True})["id"]
    project = there.put("projects", {"name": "00009 Lease", "clientId": client, "archived": True})["id"]
    start = {"start": "2026-03-02T14:00:00Z", "end": "2026-03-02T15:00:00Z", "duration": "PT1H"}
    there.put("time_entries", {"projectId": project, "timeInterval": start})
    sync(firm["clockify"], kind="full", only=["users", "clients", "projects", "time_entries"])
    account = connections.find(firm["clockify"])

    for kind, number, held in (("clients", client, "projects"), ("projects", project, "time entries")):
        with pytest.raises(guards.Refused, match=f"It has {held} at Clockify"):
            outbox.send_now(account, kind, "delete", number, {}, by="boss@firm", cause="a try")
    assert there.get("projects", project)["clientId"] == client


def number_of(flow: str) -> int:
    found = mapping_of(flow).id
    db.session.rollback()
    return found


def highlevel_of(clio: int) -> str:
    rows = db.session.scalars(select(RecordLink).filter_by(mapping_id=number_of(CONTACTS), state="linked")).all()
    (found,) = [row.left_record.external_id for row in rows if row.right_record.external_id == str(clio)]
    db.session.rollback()
    return found


def address_of(contact: dict) -> dict:
    return {part: contact["addresses"][0].get(part) for part in HOUSE}


def assert_at_rest(firm, sandbox) -> None:
    """Two more cycles of both mappings write nothing anywhere."""
    upstreams = (sandbox.ghl, sandbox.clio, sandbox.clockify)
    begun = [len(upstream.requests) for upstream in upstreams]
    for _ in range(2):
        for run in both(firm):
            assert (run.new, run.changed, run.refused, run.conflicts) == (0, 0, 0, 0), run.message
    assert not [one for upstream, since in zip(upstreams, begun, strict=True) for one in writes(upstream, since)]


@pytest.mark.postgresql_at_length
def test_what_clockify_or_highlevel_changes_reaches_all_three_and_comes_to_rest(firm, sandbox):
    """W6"""
    acme = client(sandbox, ACME, "office@acme.example", addresses=[{"name": "Work", "primary": True, **HOUSE}])
    read(firm)
    switched_on(CONTACTS)
    switched_on(CLIENTS)
    both(firm, first=CONTACTS)
    both(firm)  # the new HighLevel contact's id reaches Clio
    theirs, lead = partner(number_of(CLIENTS), str(acme)), highlevel_of(acme)
    assert sandbox.clockify.record("clients", theirs)["address"] == "12 Main St, Suite 4, Springfield, IL 62701"

    sandbox.clockify.put("clients", {
        "id": theirs, "name": "Acme Widgets & Sons", "email": "Bills@Acme.example",
        "address": "14 Oak Ave\nPeoria, IL 61602",
    })  # fmt: skip
    both(firm)

    kept = sandbox.clio.record("contacts", acme)
    assert (kept["name"], kept["primary_email_address"]) == ("Acme Widgets & Sons", "bills@acme.example")
    assert address_of(kept) == {"street": "14 Oak Ave", "city": "Peoria", "province": "IL", "postal_code": "61602"}
    shown = sandbox.ghl.record("contacts", lead)
    assert (shown["companyName"], shown["email"]) == ("Acme Widgets & Sons", "bills@acme.example")
    assert (shown["address1"], shown["city"], shown["postalCode"]) == ("14 Oak Ave", "Peoria", "61602")
    assert_at_rest(firm, sandbox)

    sandbox.ghl.put("contacts", {"id": lead, "companyName": "Acme Ltd", "email": "hello@acme.example", "city": "Pekin"})
    both(firm, first=CONTACTS)

    assert sandbox.clio.record("contacts", acme)["name"] == "Acme Ltd"
    shown = sandbox.clockify.record("clients", theirs)
    assert (shown["name"], shown["email"]) == ("Acme Ltd", "hello@acme.example")
    assert shown["address"] == "14 Oak Ave, Pekin, IL 61602"
    assert_at_rest(firm, sandbox)


@pytest.mark.one_database
def test_a_persons_name_is_never_torn_by_the_one_name_clockify_has(firm, sandbox):
    ada = client(sandbox, ADA, "ada@example.org", middle_name="King")
    read(firm)
    clients = switched_on(CLIENTS)
    push(clients, release_brake=True)
    theirs = partner(clients, str(ada))

    sandbox.clockify.put("clients", {"id": theirs, "name": "Countess Lovelace", "email": "countess@example.org"})
    read(firm, "clockify")
    run = push(clients)

    kept = sandbox.clio.record("contacts", ada)
    assert (run.refused, run.conflicts) == (0, 0), run.message
    assert [kept[part] for part in ("first_name", "middle_name", "last_name")] == ["Ada", "King", "Byron"]
    assert kept["primary_email_address"] == "countess@example.org"
    assert sandbox.clockify.record("clients", theirs)["name"] == "Countess Lovelace"
    sandbox.clio.put("contacts", {"id": ada, "last_name": "Lovelace", "name": "Ada Lovelace"})
    read(firm, "clio")
    push(clients)
    assert sandbox.clockify.record("clients", theirs)["name"] == "Ada Lovelace"


def test_where_clockify_takes_a_name_only_once_the_second_of_that_name_is_asked_about_and_not_refused(firm, sandbox):
    """W4: two clients of one name were both sent, and the second ended as an error that no retry mends."""
    client(sandbox, ADA, "ada@example.org")
    client(sandbox, ADA, "byron@example.com")
    read(firm)
    mapping = mapping_of(CLIENTS)
    preview = previews.preview(mapping, mappings.draft_of(mapping))

    run = push(switched_on(CLIENTS), release_brake=True)

    shelf = sandbox.clockify.shelves["clients"]
    names = [str(shelf.get(number)["name"]).casefold() for number in shelf.numbers()]
    assert (names.count("ada byron"), run.refused, run.new) == (1, 0, preview["counts"]["create"]), run.message
    waiting = db.session.scalars(select(RecordLink.reason).filter_by(state="waiting")).all()
    assert [said for said in waiting if "takes the same name only once" in said and "Byron is made first" in said]
    read(firm)
    assert push(number_of(CLIENTS)).refused == 0
    assert links(number_of(CLIENTS))["ambiguous"] == 1


def test_of_two_new_people_of_one_address_the_second_is_asked_about_and_not_made_beside_the_first(firm, sandbox):
    """Had they come one after the other, the key would have found the first; in one look both were made."""
    for first, last in (("Ada", "Byron"), ("A.", "byron")):
        sandbox.ghl.put("contacts", {"firstName": first, "lastName": last, "email": "ada@example.org"})
    read(firm)
    mapping = mapping_of(CONTACTS)
    preview = previews.preview(mapping, mappings.draft_of(mapping))

    run = push(switched_on(CONTACTS), release_brake=True)

    def at_clio() -> int:
        shelf = sandbox.clio.shelves["contacts"]
        held = (shelf.get(number)["email_addresses"] for number in shelf.numbers())
        return sum(any(one["address"] == "ada@example.org" for one in some) for some in held)

    waiting = db.session.scalars(select(RecordLink.reason).filter_by(state="waiting")).all()
    assert (at_clio(), run.refused, run.new) == (1, 0, preview["counts"]["create"]), run.message
    assert [said for said in waiting if "ada@example.org is made first" in said], waiting
    read(firm)
    assert push(number_of(CONTACTS)).refused == 0
    assert (at_clio(), links(number_of(CONTACTS))["ambiguous"]) == (1, 1)


@pytest.mark.one_database
def test_the_second_of_a_name_waits_also_for_one_that_an_earlier_run_is_still_to_make(firm, sandbox):
    """A run makes only so many: the next one found nobody of that name there yet, and had the second made, too."""
    client(sandbox, ACME, "office@acme.example")
    client(sandbox, ADA, "ada@example.org")
    client(sandbox, ADA, "byron@example.com")
    read(firm)
    mapping = mapping_of(CLIENTS)
    draft = mappings.draft_of(mapping)
    draft.options = {**draft.options, "write_cap": 1}
    db.session.commit()
    number = switched_on(CLIENTS)

    runs = [push(number, release_brake=True) for _ in range(5)]

    assert [run.refused for run in runs] == [0] * 5, runs[-1].message
    shelf = sandbox.clockify.shelves["clients"]
    names = [str(shelf.get(number)["name"]).casefold() for number in shelf.numbers()]
    assert names.count("ada byron") == 1
    assert links(number)["ambiguous"] == 1


@pytest.mark.one_database
def test_what_is_emptied_travels_and_what_cannot_be_taken_apart_is_told(firm, sandbox):
    acme = client(sandbox, ACME, "office@acme.example", addresses=[{"name": "Work", "primary": True, **HOUSE}])
    read(firm)
    clients = switched_on(CLIENTS)
    push(clients, release_brake=True)
    theirs = partner(clients, str(acme))

    sandbox.clockify.put("clients", {"id": theirs, "email": None, "address": "somewhere in Springfield"})
    read(firm, "clockify")
    run = push(clients)

    assert "which part of this address is which" in db.session.scalar(
        select(RecordLink.reason).join(RecordLink.right_record).filter_by(external_id=theirs)
    )
    db.session.rollback()
    kept = sandbox.clio.record("contacts", acme)
    assert (kept["email_addresses"], address_of(kept)) == ([], HOUSE), run.message
    sandbox.clockify.put("clients", {"id": theirs, "address": None})
    read(firm, "clockify")
    push(clients)
    assert sandbox.clio.record("contacts", acme)["addresses"] == []


@pytest.mark.one_database
def test_where_both_changed_the_same_clio_wins_and_both_values_are_kept(firm, sandbox):
    acme = client(sandbox, ACME, "office@acme.example")
    read(firm)
    clients = switched_on(CLIENTS)
    push(clients, release_brake=True)
    theirs = partner(clients, str(acme))

    sandbox.clio.put("contacts", {"id": acme, "name": "Acme of Clio"})
    sandbox.clockify.put("clients", {"id": theirs, "name": "Acme of Clockify", "email": "new@acme.example"})
    read(firm)
    run = push(clients)

    assert run.conflicts == 1
    assert sandbox.clockify.record("clients", theirs)["name"] == "Acme of Clio"
    assert sandbox.clio.record("contacts", acme)["primary_email_address"] == "new@acme.example"
    held = db.session.scalar(select(Conflict.held).filter_by(mapping_id=clients))
    assert (held["left"], held["right"]) == ("Acme of Clio", "Acme of Clockify")


@pytest.mark.one_database
def test_who_is_only_in_clockify_is_not_made_in_clio_unless_the_mapping_says_so_and_never_twice(firm, sandbox):
    """A name alone is a question, for a person; one whom nobody is like is made whole, as a company."""
    sandbox.clockify.put("clients", {"name": "Acme Widgets", "email": "other@acme.example"})
    new = sandbox.clockify.put("clients", {"name": "Nova Quist", "email": "nova@example.org"})["id"]
    client(sandbox, ACME, "office@acme.example")
    read(firm)
    before = len(sandbox.clio.shelves["contacts"])
    clients = switched_on(CLIENTS)

    push(clients, release_brake=True)
    assert len(sandbox.clio.shelves["contacts"]) == before
    mapping = db.session.get_one(DataMapping, clients)
    options = mappings.document(mapping).to_json()["options"]
    mappings.edit(mapping, by="ada@firm", options={**options, "creates_left": True})
    switched_on(CLIENTS)
    run = push(clients, release_brake=True)

    rows = db.session.scalars(select(RecordLink).filter_by(mapping_id=clients, state="linked")).all()
    made = {row.right_record.external_id: int(row.left_record.external_id) for row in rows}[new]
    kept = sandbox.clio.record("contacts", made)
    assert (kept["type"], kept["name"], kept["primary_email_address"]) == ("Company", "Nova Quist", "nova@example.org")
    names = [sandbox.clio.record("contacts", one)["name"] for one in sandbox.clio.shelves["contacts"].numbers()]
    assert (names.count("Acme Widgets"), names.count("Nova Quist")) == (1, 1), run.message
    (asked,) = db.session.scalars(select(RecordLink).filter_by(mapping_id=clients, state="ambiguous")).all()
    assert "the same name" in asked.reason
