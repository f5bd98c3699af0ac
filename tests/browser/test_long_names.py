"""A name of one endless word, in two directions, makes no page wider than its window."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from integration_console.operations.accounts import connections

from ..operations.conftest import point_at
from ..web.firm import Firm
from .conftest import NARROW, SEEN, WIDE

NAME = "Rechtsanwaltskanzleigemeinschaft 🙂 مكتب المحاماة " + "Sehrlangername" * 6
PAGES = (
    "/", "/connections", "/connections/{0}", "/connections/{0}/timeline", "/connections/{0}/objects",
    "/connections/{0}/settings", "/runs", "/runs?connection={0}", "/runs/{1}", "/records", "/records?connection={0}",
    "/records/{0}/matters", "/transactions?connection={0}", "/errors", "/errors/log", "/settings/audit",
)  # fmt: skip


@pytest.mark.timeout(300)
def test_no_page_grows_wider_by_a_long_name(tab, live, monkeypatch, upstreams, app):
    point_at(monkeypatch, upstreams)
    firm = Firm(app, upstreams)
    number = firm.connect()
    firm.refuse(number, "9001")
    run = firm.past_run(number, "done_with_problems", "1 record waits under Errors.", refused=1)
    with app.app_context():
        connections.rename(connections.find(number), NAME, by="test")
    tab.sign_in(live.user())
    wide = []
    for size in (WIDE, NARROW):
        tab.look("dark", size)
        for path in PAGES:
            shown = tab.open(path.format(number, run))
            if shown.evaluate(SEEN)["wide"]:
                wide.append(f"{path} {size['width']}")
    assert wide == []


def test_on_a_phone_filters_are_folded_and_open_on_request(tab, live):
    tab.sign_in(live.user())
    tab.look("dark", NARROW)
    page = tab.open("/runs?state=failed")
    state, more = page.get_by_label("State", exact=True), page.get_by_role("button", name="Filters")
    expect(state).to_be_hidden()
    expect(page.get_by_role("link", name="State: Failed")).to_be_visible()  # what is filtered for stays in sight
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    expect(state).to_be_visible()
    more.click()
    expect(state).to_be_hidden()
    tab.look("dark", WIDE)
    tab.open("/runs")
    expect(state).to_be_visible()
    expect(more).to_be_hidden()
