"""Mappings as people see them: the list, one with a real record going through it, suggestions, files."""

from __future__ import annotations

from io import BytesIO

import pytest

from integration_console.models import Record, db
from integration_console.operations.runs import standing
from integration_console.web import formatting

from ..html_page import Page
from .two_sides import contacts

pytestmark = pytest.mark.one_database


@pytest.fixture
def draft(own_firm):
    """The ready mapping of contacts, as a draft."""
    return contacts(own_firm, active=False)


@pytest.fixture
def active(own_firm):
    """A mapping of contacts that is on, carried once."""
    sides = contacts(own_firm)
    sides.run()
    return sides


def label_of(sides, number: int) -> str:
    with sides.firm.app.app_context():
        return db.session.get_one(Record, number).label


def test_the_list_says_how_each_mapping_stands_and_every_number_leads_somewhere(enter, active):
    page = enter("staff").open("/mappings")
    assert page.row(1).startswith(
        "Contacts GoHighLevel contacts and Clio contacts, both ways Add a line to Contacts Active 1"
    )
    links = page.links
    assert links[f"{len(active.conflicts())} open conflicts"] == f"/conflicts?mapping={active.mapping}"
    assert links[f"{len(active.links(state='linked'))} pairs"] == f"/mappings/{active.mapping}/pairs"
    assert "0 records to match" in links


def test_more_pairs_than_a_list_counts_are_said_so(enter, active, monkeypatch):
    for module in (standing, formatting):
        monkeypatch.setattr(module, "MOST_COUNTED", 1)
    staff = enter("staff")
    assert staff.open("/mappings").links["over 1 pairs"] == f"/mappings/{active.mapping}/pairs"
    assert "over 1" in staff.open(f"/mappings/{active.mapping}").links


def test_a_connection_names_the_mappings_that_use_it_and_what_they_write_there(enter, active):
    staff = enter("staff")
    page = staff.open(f"/connections/{active.right}/mappings")
    name = "Contacts"
    assert page.row(1).startswith(f"{name} GoHighLevel contacts and Clio contacts, both ways Active 1")
    assert page.links[name] == f"/mappings/{active.mapping}"
    contacts = next(
        row for row in staff.open(f"/connections/{active.right}/objects").rows if row.startswith("Contacts")
    )
    assert f"Read and written written by {name}" in " ".join(contacts.split())


def test_a_ready_mapping_says_what_is_missing_or_is_made_as_a_draft(enter, own_firm):
    staff = enter("staff")
    assert "Connect Clio first." in staff.open("/mappings").text
    left, right = own_firm.connect("ghl"), own_firm.connect("clio")
    answer = staff.send(
        "/mappings/ready/ghl_contacts_clio_contacts", "/mappings", {"left": str(left), "right": str(right)}
    )
    page = staff.open(answer.location)
    assert page.headings == ["GoHighLevel contacts and Clio contacts"]
    assert "Draft 1." in page.text
    again = staff.send(
        "/mappings/ready/ghl_contacts_clio_contacts", "/mappings", {"left": str(left), "right": str(right)}
    )
    assert again.status_code == 409


def test_a_mapping_is_begun_from_nothing(enter, own_firm):
    staff = enter("staff")
    assert "A mapping needs accounts" in staff.open("/mappings/new").text
    left, right = own_firm.connect("ghl"), own_firm.connect("xero")
    ends = {"left": f"{left}:contacts", "right": f"{right}:contacts", "direction": "to_right", "name": ""}

    home, _, _ = staff.send("/mappings/new", "/mappings/new", ends).location.partition("#")
    page = staff.open(home)

    assert page.headings == ["GoHighLevel contacts and Xero contacts"]
    assert "Draft 1." in page.text
    assert "Add its lines, then preview it" in page.text
    settings = staff.open(f"{home}/settings")
    keys = [settings.one("input", id=f"f-key-1-{side}").attrs["value"] for side in ("left", "right")]
    assert keys == ["email", "EmailAddress"]
    staff.send(f"{home}/suggestions", home, {"line": "all"})
    assert any("E-mail" in row for row in staff.open(home).rows)


@pytest.mark.parametrize(
    ("changed", "at", "said"),
    [
        ({"left": ""}, "left", "Choose what stands on this side."),
        ({"left": "one:contacts"}, "left", "Choose an account for each side."),
        ({"right": "{right}:no_such_thing"}, "right", "Choose what of an account stands on this side."),
        ({"right": "{right}:trust_line_items"}, "right", "Choose what of an account stands on this side."),
        ({"right": "{left}:contacts"}, "right", "a record cannot be its own partner"),
        ({"direction": "sideways"}, "direction", "direction: "),
        ({"name": "x" * 201}, "name", "200 characters"),
    ],
)
def test_what_cannot_be_a_mapping_is_said_at_its_field(enter, own_firm, changed, at, said):
    staff = enter("staff")
    numbers = {"left": own_firm.connect("ghl"), "right": own_firm.connect("clio")}
    ends = {"left": "{left}:contacts", "right": "{right}:contacts", "direction": "both", "name": ""} | changed
    values = {name: value.format(**numbers) for name, value in ends.items()}

    answer = staff.send("/mappings/new", "/mappings/new", values)

    assert answer.status_code == 422
    assert said in Page(answer).one("p", id=f"f-{at}-error").text
    assert staff.client.get("/mappings/1").status_code == 404


def test_a_mapping_that_links_only_asks_for_no_line(enter, own_firm):
    staff = enter("staff")
    left, right = own_firm.connect("stripe"), own_firm.connect("clio")
    answer = staff.send(
        "/mappings/ready/stripe_customers_clio_contacts", "/mappings", {"left": str(left), "right": str(right)}
    )
    page = staff.open(answer.location)

    assert "Nothing is written on either side." in page.text
    assert "No line is needed" in page.text
    assert "Add a line" not in page.text
    assert "Add a line" not in staff.open("/mappings").text
    assert "Neither: link pairs only" in staff.open(f"{answer.location}/settings").text


def test_a_mapping_says_what_it_does_and_sends_a_real_record_through_its_lines(enter, draft):
    number = draft.records(draft.left)[0]
    page = enter("staff").open(f"/mappings/{draft.mapping}?sample={number}")
    assert "What changes in GoHighLevel contacts is written to Clio contacts." in page.text
    assert "When both sides changed the same field, a person is asked" in page.text
    assert f"Preview with {label_of(draft, number)}" in page.text
    first = next(row for row in page.rows if "First name" in row and "Without blanks" in row)
    name = label_of(draft, number).split()[0]
    assert first.count(name) == 2  # what it is, what it becomes
    assert f"sample={draft.records(draft.left)[1]}" in page.links["Next record"]


def test_a_value_that_cannot_travel_says_why(enter, draft):
    """ux.md, Field mapping: values that fail in red with the reason."""
    staff = enter("staff")
    values = {"left-1": "firstName", "right-1": "date_of_birth", "direction": "to_right", "transform": "date"}
    add_line(staff, draft.mapping, values)
    number = draft.records(draft.left)[0]
    page = staff.open(f"/mappings/{draft.mapping}?sample={number}")
    name = label_of(draft, number).split()[0]
    assert name in page.one("div", class_="failure").text
    page = enter("support").open(f"/mappings/{draft.mapping}?sample={number}")
    assert (page.one("div", class_="failure").text, name in page.text) == ("••••••", False)


def test_a_value_that_waits_names_the_record_it_waits_for(enter, draft):
    number = draft.records(draft.left)[0]
    values = {
        "left-1": "id", "right-1": "company.id", "direction": "to_right", "transform": "linked",
        "o-flow": str(draft.mapping), "o-side": "left",
    }  # fmt: skip
    staff, name = enter("staff"), label_of(draft, number)
    assert add_line(staff, draft.mapping, values).status_code == 302
    assert f"This waits until contacts {name} (" in staff.open(f"/mappings/{draft.mapping}?sample={number}").text
    assert "This waits until" not in enter("support").open(f"/mappings/{draft.mapping}?sample={number}").text


def add_line(browser, mapping: int, values: dict, path: str = "new"):
    """Send a line's form with what it shows, some of it changed."""
    address = f"/mappings/{mapping}/lines/{path}"
    page = browser.open(address)
    sent = {field.attrs["name"]: field.attrs.get("value", "") for field in page.all("input", name="seen_at")}
    basics = {"blank": "clear", "options_for": values.get("transform", "copy")}
    return browser.send(address, address, {**sent, **basics, **values})


def test_support_sees_the_lines_but_no_value(enter, draft):
    """X12"""
    number = draft.records(draft.left)[0]
    page = enter("support").open(f"/mappings/{draft.mapping}?sample={number}")
    assert "First name" in page.text
    assert label_of(draft, number).split()[0] not in page.text
    assert "••••••" in page.text
    assert not page.all("form", class_="sample-find")
    assert "Add a line" not in page.links
    assert enter("support", "other@example.com").open(f"/mappings/{draft.mapping}?q=ana").status == 422


def test_another_record_is_found_by_its_name(enter, draft):
    number = draft.records(draft.right)[2]
    name = label_of(draft, number).split()[-1]
    page = enter("staff").open(f"/mappings/{draft.mapping}?side=right&q={name}")
    assert f"/mappings/{draft.mapping}?sample={number}" in page.links.values()


def test_a_line_removed_comes_back_as_a_suggestion(enter, draft):
    staff, before = enter("staff"), draft.document()["lines"]
    place = next(n for n, line in enumerate(before, 1) if line["left"] == "city")
    address = f"/mappings/{draft.mapping}/lines/{place}"
    seen = staff.open(address).all("input", name="seen_at")[0].attrs["value"]
    staff.send(f"{address}/removal", address, {"seen_at": seen})
    assert len(draft.document()["lines"]) == len(before) - 1

    page = staff.open(f"/mappings/{draft.mapping}")
    assert any(row.startswith("City") and "The same name" in row for row in page.rows)
    staff.send(f"/mappings/{draft.mapping}/suggestions", f"/mappings/{draft.mapping}", {"line": "city|address.city"})
    line = draft.document()["lines"][-1]
    assert (line["left"], line["right"], line["direction"]) == ("city", "address.city", "both")
    gone = staff.send(
        f"/mappings/{draft.mapping}/suggestions", f"/mappings/{draft.mapping}", {"line": "city|address.city"}
    )
    assert gone.status_code == 409


def test_what_blocks_is_counted_in_the_head(enter, draft):
    staff = enter("staff")
    add_line(staff, draft.mapping, {"left-1": "tags", "right-1": "title", "direction": "both", "transform": "copy"})
    page = staff.open(f"/mappings/{draft.mapping}")
    assert "1 thing keeps it off" in page.text or "things keep it off" in page.text
    assert "Blocks" in page.one("ul", class_="checks").text
    refused = staff.send(f"/mappings/{draft.mapping}/preview", f"/mappings/{draft.mapping}")
    assert refused.status_code == 409


def test_a_mapping_is_exported_and_its_file_shows_what_it_would_change(enter, draft):
    staff = enter("staff")
    file = staff.client.get(f"/mappings/{draft.mapping}/versions/1/file")
    assert 'filename="gohighlevel-contacts-and-clio-contacts-version-1.json"' in file.headers["Content-Disposition"]
    text = file.get_data(as_text=True).replace('"rule": "ask"', '"rule": "newest"')

    token = staff.open("/mappings/import").csrf
    values = {"csrf_token": token, "into": str(draft.mapping), "file": (BytesIO(text.encode()), "mapping.json")}
    look = staff.client.post("/mappings/import", data=values, content_type="multipart/form-data")
    assert "the newest wins; before, a person is asked" in look.get_data(as_text=True)
    assert draft.document()["rule"] == "ask"  # only looked at

    staff.send("/mappings/import", "/mappings/import", {"into": str(draft.mapping), "text": text, "apply": "yes"})
    assert draft.document()["rule"] == "newest"


def test_a_file_makes_a_new_mapping_and_a_bad_one_is_explained(enter, draft):
    staff, text = enter("staff"), enter("admin").client.get(f"/mappings/{draft.mapping}/versions/1/file").text
    look = staff.send("/mappings/import", "/mappings/import", {"text": text})
    assert "A new draft would be made" in look.text
    values = {"text": text, "apply": "yes", "left": str(draft.left), "right": str(draft.right)}
    assert staff.send("/mappings/import", "/mappings/import", values).location == f"/mappings/{draft.mapping + 1}"
    for bad in ("{", '{"format": "mapping/1", "name": "x", "colour": "red"}', ""):
        answer = staff.send("/mappings/import", "/mappings/import", {"text": bad})
        assert answer.status_code == 422
        assert "Nothing was saved." in answer.text


@pytest.mark.parametrize("path", ["/mappings/999", "/mappings/999/preview", "/mappings/999/pairs/1"])
def test_a_mapping_that_is_not_there_is_a_page_that_is_not_there(enter, path):
    assert enter("staff").open(path).status == 404
