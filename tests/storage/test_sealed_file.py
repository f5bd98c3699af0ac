"""A sealed file: whole or refused (D7, X1)."""

import secrets

import pytest
from cryptography.fernet import Fernet

from integration_console.errors import BackupRefused
from integration_console.storage import backup_file, sealed_file
from integration_console.storage.sealed_file import PIECE, SealedReader, SealedWriter
from integration_console.storage.vault import Vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def seal(path, plain: bytes, keys: str = OLD):
    with path.open("wb") as file:
        writer = SealedWriter(file, Vault(keys))
        for start in range(0, len(plain), 100_000):
            writer.write(plain[start : start + 100_000])
        writer.finish()
    return path


def unseal(path, keys: str = OLD) -> bytes:
    with path.open("rb") as file:
        reader = SealedReader(file, Vault(keys))
        plain = reader.read()
        reader.finish()
    return plain


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_goes_in_comes_out_and_cannot_be_read_meanwhile(tmp_path, size):
    plain = secrets.token_bytes(size)
    file = seal(tmp_path / "a", plain)

    assert unseal(file) == plain
    assert size < 16 or plain[:64] not in file.read_bytes()


def test_every_flipped_byte_is_refused(tmp_path):
    whole = seal(tmp_path / "a", b"client data " * 20).read_bytes()

    for place in range(len(whole)):
        other = tmp_path / "b"
        other.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BackupRefused):
            unseal(other)


def test_a_file_cut_anywhere_or_with_something_added_is_refused(tmp_path):
    whole = seal(tmp_path / "a", secrets.token_bytes(2 * PIECE + 50)).read_bytes()

    piece = PIECE + 20  # with its length and its seal
    for cut in (0, 10, 28, 200, len(whole) - 1, len(whole) - 70, len(whole) - 70 - piece):
        (tmp_path / "b").write_bytes(whole[:cut])
        with pytest.raises(BackupRefused):
            unseal(tmp_path / "b")
    (tmp_path / "b").write_bytes(whole + b"x")
    with pytest.raises(BackupRefused):
        unseal(tmp_path / "b")


def test_pieces_in_another_order_are_refused(tmp_path):
    whole = seal(tmp_path / "a", secrets.token_bytes(3 * PIECE)).read_bytes()
    start, piece = len(whole) - 3 * (PIECE + 20), PIECE + 20
    one, two, three = (whole[start + n * piece : start + (n + 1) * piece] for n in range(3))

    (tmp_path / "b").write_bytes(whole[:start] + two + one + three)

    with pytest.raises(BackupRefused):
        unseal(tmp_path / "b")


def test_another_key_is_told_apart_from_damage(tmp_path):
    file = seal(tmp_path / "a", b"x")

    with pytest.raises(BackupRefused, match="ENCRYPTION_KEYS"):
        unseal(file, NEW)
    (tmp_path / "b").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(BackupRefused, match="not a backup"):
        unseal(tmp_path / "b")


def test_a_new_first_key_opens_it_after_it_was_sealed_anew(tmp_path):
    file = seal(tmp_path / "a", b"client data" * 1000)

    sealed_file.reseal(file, Vault(f"{NEW},{OLD}"))

    assert unseal(file, NEW) == b"client data" * 1000
    with pytest.raises(BackupRefused):
        unseal(file, OLD)
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_parts_are_compared_with_what_the_manifest_says(tmp_path):
    (tmp_path / "one").write_bytes(b"1" * 3_000_000)
    (tmp_path / "two").write_bytes(b"")
    file, vault, into = tmp_path / "a.backup", Vault(OLD), tmp_path / "into"
    into.mkdir()

    backup_file.write(file, vault, {"kind": "by-hand"}, {"one": tmp_path / "one", "two": tmp_path / "two"})

    assert file.stat().st_mode & 0o777 == 0o600
    assert backup_file.manifest_of(file, vault)["kind"] == "by-hand"
    told = backup_file.unpack(file, vault, into, wanted={"one"})
    assert told["parts"]["one"]["size"] == 3_000_000
    assert (into / "one").read_bytes() == (tmp_path / "one").read_bytes()
    assert [one.name for one in into.iterdir()] == ["one"]
