"""The ten promises of ux.md section 1, in the office, for three roles at both widths; and its tasks without a script.

Tasks by keys alone are test_clicks.py's, what axe finds is test_pages.py's, pressing twice is test_shell.py's.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from ..operations import mapped
from .conftest import NARROW, PASSWORD, WIDE, Tab
from .office import ROLES, office  # noqa: F401  (a fixture)

PAGES = (
    "/", "/connections", "/connections/{clio}", "/connections/{clio}/timeline", "/mappings", "/mappings/{mapping}",
    "/runs", "/runs/{failed_run}", "/records", "/records/{record}", "/records/{record}/life",
    "/transactions", "/errors", "/errors/log", "/matches", "/conflicts",
    "/matters", "/settings/",
)  # fmt: skip
LOOK = """() => ({
  wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  times: [...document.querySelectorAll('main time:not(.when[datetime][data-full])')]
    .filter(e => !e.dateTime || !/\\d{4}, \\d\\d:\\d\\d:\\d\\d/.test(e.innerText)).length,
  silent: [...document.querySelectorAll('main .when:not([tabindex="0"])')].filter(e => !e.closest('a')).length,
  bare: [...document.querySelectorAll('main .status')].filter(e => !e.textContent.trim()).length,
  named: document.title.includes(document.querySelector('h1').innerText.slice(0, 20)),
  headings: document.querySelectorAll('h1').length,
  dead: document.querySelectorAll('main a[href=""], main a[href="#"]:not([role])').length,
  small: innerWidth > 767 ? null : [...document.querySelectorAll('main a, main summary')]
    .filter(e => e.checkVisibility() && !e.closest('p, .alert') && e.getBoundingClientRect().height < 24)
    .map(e => e.outerHTML),
  spilt: [...document.querySelectorAll('main .facts dd')].filter(e => e.scrollWidth > e.clientWidth + 1).length,
  empty: [...document.querySelectorAll('main .empty')].filter(e => !e.querySelector('a, button, svg')).length,
})"""

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def entered(chromium, office):  # noqa: F811
    """entered(role) is that person's tab, signed in once for all tests of this module."""
    tabs: dict[str, Tab] = {}

    def entered(role: str, size: dict = WIDE) -> Tab:
        if role not in tabs:
            context = chromium.new_context(base_url=office.url, viewport=size)
            tab = tabs[role] = Tab(context.new_page(), office.url)
            tab.listen()
            tab.sign_in(f"{role}@example.com")
        tabs[role].look("dark", size)
        return tabs[role]

    yield entered
    said = [text for tab in tabs.values() for text in tab.said]
    for tab in tabs.values():
        tab.page.context.close()
    assert [text for text in said if "status of 4" not in text] == []


# Each role at one width every time, at the other by `make faults`.
for_everybody = pytest.mark.parametrize(("role", "size"), [
    pytest.param(role, size, id=f"{role}-{size['width']}", marks=() if usual else pytest.mark.faults)
    for place, role in enumerate(ROLES) for size, usual in ((WIDE, place % 2 == 0), (NARROW, place % 2 == 1))
])  # fmt: skip


def paths(office) -> list[str]:  # noqa: F811
    record = office.sides.records(office.sides.left)[0]
    there = {"record": record, "clio": office.clio, "mapping": office.sides.mapping, "failed_run": office.failed_run}
    return [path.format(**there) for path in PAGES]


@for_everybody
def test_every_page_looks_the_same_fits_and_leads_on(entered, office, role, size):  # noqa: F811
    """Promises 8, 9 and 10; and no look at a page changes anything at a service (4)."""
    office.as_before()
    sent = sum(len(mapped.writes(upstream)) for upstream in (office.upstreams.ghl, office.upstreams.clio))
    tab, found = entered(role, size), {}
    for path in paths(office):
        told = tab.open(path).evaluate(LOOK)
        wrong = {name for name in ("wide", "times", "silent", "bare", "dead", "small", "spilt", "empty") if told[name]}
        if wrong or told["headings"] != 1 or not told["named"]:
            found[path] = {name: value for name, value in told.items() if value}
    assert found == {}
    assert sent == sum(len(mapped.writes(upstream)) for upstream in (office.upstreams.ghl, office.upstreams.clio))


@for_everybody
def test_the_first_screen_answers_and_every_number_leads_to_what_it_counts(entered, office, role, size):  # noqa: F811
    """Promises 1 and 2"""
    office.as_before()
    tab = entered(role, size)
    page = tab.open("/")
    box = page.get_by_text("2 things need you").bounding_box()
    assert box["y"] + box["height"] <= size["height"]
    cards = page.locator("a.number-card").evaluate_all("all => all.map(e => [e.innerText, e.getAttribute('href')])")
    assert len(cards) == 4
    failed = next(address for text, address in cards if "Failed today" in text)
    expect(tab.open(failed).locator("main tbody tr")).to_have_count(2)
    for _, address in cards:
        assert page.goto(office.url + address).status == 200
    page = tab.open(f"/connections/{office.clio}")
    answered = page.locator(".answers a").first
    count = int(answered.inner_text().split()[0])
    answered.click()
    page.wait_for_url("**/transactions?*")
    expect(page.locator("main tbody tr")).to_have_count(min(count, 50))


@for_everybody
def test_the_address_is_the_state(entered, office, role, size):  # noqa: F811
    """Promise 3"""
    page = entered(role, size).open("/transactions")
    if size == NARROW:  # folded there
        page.get_by_role("button", name="Filters").click()
    page.get_by_label("Method").select_option("POST")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/transactions?method=POST")  # and nothing of what was left as it was
    rows = page.locator("main tbody tr")
    count, chips = rows.count(), page.get_by_role("list", name="Active filters")
    expect(chips.get_by_text("Method: POST")).to_be_visible()
    page.reload()
    expect(rows).to_have_count(count)
    rows.locator("a.row-link").first.click()
    page.get_by_role("link", name="Response").click()
    page.wait_for_url("**/transactions/*?tab=response")
    page.go_back()
    page.go_back()
    page.wait_for_url("**/transactions?method=POST")
    expect(rows).to_have_count(count)


@for_everybody
def test_a_failure_says_what_happened_what_was_lost_and_what_to_do(entered, office, role, size):  # noqa: F811
    """Promise 5"""
    page = entered(role, size).open("/")
    page.get_by_role("link", name="Open date cannot be used").click()
    for heading in ("What happened", "Was anything lost?", "What to do"):
        expect(page.get_by_role("heading", name=heading).locator("+ p")).not_to_be_empty()
    expect(page.get_by_text("The field open_date holds 31.02.2026").first).to_be_visible()


def test_a_question_opens_beside_the_menu_and_its_buttons_stand_on_one_line(entered, office):  # noqa: F811
    """Below a long title the buttons stand on the left: the box covered the menu. One button was taller than others."""
    page = entered("admin").open(f"/runs/{office.failed_run}")
    boxes = [button.bounding_box() for button in page.locator(".heading-actions").first.locator("button:visible").all()]
    assert len({(round(box["y"]), round(box["height"])) for box in boxes}) == 1 < len(boxes)
    page.goto(f"{office.url}/errors")
    page.locator("main a.row-link").first.click()
    page.locator("h1").evaluate("title => { title.textContent = 'A long title of a problem '.repeat(9) }")
    page.locator("summary", has_text="Resolve").click()
    expect(page.get_by_role("button", name="Keep as it is")).to_be_focused()
    left = page.locator("main").bounding_box()["x"]
    assert page.locator(".confirm[open] .confirm-box").bounding_box()["x"] >= left


@for_everybody
def test_what_is_missing_forbidden_or_empty_names_the_next_step(entered, office, role, size):  # noqa: F811
    """Promise 10"""
    tab = entered(role, size)
    for path, leads in (("/runs/999999", "a[href]"), ("/settings/firm", "a[href], button"), ("/nothing", "a[href]")):
        page = tab.open(path)
        if page.get_by_role("heading", level=1).inner_text() != "Firm":
            expect(page.locator(f"main {leads.replace(', ', ', main ')}").first, path).to_be_visible()
            expect(page.get_by_role("main"), path).to_contain_text(re.compile(r"[0-9a-f]{16}"))
    page = tab.open("/transactions?status=418")
    page.get_by_role("link", name="Clear filters").click()
    page.wait_for_url("**/transactions")


@for_everybody
def test_what_is_pressed_answers_with_its_outcome_or_a_link_to_watch_it(entered, office, role, size):  # noqa: F811
    """Promises 4 and 6: a read starts at once; what writes is previewed first, and only by who may."""
    office.as_before()
    page = entered(role, size).open(f"/connections/{office.clio}")
    if role == "support":
        expect(page.locator("main .heading-actions")).not_to_contain_text(re.compile("Sync now|Pause"))
        return
    page.get_by_role("button", name="Sync now").click()
    page.wait_for_url("**/runs/*")
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    page = entered(role, size).open(f"/mappings/{office.draft}")
    previews = page.get_by_role("button", name="Preview").or_(page.get_by_role("link", name="Preview"))
    expect(previews).not_to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Activate|Run now"))).to_have_count(0)


def test_on_paper_pages_are_white_whole_and_without_their_frame(entered, office):  # noqa: F811
    """Promise 8"""
    page = entered("staff").open(f"/runs/{office.failed_run}")
    page.emulate_media(media="print")
    expect(page.locator(".topbar")).to_be_hidden()
    expect(page.locator("#menu")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page = entered("staff").open("/transactions")
    expect(page.locator("details.more dl").first).to_be_visible()
    page.emulate_media(media="screen")


def test_the_tasks_of_a_day_are_done_without_a_script(chromium, office):  # noqa: F811
    """Promise 7"""
    office.as_before()
    context = chromium.new_context(java_script_enabled=False, viewport=NARROW, base_url=office.url)
    page = context.new_page()
    main = page.get_by_role("main")

    page.goto("/")  # asks who it is, and leads back
    page.get_by_label("E-mail").fill("staff@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(main.get_by_text("2 things need you")).to_be_visible()
    expect(main.locator("svg.chart a")).not_to_have_count(0)

    main.get_by_role("link", name="Open date cannot be used").click()
    main.locator("summary", has_text="Retry all 2").click()
    main.get_by_role("button", name="Read again").click()
    expect(main.get_by_role("heading", level=1, name=re.compile("Run \\d+"))).to_be_visible()
    page.goto("/")
    main.get_by_role("link", name="Open date cannot be used").click()
    main.get_by_label("A note").fill("Asked the client for the right date.")
    main.get_by_role("button", name="Add the note").click()
    expect(main.get_by_text("Asked the client for the right date.")).to_be_visible()
    office.as_before()

    page.get_by_label("Search everything").fill(office.client)
    page.get_by_label("Search everything").press("Enter")
    main.get_by_role("link", name=office.client).first.click()
    expect(main.get_by_role("heading", level=1, name="Life of")).to_be_visible()

    page.goto("/transactions")
    main.get_by_role("search", name="Filters").get_by_label("Status").select_option("2xx")
    main.get_by_role("button", name="Show").click()
    main.locator("a.row-link").first.click()
    main.get_by_role("link", name="Response").click()
    page.wait_for_url("**/transactions/*?tab=response")
    page.goto("/transactions")
    with page.expect_download() as told:
        main.get_by_role("button", name="The last 30 days as CSV").click()
    assert told.value.suggested_filename.endswith(".csv")

    page.goto(f"/connections/{office.clio}")
    main.get_by_role("button", name="Pause").click()
    main.get_by_role("button", name="Resume").click()
    expect(main.get_by_text("goes on")).to_be_visible()
    main.get_by_role("button", name="Sync now").click()
    expect(main.get_by_text("Waiting for a worker")).to_be_visible()
    main.locator("summary", has_text="Cancel").click()
    main.get_by_role("button", name="Cancel the run").click()
    expect(main.locator("#run").get_by_text("Cancelled by staff@example.com")).to_be_visible()

    page.goto("/mappings")
    main.get_by_role("link", name=re.compile("Add a line to")).last.click()
    main.get_by_label("How it is carried").select_option("value_map")
    main.get_by_role("button", name="Show its options").click()
    expect(main.get_by_label("Table, one pair a line")).to_be_visible()
    context.close()


def told(page) -> str:
    """What the help of this page lists beside the lines of the menu, as keys."""
    page.keyboard.press("?")
    page.locator("#keys[open]").wait_for()
    lines = page.locator("#keys dl > div:visible dt").all_inner_texts()
    page.keyboard.press("Escape")
    page.locator("#keys").wait_for(state="hidden")
    keys = [re.sub(r"\s+", " ", line) for line in lines if not line.startswith("g")]
    return ", ".join(keys)


def test_the_help_lists_exactly_what_works_where_it_is_asked_for(entered, office):  # noqa: F811
    """Promise 8"""
    page = entered("admin").page
    page.goto("/settings/firm")
    assert told(page) == "/, ?, Esc"
    page.goto("/errors")
    assert told(page) == "/, j k, Enter, x, ?, Esc"
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/errors/\d+"))
    assert told(page) == "/, j k, Enter, r, ?, Esc"
    page.goto(f"/settings/privacy?q={office.client}")
    assert told(page) == "/, j k, Enter, x, ?, Esc"


def test_r_retries_the_row_or_the_page_and_x_ticks_the_row(entered, office):  # noqa: F811
    office.as_before()
    page = entered("admin").page
    page.goto("/errors")
    page.get_by_role("link", name="Open date cannot be used").click()
    page.wait_for_url(re.compile(r"/errors/\d+"))  # a key pressed on the page before would be lost
    page.keyboard.press("r")
    page.locator("*:focus", has_text="Keep as it is").wait_for()  # all of them: asked first
    page.keyboard.press("Escape")
    page.locator("summary:focus", has_text="Retry all 2").wait_for()
    row = page.get_by_role("row").filter(has_text="9002")
    row.get_by_role("button", name="Retry").focus()
    page.keyboard.press("r")
    page.wait_for_url("**/runs/*")
    page.goto(f"/settings/privacy?q={office.client}")
    page.keyboard.press("j")
    tick = page.locator("main tbody input[type=checkbox]").first
    before = tick.is_checked()
    page.keyboard.press("x")
    expect(tick).to_be_checked(checked=not before)


def test_every_key_of_the_menu_goes_where_it_says(entered):
    page = entered("admin").page
    lines = page.locator("#menu a[data-key]").evaluate_all("all => all.map(a => [a.dataset.key, a.pathname])")
    for key, path in [line for line in lines if line[0]]:
        page.goto("/settings/profile")
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**{path}")
