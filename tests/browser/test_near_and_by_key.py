"""Magnified to 200 % and 400 %, and by keys alone: nothing is cut or runs sideways, and the focus is always seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .conftest import NARROW, WIDE, Tab
from .office import office  # noqa: F401  (a fixture)

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(300)]

# What is left of 1280×800 at 200 % and of 1280×1024 at 400 %.
NEAR = {"width": 640, "height": 400}, {"width": 320, "height": 256}
PAGES = (
    "/", "/connections", "/connections/2", "/connections/2/objects", "/connections/2/settings", "/connections/new/clio",
    "/mappings", "/mappings/new", "/mappings/1", "/mappings/1/lines/1", "/mappings/1/preview", "/mappings/1/settings",
    "/mappings/1/pairs", "/runs", "/runs/1", "/records", "/records/2/contacts", "/matters", "/limitations",
    "/hours", "/matches", "/conflicts", "/conflicts/1", "/transactions", "/errors", "/errors/1", "/errors/log",
    "/writes", "/practice-areas", "/settings/", "/settings/audit", "/settings/privacy", "/settings/notifications/new",
    "/settings/system", "/backups", "/docs/api", "/search?q=contact",
)  # fmt: skip
# Cut on purpose: heads of tables that are cards, names with a tooltip or said in full beside, and what one types into.
CUT = """() => [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility()
  && !e.closest(".visually-hidden, svg, dialog:not([open])")
  && !e.matches("thead, input, select, .user-name, .breadcrumb-item")
  && ["hidden", "clip"].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.outerHTML.slice(0, 120))"""
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
# The element in focus: whether it is the page's end, seen in the window, beneath nothing else, and with a ring.
FOCUS = """async () => {
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);  // the skip link has gone
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const box = [...e.getClientRects()].find((one) => one.width > 0), style = getComputedStyle(e);
  const [x, y] = box ? [box.left + Math.min(box.width / 2, 20), box.top + box.height / 2] : [-1, -1];
  const top = document.elementFromPoint(x, y), label = e.labels?.[0];
  return {
    seen: Boolean(top) && (e.contains(top) || top.contains(e) || Boolean(label?.contains(top))),
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== "none"
      || Boolean(e.closest(".chart") && getComputedStyle(e.querySelector("rect")).stroke !== "none"),
    what: e.outerHTML.slice(0, 120),
  };
}"""


@pytest.fixture
def hand(chromium, office):  # noqa: F811
    """An administrator's tab that does not move by itself."""
    context = chromium.new_context(viewport=WIDE, base_url=office.url, reduced_motion="reduce")
    tab = Tab(context.new_page(), office.url)
    tab.listen()
    tab.sign_in("admin@example.com")
    yield tab
    context.close()
    assert tab.said == []


def test_nothing_is_cut_and_nothing_runs_sideways_when_magnified(hand):
    found = []
    for size in NEAR:
        hand.look("dark", size)
        for path in PAGES:
            page = hand.open(path)
            found += [f"{path} {size['width']} cuts {what}" for what in page.evaluate(CUT)]
            found += [f"{path} {size['width']} runs sideways"] if page.evaluate(WIDER) else []
    assert found == []


def test_where_it_is_narrow_a_name_keeps_room_beside_its_state(hand):
    hand.look("dark", NEAR[1])
    page = hand.open("/")
    name = page.get_by_role("article", name="Harbor payments").get_by_role("heading")
    assert name.bounding_box()["height"] < 50  # no letter stands alone
    assert page.get_by_role("searchbox", name="Search everything").bounding_box()["width"] > 110
    expect(page.locator(".user-menu summary")).to_contain_text("Admin")  # for those who hear it


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_by_tab_one_comes_through_every_page_and_always_sees_where_one_is(hand, size):
    hand.look("dark", size)
    found = []
    for path in (
        "/",
        "/connections/2/objects",
        "/mappings/1",
        "/mappings/1/lines/1",
        "/conflicts",
        "/transactions",
        "/errors/1",
    ):
        page = hand.open(path)
        for _ in range(400):
            page.keyboard.press("Tab")
            stop = page.evaluate(FOCUS)
            if stop is None:
                break
            if "skip-link" not in stop["what"] and not (stop["seen"] and stop["ring"]):
                found.append(f"{path}: {stop}")
        else:
            found.append(f"{path} has no end")
    assert found == []


def test_a_little_box_closes_when_the_focus_leaves_it(hand):
    page = hand.open("/mappings/1")
    for box in (page.locator("details.user-menu"), page.locator("details.confirm").first):
        box.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(box).to_have_attribute("open", "")
        for _ in range(9):
            page.keyboard.press("Tab")
        expect(box).not_to_have_attribute("open", "")


@pytest.mark.parametrize("key", ["Enter", " "], ids=["enter", "space"])
def test_the_menu_of_a_phone_is_opened_and_closed_by_key(hand, key):
    hand.look("dark", NARROW)
    page = hand.open("/runs")
    opens, menu = page.get_by_role("button", name="Open the menu"), page.get_by_role("dialog", name="Menu")
    opens.focus()
    page.keyboard.press(key)
    expect(menu).to_be_focused()
    closes = menu.get_by_role("button", name="Close the menu")
    closes.hover(trial=True)  # it has come to a stand
    page.keyboard.press("Tab")
    expect(closes).to_be_focused()
    page.keyboard.press(key)
    expect(menu).to_be_hidden()
    expect(opens).to_be_focused()
