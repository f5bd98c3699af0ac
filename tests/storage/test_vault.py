"""Secrets are unreadable where they lie, and refused where they do not belong."""

import pytest
from cryptography.fernet import Fernet

from integration_console.errors import SealBroken
from integration_console.storage.vault import Vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_sealed_value_is_read_back_by_its_owner_only():
    """X1"""
    sealed = Vault(OLD).seal("connection:12", "tök€n")

    assert "tök" not in sealed
    assert Vault(OLD).open("connection:12", sealed) == "tök€n"
    with pytest.raises(SealBroken, match="stored for connection:12 and is refused for connection:13"):
        Vault(OLD).open("connection:13", sealed)


def test_the_first_key_writes_and_every_key_reads():
    """X1"""
    sealed = Vault(OLD).seal("connection:1", "token")

    assert Vault(f"{NEW}, {OLD}").open("connection:1", sealed) == "token"
    renewed = Vault(f"{NEW},{OLD}").reseal(sealed)
    assert Vault(NEW).open("connection:1", renewed) == "token"


@pytest.mark.parametrize(
    "change", [lambda s: s[:-3] + "AAA", lambda s: s[: len(s) // 2], lambda s: "", lambda s: "plain é"]
)
def test_a_changed_value_is_refused(change):
    """X1"""
    with pytest.raises(SealBroken):
        Vault(OLD).open("connection:1", change(Vault(OLD).seal("connection:1", "token")))


def test_another_installations_value_is_refused_in_plain_words():
    """X1"""
    sealed = Vault(OLD).seal("connection:1", "token")

    with pytest.raises(SealBroken, match="cannot be opened with the encryption keys"):
        Vault(NEW).open("connection:1", sealed)
    with pytest.raises(SealBroken):
        Vault(NEW).reseal(sealed)


@pytest.mark.parametrize("keys", ["", "short", f"{OLD},short"], ids=["none", "short", "one short"])
def test_wrong_keys_are_told_at_once(keys):
    """D8"""
    with pytest.raises(SealBroken, match="ENCRYPTION_KEYS"):
        Vault(keys)
