"""A restore gives nobody back what they lost or changed since: rights, passwords, second factors, tokens (D7, X5)."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import delete, select, text

from integration_console import clock as house_clock
from integration_console.errors import InvalidInput
from integration_console.models import ApiToken, User, db
from integration_console.operations.keeping import backups, restoring
from integration_console.operations.people import passwords, second_factor, throttle, tokens, users

OLD, NEW = "violet-harbor-lantern-49", "copper-meadow-anvil-73"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """What a hash costs is another test's matter."""
    monkeypatch.setattr(passwords, "_hasher", passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def person(session):
    """Bo, beside another administrator."""
    for email in ("ada@example.com", "bo@example.com"):
        users.add(email, "admin", OLD, actor="test")
    return bo


def bo() -> User:
    return users.by_email("bo@example.com")


def restore(made) -> None:
    restoring.restore(made.file, by="test")
    db.session.remove()


def comes_in(password: str, code: str = "") -> bool:
    try:
        users.authenticate("bo@example.com", password, address="10.0.0.1", code=code)
    except InvalidInput:
        return False
    finally:
        throttle.forget("account", "bo@example.com")  # many tries are another test's matter
        db.session.commit()
    return True


def enrolled() -> tuple[str, list[str]]:
    """The key of a second factor, and its recovery codes."""
    key = second_factor.begin(bo()).key.replace(" ", "")
    return key, second_factor.confirm(bo(), code_of(key))


def code_of(key: str) -> str:
    return pyotp.TOTP(key).at(house_clock.now().timestamp())


def test_who_was_demoted_stays_demoted_and_who_was_promoted_stays_promoted(person):
    users.add("cy@example.com", "staff", OLD, actor="test")
    made = backups.create(by="test")
    users.set_role(person(), "support", actor="test")
    users.set_role(users.by_email("cy@example.com"), "admin", actor="test")
    users.disable(users.by_email("ada@example.com"), actor="test")

    restore(made)

    found = [(user.email[:2], user.role, user.active) for user in users.every()]
    assert found == [("ad", "admin", False), ("bo", "support", True), ("cy", "admin", True)]


def test_an_older_password_does_not_come_back(person):
    made = backups.create(by="test")
    users.change_password(person(), OLD, NEW)

    restore(made)

    assert (comes_in(OLD), comes_in(NEW)) == (False, True)


def test_what_cannot_be_read_of_a_damaged_database_gives_nobody_more(person):
    made = backups.create(by="test")
    users.set_role(person(), "staff", actor="test")
    for table, column in (("legal_hold", "reason"), ("api_token", "revoked_at")):
        db.session.execute(text(f"ALTER TABLE {table} RENAME COLUMN {column} TO lost"))
    db.session.commit()

    plan, _ = restoring.restore(made.file, by="test", keep_present=False)
    db.session.remove()

    assert plan.people_stay
    assert bo().role == "staff"


def test_an_older_second_factor_does_not_come_back(person, clock):
    before, codes_before = enrolled()
    made = backups.create(by="test")
    second_factor.reset(person(), actor="test")
    clock.advance(60)
    now, codes_now = enrolled()
    spent = code_of(now)
    clock.advance(60)

    restore(made)

    for gone in (code_of(before), codes_before[0], spent, ""):
        assert not comes_in(OLD, gone)
    assert comes_in(OLD, code_of(now))
    assert comes_in(OLD, codes_now[0])


def test_a_second_factor_that_was_added_since_is_asked_for(person, clock):
    made = backups.create(by="test")
    key, _ = enrolled()
    clock.advance(60)

    restore(made)

    assert (comes_in(OLD), comes_in(OLD, code_of(key))) == (False, True)


def test_a_person_with_another_number_keeps_their_second_factor(person, clock):
    """As on a console that was set up anew before an old backup was put back."""
    made = backups.create(by="test")
    db.session.execute(delete(User))
    db.session.commit()
    users.add("bo@example.com", "staff", NEW, actor="test")
    key, _ = enrolled()
    clock.advance(60)

    restore(made)

    assert [user.role for user in users.every()] == ["admin", "staff"]  # ada was not known: as she was then
    assert (comes_in(NEW), comes_in(OLD, code_of(key)), comes_in(NEW, code_of(key))) == (False, False, True)


def test_a_token_that_was_replaced_ends_when_its_replacement_said(person):
    token, _ = tokens.issue(person(), ["read"], actor="test")
    number, made = token.id, backups.create(by="test")
    tokens.rotate(tokens.find(number), overlap=True, actor="test")

    restore(made)

    assert db.session.scalar(select(ApiToken.expires_at)) <= house_clock.now() + timedelta(days=7)
