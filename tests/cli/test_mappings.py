"""Mappings from the command line: the same as on the pages, from the ready draft to taking a run back."""

import json

import pytest

from .conftest import clio

pytestmark = pytest.mark.one_database


@pytest.fixture
def firm(installed, fresh_upstreams):
    """A console with a location and a firm, read once."""
    for upstream in (fresh_upstreams.ghl, fresh_upstreams.clio):
        for number in list(upstream.shelves["contacts"].numbers())[10:]:
            upstream.shelves["contacts"].delete(number)
    console = installed(fresh_upstreams)
    ghl = console.connect("ghl", {"api_key": fresh_upstreams.ghl.api_key}, location_id=fresh_upstreams.ghl.location_id)
    firm = clio(console, fresh_upstreams)
    for number in (ghl, firm):
        console("sync", number, "--full", "--only", "contacts", "--only", "custom_fields")
    return console, fresh_upstreams, ghl, firm


def contacts(console) -> int:
    return next(m["id"] for m in console.lines("mappings", "list") if m["flow"] == "ghl_contacts_clio_contacts")


def read(console, *connections) -> None:
    for number in connections:
        assert console("sync", number, "--only", "contacts").status == 0


def test_a_ready_draft_that_was_changed_here_stays_changed_when_the_mappings_are_listed_again(firm):
    console, *_ = firm
    number = contacts(console)
    document = console.json("mappings", "export", number)
    document["options"]["country"] = "GB"

    assert console("mappings", "import", "-", "--into", number, stdin=json.dumps(document)).status == 0

    assert contacts(console) == number
    assert console.json("mappings", "export", number)["options"]["country"] == "GB"


def test_contacts_are_previewed_carried_argued_about_and_taken_back(firm):
    console, upstreams, ghl, clio_number = firm
    number = contacts(console)
    assert console("mappings", "activate", number).failed("preview")

    told = console.json("mappings", "preview", number)
    assert told["counts"]["link"] == 10
    assert console.json("mappings", "activate", number)["state"] == "active"
    assert "write" in console("push", "--dry-run").out or console("push", "--dry-run").status == 0
    assert console("push", "--json").status == 0
    assert console("push", "--json").lines()[0]["resources"][f"mapping:{number}"]["changed"] == 0

    people = [upstreams.ghl.record("contacts", n) for n in upstreams.ghl.shelves["contacts"].numbers()]
    left = next(one for one in people if one.get("email") and one.get("firstName"))
    firm = [upstreams.clio.record("contacts", n) for n in upstreams.clio.shelves["contacts"].numbers()]
    right = next(one for one in firm if (one["primary_email_address"] or "").lower() == left["email"].lower())
    upstreams.ghl.put("contacts", {"id": left["id"], "firstName": "Augusta"})
    upstreams.clio.put("contacts", {"id": right["id"], "first_name": "Ada-May"})
    read(console, ghl, clio_number)
    console("push")
    assert len(console.lines("conflicts", "list", "--limit", 1)) == 1
    dispute = next(c for c in console.lines("conflicts", "list") if c["line"] == "firstName|first_name")
    assert (dispute["held"]["left"], dispute["held"]["right"]) == ("Augusta", "Ada-May")

    console("conflicts", "settle", dispute["id"], "left")
    console("push")
    assert upstreams.clio.record("contacts", right["id"])["first_name"] == "Augusta"
    console("conflicts", "flip", dispute["id"])
    console("push")
    assert upstreams.ghl.record("contacts", left["id"])["firstName"] == "Ada-May"

    run = next(r for r in console.lines("runs") if r["kind"] == "push")["id"]
    shown = console.json("undo", run, "--dry-run")
    assert {step["can"] for step in shown["steps"]} == {True}
    done = console.json("undo", run)
    assert done["sent"] == len(shown["steps"])
    assert upstreams.ghl.record("contacts", left["id"])["firstName"] == "Augusta"
    assert console("undo", run).failed("Nothing of run")


def test_a_mapping_goes_out_as_a_document_and_comes_back_with_a_diff(firm):
    console, *_ = firm
    number = contacts(console)
    document = json.loads(console("mappings", "export", number).out)
    document["rule"] = "newest"

    shown = console("mappings", "import", "-", "--into", number, "--dry-run", stdin=json.dumps(document))
    assert "newest" in shown.out
    assert console.json("mappings", "export", number)["rule"] == "ask"

    applied = console("mappings", "import", "-", "--into", number, "--json", stdin=json.dumps(document))
    assert applied.json()["applied"] is True
    assert console.json("mappings", "export", number)["rule"] == "newest"
    document["rule"] = "left"
    again = console("mappings", "import", "-", "--into", number, stdin=json.dumps(document))
    assert "The draft before it was put aside" in again.out
    assert console.json("mappings", "export", number, "--version", 1)["rule"] == "newest"


def test_bad_input_is_one_plain_line(firm):
    console, *_ = firm
    number = contacts(console)

    assert console("mappings", "preview", 999).failed("no mapping 999")
    assert console("mappings", "pause", number).failed("not switched on")
    assert console("mappings", "import", "-", "--into", number, stdin="[]").status in (1, 2)
    assert console("undo", 999).failed("no run 999")
    (last,) = console.lines("runs", "--limit", 1)
    assert console("undo", last["id"]).failed("wrote nothing")
    assert console("conflicts", "settle", 999, "left").failed("no such conflict")
    assert console("matches", "same", 999, 1).failed("no such")
    for list_of in ("conflicts", "matches"):
        assert console(list_of, "list", "--mapping", 999).failed("no mapping 999")
