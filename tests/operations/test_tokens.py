"""API tokens: shown once, kept as a hash, never more than their owner, gone at once (X10)."""

import re
from hashlib import sha256

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from integration_console.errors import Conflict, InvalidInput, NotFound
from integration_console.models import ApiToken, AuditEvent, db
from integration_console.operations.people import tokens, users

from ..cases import together

PASSWORD = "violet-harbor-lantern-49"


@pytest.fixture
def owner(app, session):
    users.add("ana@example.com", "admin", PASSWORD, actor="test")
    return users.add("bo@example.com", "staff", PASSWORD, "Bo", actor="test")[0]


def test_a_token_has_256_random_bits_and_only_its_hash_is_kept(owner):
    """X10"""
    token, text = tokens.issue(owner, ["read"], name="Reports", actor="test")
    assert re.fullmatch(r"ic_[0-9a-f]{64}", text)
    assert token.token_hash == sha256(text.encode()).hexdigest()
    assert token.hint == text[-4:]
    assert (token.expires_at - token.created_at).days == 90
    assert text not in str([event.details for event in db.session.scalars(select(AuditEvent))])


def test_its_holder_is_its_owner_as_they_are_now(owner):
    """X10: rights never exceed the owner's present rights."""
    _, text = tokens.issue(owner, ["write"], name="Intake", actor="test")
    found = tokens.holder(text)
    assert (found.email, found.role, found.scopes) == ("bo@example.com", "staff", ("read", "write"))
    assert found.known_as == "bo@example.com by token Intake"
    users.set_role(owner, "support", actor="test")
    assert tokens.holder(text).role == "support"
    users.disable(owner, actor="test")
    assert tokens.holder(text) is None
    users.enable(owner, actor="test")
    assert tokens.holder(text)


def test_a_revoked_and_an_expired_token_open_nothing(owner, clock):
    first, text = tokens.issue(owner, ["read"], actor="test")
    tokens.revoke(first, actor="test")
    assert (tokens.holder(text), tokens.state(first)) == (None, "revoked")
    second, text = tokens.issue(owner, ["read"], days=1, actor="test")
    clock.advance(hours=23)
    assert tokens.holder(text)
    clock.advance(hours=2)
    assert (tokens.holder(text), tokens.state(second)) == (None, "expired")


@together("text", ["", "ic_", "ic_" + "0" * 64, "Bearer x", "ic_" + "x" * 10_000, "ic_\x00"])
def test_what_is_no_token_of_ours_has_no_holder(owner, text):
    assert tokens.holder(text) is None


def test_the_last_use_is_written_at_most_once_a_minute_and_never_waits(owner, clock):
    token, text = tokens.issue(owner, ["read"], actor="test")
    number = token.id

    def used():
        db.session.rollback()
        return db.session.scalar(select(ApiToken.last_used_at).where(ApiToken.id == number))

    db.session.commit()
    tokens.holder(text)
    first = used()
    assert first
    db.session.rollback()
    clock.advance(30)
    tokens.holder(text)
    assert used() == first
    db.session.rollback()
    clock.advance(40)
    tokens.holder(text)
    assert used() > first
    db.session.rollback()
    clock.advance(90)
    with Session(db.engine) as writer:  # D5: noting the use does not wait for SQLite's writer
        writer.execute(select(ApiToken))
        assert tokens.holder(text)


def test_what_cannot_be_used_is_named(owner):
    for field, wrong in {"scope": {"scopes": ["admin"]}, "days": {"days": 0}, "name": {"name": "x" * 201}}.items():
        with pytest.raises(InvalidInput) as refused:
            tokens.issue(owner, **{"scopes": ["read"], "actor": "test", **wrong})
        assert refused.value.field == field
    with pytest.raises(InvalidInput):
        tokens.issue(owner, [], actor="test")
    users.disable(owner, actor="test")
    with pytest.raises(Conflict):
        tokens.issue(owner, ["read"], actor="test")


@pytest.mark.parametrize("number", [0, -1, 99, 2**63])
def test_a_token_that_is_not_there_is_said_so(owner, number):
    with pytest.raises(NotFound):
        tokens.find(number)
