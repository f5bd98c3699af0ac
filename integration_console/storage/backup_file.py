"""A backup as one file: what it is (the manifest, first), and its parts, packed and sealed.

manifest.json   format, kind, moment, release, schema, rows per table, size and SHA-256 of every part
config.json     the configuration and every version of every mapping, to be read by people
source.zip      the console's own source as it ran
database.sqlite or database.dump
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from gzip import GzipFile
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from ..errors import BackupRefused
from .sealed_file import DAMAGED, FOREIGN, SealedReader, SealedWriter
from .vault import Vault

FORMAT = 1
MANIFEST = "manifest.json"
AT_ONCE = 1 << 16  # bytes; it is held four times over, and a worker carries runs meanwhile
LIGHT = 3  # gzip: half the size for a fifth of the time of 9


def write(path: Path, vault: Vault, manifest: Mapping[str, Any], parts: Mapping[str, Path]) -> None:
    """Write a whole backup under a name that is still free; it is on the disk when this returns."""
    facts: dict[str, dict[str, Any]] = {
        name: {"size": file.stat().st_size, "sha256": digest(file)} for name, file in parts.items()
    }
    head = orjson.dumps({**manifest, "format": FORMAT, "parts": facts}, option=orjson.OPT_INDENT_2, default=str)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        sealed = SealedWriter(file, vault)
        with (
            GzipFile(filename="", mode="wb", compresslevel=LIGHT, fileobj=cast(BinaryIO, sealed), mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|") as tar,
        ):
            _add(tar, MANIFEST, BytesIO(head), len(head))
            for name, part in parts.items():
                with part.open("rb") as content:
                    _add(tar, name, content, facts[name]["size"])
        sealed.finish()


def _add(tar: tarfile.TarFile, name: str, content: BinaryIO, size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    tar.addfile(entry, content)


def manifest_of(path: Path, vault: Vault) -> dict[str, Any]:
    """What a backup says of itself; only its beginning is read. Raises BackupRefused."""
    with _opened(path, vault) as (tar, _):
        return _manifest(tar)


def unpack(path: Path, vault: Vault, into: Path, wanted: Collection[str] = ()) -> dict[str, Any]:
    """Read a backup to its end, compare every part with its checksum, and keep the wanted ones in a folder.

    Returns the manifest. Raises BackupRefused when anything is not as it was written.
    """
    with _opened(path, vault) as (tar, sealed):
        manifest = _manifest(tar)
        seen = {}
        while (entry := tar.next()) is not None:
            content = tar.extractfile(entry)
            if content is None or entry.name not in manifest["parts"] or "/" in entry.name:
                raise BackupRefused(DAMAGED)
            seen[entry.name] = _take(content, into / entry.name if entry.name in wanted else None)
        sealed.finish()
    if seen != manifest["parts"] or not set(wanted) <= seen.keys():
        raise BackupRefused(DAMAGED)
    return manifest


@contextmanager
def _opened(path: Path, vault: Vault) -> Iterator[tuple[tarfile.TarFile, SealedReader]]:
    try:
        with path.open("rb") as file:
            sealed = SealedReader(file, vault)
            with (
                GzipFile(fileobj=cast(BinaryIO, sealed), mode="rb") as packed,
                tarfile.open(fileobj=packed, mode="r|") as tar,
            ):
                yield tar, sealed
    except (tarfile.TarError, EOFError) as error:
        raise BackupRefused(DAMAGED) from error


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
    if content is None:
        raise BackupRefused(FOREIGN)
    manifest = orjson.loads(content.read())
    if manifest.get("format") != FORMAT:
        raise BackupRefused(FOREIGN)
    return manifest


def _take(content: Any, target: Path | None) -> dict[str, Any]:
    """Read a part to its end, into a file where one is named; its size and checksum."""
    told, size = hashlib.sha256(), 0
    handle = os.open(target or os.devnull, os.O_WRONLY | (os.O_CREAT | os.O_EXCL if target else 0), 0o600)
    with open(handle, "wb") as file:
        while piece := content.read(AT_ONCE):
            told.update(piece)
            size += file.write(piece)
    return {"size": size, "sha256": told.hexdigest()}


def digest(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
