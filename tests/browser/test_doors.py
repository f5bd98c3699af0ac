"""Every service is connected as a firm does it, at the console `flask serve` starts: consent, refusal, the wrong
account, a change that arrives by webhook, and a permission taken back upstream. Pages, worker and stand-ins are real.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from ..cli.conftest import HOME, addresses
from ..operations.mapped import keep_only
from .conftest import NARROW, PASSWORD, WIDE, Tab

BY_CONSENT = {  # service -> what the console calls it
    "clio": "Clio", "ghl": "GoHighLevel", "stripe": "Stripe",
    "slack": "Slack", "quickbooks": "QuickBooks", "xero": "Xero",
}  # fmt: skip

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(300)]


@dataclass
class House:
    """The console, as its newcomer started it, and the stand-ins it reaches."""

    url: str
    code: str
    upstreams: object


@pytest.fixture
def house(fresh_upstreams, tmp_path, database):
    for upstream in fresh_upstreams.upstreams.values():
        for kind in upstream.shelves:
            keep_only(upstream, kind, 20)  # doors are what is walked through here, not how long a whole account takes
    own = {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": database, "FLASK_SKIP_DOTENV": "1", "TICK_SECONDS": "0.5"}
    command = [sys.executable, "-m", "flask", "--app", str(HOME / "wsgi.py")]
    environment = {**os.environ, **own, **addresses(fresh_upstreams)}
    with (tmp_path / "said").open("w+") as said:
        serving = subprocess.Popen(
            [*command, "serve", "--port", "0", "--json"],
            env=environment, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        try:
            told = json.loads(serving.stdout.readline())
            yield House(told["address"], told["setup_code"], fresh_upstreams)
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.wait(20)
            serving.stdout.close()
        said.seek(0)
        assert "Traceback" not in said.read()


@dataclass
class Walker:
    """A person in front of the console."""

    tab: Tab
    house: House

    def see(self, *texts: str) -> None:
        """The page says this, fits both widths, and axe finds nothing."""
        page = self.tab.page
        for text in texts:
            page.get_by_role("main").get_by_text(text).locator("visible=true").first.wait_for()
        page.wait_for_load_state()
        for size in (NARROW, WIDE):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (page.url, size)
            assert self.tab.violations() == [], page.url

    def until(self, path: str, text: str) -> None:
        """Open a page until it says something: the worker has its own time."""
        for _ in range(100):
            if text in self.tab.open(path).get_by_role("main").inner_text():
                return
            time.sleep(0.2)
        raise AssertionError(f"{path} never said {text!r}: {self.tab.page.get_by_role('main').inner_text()[:2000]}")

    def leave_for(self, service: str) -> None:
        page = self.tab.open("/connections/new")
        page.locator(f"a[href$='/connections/new/{service}']").first.click()
        page.get_by_label("Name", exact=True).first.fill(f"Our {BY_CONSENT[service]}")
        page.get_by_role("button", name=f"Go to {BY_CONSENT[service]}").click()
        page.wait_for_url(lambda url: not url.startswith(self.house.url))

    def answer(self, decision: str) -> None:
        """Answer the service's own page; back at the console afterwards."""
        self.tab.page.get_by_role("button", name=decision, exact=True).click()
        self.tab.page.wait_for_url(lambda url: url.startswith(self.house.url))

    def connect(self, service: str) -> str:
        """Connect by consent; the path of the connection's page."""
        self.leave_for(service)
        self.answer("Approve")
        if choice := self.tab.page.get_by_role("button", name="Connect it").all():  # several accounts, one sign-in
            self.tab.page.get_by_role("radio").first.check()
            choice[0].click()
        self.tab.page.wait_for_url("**/connections/*#preflight")
        return self.tab.page.url.removeprefix(self.house.url).partition("#")[0]


@pytest.fixture
def walker(chromium, house):
    context = chromium.new_context(viewport=WIDE, base_url=house.url)
    tab = Tab(context.new_page(), house.url)
    page = tab.page
    page.on("console", lambda message: message.type == "error" and tab.said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: tab.said.append(str(error)))
    tab.open("/setup")
    for label, text in (("One-time code", house.code), ("Your name", "Ana"), ("E-mail", "ana@example.com")):
        page.get_by_label(label).fill(text)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url(lambda url: "/setup" not in url)
    yield Walker(tab, house)
    context.close()
    assert [said for said in tab.said if "status of 4" not in said] == [], "the browser's console holds errors"


def test_every_door_of_the_firm_is_opened_and_one_is_shut_from_the_other_side(walker):
    """Issue 4, done when: connect each by OAuth, refuse once, the wrong account once; a webhook; a revocation."""
    tab, up = walker.tab, walker.house.upstreams

    walker.leave_for("clio")
    walker.answer("Refuse")
    walker.see("did not give its consent", "access_denied")
    expect(tab.open("/connections").get_by_role("main")).not_to_contain_text("Our Clio")  # nothing half made

    pages = {}
    for service in BY_CONSENT:
        pages[service] = walker.connect(service)
        walker.see(f"Our {BY_CONSENT[service]} is connected")

    page = tab.open("/connections/new/clockify")
    page.get_by_label("Name").fill("Our Clockify")
    page.get_by_role("textbox", name="API key").fill(up.clockify.api_key)
    page.get_by_role("button", name="Test and connect").click()
    page.wait_for_url(re.compile(r"/connections/\d+"))
    walker.see("Our Clockify")
    tab.open("/connections")
    walker.see(*(f"Our {label}" for label in (*BY_CONSENT.values(), "Clockify")))

    page = tab.open(f"{pages['clio']}/settings")
    page.get_by_role("link", name="Reconnect", exact=True).first.click()
    page.wait_for_url("**/reconnect")  # the way to the service needs the page's script
    page.get_by_role("button", name="Go to Clio").click()
    walker.answer("Approve for another account")
    walker.see(up.clio.other_name, up.clio.firm.name)  # both named; the connection is what it was
    expect(tab.open(pages["clio"]).locator("h1 + *")).not_to_contain_text("needs")

    matter = up.clio.record("matters", 1)
    walker.until("/records", "Matters")
    page = tab.open(f"{pages['clio']}/webhooks")
    page.get_by_role("button", name="Register webhooks").click()
    walker.until(f"{pages['clio']}/webhooks", "Active")
    walker.see("Our webhooks at Clio")
    up.clio.put("matters", {"id": matter["id"], "description": "Quist against the harbour board"})
    walker.until("/deliveries?kind=matter", "updated")
    walker.see("Our Clio")
    tab.page.locator("tbody a.row-link").first.click()
    walker.see("Our Clio")
    number = pages["clio"].rpartition("/")[2]
    walker.until(f"/records/{number}/matters?q=harbour+board", "Quist against the harbour board")
    tab.page.locator("tbody a.row-link").first.click()
    walker.see("Quist against the harbour board")

    up.clio.revoke()
    up.clio.put("matters", {"id": matter["id"], "description": "Quist against the harbour master"})
    walker.until("/", "Our Clio needs to be reconnected")
    walker.see("Our Clio")
    tab.page.get_by_role("link", name="Reconnect", exact=True).click()
    tab.page.wait_for_url("**/reconnect")
    tab.page.get_by_role("button", name="Go to Clio").click()
    walker.answer("Approve")
    walker.see("connected again as")
    expect(tab.open("/").get_by_role("link", name="Reconnect", exact=True)).to_have_count(0)
    walker.until(f"/records/{number}/matters?q=harbour+master", "Quist against the harbour master")
