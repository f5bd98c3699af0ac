"""A new key takes over from an old one, and nothing is lost on the way (X1, D9)."""

import inspect
import re
from pathlib import Path

import orjson
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

import integration_console
from integration_console import clock
from integration_console.errors import SealBroken
from integration_console.models import (
    ApiConfig,
    AuditEvent,
    Connection,
    Erasure,
    OAuthState,
    RepeatableCall,
    SecondFactor,
    Setting,
    WebhookSubscription,
    WebhookTarget,
    db,
)
from integration_console.models.base import Base
from integration_console.operations import sealed
from integration_console.operations.accounts import connections
from integration_console.operations.keeping import erasures, rotation
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


SEALED_AS = {  # what the vault is told a secret is for, as it is written in the code -> the column it lies in
    'f"connection': Connection.credentials, 'f"webhook': WebhookSubscription.secret,
    'f"webhook_target': WebhookTarget.secret, 'f"api_config': ApiConfig.client_secret, 'f"oauth': OAuthState.verifier,
    "_waits_as": OAuthState.pending, 'f"erasure': Erasure.terms, 'f"repeatable_call': RepeatableCall.answer,
    "owner": SecondFactor.seed, "second_factor.owner": SecondFactor.seed,
    'f"setting': None, "_owner": None,  # one setting, and backups: see the tests of them
}  # fmt: skip


def test_every_sealed_column_is_sealed_anew():
    """One that is forgotten is lost with the old key."""
    covered, house = set(map(str, rotation.SEALED.values())), Path(integration_console.__file__).parent
    calls = "\n".join(file.read_text() for file in house.rglob("*.py"))
    told = {
        f"{mapper.class_.__name__}.{line.split(':')[0].strip()}"
        for mapper in Base.registry.mappers
        for line in inspect.getsource(mapper.class_).splitlines()
        if re.search(r"mapped_column.*#.*\bsealed\b", line)
    }

    assert set(re.findall(r"""\.seal\(\s*(f["']\w+|[\w.]+)""", calls)) == set(SEALED_AS)
    assert {str(column) for column in SEALED_AS.values() if column is not None} <= covered
    assert told == covered


def test_who_was_erased_and_is_still_in_a_restored_database_is_known_under_the_new_key(session, monkeypatch):
    """It lies in a setting until the tables are those of now and the clock has taken it up."""
    owed = [{"reason": "By letter", "asked_by": "ada", "asked_at": "2026-01-02T03:04:05+00:00", "record_ids": [],
             "counts": {"records": 1}, "terms": ["Zebulon"]}]  # fmt: skip
    sealed_owed = Vault(OLD).seal(f"setting:{erasures.AGAIN}", orjson.dumps(owed).decode())
    session.add(Setting(name=erasures.AGAIN, value=sealed_owed, updated_at=clock.now()))
    session.commit()
    monkeypatch.setattr(rotation, "vault", lambda: Vault(f"{NEW},{OLD}"))

    assert rotation.rotate("Ana")["erasures owed"] == 1

    monkeypatch.setattr(erasures, "vault", lambda: Vault(NEW))
    assert [erasures.work(), erasures.work()] == [0, 1]


def test_what_no_key_opens_is_counted_and_stays(number, monkeypatch):
    assert rotation.unreadable() == {}
    monkeypatch.setattr(rotation, "vault", lambda: Vault(NEW))
    seal = Vault(OLD).seal(f"setting:{erasures.AGAIN}", "[]")
    db.session.add(Setting(name=erasures.AGAIN, value=seal, updated_at=clock.now()))
    db.session.commit()
    assert rotation.unreadable() == {"connections": 1, "erasures owed": 1}
    db.session.delete(db.session.get(Setting, erasures.AGAIN))
    db.session.commit()

    assert rotation.rotate("Ana")["unreadable"] == 1

    with pytest.raises(SealBroken):
        Vault(NEW).open(f"connection:{number}", connections.find(number).credentials)
    assert Vault(OLD).open(f"connection:{number}", connections.find(number).credentials)
