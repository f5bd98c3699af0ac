"""What comes to a list while it is read is told above it, and no row moves."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..operations.conftest import point_at
from ..web.firm import Firm
from ..web.test_transactions import add_calls
from .conftest import Tab


@pytest.fixture
def firm(monkeypatch, upstreams, app):
    """A firm whose calls are made as they are needed."""
    point_at(monkeypatch, upstreams)
    return Firm(app, upstreams)


def test_new_calls_are_told_and_shown_when_asked_for(tab: Tab, live, firm):
    add_calls(firm, 3)
    tab.sign_in(live.user())
    tab.page.clock.install()
    page = tab.open("/transactions")
    rows = page.locator("main tbody tr")
    before = rows.first.bounding_box()
    add_calls(firm)
    page.clock.run_for(5_000)
    told = page.get_by_role("link", name="1 new, show")
    expect(told).to_be_visible()
    expect(rows).to_have_count(3)
    assert rows.first.bounding_box() == before
    add_calls(firm)
    page.clock.run_for(5_000)
    page.get_by_role("link", name="2 new, show").click()
    expect(rows).to_have_count(5)
