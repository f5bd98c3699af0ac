"""One's own profile, and the people who may come in."""

from __future__ import annotations

import pytest

from ..html_page import Page
from .conftest import PASSWORD

NEW = "seven-quiet-otters-swim"


@pytest.fixture
def admin(enter):
    return enter("admin")


def link_of(answer) -> str:
    """The path of the link shown once."""
    return Page(answer).one("code", class_="secret-once").text.partition("8000")[2]


def test_somebody_invited_chooses_a_password_once_and_signs_in(admin, browser):
    answer = admin.send(
        "/settings/people", "/settings/people", {"email": "Sam@Example.com", "name": "Sam", "role": "staff"}
    )
    link, sam = link_of(answer), browser()
    page = admin.open("/settings/people")
    assert link not in page.html
    assert "Link not used yet" in page.row(2)
    weak = sam.send(link, link, {"password": "short", "name": "Sam"})
    assert weak.status_code == 422
    assert "at least 15 characters" in weak.text
    assert sam.send(link, link, {"password": NEW, "name": "Samuel"}).status_code == 302
    assert sam.sign_in("sam@example.com", NEW).status_code == 302
    assert "Samuel Staff Active" in admin.open("/settings/people").row(2)
    assert browser().open(link).status == 422  # spent


def test_a_link_ends_with_its_hours_its_successor_and_the_account(admin, browser, clock):
    """A link is a key: it must not work longer than it has to."""
    values = {"email": "sam@example.com", "name": "", "role": "staff"}
    first = link_of(admin.send("/settings/people", "/settings/people", values))
    second = link_of(admin.send("/settings/people/2/password", "/settings/people/2"))
    assert browser().open(first).status == 422
    assert browser().open(second).status == 200
    admin.send("/settings/people/2/disable", "/settings/people/2")
    assert browser().open(second).status == 422
    admin.send("/settings/people/2/enable", "/settings/people/2")
    clock.advance(hours=73)
    assert browser().open(second).status == 422
    page = browser().open("/invitation/nothing-of-the-kind")
    assert (page.status, page.headings) == (422, ["This link does not work any more"])
    assert page.links["Sign in"] == "/sign-in"  # whoever opens it again has a password by now


def test_the_same_e_mail_is_refused_with_the_form_kept(admin):
    answer = admin.send(
        "/settings/people", "/settings/people", {"email": "ADMIN@example.com", "name": "Twin", "role": "staff"}
    )
    assert answer.status_code == 409
    assert "There is already somebody with this e-mail." in answer.text
    assert 'value="Twin"' in answer.text


@pytest.mark.one_database
def test_a_role_that_does_not_exist_is_refused(admin):
    answer = admin.send("/settings/people", "/settings/people", {"email": "x@example.com", "role": "owner"})
    assert answer.status_code == 422


def test_the_last_administrator_cannot_shut_everybody_out(admin):
    for path, values in (("role", {"role": "staff"}), ("disable", {})):
        answer = admin.send(f"/settings/people/1/{path}", "/settings/people/1", values)
        assert answer.status_code == 409
        assert "last administrator" in answer.text
    assert admin.open("/settings/people").status == 200


@pytest.mark.one_database
@pytest.mark.parametrize("number", ["999", "99999999999999999999"])
def test_nobody_by_that_number_is_a_page_that_does_not_exist(admin, number):
    assert admin.open(f"/settings/people/{number}").status == 404


def test_a_new_password_signs_the_person_out_everywhere(admin, enter, browser):
    """X4"""
    somebody = enter("staff")
    answer = admin.send("/settings/people/2/password", "/settings/people/2")
    assert somebody.client.get("/settings/profile").status_code == 303
    assert browser().sign_in("staff@example.com", PASSWORD).status_code == 422
    link, there = link_of(answer), browser()
    there.send(link, link, {"password": NEW, "name": ""})
    assert there.sign_in("staff@example.com", NEW).status_code == 302


def test_an_administrator_ends_anybodys_sessions(admin, enter):
    """X4"""
    somebody = enter("staff")
    assert len(admin.open("/settings/people/2").rows) == 1
    admin.send("/settings/people/2/sessions/end", "/settings/people/2")
    assert somebody.client.get("/settings/profile").status_code == 303


def test_a_changed_password_ends_every_other_session_but_this_one(enter, browser):
    """X4"""
    here = enter("staff")
    there = browser()
    there.sign_in("staff@example.com")
    values = {"old_password": PASSWORD, "new_password": NEW}
    assert here.send("/settings/profile/password", "/settings/profile", values).status_code == 302
    assert here.open("/settings/profile").status == 200
    assert there.client.get("/settings/profile").status_code == 303
    assert browser().sign_in("staff@example.com", NEW).status_code == 302


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("old", "new", "field"),
    [("wrong", NEW, "old_password"), (PASSWORD, "short", "new_password"), (PASSWORD, PASSWORD, "new_password")],
)
def test_a_password_that_cannot_be_changed_says_why_at_its_field(enter, old, new, field):
    somebody = enter("staff")
    answer = somebody.send(
        "/settings/profile/password", "/settings/profile", {"old_password": old, "new_password": new}
    )
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text


def test_signing_out_everywhere_else_keeps_this_browser(enter, browser):
    here, there = enter("staff"), browser()
    there.sign_in("staff@example.com")
    assert len(here.open("/settings/profile").rows) == 2
    here.send("/settings/profile/sessions/end", "/settings/profile")
    assert there.client.get("/settings/profile").status_code == 303
    assert len(here.open("/settings/profile").rows) == 1


@pytest.mark.one_database
def test_the_look_is_kept_by_this_browser_and_applied_by_the_server(enter):
    somebody = enter("staff")
    values = {"theme": "light", "times": "full", "rows": "dense", "keys": "off"}
    somebody.send("/settings/profile/look", "/settings/profile", values)
    page = somebody.open("/settings/profile")
    assert page.one("html").attrs["data-bs-theme"] == "light"
    assert page.one("body").attrs["data-keys"] == "off"
    assert page.one("body").attrs["class"] == "dense"
    assert page.row(1).endswith("UTC")  # times in full, with their zone


@pytest.mark.one_database
def test_the_theme_is_switched_on_any_page_and_leads_back_to_it(enter):
    somebody = enter("staff")
    page = somebody.open("/runs?state=failed")
    form = next(form for form in page.all("form") if form.attrs.get("action") == "/settings/profile/theme")
    assert [b.attrs["value"] for b in form.all("button") if b.attrs["aria-pressed"] == "true"] == ["dark"]
    back = form.one("input", name="back").attrs["value"]
    assert f"ic_{'0a' * 32}" not in somebody.open(f"/nowhere?access_token=ic_{'0a' * 32}").html
    answer = somebody.send(form.attrs["action"], "/runs", {"theme": "light", "back": back})
    assert answer.location == "/runs?state=failed"
    assert somebody.open(answer.location).one("html").attrs["data-bs-theme"] == "light"
    elsewhere = somebody.send(form.attrs["action"], "/runs", {"theme": "auto", "back": "//evil.example"})
    assert elsewhere.location == "/"
    assert somebody.send(form.attrs["action"], "/runs", {"theme": "pink", "back": "/"}).status_code == 422


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["x" * 201, "a\x00b", "tab\x1bescape"])
def test_names_nobody_can_read_are_refused(enter, name):
    somebody = enter("staff")
    answer = somebody.send("/settings/profile", "/settings/profile", {"name": name, "time_zone": ""})
    assert answer.status_code == 422


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["Añá Ñandú", "李小龍", "محمد", "O'Brien <b>&amp;"])
def test_names_of_every_script_are_kept_as_typed(enter, name):
    somebody = enter("staff")
    somebody.send("/settings/profile", "/settings/profile", {"name": name, "time_zone": ""})
    assert somebody.open("/settings/profile").one("input", name="name").attrs["value"] == name
