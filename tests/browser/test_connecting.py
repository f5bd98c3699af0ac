"""Connecting by consent as a person does it: away to the service's page, back, and the choice among accounts."""

import re

import pytest
from playwright.sync_api import expect

from integration_console.models import Connection, db
from integration_console.operations.accounts import connections

from ..operations.harbor import harbor_open
from .conftest import NARROW, WIDE


@pytest.fixture
def harbor(monkeypatch, live):
    """The imaginary service with two firms in one sign-in; it sends people back to this server."""
    monkeypatch.setenv("HARBOR_REDIRECT_URI", f"{live.url}/oauth/harbor/callback")
    with harbor_open(monkeypatch) as upstream:
        upstream.firms[""] = [("F1", "Harbor One"), ("F2", "Harbor Two")]
        yield upstream


@pytest.fixture
def admin(tab, live):
    tab.sign_in(live.user("admin"))
    return tab


def fits(page) -> bool:
    """Nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def leave_for_harbor(tab, name: str = "Our harbor"):
    page = tab.open("/connections/new/harbor")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Go to Harbor").click()
    page.wait_for_url("**/oauth/authorize*")
    return page


def test_a_person_connects_one_of_several_accounts_and_sees_what_it_takes(admin, harbor):
    harbor.refused = ("ships.read",)
    page = leave_for_harbor(admin)
    expect(page.get_by_text("berths.read")).to_be_visible()
    page.get_by_role("button", name="Approve", exact=True).click()

    page.wait_for_url("**/oauth/harbor/account*")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        assert fits(page)
        assert admin.violations() == []
    page.get_by_label("Harbor Two").check()
    page.get_by_role("button", name="Connect it").click()

    page.wait_for_url("**/connections/*#preflight")
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        assert fits(page)
        assert admin.violations() == []
    for told in (
        "Our harbor is connected as Harbor Two.", "Without ships.read, ships cannot be read.",
        "every hour, 1 × 1 = 1 call an hour of 3,600,000 allowed.",
    ):  # fmt: skip
        expect(page.get_by_role("main")).to_contain_text(told)
    admin.said.clear()  # the stand-in has no icon for its page


def test_a_refusal_and_a_wrong_account_change_nothing_and_say_what_to_do(admin, live, harbor):
    page = leave_for_harbor(admin)
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("main")).to_contain_text("did not give its consent (access_denied)")
    admin.said.clear()  # the browser notes the status 422 of that page

    with live.app.app_context():
        connections.add("harbor", name="Ours", credentials=harbor.token_answer(), settings={"firm_id": "F1"}, by="Ana")
        db.session.query(Connection).update({"status": "needs_reconnect", "status_reason": "The token was revoked."})
        db.session.commit()
    page = admin.open("/")
    page.get_by_role("link", name="Reconnect", exact=True).click()
    page.wait_for_url("**/reconnect")  # the way to the service needs the page's script
    page.get_by_role("button", name="Go to Harbor").click()
    page.get_by_role("button", name="Approve for another account").click()
    expect(page.get_by_role("main")).to_contain_text("but this connection is Harbor One")
    page.get_by_role("link", name="Begin again").click()
    page.wait_for_url("**/reconnect")
    page.get_by_role("button", name="Go to Harbor").click()
    page.get_by_role("button", name="Approve", exact=True).click()
    page.wait_for_url("**/connections/*#preflight")
    expect(page.get_by_role("main")).to_contain_text("connected again as Harbor One")
    admin.said.clear()


def test_the_guide_is_read_inside_the_console(admin):
    for service in ("clio", "ghl", "clockify"):
        page = admin.open(f"/connections/new/{service}/guide")
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Setting up"))
        expect(page.get_by_role("main")).not_to_contain_text("<BASE_URL>")
        assert admin.violations() == []
        page.set_viewport_size(NARROW)
        assert fits(page)
