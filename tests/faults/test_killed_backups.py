"""Processes killed while they make or put back a backup: there is the old or the new, never half of one (D7, S4)."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import func, insert, select

from integration_console import clock as house_clock
from integration_console.models import Connection, Record, db
from integration_console.operations import backup_files, backups, rehearsals
from tests.cli.conftest import HOME

from .conftest import wait_for

pytestmark = pytest.mark.faults

ROWS, WIDE = 20_000, "x" * 2_000  # some 50 MB: copying them takes long enough to be killed in


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


def test_one_killed_while_it_is_made_is_no_backup(session, filled, start, tmp_path):
    whole = start("backup", "create")
    began = time.monotonic()
    said = whole.communicate(timeout=120)
    took = time.monotonic() - began
    assert whole.returncode == 0, said
    chance, made, cut = random.Random(3), 1, 0

    for _ in range(6):
        process = start("backup", "create")
        time.sleep(chance.uniform(0.3, 0.95) * took)
        cut += process.poll() is None
        made += process.poll() == 0
        kill(process)

    assert cut >= 2
    kept = backup_files.every()
    assert made <= len(kept) <= made + cut  # it may have got its name just before the end
    for backup in kept:
        backups.verify(backup.file)
    backups.create(by="test")
    assert list(backup_files.folder().glob(".*.draft")) == []
    assert list(tmp_path.glob("backup-work-*")) == []  # nothing readable is left of the killed ones


def test_a_restore_killed_anywhere_leaves_the_old_or_the_new(session, filled, start, settings):
    made = backups.create(by="test")
    add(filled, ROWS, 5_000)
    chance, old_left, cut = random.Random(5), 0, 0
    process = start("backup", "restore", made.name, "--no-backup-first")
    began = time.monotonic()
    said = process.communicate(timeout=120)
    took = time.monotonic() - began
    assert process.returncode == 0, said
    assert records() == ROWS

    for _ in range(8):
        if records() == ROWS:
            add(filled, ROWS, 5_000)
        process = start("backup", "restore", made.name, "--no-backup-first")
        time.sleep(chance.uniform(0.4, 0.95) * took)
        cut += process.poll() is None
        kill(process)
        wait_for(lambda: records() in (ROWS, ROWS + 5_000), "the old or the new")
        old_left += records() == ROWS + 5_000
        if backups.engine_name() == "sqlite":
            assert db.session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            db.session.remove()

    assert cut >= 2
    assert old_left >= 1
    last = backups.create(by="test")
    assert rehearsals.rehearse(last)["fine"]
