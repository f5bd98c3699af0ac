"""Clicks to answer: every row of ux.md section 4 is walked from the dashboard, with the mouse and with keys alone.

Each way also counts: a row that takes more clicks than it may fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import expect

from .conftest import WIDE, Tab
from .office import Office, office  # noqa: F401  (a fixture)

MOST_TABS = 150  # to reach anything on a page from the start of its content

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(300)]


@dataclass
class Hand:
    """A person at the dashboard who counts their clicks. With `keys` they never touch the mouse."""

    tab: Tab
    office: Office
    keys: bool
    clicks: int = 0
    files: list = field(default_factory=list)

    @property
    def page(self):
        return self.tab.page

    @property
    def main(self):
        return self.page.get_by_role("main")

    def start(self) -> None:
        self.tab.open("/")
        self.clicks = 0

    def press(self, what) -> None:
        """Click it, or come to it with Tab and press Enter; when its page is there, with the script of it."""
        self.clicks += 1
        what.wait_for()
        self.page.wait_for_load_state()
        if not self.keys:
            what.click()
            return
        self.reach(what)
        self.page.keyboard.press("Enter")

    def reach(self, what) -> None:
        """Put the focus on it with Tab alone, from the top of the menu or of the content."""
        target = what.element_handle()  # once: finding it by its role costs more than the key
        start = "#menu" if target.evaluate("e => Boolean(e.closest('#menu'))") else "main"
        if not target.evaluate("e => Boolean(e.closest('details')?.contains(document.activeElement))"):
            self.page.locator(start).evaluate("e => { e.tabIndex = -1; e.focus(); }")
        for _ in range(MOST_TABS):
            if target.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {what}")

    def menu(self, label: str) -> None:
        self.press(self.page.locator("#menu").get_by_role("link", name=label))
        self.page.locator("#menu [aria-current=page]", has_text=label).wait_for()

    def search(self, words: str) -> None:
        """`/`, the words and Enter: typing, not clicking."""
        self.page.keyboard.press("/")
        self.page.keyboard.type(words)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/search?q=*")

    def card(self, name: str):
        return self.page.get_by_role("article", name=name)

    def link(self, name, where=None):
        return (where or self.main).get_by_role("link", name=name)

    def button(self, name, where=None):
        return (where or self.main).get_by_role("button", name=name)

    def see(self, text, where=None) -> None:
        (where or self.main).get_by_text(text).locator("visible=true").first.wait_for()

    def to_connection(self) -> None:
        self.press(self.card("Harbor Law").get_by_role("link", name="Harbor Law", exact=True))


# -- the rows: what is asked, how many clicks it may take, and the way ------------------------------------------------


def all_right(hand) -> None:
    line = hand.main.get_by_text("things need you")
    box = line.bounding_box()
    assert box["y"] + box["height"] <= WIDE["height"]


def last_and_next(hand) -> None:
    card = hand.card("Harbor Law")
    expect(card.locator("dt", has_text="Last read").locator("+ dd time")).to_be_visible()
    expect(card.locator("dt", has_text="Next").locator("+ dd time")).to_be_visible()


def how_many_failed(hand) -> None:
    expect(hand.link("Failed today")).to_contain_text("2")


def which_and_why(hand) -> None:
    hand.press(hand.link("Failed today"))
    hand.see("The field open_date holds 31.02.2026")
    expect(hand.main.get_by_role("row")).to_have_count(3)  # its head, and one for each that was counted


def what_to_do(hand) -> None:
    hand.press(hand.link("Open date cannot be used"))
    hand.see("Correct the value at the service.")
    hand.press(hand.main.locator("summary", has_text="Retry all 2"))
    hand.see("A run reads the 2 waiting matters again")


def retry_all(hand) -> None:
    hand.press(hand.link("Open date cannot be used"))
    hand.press(hand.main.locator("summary", has_text="Retry all 2"))
    hand.press(hand.button("Read again"))
    hand.see(re.compile("Last retry|Run \\d+"))


def did_it_arrive(hand) -> None:
    hand.search(hand.office.client)
    hand.press(hand.link(hand.office.client).first)
    hand.page.get_by_role("heading", level=1, name=f"Life of {hand.office.client}").wait_for()
    expect(hand.main.get_by_role("list", name="The same in each system").locator("code")).to_have_count(2)


def what_was_sent(hand) -> None:
    hand.menu("Transactions")
    hand.press(hand.main.locator("a.row-link").first)
    expect(hand.link("Request")).to_have_attribute("aria-current", "page")
    hand.see("Headers")


def who_changed_it(hand) -> None:
    hand.search(hand.office.written)
    hand.press(hand.link(hand.office.written).first)
    hand.see("by the console")
    hand.main.locator(".delta").first.wait_for()


def us_or_them(hand) -> None:
    hand.see("Cause: Sign-in at the service")
    hand.to_connection()
    hand.see("Clio answered every call well.")
    hand.see("200")


def sync_now(hand) -> None:
    hand.press(hand.button("Sync now Harbor Law"))
    hand.page.wait_for_url("**/runs/*")


def stop_everything(hand) -> None:
    hand.to_connection()
    hand.press(hand.button("Pause"))
    hand.see("Harbor Law is paused")


def reconnect(hand) -> None:
    hand.press(hand.link("Reconnect"))
    hand.page.wait_for_url("**/reconnect")


def near_the_limit(hand) -> None:
    hand.press(hand.link("calls left at Harbor Law"))
    hand.page.get_by_role("heading", name="API budget").wait_for()
    expect(hand.main.get_by_role("meter").first).to_be_visible()


def change_when(hand) -> None:
    hand.to_connection()
    hand.press(hand.link("Objects"))
    hand.main.get_by_label("Read it").wait_for()


def map_a_field(hand) -> None:
    hand.menu("Field mapping")
    hand.press(hand.link("Add a line to Contacts"))
    hand.main.locator("#f-left-1").select_option("companyName")
    hand.main.locator("#f-right-1").select_option("title")
    hand.press(hand.button("Save"))
    hand.page.wait_for_url("**/mappings/*#lines")
    expect(hand.main.locator(".lines tbody tr").last.locator(".sampled")).not_to_have_count(0)


def since_yesterday(hand) -> None:
    hand.to_connection()
    hand.press(hand.link("Timeline"))
    hand.see("Read with problems")


def for_support(hand) -> None:
    hand.press(hand.main.get_by_role("row").locator("a.row-link").first)
    hand.press(hand.button("Copy summary for support"))
    hand.see("Copied", hand.page)


def last_backup(hand) -> None:
    hand.menu("Settings")
    hand.see(re.compile("Last good backup"))


def export_a_month(hand) -> None:
    hand.menu("Transactions")
    with hand.page.expect_download() as told:
        hand.press(hand.button("The last 30 days as CSV"))
    assert re.fullmatch(r"transactions.*\.csv", told.value.suggested_filename)


def who_changed_settings(hand) -> None:
    hand.menu("Settings")
    hand.press(hand.link("Audit log"))
    hand.see("admin@example.com")


ROWS = [
    ("Is everything all right?", 0, all_right),
    ("When did Clio last sync, when next?", 0, last_and_next),
    ("How many failed today?", 0, how_many_failed),
    ("Which ones, and why?", 1, which_and_why),
    ("What must I do about it?", 2, what_to_do),
    ("Retry all of them", 3, retry_all),
    ("Did this client (name) arrive in Clio?", 1, did_it_arrive),
    ("What exactly did we send?", 2, what_was_sent),
    ("Who changed this field, we or a person?", 3, who_changed_it),
    ("Is it us or the provider?", 1, us_or_them),
    ("Start a sync now", 1, sync_now),
    ("Stop everything for this connection", 2, stop_everything),
    ("Reconnect an expired sign-in", 1, reconnect),
    ("How near are we to the limit?", 1, near_the_limit),
    ("Change when it runs", 2, change_when),
    ("Map a new custom field and see the result", 3, map_a_field),
    ("What changed since yesterday, when it worked?", 2, since_yesterday),
    ("Give support what they need", 2, for_support),
    ("Last good backup?", 1, last_backup),
    ("Export last month's transactions", 2, export_a_month),
    ("Who signed in, who changed settings?", 2, who_changed_settings),
]


@pytest.mark.parametrize("keys", [False, True], ids=["mouse", "keys"])
def test_every_answer_is_as_near_as_promised(chromium, office, subtests, keys):  # noqa: F811
    context = chromium.new_context(viewport=WIDE, base_url=office.url, permissions=["clipboard-write"])
    tab = Tab(context.new_page(), office.url)
    tab.listen()
    tab.sign_in("admin@example.com")
    hand = Hand(tab, office, keys)
    for question, most, walk in ROWS:
        with subtests.test(question):
            office.as_before()
            hand.start()
            walk(hand)
            assert hand.clicks <= most, f"takes {hand.clicks} clicks, may take {most}"
    context.close()
    assert tab.said == []
