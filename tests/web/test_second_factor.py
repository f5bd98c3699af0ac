"""The second factor (X5): added, asked for, single-use, lost, and required by the firm."""

from __future__ import annotations

import re

import pyotp
import pytest

from integration_console import clock as house_clock

from ..html_page import Page
from .conftest import PASSWORD

HOME = "/settings/profile/second-factor"


def key_of(page: Page) -> str:
    return re.sub(r"\s", "", next(tag.text for tag in page.all("code") if len(tag.text) > 20))


def now_code(key: str, steps: int = 0) -> str:
    return pyotp.TOTP(key).at(house_clock.now().timestamp() + 30 * steps)


def added(person) -> tuple[str, list[str]]:
    """The key and the recovery codes of a second factor added by its pages."""
    key = key_of(Page(person.send(HOME, HOME)))
    page = Page(person.send(f"{HOME}/confirmation", HOME, {"code": now_code(key)}))
    return key, [tag.text for tag in page.all("code")]


def enter_with(browser, email: str, code: str):
    values = {"email": email, "password": PASSWORD, "code": code, "next": "/"}
    return browser.send("/sign-in", "/sign-in", values)


@pytest.fixture
def person(enter, clock):
    return enter("staff")


def test_it_is_asked_for_from_its_first_code_on(person, browser, clock):
    other = browser()
    other.sign_in("staff@example.com")
    key, codes = added(person)
    assert len(set(codes)) == 10
    assert other.client.get("/settings/profile").status_code == 303  # every other session ended
    clock.advance(30)
    without = enter_with(browser(), "staff@example.com", "")
    assert without.status_code == 422
    assert "Enter the code" in without.text
    assert PASSWORD not in without.text
    assert enter_with(browser(), "staff@example.com", now_code(key)).status_code == 302


def test_a_code_is_good_once_and_near_its_time_only(person, browser, clock):
    key, _ = added(person)
    assert enter_with(browser(), "staff@example.com", now_code(key)).status_code == 422  # confirmed with it
    clock.advance(60)
    code = now_code(key)
    assert enter_with(browser(), "staff@example.com", code).status_code == 302
    assert enter_with(browser(), "staff@example.com", code).status_code == 422
    clock.advance(300)
    assert enter_with(browser(), "staff@example.com", now_code(key, -4)).status_code == 422
    assert enter_with(browser(), "staff@example.com", now_code(key, -1)).status_code == 302  # a phone a little slow


def test_a_wrong_code_counts_like_a_wrong_password(person, browser, clock):
    """X5, X11"""
    added(person)
    answers = [enter_with(browser(), "staff@example.com", "000000").status_code for _ in range(7)]
    assert answers[0] == 422
    assert answers[-1] == 429


def test_a_recovery_code_lets_in_once(person, browser, clock):
    _, codes = added(person)
    assert enter_with(browser(), "staff@example.com", codes[0].upper()).status_code == 302
    assert enter_with(browser(), "staff@example.com", codes[0]).status_code == 422
    assert "9 of 10 recovery codes" in person.open(HOME).text


def test_new_recovery_codes_replace_the_old_ones(person, browser, clock):
    _, codes = added(person)
    assert person.send(f"{HOME}/codes", HOME, {"password": "wrong"}).status_code == 422
    fresh = [tag.text for tag in Page(person.send(f"{HOME}/codes", HOME, {"password": PASSWORD})).all("code")]
    assert len(fresh) == 10
    assert enter_with(browser(), "staff@example.com", codes[0]).status_code == 422
    assert enter_with(browser(), "staff@example.com", fresh[0]).status_code == 302


def test_a_first_code_that_is_wrong_switches_nothing_on(person, browser, clock):
    person.send(HOME, HOME)
    answer = person.send(f"{HOME}/confirmation", HOME, {"code": "123456"})
    assert answer.status_code == 422
    assert "not right" in answer.text
    assert enter_with(browser(), "staff@example.com", "").status_code == 302


@pytest.mark.postgresql_at_length
def test_it_is_removed_with_the_password_and_reset_by_an_administrator(person, enter, browser, clock):
    added(person)
    assert person.send(f"{HOME}/removal", HOME, {"present_password": "wrong"}).status_code == 422
    assert person.send(f"{HOME}/removal", HOME, {"present_password": PASSWORD}).status_code == 302
    added(person)
    admin = enter("admin")
    admin.send("/settings/people/1/second-factor/removal", "/settings/people/1")
    assert person.client.get("/settings/profile").status_code == 303
    assert enter_with(browser(), "staff@example.com", "").status_code == 302


def test_with_it_a_password_may_be_shorter_and_then_it_stays(person, browser, clock):
    """X5: fifteen characters, or eight beside a code."""
    short = "krumbly7"
    values = {"old_password": PASSWORD, "new_password": short}
    assert person.send("/settings/profile/password", "/settings/profile", values).status_code == 422
    added(person)
    assert person.send("/settings/profile/password", "/settings/profile", values).status_code == 302
    kept = person.send(f"{HOME}/removal", HOME, {"present_password": short})
    assert kept.status_code == 422
    assert "15 characters" in kept.text


def test_a_firm_may_require_it_and_then_nothing_else_opens_first(enter, clock):
    admin, staff = enter("admin"), enter("staff")
    values = {"name": "", "time_zone": "UTC", "jurisdiction": "", "second_factor": "admins"}
    assert admin.send("/settings/firm", "/settings/firm", values).status_code == 302
    assert admin.client.get("/connections").location == HOME
    assert staff.open("/connections").status == 200
    added(admin)
    assert admin.open("/connections").status == 200
    refused = admin.send(f"{HOME}/removal", HOME, {"present_password": PASSWORD})
    assert refused.status_code == 409


def test_the_seed_lies_sealed_and_the_codes_hashed(person, session, clock):
    """X1"""
    from integration_console.models import RecoveryCode, SecondFactor

    key, codes = added(person)
    rows = [session.query(SecondFactor).one().seed, *(row.code_hash for row in session.query(RecoveryCode))]
    assert not any(key in row or code in row for row in rows for code in codes)
