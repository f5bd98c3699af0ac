"""Processes killed while they make or put back a backup: there is the old or the new, never half of one (D7, S4)."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from sqlalchemy import func, insert, select

from integration_console import clock as house_clock
from integration_console.models import Connection, Record, db
from integration_console.operations.keeping import backup_files, backups, rehearsals
from tests.cli.conftest import HOME

from .conftest import wait_for

pytestmark = pytest.mark.faults

ROWS, WIDE = 12_000, "x" * 2_000  # some 30 MB: copying them takes long enough to be killed in


@pytest.fixture
def filled(session):
    """A database with some weight."""
    now = house_clock.now()
    account = Connection(key="k", service="clio", name="Hale", status="connected", status_since=now, created_at=now)
    session.add(account)
    session.flush()
    number = account.id
    add(number, 0, ROWS)
    session.remove()
    return number


def add(connection: int, start: int, count: int) -> None:
    now = house_clock.now()
    rows = [
        {"connection_id": connection, "resource": "contacts", "external_id": str(n), "data": {"note": WIDE},
         "content_hash": b"x" * 16, "first_seen_at": now, "written_at": now}
        for n in range(start, start + count)
    ]  # fmt: skip
    db.session.execute(insert(Record), rows)
    db.session.commit()


def records() -> int:
    count = db.session.scalar(select(func.count()).select_from(Record))
    db.session.remove()
    return count


@pytest.fixture
def start(settings, tmp_path):
    """start("backup", "create") runs it in a process group of its own, which is killed as a power cut does."""
    own = {
        "INSTANCE_DIR": str(tmp_path), "FLASK_APP": str(HOME / "wsgi.py"), "DATABASE_URL": settings.DATABASE_URL,
        "BACKUP_DIR": str(settings.BACKUP_DIR), "FLASK_SKIP_DOTENV": "1",
    }  # fmt: skip

    def start(*arguments: str) -> subprocess.Popen:
        db.session.remove()
        return subprocess.Popen(
            [sys.executable, "-m", "flask", *arguments], cwd=tmp_path, env={**os.environ, **own},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    return start


def kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)


def kill_when(process: subprocess.Popen, sign, delay_s: float) -> bool:
    """Kill it so long after a file says how far it is; whether it was still working."""
    wait_for(lambda: sign() or process.poll() is not None, "the moment to kill", 60)
    time.sleep(delay_s)
    working = process.poll() is None
    kill(process)
    return working


def test_one_killed_while_it_is_made_is_no_backup(session, filled, start, tmp_path):
    copying = (lambda: list(tmp_path.glob("backup-work-*/database.*")), (0, 0.1, 0.3))
    sealing = (lambda: list(backup_files.folder().glob(".*.draft")), (0, 0.1, 0.3, 1))
    cut = 0

    for sign, delays in (copying, sealing):
        for delay_s in delays:
            for left in (*tmp_path.glob("backup-work-*/database.*"), *backup_files.folder().glob(".*.draft")):
                left.unlink()  # of the one before: the sign must be this one's
            cut += kill_when(start("backup", "create"), sign, delay_s)

    assert cut >= 3
    for backup in backup_files.every():  # it may have got its name just before the end: then it is whole
        backups.verify(backup.file)
    (backup_files.folder() / ".20260101T000000Z-daily.backup.1.draft").write_bytes(b"half")
    made = backups.create(by="test")
    assert made.manifest["counts"]["record"] == ROWS
    assert list(backup_files.folder().glob(".*.draft")) == []
    assert list(tmp_path.glob("backup-work-*")) == []  # nothing readable is left of the killed ones


def test_a_restore_killed_anywhere_leaves_the_old_or_the_new(session, filled, start, settings, tmp_path):
    made = backups.create(by="test")
    cut, left = 0, []

    def unpacked() -> bool:
        there = made.manifest["parts"]
        with suppress(FileNotFoundError):  # it may just be tidying up
            for part in tmp_path.glob("backup-work-*/database.*"):
                if part.name in there and part.stat().st_size == there[part.name]["size"]:
                    return True
        return False

    for delay_s in (0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8):
        if records() == ROWS:
            add(filled, ROWS, 2_000)
        for old in tmp_path.glob("backup-work-*/database.*"):
            old.unlink()
        cut += kill_when(start("backup", "restore", made.name, "--no-backup-first"), unpacked, delay_s)
        wait_for(lambda: records() in (ROWS, ROWS + 2_000), "the old or the new")
        left.append(records())
        if backups.engine_name() == "sqlite":
            assert db.session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            db.session.remove()

    assert cut >= 2
    assert left[0] == ROWS + 2_000
    whole = start("backup", "restore", made.name, "--no-backup-first")
    said = whole.communicate(timeout=120)
    assert whole.returncode == 0, said
    assert records() == ROWS
    assert rehearsals.rehearse(backups.create(by="test"))["fine"]
