"""The folder of backups: names, what is known of each file, and which may go."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from flask import current_app

from ... import clock
from ...errors import BackupRefused, Conflict, NotFound
from ...storage import backup_file
from ..sealed import vault

ENDING = ".backup"
KINDS = ("daily", "by-hand", "before-migration", "before-restore")
_NAME = re.compile(rf"(\d{{8}}T\d{{6}})Z-({'|'.join(KINDS)})(?:-\d+)?\{ENDING}")
_CHECKS, _WORKING = ".checks", "backup-work-"


@dataclass(frozen=True)
class Backup:
    """One file of the folder, and what was found out about it."""

    file: Path
    at: datetime
    kind: str
    size: int  # bytes
    manifest: dict[str, Any]  # empty where it cannot be read
    verified_at: datetime | None  # read to its end and opened; None: not yet, or the file is another since
    problem: str  # why it is no good; "" where nothing is known against it
    rehearsal: dict[str, Any] | None  # at, fine, message: the last time it was restored beside the real database

    @property
    def name(self) -> str:
        """The file's name, by which people ask for it."""
        return self.file.name

    @property
    def good(self) -> bool:
        """Whether it counts."""
        return self.verified_at is not None and not self.problem

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(self.manifest.get("counts", {}).values())

    @property
    def release(self) -> str:
        """The version that made it and its commit, as far as the manifest tells them."""
        told = self.manifest.get("release", {})
        return " ".join(filter(None, (told.get("version"), f"({told['commit']})" if told.get("commit") else "")))


def folder() -> Path:
    """Where backups lie; made when it is not there. Raises BackupRefused where that cannot be."""
    found = Path(current_app.config["SETTINGS"].BACKUP_DIR)
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BackupRefused(f"The folder of backups, {found}, cannot be used: {error.strerror}.") from error
    return found


def every() -> list[Backup]:
    """All backups, the newest first. One that cannot be read is told with its reason and hides no other."""
    try:
        named = [(file, match) for file in folder().iterdir() if (match := _NAME.fullmatch(file.name))]
    except OSError as error:
        raise BackupRefused(f"The folder of backups, {folder()}, cannot be read: {error.strerror}.") from error
    found = []
    for file, match in named:
        with suppress(FileNotFoundError):  # taken away meanwhile, or a link to nowhere
            found.append(_of(file, match))
    return sorted(found, key=lambda backup: (backup.at, backup.name), reverse=True)


def find(name: str) -> Backup:
    """The backup of that name. Raises NotFound: a name is never a path."""
    match = _NAME.fullmatch(name)
    if match is None or not (file := folder() / name).is_file():
        raise NotFound("There is no such backup.")
    return _of(file, match)


def lies_ahead(moment: datetime) -> bool:
    """Whether a moment was noted by a clock that was ahead and has been put back since."""
    return moment > clock.latest()


def path_of(told: str) -> Path:
    """The file somebody at a terminal means: a path, or a name in the folder of backups. Raises NotFound."""
    for file in (Path(told), folder() / told):
        if file.is_file():
            return file
    raise NotFound(f"There is no file {told}.")


def new_name(kind: str) -> Path:
    """A free name for a backup made now."""
    stem = f"{clock.now():%Y%m%dT%H%M%S}Z-{kind}"
    numbers = ("", *(f"-{number}" for number in range(2, 1000)))
    return next(file for number in numbers if not (file := folder() / f"{stem}{number}{ENDING}").exists())


def _of(file: Path, match: re.Match[str]) -> Backup:
    known, facts = _known(file), file.stat()
    try:
        manifest, problem = backup_file.manifest_of(file, vault()), ""
    except BackupRefused as error:
        manifest, problem = {}, str(error)
    except OSError as error:
        manifest, problem = {}, f"It cannot be read: {error.strerror}."
    return Backup(
        file, clock.parse(match[1]) or clock.now(), match[2], facts.st_size, manifest,
        clock.parse(known.get("verified_at")), problem or known.get("problem", ""), known.get("rehearsal"),
    )  # fmt: skip


# -- what is known of a file ------------------------------------------------------------------------------------------


def note(file: Path, **facts: Any) -> None:
    """Remember something about a file of the folder, as long as the file stays the same."""
    if file.parent.resolve() != folder().resolve():
        return
    beside = file.parent / _CHECKS
    beside.mkdir(mode=0o700, exist_ok=True)
    draft = beside / f"{file.name}.{os.getpid()}"
    draft.write_bytes(orjson.dumps({**_known(file), **facts, "of": _likeness(file)}))
    draft.replace(_beside(file))


def _known(file: Path) -> dict[str, Any]:
    try:
        told = orjson.loads(_beside(file).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if told.get("of") == _likeness(file) else {}


def _beside(file: Path) -> Path:
    return file.parent / _CHECKS / f"{file.name}.json"


def _likeness(file: Path) -> list[int]:
    facts = file.stat()
    return [facts.st_size, facts.st_mtime_ns]


def forget(backup: Backup) -> None:
    """Delete a file and what was known of it."""
    backup.file.unlink(missing_ok=True)
    _beside(backup.file).unlink(missing_ok=True)


# -- room to work in --------------------------------------------------------------------------------------------------


@contextmanager
def alone() -> Iterator[None]:
    """One process at a time makes, checks or restores backups of this folder. Raises Conflict while another does."""
    lock = folder() / ".lock"
    with lock.open("r" if lock.exists() and not os.access(lock, os.W_OK) else "w") as held:  # another user's, as root's
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("A backup is being made, checked or restored just now. Try again in a moment.") from None
        yield


@contextmanager
def workroom() -> Iterator[Path]:
    """A folder for plain copies, beside the database itself, for its owner only; gone afterwards, also after a kill.

    A room nobody holds was left by a killed process, of whatever machine: a container has another name the next time.
    """
    home = Path(current_app.config["SETTINGS"].INSTANCE_DIR)
    with ExitStack() as stack:
        with (home / f".{_WORKING}lock").open("a") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            for left in home.glob(f"{_WORKING}*"):
                with suppress(OSError), _held(left):
                    shutil.rmtree(left, ignore_errors=True)
            room = Path(tempfile.mkdtemp(prefix=_WORKING, dir=home))
            stack.enter_context(_held(room))
            stack.callback(shutil.rmtree, room, ignore_errors=True)  # while it is held: nobody else sweeps it meanwhile
        yield room


@contextmanager
def _held(room: Path) -> Iterator[None]:
    """Raises BlockingIOError while another process holds it."""
    with (room / ".held").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def sweep_drafts() -> None:
    """Remove what killed processes began to write. The caller is alone."""
    for draft in folder().glob(f".*{ENDING}*.draft"):
        draft.unlink(missing_ok=True)


# -- which may go -----------------------------------------------------------------------------------------------------


def past_keeping(backups: list[Backup], *, days: int, weeks: int) -> list[Backup]:
    """Those past their time: all of the last days stay, then the last good one of each of some weeks.

    The newest good one stays whatever its age; while none is known to be good, none goes. Of a week whose backups were
    not looked at since they were moved, as to another disk, the last one stays that nothing is known against. After a
    gap longer than those days none goes yet: it may be the clock that has leapt.
    """
    now = clock.now()
    backups = [backup for backup in backups if not lies_ahead(backup.at)]
    if len(backups) > 1 and backups[0].at - backups[1].at > timedelta(days=days):
        return []
    keep = {next((backup.name for backup in backups if backup.good), "")}
    weekly: dict[tuple[int, int], str] = {}
    for backup in sorted(backups, key=lambda backup: not backup.good):  # of each kind the newest first
        if not backup.problem and backup.at > now - timedelta(weeks=weeks):
            weekly.setdefault(backup.at.isocalendar()[:2], backup.name)
        if backup.at > now - timedelta(days=days):
            keep.add(backup.name)
    keep |= set(weekly.values())
    return [backup for backup in backups if backup.name not in keep] if any(b.good for b in backups) else []


def flask() -> str:
    """How a command reaches this very console: the sandbox's by the file it left at its start, or it would meet the
    firm's own database.
    """
    settings = current_app.config["SETTINGS"]
    left = max(settings.INSTANCE_DIR.glob("sandbox*.env"), key=lambda file: file.stat().st_mtime, default=None)
    if left is None or not settings.SANDBOX:
        return "flask"
    return f"flask -e {left.relative_to(Path.cwd()) if left.is_relative_to(Path.cwd()) else left}"
