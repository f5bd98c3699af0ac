"""A rehearsal: the newest backup is restored beside the real database and counted, so that the day it is needed is not
the first time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import current_app
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ... import clock
from ...errors import BackupRefused, ConsoleError
from ...storage import copies as stored
from . import backup_files as files
from . import backups
from .backup_files import Backup

log = structlog.get_logger(__name__)

EVERY = timedelta(days=7)


def rehearse(backup: Backup) -> dict[str, Any]:
    """Restore one into a scratch database, compare the rows of every table, and forget the scratch.

    Never raises for what a backup or a server lacks: {"at", "fine", "message"}, also remembered with the file.
    """
    with files.alone():
        began = clock.monotonic()
        try:
            fine, message = _rehearsed(backup)
        except (ConsoleError, SQLAlchemyError, OSError) as error:
            fine, message = False, str(error).strip().splitlines()[0]
        took = clock.monotonic() - began
        told = {"at": clock.now().isoformat(), "fine": fine, "message": message, "took_s": round(took, 1)}
        files.note(backup.file, rehearsal=told)
    log.log(20 if fine else 40, "A restore was rehearsed", backup=backup.name, fine=fine, said=message)
    return told


def _rehearsed(backup: Backup) -> tuple[bool, str]:
    with backups.unpacked(backup.file) as (manifest, copy, _), backups.copies().scratch(copy) as connection:
        return compare(manifest, connection)


def compare(manifest: dict[str, Any], connection: Connection) -> tuple[bool, str]:
    """Whether a restored copy holds what its backup says, and a sentence."""
    found, at, wanted = stored.counts(connection), backups.schema_of(connection), manifest["counts"]
    wrong = [
        f"{name}: {found.get(name)} of {wanted.get(name)}"
        for name in sorted({*found, *wanted})
        if found.get(name) != wanted.get(name)
    ]
    if wrong or at != manifest["schema"]:
        return False, f"The restored copy differs: {'; '.join(wrong) or f'schema {at}'}."
    return True, f"{sum(found.values()):,} rows in {len(found)} tables, all there."


def last() -> tuple[Backup, dict[str, Any]] | None:
    """The newest rehearsal and its backup."""
    held = [(backup, backup.rehearsal) for backup in files.every() if backup.rehearsal]
    return max(held, key=lambda pair: (not files.lies_ahead(_at(pair[1])), _at(pair[1])), default=None)


def _at(told: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(told["at"])


def is_due() -> bool:
    """Whether a week has passed since the last one. Where the folder is out of reach, the daily backup tells it."""
    try:
        if not current_app.config["SETTINGS"].BACKUP_EVERY_HOURS or backups.newest_good() is None:
            return False
    except BackupRefused:
        return False
    before = last()
    at = _at(before[1]) if before else None
    return at is None or at <= clock.now() - EVERY or files.lies_ahead(at)
