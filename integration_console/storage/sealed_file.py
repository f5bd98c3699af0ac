"""A file sealed at rest: a stream of any length under a key of its own, which the vault seals into the first lines.

    integration-console backup 1
    {"id": "…", "key": "<the file's key, sealed by the vault>"}
    pieces: four bytes of length (top bit: the last piece), AES-GCM text

A piece opens only in its place, and only the last one ends the file, so that a changed, moved, missing or added piece
is told from a whole file. Memory holds one piece at a time. `flask keys rotate` seals the key anew, not the gigabytes.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import BackupRefused, SealBroken
from .vault import Vault

MAGIC = b"integration-console backup 1\n"
PIECE = 256 * 1024  # bytes
_LAST, _LONGEST_HEAD = 1 << 31, 4096

FOREIGN = "This is not a backup of the console, or one of a newer version of it."
DAMAGED = "This backup is damaged: it was cut short or changed after it was made."
WRONG_KEY = (
    "None of ENCRYPTION_KEYS opens this backup: it was made with another key, or its first lines are damaged. "
    "Add the key it was made with."
)


class SealedWriter(RawIOBase):
    """Takes plain bytes, writes sealed ones. Only `finish` makes the file whole."""

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        key, self._id = AESGCM.generate_key(256), secrets.token_hex(16)
        self._file, self._cipher, self._held, self._number = file, AESGCM(key), bytearray(), 0
        file.write(MAGIC + _head(self._id, vault.seal(_owner(self._id), b64encode(key).decode())))

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._held += data
        while len(self._held) > PIECE:  # the last piece stays until `finish` marks it
            self._put(bytes(self._held[:PIECE]), last=False)
            del self._held[:PIECE]
        return len(data)

    def finish(self) -> None:
        """Write the last piece, and see that it is on the disk."""
        self._put(bytes(self._held), last=True)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _put(self, plain: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last), plain, self._id.encode())
        self._file.write((len(sealed) | (_LAST if last else 0)).to_bytes(4) + sealed)
        self._number += 1


class SealedReader(RawIOBase):
    """Gives the plain bytes back. Raises BackupRefused at the first piece that is not what was written there."""

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        self._file, self._number, self._ended, self._held = file, 0, False, b""
        self._id, sealed = _read_head(file)
        try:
            self._cipher = AESGCM(b64decode(vault.open(_owner(self._id), sealed)))
        except SealBroken:
            raise BackupRefused(WRONG_KEY) from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._held and not self._ended:
            self._held = self._next()
        given = self._held[: len(buffer)]
        buffer[: len(given)] = given
        self._held = self._held[len(given) :]
        return len(given)

    def finish(self) -> None:
        """Read on to the end. Raises BackupRefused where that is not the end that was written."""
        while not self._ended:
            self._next()
        if self._file.read(1):
            raise BackupRefused(DAMAGED)

    def _next(self) -> bytes:
        told = int.from_bytes(self._file.read(4).rjust(4, b"\0"))
        size, last = told & ~_LAST, bool(told & _LAST)
        sealed = self._file.read(size) if 16 <= size <= PIECE + 16 else b""
        if len(sealed) != size or not sealed:
            raise BackupRefused(DAMAGED)
        try:
            plain = self._cipher.decrypt(_nonce(self._number, last), sealed, self._id.encode())
        except InvalidTag:
            raise BackupRefused(DAMAGED) from None
        self._number, self._ended = self._number + 1, last
        return plain


def reseal(path: Path, vault: Vault) -> None:
    """Seal the file's own key with the vault's first one, in a copy that then takes its place.

    Raises BackupRefused when no key opens it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with path.open("rb") as old, draft.open("xb") as new:
            draft.chmod(0o600)
            name, sealed = _read_head(old)
            vault.open(_owner(name), sealed)
            new.write(MAGIC + _head(name, vault.reseal(sealed)))
            while piece := old.read(PIECE):
                new.write(piece)
            new.flush()
            os.fsync(new.fileno())
        os.utime(draft, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
        draft.replace(path)
    except SealBroken:
        raise BackupRefused(WRONG_KEY) from None
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _read_head(file: BinaryIO) -> tuple[str, str]:
    if file.read(len(MAGIC)) != MAGIC:
        raise BackupRefused(FOREIGN)
    line = file.readline(_LONGEST_HEAD)
    try:
        told = orjson.loads(line)
        name, sealed = str(told["id"]), str(told["key"])
        exact = line == _head(name, sealed) and urlsafe_b64encode(urlsafe_b64decode(sealed)).decode() == sealed
    except (ValueError, KeyError, TypeError):
        exact = False
    if not exact:  # base64 lets some bits pass that mean nothing; here no bit may differ
        raise BackupRefused(DAMAGED)
    return name, sealed


def _head(name: str, sealed: str) -> bytes:
    return orjson.dumps({"id": name, "key": sealed}) + b"\n"


def _owner(name: str) -> str:
    return f"backup:{name}"


def _nonce(number: int, last: bool) -> bytes:
    """Never twice under one key: the key is this file's alone."""
    return number.to_bytes(11) + bytes([last])
