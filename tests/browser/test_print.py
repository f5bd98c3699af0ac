"""A page on paper is black on white, whatever theme was on, with every section open and nothing to press."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..operations.conftest import point_at
from ..web.firm import Firm

PAPER = {"width": 718, "height": 1020}  # A4 within its margins
SEEN = """() => [...document.querySelectorAll("body *")]
  .filter(one => one.checkVisibility({contentVisibilityAuto: true})
  && one.getClientRects().length && [...one.childNodes].some(part => part.nodeType === 3 && part.data.trim()))
  .map(one => [one.textContent.trim().slice(0, 40), getComputedStyle(one).color])"""
BACKGROUNDS = """() => [...document.querySelectorAll("body, main, main *")].filter(one => one.checkVisibility()
  && !["INPUT", "TEXTAREA"].includes(one.tagName)).map(one => getComputedStyle(one).backgroundColor)"""


TIMES = """() => [...document.querySelectorAll("main .when")].map(one => [getComputedStyle(one).fontSize,
  getComputedStyle(one, "::after").content === JSON.stringify(one.dataset.full)])"""
CUT = """() => [...document.querySelectorAll("main *")].map(one => [one, getComputedStyle(one)])
  .filter(([one, style]) => one.checkVisibility() && style.maxHeight !== "none" && style.overflowY === "auto")
  .map(([one]) => one.className)"""
ROWS = """() => [...document.querySelectorAll("main tbody tr")].map(
  row => new Set([...row.cells].map(cell => cell.getBoundingClientRect().top)).size)"""


def is_dark(colour: str) -> bool:
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return max(numbers) < 140


@pytest.fixture
def firm(monkeypatch, fresh_upstreams, app):
    point_at(monkeypatch, fresh_upstreams)
    firm = Firm(app, fresh_upstreams)
    clio = firm.connect("clio")
    firm.read(clio, "users")
    firm.refuse(clio, "9001")
    return firm


def test_pages_are_printed_black_on_white_with_every_section_open(firm, live, tab):
    tab.sign_in(live.user())
    tab.page.emulate_media(media="print")
    for path, folded in (
        ("/errors/1", "In their own words"), ("/runs/1", "Summary for support"), ("/connections/1", ""),
        ("/transactions/2", "As curl"), ("/records/1", "As it came, whole"),
    ):  # fmt: skip
        tab.look("dark", PAPER)
        page = tab.open(path)
        seen = page.evaluate(SEEN)
        assert len(seen) > 10, path
        assert [text for text, colour in seen if not is_dark(colour)] == [], path
        assert set(page.evaluate(BACKGROUNDS)) <= {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}, path
        expect(page.get_by_role("button"), path).to_have_count(0)
        assert set(page.evaluate(ROWS)) <= {1}, f"{path}: cells of a row are beside each other, as on a wide screen"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} is too wide"
        assert set(map(tuple, page.evaluate(TIMES))) <= {("0px", True)}, f"{path}: paper does not know how long ago"
        assert page.evaluate(CUT) == [], f"{path}: paper cannot be scrolled"
        if folded:
            inside = page.locator("details", has=page.get_by_text(folded, exact=True)).first
            expect(inside.locator("> :not(summary)").first, folded).to_be_visible()


def test_a_print_leaves_out_what_clears_filters_and_nothing_else_of_such_a_list(firm, live, tab):
    tab.sign_in(live.user())
    tab.page.emulate_media(media="print")
    page = tab.open("/records/1/life")
    expect(page.get_by_label("The same in each system").get_by_role("listitem")).to_have_count(1)

    chosen = tab.open("/runs?state=done").get_by_label("Active filters")
    expect(chosen.get_by_role("listitem")).to_have_count(1)
    expect(chosen).not_to_contain_text("Clear all", use_inner_text=True)
