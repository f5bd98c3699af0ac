"""Signing in and out, and the first administrator."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from integration_console.models import AuditEvent, User, db
from integration_console.operations.people import first_administrator, passwords, users

from ..html_page import Page
from .conftest import PASSWORD

GOOD = {"email": "Ana@Example.com", "name": "Ana", "password": PASSWORD}


@pytest.fixture
def code(app):
    with app.app_context():
        return first_administrator.setup_code()


def actions(app) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def test_the_first_visitor_is_led_to_the_set_up(client):
    assert client.get("/sign-in").headers["Location"] == "/setup"


def test_the_first_administrator_comes_in_with_the_printed_code(app, browser, code):
    somebody = browser()
    answer = somebody.send("/setup", "/setup", {"code": code, **GOOD})

    assert answer.status_code == 302
    assert "Next: connect an account." in somebody.client.get("/").get_data(as_text=True)
    assert somebody.open("/settings/people").row(1).startswith("ana@example.com Ana Admin")
    assert actions(app) == ["first administrator made", "signed in"]


def test_the_code_works_once(browser, code):
    browser().send("/setup", "/setup", {"code": code, **GOOD})
    late = browser()
    assert late.client.get("/setup").headers["Location"] == "/sign-in"
    answer = late.send("/setup", "/sign-in", {"code": code, **GOOD, "email": "eve@example.com"})
    assert answer.status_code == 409


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("proxies", "counted"),
    [
        pytest.param(0, "127.0.0.1", marks=pytest.mark.settings(PROXIES_IN_FRONT=0)),
        pytest.param(1, "203.0.113.9", marks=pytest.mark.settings(PROXIES_IN_FRONT=1)),
    ],
)
def test_a_visitors_address_is_the_proxys_word_only_where_there_is_a_proxy(app, client, people, proxies, counted):
    """X5: guesses are counted by address, and a header anybody can send must not help them."""
    people.add("admin")
    token = Page(client.get("/sign-in")).csrf
    client.post(
        "/sign-in", data={"csrf_token": token, "email": "admin@example.com", "password": "wrong"},
        headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"},
    )  # fmt: skip

    with app.app_context():
        event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "sign-in refused")).one()
        assert event.address == counted


def test_only_a_hash_of_the_code_is_kept(app, code):
    kept = (app.config["SETTINGS"].INSTANCE_DIR / "setup_code").read_text()
    assert code not in kept
    assert re.fullmatch("[0-9a-f]{64}", kept)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"code": "0000-0000"}, "code"),
        ({"email": "ana"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "password-password-1234"}, "password"),
    ],
)
def test_a_wrong_set_up_form_keeps_what_was_typed_and_says_where(browser, code, wrong, field):
    somebody = browser()
    answer = somebody.send("/setup", "/setup", {"code": code, **GOOD, **wrong})
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    assert 'value="Ana"' in answer.text
    assert PASSWORD not in answer.text


@pytest.mark.one_database
def test_all_that_was_left_empty_is_said_at_once(browser, code):
    answer = browser().send("/setup", "/setup", {"code": code, "name": "", "email": "", "password": ""})
    assert [f'id="f-{field}-error"' in answer.text for field in ("email", "password")] == [True, True]


@pytest.mark.one_database
@pytest.mark.settings(SETUP_CODE="chosen-by-the-operator")
def test_a_code_from_the_settings_is_used_as_it_is(app, browser):
    with app.app_context():
        assert first_administrator.setup_code() == "chosen-by-the-operator"
    assert browser().send("/setup", "/setup", {"code": "chosen-by-the-operator", **GOOD}).status_code == 302


def test_unknown_wrong_and_disabled_get_the_same_answer(app, people, browser):
    """X5"""
    people.add("admin")
    people.add("staff")
    with app.app_context():
        users.disable(users.by_email("staff@example.com"), actor="test")
    tries = [("nobody@example.com", PASSWORD), ("admin@example.com", "wrong"), ("staff@example.com", PASSWORD)]
    answers = [browser().sign_in(*attempt) for attempt in tries]

    assert {answer.status_code for answer in answers} == {422}
    texts = {re.sub(r'name="csrf_token".*?>|X-CSRFToken.*?}|value="[^"]*"', "", answer.text) for answer in answers}
    assert len(texts) == 1
    assert "E-mail or password is wrong." in texts.pop()


@pytest.mark.one_database
def test_an_unknown_name_costs_the_same_work(app, people, monkeypatch):
    """X5: a hash is verified whether there is somebody or not."""
    people.add("admin")
    verified = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda hashed, typed: verified.append(hashed) or real(hashed, typed))
    client = app.test_client()
    for email in ("admin@example.com", "nobody@example.com"):
        token = re.search(r'name="csrf_token" value="([^"]+)', client.get("/sign-in").text)[1]
        client.post("/sign-in", data={"csrf_token": token, "email": email, "password": "wrong", "next": "/"})
    assert len(verified) == 2


def test_guessing_waits_longer_and_longer_but_never_for_ever(people, browser, clock):
    """X5, X11: growing delay per account, counted for unknown names too; a good try afterwards comes in."""
    people.add("admin")
    for email, address in (("admin@example.com", "10.0.0.1"), ("nobody@example.com", "10.0.0.2")):
        statuses = [browser().sign_in(email, "wrong", address=address).status_code for _ in range(6)]
        assert statuses == [422] * 5 + [429]
    refused = browser().sign_in("admin@example.com")  # even the right password, from elsewhere
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 900
    assert "Try again in" in refused.text

    clock.advance(minutes=16)
    assert browser().sign_in("admin@example.com").status_code == 302


def test_an_address_that_tries_many_names_must_wait(browser, people):
    """X11"""
    people.add("admin")
    statuses = [browser().sign_in(f"name{number}@example.com", "wrong").status_code for number in range(12)]
    assert statuses == [422] * 10 + [429] * 2


def test_a_good_sign_in_forgets_the_failures(people, browser):
    people.add("admin")
    for _ in range(3):
        for _ in range(4):
            browser().sign_in("admin@example.com", "wrong")
        assert browser().sign_in("admin@example.com").status_code == 302


def test_signing_out_ends_the_session_on_the_server_too(app, enter):
    """X4: a copied cookie is worth nothing afterwards."""
    somebody = enter("staff")
    stolen = somebody.client.get_cookie("console").value
    somebody.send("/sign-out", "/settings/profile")

    thief = app.test_client()
    thief.set_cookie("console", stolen)
    assert thief.get("/settings/profile").status_code == 303
    assert actions(app)[-1] == "signed out"


@pytest.mark.one_database
def test_signing_out_by_a_link_is_not_possible(enter):
    """X6: a GET changes nothing."""
    somebody = enter("staff")
    assert somebody.client.get("/sign-out").status_code == 405
    assert somebody.open("/settings/profile").status == 200


@pytest.mark.one_database
def test_whoever_is_inside_is_not_asked_again(enter):
    assert enter("staff").client.get("/sign-in?next=/settings/").headers["Location"] == "/settings/"


@pytest.mark.one_database
@pytest.mark.settings(ALLOW_INSECURE_UPSTREAMS=False, BASE_URL="https://console.example")
def test_on_https_the_cookie_is_bound_to_this_host_and_never_sent_in_the_clear(client, people):
    """X4"""
    people.add("admin")
    cookie = client.get("/sign-in", base_url="https://console.example").headers["Set-Cookie"]
    assert cookie.startswith("__Host-console=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


@pytest.mark.one_database
def test_no_password_is_stored_or_logged_as_it_was_typed(app, people, browser):
    people.add("admin")
    browser().sign_in("admin@example.com", "my-wrong-password-is-long")
    with app.app_context():
        assert db.session.scalars(select(User.password_hash)).one().startswith("$argon2id$")
        details = [str(vars(event)) for event in db.session.scalars(select(AuditEvent))]
    assert not any("my-wrong-password" in text or PASSWORD in text for text in details)
