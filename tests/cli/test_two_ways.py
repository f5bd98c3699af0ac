"""The way a case goes, from the command line alone: won, made a matter with its date, worked on, and taken back."""

import json

import pytest

from integration_console.sync.flows import CLIENTS, CONTACTS, MATTERS, PROJECTS, TIME

from ..operations.mapped import keep_only
from .conftest import clio, clockify

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(180)]

RULE = {
    "name": "Injury: 2 years", "practice_area": "Personal Injury", "jurisdiction": "", "period": 2, "unit": "years",
    "from_field": "open_date", "to_field": "statute_of_limitations", "mode": "set", "source": "", "enabled": True,
}  # fmt: skip
READ = {
    "ghl": ("contacts", "opportunities", "custom_fields", "users", "pipelines"),
    "clio": ("contacts", "matters", "activities", "custom_fields", "users", "practice_areas", "matter_stages"),
    "clockify": ("clients", "projects", "users", "time_entries", "custom_fields"),
}


@pytest.fixture
def firm(installed, fresh_upstreams):
    """A console with the three accounts, read once."""
    up = fresh_upstreams
    for upstream, kind, most in (
        (up.ghl, "contacts", 12), (up.ghl, "opportunities", 8), (up.clio, "contacts", 12), (up.clio, "matters", 6),
        (up.clio, "activities", 3), (up.clockify, "projects", 2), (up.clockify, "clients", 2),
        (up.clockify, "time_entries", 4),
    ):  # fmt: skip
        keep_only(upstream, kind, most)
    console = installed(up)
    accounts = {
        "ghl": console.connect("ghl", {"api_key": up.ghl.api_key}, location_id=up.ghl.location_id),
        "clio": clio(console, up),
        "clockify": clockify(console, up),
    }
    for key, number in accounts.items():
        read(console, number, *READ[key])
    assert console("mappings", "list").status == 0  # the ready ones appear
    return console, up, accounts


def read(console, connection: int, *resources: str) -> None:
    only = [word for name in resources for word in ("--only", name)]
    ended = console("sync", connection, "--full", *only)
    assert ended.status == 0, ended.err


def switch_on(console, flow: str) -> int:
    number = next(m["id"] for m in console.lines("mappings", "list") if m["flow"] == flow)
    console.json("mappings", "preview", number)
    assert console.json("mappings", "activate", number)["state"] == "active"
    return number


def carry(console, number: int) -> dict:
    ended = console("push", "--mapping", number, "--release-brake", "--json")
    assert ended.lines()[0]["state"] in ("done", "done_with_problems"), (ended.out, ended.err)
    return ended.lines()[0]


def test_a_case_is_won_dated_worked_on_and_its_hours_are_taken_back(firm, tmp_path):
    """Issue 3, done when: an opportunity won, its matter's area and limitation date, time in Clio, the run undone."""
    console, up, accounts = firm
    document = console.json("config", "export") | {"limitation_rules": [RULE]}
    (tmp_path / "rules.json").write_text(json.dumps(document))
    assert console("config", "import", tmp_path / "rules.json").status == 0
    people = switch_on(console, CONTACTS)
    person = up.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    read(console, accounts["ghl"], "contacts")
    carry(console, people)

    known = up.ghl.record("opportunities", 1)
    up.ghl.put("opportunities", {
        "name": "Rear-ended on the motorway, whiplash and a broken wrist", "status": "won",
        "contactId": person["id"], **{name: known[name] for name in ("assignedTo", "pipelineId", "pipelineStageId")},
    })  # fmt: skip
    read(console, accounts["ghl"], "opportunities")
    carry(console, switch_on(console, MATTERS))
    read(console, accounts["clio"], "matters")
    matter = next(m for m in console.lines("matters", "list") if (m["description"] or "").startswith("Rear-ended"))
    assert matter["practiceArea"]["name"] == "Personal Injury"
    assert console("worker", "--once").status == 0  # the clock's chores: dates are worked out and set
    assert console.json("matters", "show", matter["id"], "--fresh")["statuteOfLimitations"]

    for flow in (CLIENTS, PROJECTS):
        carry(console, switch_on(console, flow))
    up.clockify.put("time_entries", {
        "description": f"Working on #{matter['displayNumber']}", "billable": True,
        "timeInterval": {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:30:00Z", "duration": "PT1H30M"},
    })  # fmt: skip
    read(console, accounts["clockify"], "time_entries", "projects")
    before = len(up.clio.shelves["activities"])
    carried = carry(console, switch_on(console, TIME))
    logged = len(up.clio.shelves["activities"]) - before
    assert logged >= 1

    assert console.json("undo", carried["run_id"])["sent"] == logged
    assert len(up.clio.shelves["activities"]) == before
