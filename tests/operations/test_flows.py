"""The ready mappings, made as drafts of accounts connected at the sandbox, on both databases."""

import pytest
from sqlalchemy import func, select

from integration_console.errors import Conflict, NotFound
from integration_console.models import AuditEvent, FieldMapping, db
from integration_console.operations.accounts import connections
from integration_console.operations.mapping import flows, mappings
from integration_console.sync.flows import FLOWS

from .conftest import connect, sync

CONTACTS = "ghl_contacts_clio_contacts"
SERVICES = list(dict.fromkeys(end[0] for flow in FLOWS.values() for end in (flow.left, flow.right)))


@pytest.fixture
def firm(session, sandbox):
    """One account of each service, connected."""
    return {key: connect(sandbox, key) for key in SERVICES}


def lines_of(mapping) -> dict[str, FieldMapping]:
    return {f"{row.left}|{row.right}": row for row in mapping.versions[-1].fields}


def test_every_flow_becomes_a_draft_that_is_switched_off(firm):
    made = flows.ensure()

    assert [mapping.flow for mapping in made] == list(FLOWS)
    for mapping in made:
        assert (mapping.state, mapping.active_version, mapping.created_by) == ("draft", None, "the console")
        assert [version.state for version in mapping.versions] == ["draft"]
        flow = FLOWS[mapping.flow]
        assert (mapping.left_connection.service, mapping.left_resource) == flow.left
        assert (mapping.right_connection.service, mapping.right_resource) == flow.right
        assert len(lines_of(mapping)) == len(flow.lines)
    assert mappings.active() == []


def test_the_rows_say_what_the_flow_says(firm):
    flows.ensure()
    time = next(mapping for mapping in mappings.every() if mapping.flow == "clockify_time_clio_activities")
    lines = lines_of(time)

    assert lines["|type"].options == {"value": "TimeEntry", "only_create": True}
    assert (lines["seconds|quantity"].transform, lines["seconds|quantity"].required) == ("duration", True)
    assert (lines["id|reference"].transform, lines["id|reference"].options) == ("copy", {"only_create": True})
    assert time.versions[0].options["deletes_right"] is True
    assert time.versions[0].filters[1] == {"side": "left", "field": "running", "is": "in", "values": [False]}
    in_engine = mappings.in_engine(time)
    assert in_engine.lines[0].only_create
    assert (in_engine.creates("right"), in_engine.goes("left")) == (True, False)


def test_asking_again_makes_nothing_twice(firm):
    flows.ensure()
    events = db.session.scalar(select(func.count()).select_from(AuditEvent))

    assert flows.ensure() == []
    assert len(mappings.every()) == len(FLOWS)
    assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == events


def test_an_untouched_draft_learns_the_firms_own_fields_once_they_are_read(firm):
    flows.ensure()
    sync(firm["clio"], only=["custom_fields"])

    flows.ensure()

    contacts = next(mapping for mapping in mappings.every() if mapping.flow == CONTACTS)
    assert lines_of(contacts)["id|custom:13"].direction == "to_right"
    assert contacts.versions[0].keys[0]["right"] == "custom:13"
    assert not [key for key in lines_of(contacts) if key.startswith("tags|")]  # the firm has no text field for tags


def test_fields_both_sides_made_under_one_name_get_a_line_but_for_money(firm, sandbox):
    """Of one kind only; what money says goes live with a second administrator, so a person adds it."""
    for number, (name, kind) in enumerate((("First Call ", "DATE"), ("Language", "TEXT"), ("Old field", "TEXT")), 1):
        sandbox.ghl.put("custom_fields", {"id": sandbox.ghl.record("custom_fields", number)["id"], "name": name,
                                          "dataType": kind})  # fmt: skip
    day = sandbox.ghl.record("custom_fields", 1)["id"]
    for service in ("ghl", "clio"):
        sync(firm[service], only=["custom_fields"])

    flows.ensure()

    contacts = next(mapping for mapping in mappings.every() if mapping.flow == CONTACTS)
    added = {key: line for key, line in lines_of(contacts).items() if key.startswith("custom:")}
    assert list(added) == [f"custom:{day}|custom:15"]  # Clio's Language is a choice, and its Old field was deleted
    assert (added[f"custom:{day}|custom:15"].direction, added[f"custom:{day}|custom:15"].transform) == ("both", "date")


@pytest.mark.postgresql_at_length
def test_a_draft_somebody_touched_stays_as_they_left_it(firm):
    flows.ensure()
    contacts = next(mapping for mapping in mappings.every() if mapping.flow == CONTACTS)
    mappings.edit(contacts, by="ana@firm.example", rule="newest")
    sync(firm["clio"], only=["custom_fields"])

    flows.ensure()

    contacts = next(mapping for mapping in mappings.every() if mapping.flow == CONTACTS)
    assert mappings.document(contacts).rule == "newest"
    assert "id|custom:13" not in lines_of(contacts)


def offered() -> list[flows.Offer]:
    return flows.offered(mappings.every(), connections.every())


def test_what_is_missing_is_told_and_only_what_is_whole_is_made(session, sandbox):
    connect(sandbox, "ghl")
    clio = connect(sandbox, "clio")

    made = {mapping.flow for mapping in flows.ensure()}
    offers = {offer.flow.key: offer for offer in offered()}

    assert made == {key for key, flow in FLOWS.items() if {flow.left[0], flow.right[0]} <= {"clio", "ghl"}}
    assert offers["clockify_time_clio_activities"].missing == ["Connect Clockify first."]
    assert offers[CONTACTS].missing == []
    assert [mapping.flow for mapping in offers[CONTACTS].mappings] == [CONTACTS]
    connections.pause(connections.find(clio), by="Ana")
    assert "Connect Clio first." in {offer.flow.key: offer for offer in offered()}[CONTACTS].missing


def test_of_two_accounts_a_person_chooses(firm, sandbox):
    second = connections.find(connect(sandbox, "clio", "Second office"))
    ghl = connections.find(firm["ghl"])

    assert {mapping.flow for mapping in flows.ensure()} == set()
    assert "2 Clio connections" in offered()[0].missing[0]
    chosen = flows.create(CONTACTS, ghl, second, by="Ana")

    assert chosen.right_connection_id == second.id
    with pytest.raises(Conflict, match="already"):
        flows.create(CONTACTS, ghl, second, by="Ana")
    with pytest.raises(NotFound, match="no ready mapping"):
        flows.create("stripe_everything", ghl, second, by="Ana")
