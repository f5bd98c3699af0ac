"""Several rows at once, by keyboard, on a phone, and without a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..operations.conftest import point_at
from ..web.firm import Firm
from ..web.test_errors import fail
from .conftest import NARROW, Tab


@pytest.fixture
def problems(monkeypatch, upstreams, app):
    """Three problems."""
    point_at(monkeypatch, upstreams)
    firm = Firm(app, upstreams)
    account = firm.connect()
    return [fail(firm, account, code=str(n), message=f"Failure {n}.") for n in range(3)]


def test_rows_are_ticked_by_x_and_resolved_together(tab, live, problems):
    tab.sign_in(live.user())
    page = tab.open("/errors")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    bar = page.get_by_role("form", name="Several at once")
    expect(bar.get_by_role("status")).to_have_text("2 ticked")
    bar.get_by_role("button", name="Resolve").press("Enter")
    page.get_by_role("heading", name="Resolve: 2 problems").wait_for()
    page.get_by_role("button", name="Resolve: 2 problems").press("Enter")
    page.get_by_text("2 problems are resolved.").wait_for()
    expect(page.get_by_role("checkbox", name="Tick Failure 0.")).to_be_visible()


def test_the_tick_above_and_all_that_match_go_with_the_rows_on_a_phone_too(tab, live, problems):
    tab.sign_in(live.user())
    page = tab.open("/errors")
    above, rows = page.get_by_label("Tick every row"), page.get_by_label("Tick Failure")
    every, told = page.get_by_label("All 3"), page.locator(".several-count")
    above.check()
    expect(told).to_have_text("3 ticked")
    rows.first.uncheck()
    expect(told).to_have_text("2 ticked")
    expect(above).to_be_checked(indeterminate=True)

    page.set_viewport_size(NARROW)
    every.check()
    expect(told).to_have_text("3 ticked")
    expect(rows.first).to_be_checked()
    rows.last.uncheck()
    expect(every).not_to_be_checked()
    rows.last.scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def test_no_script_is_needed(chromium, live, problems):
    context = chromium.new_context(base_url=live.url, java_script_enabled=False)
    tab = Tab(context.new_page(), live.url)
    tab.sign_in(live.user("support"))
    page = tab.open("/errors")
    page.get_by_label("Tick Failure 1.").check()
    page.get_by_role("button", name="Assign").click()
    page.get_by_label("Looked after by").select_option("support@example.com")
    page.get_by_role("button", name="Assign: 1 problem").click()
    expect(page.get_by_text("1 problem is assigned.")).to_be_visible()
    context.close()
