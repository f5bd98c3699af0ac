"""A new key takes over from an old one, and nothing is lost on the way (X1, D9)."""

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from integration_console.errors import SealBroken
from integration_console.models import AuditEvent, db
from integration_console.operations import sealed
from integration_console.operations.accounts import connections
from integration_console.operations.keeping import rotation
from integration_console.storage.vault import Vault

from .conftest import connect

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def number(session, sandbox, monkeypatch):
    """An account connected while OLD was the only key; now NEW stands before it."""
    monkeypatch.setattr(sealed, "vault", lambda: Vault(OLD))
    connection = connect(sandbox, "clio")
    for module in (sealed, rotation):
        monkeypatch.setattr(module, "vault", lambda: Vault(f"{NEW},{OLD}"))
    return connection


def test_every_secret_is_sealed_with_the_first_key(number, monkeypatch):
    before = sealed.unseal(connections.find(number))

    assert {name: count for name, count in rotation.rotate("Ana").items() if count} == {"connections": 1}

    monkeypatch.setattr(sealed, "vault", lambda: Vault(NEW))
    assert sealed.unseal(connections.find(number)) == before
    assert db.session.query(AuditEvent).filter_by(action="keys rotated", actor="Ana").count() == 1
    assert rotation.rotate("Ana")["connections"] == 1  # again does no harm


def test_a_secret_renewed_meanwhile_is_not_overwritten(number, monkeypatch):
    """K2: a refresh that commits between our look and our write wins."""
    reseal = Vault.reseal

    def meanwhile(vault, old):
        fresh = Vault(NEW).seal(f"connection:{number}", '{"access_token": "fresh"}')
        db.session.execute(text("UPDATE connection SET credentials = :fresh"), {"fresh": fresh})
        return reseal(vault, old)

    monkeypatch.setattr(Vault, "reseal", meanwhile)
    rotation.rotate("Ana")

    assert sealed.unseal(connections.find(number)) == {"access_token": "fresh"}


def test_what_no_key_opens_is_counted_and_stays(number, monkeypatch):
    monkeypatch.setattr(rotation, "vault", lambda: Vault(NEW))

    assert rotation.rotate("Ana")["unreadable"] == 1

    with pytest.raises(SealBroken):
        Vault(NEW).open(f"connection:{number}", connections.find(number).credentials)
    assert Vault(OLD).open(f"connection:{number}", connections.find(number).credentials)
