"""An administrator makes a rule, tries it, and finds in Slack what the page says was sent; axe finds nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from integration_console.operations.notices import notifications

from ..operations.conftest import point_at
from ..web.firm import Firm


@pytest.fixture
def firm(monkeypatch, fresh_upstreams, app):
    point_at(monkeypatch, fresh_upstreams)
    firm = Firm(app, fresh_upstreams)
    firm.connect("clio", "Ruiz & Partner")
    slack = firm.connect("slack", "Workspace of Ruiz & Partner")
    firm.read(slack, "channels")
    return firm


def test_a_rule_is_made_tried_and_told_by(firm, live, tab):
    tab.sign_in(live.user())
    page = tab.open("/settings/notifications")
    page.get_by_role("link", name="Add a rule").click()
    page.get_by_label("Channel or address").fill("#integrations")
    page.get_by_label("A new kind of error, or one that came back").check()
    page.get_by_label("Quiet from").fill("23:59")
    page.get_by_label("Quiet until").fill("23:59")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The rule is made: #integrations is told from now on.").wait_for()
    page.get_by_role("button", name="Send test").click()
    page.get_by_text("The test was sent. Posted to #integrations").wait_for()

    firm.past_run(1, "failed", "Clio could not be reached.", failure_kind="upstream")
    with live.app.app_context():
        assert notifications.tell() == 1
    page.reload()
    told = page.get_by_role("row").filter(has_text="Ruiz & Partner: reading failed")
    expect(told.get_by_text("Sent")).not_to_have_count(0)
    texts = [message["text"] for message in firm.upstreams.slack.posted()]
    assert texts[0].startswith("This is a test")
    assert texts[1].startswith("Ruiz &amp; Partner: reading failed")


def test_the_pages_are_fit_for_everybody_at_both_widths(firm, live, tab):
    tab.sign_in(live.user())
    page = tab.open("/settings/notifications/new")
    page.get_by_label("Channel or address").fill("#integrations")
    page.get_by_label("May name records").check()
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_label("Quiet until").fill("07:00")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send test").click()
    page.get_by_text("The test was sent.").wait_for()
    firm.upstreams.slack.script("/chat.postMessage", {"body": {"ok": False, "error": "is_archived"}})
    page.get_by_role("button", name="Send test").click()
    page.get_by_text("The test did not arrive.").wait_for()
    assert tab.faults_of(["/settings/notifications", "/settings/notifications/new", "/settings/notifications/1"]) == []
