"""Issue 3 the way a firm goes it, in a real browser: people agree, a case is won, hours arrive, and a run is undone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from integration_console.models import DataMapping, RecordLink, SyncRun, db
from integration_console.operations.mapping import flows
from integration_console.operations.matters import limitations
from integration_console.sync.flows import CLIENTS, CONTACTS, MATTERS, PROJECTS, TIME

from ..operations import mapped
from ..operations.conftest import carry_out, point_at, sync
from ..web.firm import Firm
from .conftest import NARROW, WIDE

READ = {
    "ghl": ["contacts", "opportunities", "custom_fields", "users", "pipelines"],
    "clio": ["contacts", "matters", "activities", "custom_fields", "users", "practice_areas", "matter_stages"],
    "clockify": ["clients", "projects", "users", "time_entries", "custom_fields"],
}


@dataclass
class Way:
    """The firm, its three accounts, and the tab that walks through their pages."""

    firm: Firm
    tab: object
    accounts: dict[str, int]

    def mapping(self, flow: str) -> int:
        with self.firm.app.app_context():
            return db.session.scalar(select(DataMapping.id).filter_by(flow=flow))

    def switch_on(self, flow: str) -> int:
        """Preview a ready mapping and switch it on, by its buttons."""
        number = self.mapping(flow)
        page = self.tab.open(f"/mappings/{number}")
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("heading", name="Switch it on").wait_for()
        page.locator("summary", has_text="Activate").click()
        page.get_by_role("button", name="Activate").click()
        page.get_by_text("is on with version 1").wait_for()
        return number

    def carry(self, flow: str, *kinds: str, **options) -> mapped.Carried:
        """Read the accounts and carry a mapping, as the worker would."""
        number = self.mapping(flow)
        with self.firm.app.app_context():
            for kind in kinds:
                service, resource = kind.split(":")
                sync(self.accounts[service], only=[resource])
            return mapped.push(number, **options)

    def partner(self, flow: str, left: str) -> str:
        """The other side's id of what one record of the left side was paired with."""
        number = self.mapping(flow)
        with self.firm.app.app_context():
            links = db.session.scalars(select(RecordLink).filter_by(mapping_id=number, state="linked"))
            return next(one.right_record.external_id for one in links if one.left_record.external_id == left)

    def work(self) -> None:
        """What a button asked for is carried out."""
        with self.firm.app.app_context():
            for number in list(db.session.scalars(select(SyncRun.id).filter_by(state="queued"))):
                carry_out(db.session.get_one(SyncRun, number))


@pytest.fixture
def way(tab, live, monkeypatch, fresh_upstreams, app):
    point_at(monkeypatch, fresh_upstreams)
    firm = Firm(app, fresh_upstreams)
    for upstream, kind, most in (
        (fresh_upstreams.ghl, "contacts", 12), (fresh_upstreams.ghl, "opportunities", 8),
        (fresh_upstreams.clio, "contacts", 12), (fresh_upstreams.clio, "matters", 6),
        (fresh_upstreams.clio, "activities", 3), (fresh_upstreams.clockify, "projects", 2),
        (fresh_upstreams.clockify, "clients", 2), (fresh_upstreams.clockify, "time_entries", 4),
    ):  # fmt: skip
        mapped.keep_only(upstream, kind, most)
    accounts = {key: firm.connect(key) for key in READ}
    for key, number in accounts.items():
        firm.read(number, *READ[key], kind="full")
    with app.app_context():
        flows.ensure()
    tab.sign_in(live.user())
    return Way(firm, tab, accounts)


def edited_on_both_sides(way) -> int:
    """People: switched on, one of them edited on both sides, and the rule's answer flipped by its button."""
    tab, up = way.tab, way.firm.upstreams
    way.switch_on(CONTACTS)
    way.carry(CONTACTS)
    person = up.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    way.carry(CONTACTS, "ghl:contacts", "clio:contacts")
    theirs = int(way.partner(CONTACTS, person["id"]))
    way.carry(CONTACTS, "ghl:contacts", "clio:contacts")
    up.ghl.put("contacts", {"id": person["id"], "firstName": "Augusta"})
    up.clio.put("contacts", {"id": theirs, "first_name": "Ada"})
    way.carry(CONTACTS, "ghl:contacts", "clio:contacts")
    assert up.ghl.record("contacts", person["id"])["firstName"] == "Augusta"  # nothing was lost while nobody decided
    assert up.clio.record("contacts", theirs)["first_name"] == "Ada"

    page = tab.open("/conflicts")
    page.locator("tbody a.row-link").first.click()
    page.get_by_role("heading", level=1, name="Augusta").wait_for()
    page.get_by_role("region", name="Our clio").locator("summary", has_text="Use this value").click()
    page.get_by_role("button", name="Use this value").click()
    page.get_by_text("Won").first.wait_for()
    way.work()
    assert up.ghl.record("contacts", person["id"])["firstName"] == "Ada"
    page.reload()
    page.locator("summary", has_text="Flip").click()
    page.get_by_role("button", name="Flip it").click()
    page.get_by_text("It is flipped.").wait_for()
    way.work()
    assert up.clio.record("contacts", theirs)["first_name"] == "Augusta"
    return person["id"]


def won(way, person: str) -> int:
    """A case: its opportunity is won, its matter has a practice area, and its proposed limitation date is set."""
    tab, up = way.tab, way.firm.upstreams
    page = tab.open("/limitations/rules/new")
    page.get_by_label("Practice area").fill("Personal Injury")
    page.get_by_label("Period").fill("2")
    page.get_by_label("Unit").select_option("years")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name=re.compile("Personal Injury")).first.wait_for()
    way.switch_on(MATTERS)
    known = up.ghl.record("opportunities", 1)
    case = up.ghl.put("opportunities", {
        "name": "Rear-ended on the motorway, whiplash and a broken wrist", "status": "won", "contactId": person,
        **{name: known[name] for name in ("assignedTo", "pipelineId", "pipelineStageId")},
    })["id"]  # fmt: skip
    way.carry(MATTERS, "ghl:opportunities", release_brake=True)
    matter = way.partner(MATTERS, case)
    with way.firm.app.app_context():
        sync(way.accounts["clio"], only=["matters"])
        limitations.work_out_all()

    page = tab.open("/limitations/proposals")
    page.get_by_role("link", name=re.compile("Rear-ended")).first.click()
    page.get_by_role("heading", level=1, name="Rear-ended on the motorway").wait_for()
    expect(page.get_by_role("definition").get_by_text("Personal Injury")).to_be_visible()
    page.get_by_role("button", name=re.compile("Set .* in Clio")).click()
    page.get_by_role("region", name="Limitation date").get_by_text(re.compile("was set")).wait_for()
    assert up.clio.get("matters", int(matter))["statute_of_limitations"]
    return int(matter)


def worked(way, matter: int) -> int:
    """Hours: logged in Clockify, seen in Clio, and taken back; the run that brought them."""
    tab, up = way.tab, way.firm.upstreams
    for flow in (CLIENTS, PROJECTS):
        way.switch_on(flow)
        way.carry(flow, "clio:matters", release_brake=True)
    way.switch_on(TIME)
    up.clockify.put("time_entries", {
        "description": f"Working on #{up.clio.record('matters', matter)['display_number']}", "billable": True,
        "timeInterval": {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:30:00Z", "duration": "PT1H30M"},
    })  # fmt: skip
    with way.firm.app.app_context():
        sync(way.accounts["clockify"], kind="full", only=["time_entries", "projects"])
    run = way.carry(TIME, release_brake=True)
    assert run.new >= 1, run.message
    page = tab.open(f"/runs/{run.id}")
    page.get_by_role("link", name=re.compile("writes?$")).first.click()
    page.get_by_text("Working on").first.wait_for()
    return run.id


def taken_back(way, run: int) -> None:
    """The run is undone by its button, and Clio no longer holds the hours."""
    tab, up = way.tab, way.firm.upstreams
    before = len(up.clio.shelves["activities"])
    page = tab.open(f"/runs/{run}")
    page.get_by_role("link", name="Undo this run").click()
    page.locator("summary", has_text=re.compile("Take .* back")).click()
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("on the way to take run").wait_for()
    way.work()
    assert len(up.clio.shelves["activities"]) < before


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=lambda size: size["width"])
def test_the_whole_way_of_a_firm(way, size):
    way.tab.look("dark", size)
    matter = won(way, edited_on_both_sides(way))
    taken_back(way, worked(way, matter))
