"""Mapping pages in a real browser: axe finds nothing in both themes at both widths, and the whole way once by hand."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from integration_console.models import Change, db

from ..operations.conftest import point_at
from ..web.firm import Firm
from ..web.two_sides import contacts
from .conftest import LOOKS


@pytest.fixture
def firm(monkeypatch, fresh_upstreams, app):
    point_at(monkeypatch, fresh_upstreams)
    return Firm(app, fresh_upstreams)


@pytest.fixture
def sides(firm):
    """A mapping carried once and edited since, with a conflict, a pair, a refused write; and a draft beside it."""
    sides = contacts(firm)
    sides.carried = sides.run()
    contacts(firm, active=False)
    with firm.app.app_context():
        change = db.session.get_one(Change, sides.changes()[0])
        change.state, change.message = "dead", "Clio refused it: the e-mail address is not one."
        db.session.commit()
    return sides


def pages(sides) -> list[str]:
    home, draft = f"/mappings/{sides.mapping}", f"/mappings/{sides.mapping + 1}"
    run, record = f"/runs/{sides.carried.id}", sides.records(sides.right)[0]
    return [
        "/mappings", "/mappings/import", home, f"{home}?side=left&q=a", f"{home}/history", f"{home}/settings",
        f"{home}/preview", f"{home}/pairs", f"{home}/pairs/{sides.links()[0]}", f"{home}/lines/1", draft,
        f"{draft}/lines/new", f"{draft}/lines/1", f"{draft}/settings", f"{draft}/preview", "/runs", run,
        f"{run}/writes", f"{run}/undo", "/writes", "/writes?state=refused",
        f"/writes?mapping={sides.mapping}", f"/records/{record}", f"/records/{record}/life", "/",
    ]  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("looks", LOOKS)
def test_axe_finds_nothing_and_no_page_is_wider_than_its_window(tab, live, sides, looks):
    tab.sign_in(live.user())
    assert tab.faults_of(pages(sides), looks) == []
    draft = f"/mappings/{sides.mapping + 1}"
    page = tab.open(draft)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="What it will cost").wait_for()
    assert tab.faults_of([f"{draft}/preview", f"{draft}/preview/link"], looks) == []


def test_choosing_how_a_value_is_carried_shows_its_options_at_once(tab, live, sides):
    tab.sign_in(live.user("staff"))
    page = tab.open(f"/mappings/{sides.mapping + 1}/lines/new")
    expect(page.get_by_role("button", name="Show its options")).to_be_hidden()
    page.get_by_label("How it is carried").select_option("value_map")
    page.get_by_label("Table, one pair a line").fill("lead => Prospect")
    page.locator("#f-left-1").select_option("type")
    page.locator("#f-right-1").select_option("title")
    page.get_by_label("Direction").select_option("to_right")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved in draft 1").wait_for()
    expect(page.get_by_text("lead → Prospect")).to_be_visible()


def test_contacts_are_previewed_switched_on_edited_on_both_sides_and_taken_back(tab, live, firm):
    """Issue 3, "Done when", as far as contacts go."""
    sides = contacts(firm, active=False)
    tab.sign_in(live.user())
    page = tab.open(f"/mappings/{sides.mapping}")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Switch it on").wait_for()
    page.locator("summary", has_text="Activate").click()
    page.get_by_role("button", name="Activate").click()
    page.get_by_text("is on with version 1").wait_for()
    assert sides.run().state == "done"

    link, left, right = sides.agreeing()
    firm.upstreams.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    firm.upstreams.clio.put("contacts", {"id": right, "first_name": "Ada", "last_name": "Byron"})
    run = sides.run()
    assert run.conflicts >= 1

    page = tab.open(f"/runs/{run.id}")
    page.get_by_role("link", name="1 write").click()
    page.get_by_text("Byron").first.wait_for()
    page = tab.open(f"/mappings/{sides.mapping}/pairs/{link}")
    expect(page.get_by_role("cell", name="Augusta").first).to_be_visible()
    if "conflicts.index" in firm.app.view_functions:
        page = tab.open(f"/conflicts?mapping={sides.mapping}")
        page.get_by_text("Augusta").first.wait_for()

    page = tab.open(f"/runs/{run.id}")
    page.get_by_role("link", name="Undo this run").click()
    page.locator("summary", has_text="Take 1 write back").click()
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("on the way to take run").wait_for()
