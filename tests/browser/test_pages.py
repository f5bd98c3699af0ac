"""Every page people come for, in a real browser: axe finds nothing, the console is silent, answers are near."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from integration_console.operations.mapping import practice_area_rules
from integration_console.operations.matters import limitation_rules, limitations

from ..operations.conftest import point_at
from ..operations.two_sides import TwoSides, flat
from ..web.firm import Firm
from .conftest import LOOKS, NARROW, WIDE

RULE = {
    "practice_area": "Personal Injury", "jurisdiction": "", "period": "2", "unit": "years", "from_field": "open_date",
    "to_field": "statute_of_limitations", "mode": "propose", "source": "Code 335.1", "enabled": "on",
}  # fmt: skip


@pytest.fixture
def firm(monkeypatch, upstreams, app):
    """One account, read, with something of everything: a failure, a brake, a run under way."""
    point_at(monkeypatch, upstreams)
    firm = Firm(app, upstreams)
    number = firm.connect(name="Ruiz & Partner")
    firm.read(number, "matters", "users", "bank_accounts", "custom_fields", kind="full")
    firm.refuse(number, "9001", "9002")
    firm.past_run(number, "done_with_problems", "2 records could not be kept and wait under Errors.", refused=2)
    firm.past_run(
        number, "failed", "412 of 900 matters are gone.", state="failed", failure_kind="conflict", complete=False
    )
    firm.ask(number, "contacts")
    firm.worker()
    with app.app_context():
        limitation_rules.save(None, RULE, actor="test")
        limitations.work_out_all()
        practice_area_rules.ensure()
    return firm


@pytest.fixture
def pairs(monkeypatch, app):
    """What waits for a decision, pairs in several states, and conflicts."""
    flat(monkeypatch)
    with app.app_context():
        two = TwoSides()
        street = {"email": "ada@example.com", "phone": "(415) 555-0132"}
        clients = [two.client("c1", **street), two.client("c2", "Adelaide Lovelace-Byron", email="ada@example.com")]
        two.asks(two.lead("g1", **street), *clients)
        linked = two.pair(decided_by="staff@example.com")
        two.row("cut", two.lead("g8"), two.client("c8"), reason="They are cousins.", decided_by="staff@example.com")
        two.row("waiting", two.lead("g9", "Grace Hopper", email="grace@example.com"), reason="Waits for its matter.")
        two.conflict(linked)
        two.conflict(linked, "settled", "left", rule="left", line="email|email", left_field="email")
    return two


PAGES = (
    "/", "/connections", "/connections/new", "/connections/new/clio", "/connections/new/ghl", "/connections/1",
    "/connections/1/timeline", "/connections/1/settings", "/connections/1/reconnect", "/connections/1/runs/new",
    "/runs", "/runs?state=odd", "/runs/1", "/runs/2", "/runs/3", "/runs/4", "/records", "/records/1/matters",
    "/records/1/bank_accounts", "/records/1", "/transactions", "/transactions?q=colour:red", "/transactions?status=404",
    "/transactions/3", "/transactions/3?tab=response", "/transactions/3?tab=attempts", "/errors", "/errors/log",
    "/errors?state=resolved", "/errors/1",
    "/errors/several/resolve?row=1", "/errors/several/snooze", "/matters", "/matters?status=closed",
    "/matters?status=odd", "/matters/1",
    "/limitations", "/limitations?within=30", "/limitations/without", "/limitations/proposals", "/limitations/rules",
    "/limitations/rules/new", "/limitations/rules/1", "/practice-areas", "/practice-areas/rules",
    "/practice-areas/rules?area=Family", "/practice-areas/rules?area=Magic", "/practice-areas/rules/new",
    "/practice-areas/rules/1",
)  # fmt: skip
PAIR_PAGES = (
    "/matches", "/matches?state=linked", "/matches?state=paused", "/matches?state=odd", "/matches/1", "/matches/2",
    "/matches/3", "/matches/4", "/conflicts", "/conflicts?state=settled", "/conflicts?state=flipped", "/conflicts/1",
    "/conflicts/2",
)  # fmt: skip


@pytest.mark.timeout(600)  # every page of the console, one after the other
@pytest.mark.parametrize("looks", LOOKS)
def test_axe_finds_nothing_and_no_page_is_wider_than_its_window_or_speaks_as_a_program(tab, live, firm, looks):
    tab.sign_in(live.user())
    assert tab.faults_of(PAGES, looks, quoting="/transactions/|/errors/1$") == []
    tab.said[:] = [said for said in tab.said if "422" not in said]


@pytest.mark.parametrize("looks", LOOKS)
def test_axe_finds_nothing_on_the_pages_of_pairs(tab, live, pairs, looks):
    tab.sign_in(live.user())
    assert tab.faults_of(PAIR_PAGES, looks) == []
    tab.said[:] = [said for said in tab.said if "422" not in said]


def test_the_first_screen_answers_whether_everything_is_all_right(tab, live, firm):
    """ux.md, promise 1"""
    tab.sign_in(live.user())
    for size in (WIDE, NARROW):
        tab.look("dark", size)
        box = tab.open("/").get_by_text(re.compile("need.* you|healthy")).first.bounding_box()
        assert box["y"] + box["height"] <= size["height"]


def test_which_records_failed_and_what_to_do_is_two_clicks_away(tab, live, firm):
    """ux.md section 4"""
    tab.sign_in(live.user())
    page = tab.open("/")
    page.get_by_role("link", name="Failed today").click()
    expect(page.get_by_text("The field open_date holds 31.02.2026").first).to_be_visible()
    page.get_by_role("link", name="See it").first.click()
    page.get_by_text("What to do", exact=True).wait_for()
    page.locator("summary", has_text="Retry all 2").click()
    expect(page.get_by_text("A run reads the 2 waiting matters again, the oldest first")).to_be_visible()


def test_a_run_is_started_from_its_card_and_stopped_on_its_page(tab, live, firm):
    tab.sign_in(live.user("staff"))
    page = tab.open("/runs/4")
    page.locator("summary", has_text="Cancel").click()
    page.get_by_role("button", name="Cancel the run").click()
    page.locator("#run").get_by_text("Cancelled by staff@example.com").wait_for()
    page = tab.open("/")
    page.get_by_role("button", name="Sync now Ruiz & Partner").click()
    page.wait_for_url("**/runs/5")
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()


def test_consent_leaves_the_page_although_forms_may_only_go_home(tab, live, firm):
    """dependencies G17: the policy forbids a form to lead to another origin; a script's answer may."""
    tab.sign_in(live.user())
    page = tab.open("/connections/new/clio")
    page.get_by_label("Name").fill("Second office")
    page.get_by_role("button", name="Go to Clio").click()
    page.wait_for_url(f"{firm.upstreams.clio.url}/oauth/authorize*")


def test_lists_work_by_keyboard_alone(tab, live, firm):
    tab.sign_in(live.user())
    page = tab.open("/runs")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/4")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/transactions")
    page.keyboard.press("/")
    page.keyboard.type("status:404")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/transactions\?q=status%3A404$"))
    expect(page.get_by_text("No call matches these filters.")).to_be_visible()
