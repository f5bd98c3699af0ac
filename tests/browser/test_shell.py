"""The shell, the door and the settings in a real browser: both themes, both widths, keyboard, no script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from integration_console.operations.people import first_administrator, users

from .conftest import LOOKS, NARROW, PASSWORD, QUICK

PAGES = [
    "/settings/", "/settings/profile", "/settings/firm", "/settings/services", "/settings/services/clio",
    "/settings/services/clockify", "/settings/people", "/settings/people/1", "/settings/tokens",
    "/settings/retention", "/settings/system",
    "/settings/audit",
]  # fmt: skip


@pytest.fixture
def admin(live, tab):
    tab.sign_in(live.user("admin"))
    return tab


def test_the_door_is_open_to_everybody(live, tab):
    """axe finds nothing on the pages before signing in."""
    assert tab.faults_of(["/setup"]) == []
    live.user("admin")
    assert tab.faults_of(["/sign-in"]) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("looks", LOOKS)
def test_no_page_of_the_settings_shuts_anybody_out(admin, looks):
    """axe finds nothing, in both themes, at both widths; the console stays clean."""
    assert admin.faults_of(PAGES, looks) == []


def test_the_first_administrator_is_made_by_hand_and_keyboard_alone(app, live, tab):
    with app.app_context():
        code = first_administrator.setup_code()
    page = tab.open("/")
    page.wait_for_url("**/setup")
    page.locator("[name=code]:focus").wait_for()  # a loaded machine gives the focus late
    for text in (code, "Ana", "ana@example.com"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/setup" not in url)
    page.get_by_text("You are the administrator.").wait_for()


def test_every_page_is_reached_and_changed_without_a_script(chromium, live):
    """Promise 7."""
    live.user("admin")
    context = chromium.new_context(java_script_enabled=False, viewport=NARROW, base_url=live.url)
    page = context.new_page()
    page.goto("/sign-in?next=/settings/firm")
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").fill("Harbor Law")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The firm's settings are saved").wait_for()
    expect(page.get_by_label("Name")).to_have_value("Harbor Law")

    page.get_by_role("button", name="Open the menu").click()
    page.locator("#menu").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")

    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    context.close()


def test_a_change_that_cannot_be_undone_asks_first_without_a_script(chromium, live):
    live.user("admin")
    live.user("staff")
    context = chromium.new_context(java_script_enabled=False, base_url=live.url)
    page = context.new_page()
    page.goto("/sign-in?next=/settings/people/2")
    page.get_by_label("E-mail").fill("admin@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("summary", has_text="Disable").wait_for()
    expect(page.get_by_role("button", name="Disable")).to_be_hidden()
    page.locator("summary", has_text="Disable").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("staff@example.com is disabled")).to_be_visible()
    context.close()


def test_the_safe_answer_has_the_focus_and_escape_takes_it_back(live, admin):
    live.user("staff")
    page = admin.open("/settings/people/2")
    page.locator("summary", has_text="Disable").click()
    page.locator("*:focus", has_text="Keep as it is").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator(":focus")).to_have_text("Disable")
    expect(page.get_by_text("What they did stays in the history")).to_be_hidden()


def test_keys_go_to_pages_but_never_while_typing(admin):
    page = admin.open("/settings/firm")
    page.get_by_label("Name").focus()
    page.keyboard.type("gs?")
    expect(page.get_by_label("Name")).to_have_value("gs?")
    page.get_by_label("Name").fill("")
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/settings/")


def test_keys_can_be_switched_off(admin):
    """WCAG 2.1.4"""
    page = admin.open("/settings/profile")
    page.get_by_label("Keyboard shortcuts").select_option("off")
    page.locator("form", has=page.get_by_label("Keyboard shortcuts")).get_by_role("button", name="Save").click()
    page.locator("body[data-keys=off]").wait_for()
    page.wait_for_load_state()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_button_pressed_many_times_sends_once(app, admin):
    page = admin.open("/settings/people")
    page.get_by_label("E-mail").fill("sam@example.com")
    page.evaluate("for (let i = 0; i < 20; i++) document.querySelector('#add button').click()")
    page.get_by_text("It is shown only now").wait_for()
    with app.app_context():
        assert [user.email for user in users.every()] == ["admin@example.com", "sam@example.com"]


def test_leaving_with_unsaved_changes_is_asked_about(admin):
    page = admin.open("/settings/firm")
    page.get_by_label("Name").press_sequentially("Harbor")
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog") as asked:
        page.get_by_role("link", name="Audit log").click(no_wait_after=True)
    assert asked.value.type == "beforeunload"
    expect(page).to_have_url(re.compile("/settings/firm$"))
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The firm's settings are saved").wait_for()


def test_the_skip_link_is_the_first_stop_and_leads_to_the_content(admin):
    page = admin.open("/settings/firm")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    page.locator("main:focus").wait_for()
    page.keyboard.press("Tab")
    page.locator("main *:focus").wait_for()


def test_on_a_phone_the_menu_slides_in_and_gives_the_focus_back(admin):
    admin.look("dark", NARROW)
    page = admin.open("/settings/firm")
    link = page.locator("#menu").get_by_role("link", name="Settings")
    page.get_by_role("button", name="Open the menu").wait_for()
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Open the menu").click()
    page.locator("#menu.show:not(.showing)").wait_for()
    assert admin.violations() == []
    page.keyboard.press("Escape")
    link.wait_for(state="hidden")


def test_targets_are_large_enough_on_a_phone(live, admin):
    """At least 24 px everywhere, links within text excepted."""
    live.user("staff")
    admin.look("dark", NARROW)
    for path in PAGES:
        page = admin.open(path)
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, .btn, summary, input, select, nav a')]
              .filter(e => e.offsetParent && e.type !== 'hidden' && !e.closest('.breadcrumb'))
              .filter(e => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24; })
              .map(e => e.outerHTML.slice(0, 100))"""
        )
        assert small == [], path


def test_times_are_shown_in_full_on_keyboard_focus(admin):
    page = admin.open("/settings/audit")
    time = page.locator("time").first
    time.focus()
    full = time.evaluate("e => getComputedStyle(e, '::after').content")
    assert re.search(r"\d{4}, \d\d:\d\d:\d\d UTC", full)


def test_what_is_printed_from_the_dark_theme_is_ink_on_paper(admin):
    admin.page.emulate_media(media="print")
    for path in ("/settings/people", "/settings/system"):
        assert admin.faults_of([path], QUICK[:1]) == []
        expect(admin.page.locator("main .badge")).not_to_have_count(0)


def test_the_systems_theme_is_followed_when_asked_for(chromium, live):
    live.user("admin")
    for scheme in ("light", "dark"):
        context = chromium.new_context(color_scheme=scheme, base_url=live.url)
        context.add_cookies([{"name": "theme", "value": "auto", "url": live.url}])
        page = context.new_page()
        page.goto("/sign-in")
        assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme
        context.close()
