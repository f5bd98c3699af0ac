"""Every page opens for those who may open it, is refused to the others, and says what it is."""

import pytest

from integration_console.models.user import ROLES
from integration_console.web.access import ANYONE, RIGHTS, allows

from ..web.conftest import Browser, People


def plain_pages(app) -> dict[str, str]:
    """The address of every GET route without arguments, and the right it needs."""
    return {
        rule.rule: getattr(app.view_functions[rule.endpoint], "right", "")
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and rule.endpoint != "static"
    }


def test_every_route_declares_a_right_there_is(app):
    """X12"""
    for rule in app.url_map.iter_rules():
        right = getattr(app.view_functions[rule.endpoint], "right", None)
        assert right in (*RIGHTS, ANYONE), f"{rule.endpoint} declares {right!r}"


@pytest.mark.settings(METRICS_ADDRESSES="127.0.0.1")
@pytest.mark.parametrize("role", ROLES)
def test_every_page_opens_for_its_role_with_a_title_and_one_heading(app, role):
    People(app).add("admin", "first@example.com")  # without one, every page leads to the set-up
    browser = Browser(app)
    browser.sign_in(People(app).add(role))

    for path, right in plain_pages(app).items():
        page = browser.open(path, follow_redirects=True)
        if not allows(role, right) and not path.startswith("/api/"):
            assert page.status in (403, 404), f"{path} answers {page.status} to {role}"
        elif path.startswith("/api/") and right != ANYONE:
            assert page.status == 401, f"{path} takes a cookie"  # programs bring tokens (X6)
        elif page.headers["Content-Type"].startswith("text/html"):
            assert page.status == 200, f"{path} answers {page.status}"
            _says_what_it_is(path, page)
        else:
            assert page.status in (200, 503), f"{path} answers {page.status}"  # 503: /readyz without a worker


def _says_what_it_is(path, page):
    assert page.title, f"{path} has no title"
    assert len(page.headings) == 1, f"{path} has the headings {page.headings}"
    assert page.headings[0], f"{path} has an empty heading"


def test_a_stranger_is_led_to_the_door(app):
    People(app).add("admin")
    stranger = Browser(app)

    for path, right in plain_pages(app).items():
        page = stranger.open(path)
        if right != ANYONE:
            assert page.status in (302, 303, 401), f"{path} answers {page.status} to a stranger"
            assert page.status == 401 or "/sign-in" in page.headers["Location"]


@pytest.mark.postgresql_at_length
def test_the_menu_leads_only_to_pages_its_reader_may_open(app):
    """No dead links"""
    for role in ROLES:
        browser = Browser(app)
        browser.sign_in(People(app).add(role))
        for label, target in browser.open("/").links.items():
            if target.startswith("/") and "<" not in target:
                status = browser.open(target, follow_redirects=True).status
                assert status == 200, f"{label!r} leads {role} to {target}: {status}"
