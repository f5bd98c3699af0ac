"""Backups: of one moment, sealed, good only when opened, kept as long as said (D7, X1, X15)."""

import io
import json
import os
import resource
import sqlite3
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, text, update

from integration_console import clock as house_clock
from integration_console.errors import BackupRefused, Conflict, NotFound
from integration_console.models import Connection, Setting, SyncRun, db
from integration_console.operations import sealed
from integration_console.operations.keeping import backup_clock, backup_files, backups, rehearsals, rotation
from integration_console.operations.people import users
from integration_console.storage import backup_file, source

from ..databases import bare_app

SECRET = "the-refresh-token-nobody-may-read"


@pytest.fixture
def firm(session):
    """One account with a sealed secret, and a person."""
    users.add("ada@example.com", "admin", "violet-harbor-lantern-49", actor="test")
    connection = Connection(
        key="k1", service="clio", name="Hale & Partner", status="connected", status_since=house_clock.now(),
        account_id="7", created_at=house_clock.now(),
    )  # fmt: skip
    session.add(connection)
    session.flush()
    sealed.seal(connection, {"refresh_token": SECRET})
    session.commit()
    number = connection.id
    session.rollback()
    return number


def contents(backup, room) -> dict[str, bytes]:
    room.mkdir()
    names = set(backup.manifest["parts"])
    backup_file.unpack(backup.file, sealed.vault(), room, wanted=names)
    return {name: (room / name).read_bytes() for name in names}


def test_a_backup_holds_data_configuration_and_the_release_that_ran(session, firm, tmp_path):
    made = backups.create(by="test")

    assert made.good
    assert made.manifest["counts"]["connection"] == 1
    assert made.manifest["schema"] == session.scalar(text("select version_num from alembic_version"))
    parts = contents(made, tmp_path / "out")
    config = json.loads(parts["config.json"])
    assert config["connection"][0]["name"] == "Hale & Partner"
    assert "credentials" not in config["connection"][0]
    names = zipfile.ZipFile(io.BytesIO(parts["source.zip"])).namelist()
    assert {"wsgi.py", "integration_console/__init__.py", "templates/base.html", "requirements.txt"} <= set(names)
    assert not [
        name for name in names if name.startswith((".git/", ".venv", "instance/", "backups/")) or name == ".env"
    ]


def test_no_secret_and_no_key_can_be_read_in_it(session, settings, firm, tmp_path):
    made = backups.create(by="test")

    plain = b"".join(contents(made, tmp_path / "out").values())
    for secret in (SECRET, *settings.ENCRYPTION_KEYS.get_secret_value().split(",")):
        assert secret.encode() not in plain, "a secret is readable inside"
    assert b"Hale" not in made.file.read_bytes()
    assert made.file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.glob("backup-work-*")) == []


def test_it_is_of_one_moment_while_others_write(session, settings, firm):
    """Two rows are always written together; a backup that has one of them without the other is of no moment."""
    stop, written, made = threading.Event(), [0], []

    def write() -> None:
        with bare_app(settings).app_context():
            while not stop.is_set():
                for half in "ab":
                    db.session.execute(
                        insert(Setting).values(
                            name=f"{half}{written[0]}", value="x" * 500, updated_at=house_clock.now()
                        )
                    )
                db.session.commit()
                written[0] += 1
            db.engine.dispose()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            made.append(backups.create(by="test"))
    finally:
        stop.set()
        writer.join()

    assert written[0] > 20
    for backup in made:
        told = rehearsals.rehearse(backup)
        assert told["fine"], told
        with backups.unpacked(backup.file) as (_, copy, _), backups.copies().scratch(copy) as connection:
            halves = connection.execute(
                select(func.substr(Setting.name, 1, 1), func.count()).where(~Setting.name.contains("."))
                .group_by(func.substr(Setting.name, 1, 1))
            ).all()  # fmt: skip
            assert len(dict(map(tuple, halves))) in (0, 2)
            assert len(set(dict(map(tuple, halves)).values())) <= 1


@pytest.mark.one_database  # about the seal, which is opened before what is in it
@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "wrong key"])
def test_what_cannot_be_trusted_is_refused_and_remembered(session, settings, firm, damage):
    made = backups.create(by="test")
    whole = made.file.read_bytes()
    if damage == "cut":
        made.file.write_bytes(whole[:-200])
    if damage == "flipped":
        made.file.write_bytes(whole[:-5000] + bytes([whole[-5000] ^ 8]) + whole[-4999:])
    if damage == "foreign":
        made.file.write_bytes(b"SQLite format 3\0" + whole)
    if damage == "wrong key":
        other = settings.model_copy(update={"ENCRYPTION_KEYS": type(settings.SECRET_KEY)("A" * 43 + "=")})
        with bare_app(other).app_context(), pytest.raises(BackupRefused, match="ENCRYPTION_KEYS"):
            backups.verify(made.file)
        return
    assert not backup_files.find(made.name).good  # it is not the file any more that was verified

    with pytest.raises(BackupRefused):
        backups.verify(made.file)

    known = backup_files.find(made.name)
    assert (known.good, bool(known.problem)) == (False, True)
    assert backups.newest_good() is None


@pytest.mark.one_database
def test_a_name_is_never_a_path(session, tmp_path):
    for name in ("../secret_key", "..", "/etc/passwd", "", "x.backup"):
        with pytest.raises(NotFound):
            backup_files.find(name)


@pytest.mark.one_database  # about files; what is in them does not matter
def test_old_ones_go_and_the_last_good_one_stays(session, firm, clock, monkeypatch):
    monkeypatch.setattr(source, "pack", lambda target: target.write_bytes(b"megabytes, else"))
    for _ in range(30):
        backups.create("daily", by="test")
        clock.advance(days=1)
    left = backup_files.every()
    ages = sorted((clock.now() - backup.at).days for backup in left)

    assert ages[:14] == list(range(1, 15))  # two weeks, all of them
    assert 1 <= len(ages[14:]) <= 3  # and one of each week before

    clock.advance(days=400)
    for backup in left[1:]:
        backup_files.note(backup.file, problem="damaged", verified_at=None)
    settings = {"days": 14, "weeks": 8}
    gone = backup_files.past_keeping(backup_files.every(), **settings)
    assert left[0].name not in {backup.name for backup in gone}
    backup_files.note(left[0].file, problem="damaged", verified_at=None)
    assert backup_files.past_keeping(backup_files.every(), **settings) == []
    with pytest.raises(BackupRefused, match="last good"):
        backups.remove(backups.create(by="test"), by="test")


@pytest.mark.one_database
def test_backups_that_were_moved_keep_their_weeks(session, firm, clock, monkeypatch):
    """A copied file has another time, so it counts as not looked at; that must not cost a firm its older backups."""
    monkeypatch.setattr(source, "pack", lambda target: target.write_bytes(b"megabytes, else"))
    for _ in range(3):
        backups.create("by-hand", by="test")
        clock.advance(days=7)
    clock.advance(days=14)
    backups.create("by-hand", by="test")
    before = [backup.name for backup in backup_files.every()]
    for backup in backup_files.every():
        os.utime(backup.file)
    clock.advance(days=1)

    made = backups.create("daily", by="test")

    assert [backup.name for backup in backup_files.every()] == [made.name, *before]


def test_only_one_is_made_at_a_time_and_what_a_killed_one_left_is_swept(session, firm):
    draft = backup_files.folder() / ".20260101T000000Z-daily.backup.1.draft"
    draft.write_bytes(b"half")

    with backup_files.alone(), pytest.raises(Conflict):
        backups.create(by="test")
    assert draft.exists()

    backups.create(by="test")
    assert not draft.exists()


@pytest.mark.one_database
def test_plain_copies_of_a_killed_process_go_whatever_its_machine_was_called(session, firm, tmp_path):
    """A container that is made anew has another name, and its processes have the old numbers."""
    left = tmp_path / "backup-work-3f9a1c0b7d52:7-x1y2z3"
    left.mkdir()
    (left / "database.sqlite").write_bytes(b"everything, unsealed")

    with backup_files.workroom() as room:
        (room / "database.sqlite").write_bytes(b"of one who is at work")
        backups.create(by="test")
        assert (room / "database.sqlite").exists()

    assert list(tmp_path.glob("backup-work-*")) == []


def test_a_key_that_is_taken_away_leaves_backups_that_open(session, settings, firm):
    from cryptography.fernet import Fernet

    made, old = backups.create(by="test"), settings.ENCRYPTION_KEYS.get_secret_value()
    secret, new = type(settings.SECRET_KEY), Fernet.generate_key().decode()

    def with_keys(keys):
        return bare_app(settings.model_copy(update={"ENCRYPTION_KEYS": secret(keys)})).app_context()

    with with_keys(f"{new},{old}"):
        assert rotation.rotate("test")["backups"] == 1
        assert backup_files.find(made.name).manifest
    with with_keys(new):
        backups.verify(made.file)
        db.engine.dispose()


@pytest.mark.settings(BACKUP_EVERY_HOURS=24)
def test_the_clock_makes_one_a_day_and_rehearses_once_a_week(app, session, clock):
    def turn() -> None:
        backup_clock.due()
        backup_clock.settle()

    turn()
    assert backup_files.every() == []  # nothing is in the database yet

    users.add("ada@example.com", "admin", "violet-harbor-lantern-49", actor="test")
    for _ in range(3):
        turn()
    (first,) = backup_files.every()
    assert (first.kind, first.good) == ("daily", True)
    assert first.rehearsal["fine"], first.rehearsal

    clock.advance(hours=25)
    turn(), turn()
    assert [backup.rehearsal is not None for backup in backup_files.every()] == [False, True]
    clock.advance(days=7)
    for _ in range(3):
        turn()
    assert backup_files.every()[0].rehearsal["fine"]


@pytest.mark.one_database
@pytest.mark.settings(BACKUP_EVERY_HOURS=24)
def test_a_clock_that_was_ahead_and_is_put_back_leaves_no_day_without_a_backup(app, session, firm, clock, monkeypatch):
    monkeypatch.setattr(source, "pack", lambda target: target.write_bytes(b"megabytes, else"))
    before = backups.create("by-hand", by="test")
    clock.advance(days=400)
    for _ in range(2):
        backup_clock.due(), backup_clock.settle()
    ahead, kept = backup_files.every()
    assert ahead.rehearsal["fine"]
    assert kept.name == before.name

    clock.advance(days=-400)
    for _ in range(4):
        backup_clock.due(), backup_clock.settle()

    assert [backup.kind for backup in backup_files.every()] == ["daily", "daily", "by-hand"]
    assert backup_files.every()[0].name == ahead.name
    assert backups.newest_good().name != ahead.name
    assert backups.newest_good().rehearsal["fine"]


def test_what_is_asked_for_on_a_page_is_done_once(app, session, firm):
    backup_clock.ask("create", by="ada@example.com")
    backup_clock.ask("create", by="ada@example.com")

    for _ in range(3):
        backup_clock.due()
        backup_clock.settle()

    assert len(backup_files.every()) == 1
    assert backup_clock.asked() == []


def test_no_order_is_lost_to_others_that_come_at_the_same_moment(app, session, firm):
    session.rollback()
    together = threading.Barrier(6)

    def ask(name: str) -> None:
        with app.app_context():
            together.wait(10)
            backup_clock.ask("verify", name, by="ada@example.com")
            db.session.remove()

    with ThreadPoolExecutor(6) as people:
        list(people.map(ask, "abcdef"))

    assert sorted(order["name"] for order in backup_clock.asked()) == [*"abcdef"]


def test_what_is_asked_for_again_while_it_is_done_is_done_again(app, session, firm, monkeypatch):
    backup_clock.ask("create", by="ada@example.com")
    made = []

    def create(kind: str, *, by: str) -> None:
        made.append(by)
        if len(made) == 1:
            backup_clock.ask("create", by="bo@example.com")

    monkeypatch.setattr(backups, "create", create)
    for _ in range(3):
        backup_clock.due()
        backup_clock.settle()

    assert made == ["ada@example.com", "bo@example.com"]
    assert backup_clock.asked() == []


def test_a_failure_is_told_and_the_next_good_one_clears_it(app, session, firm, monkeypatch):
    backup_clock.ask("verify", backup_files.find(backups.create(by="test").name).name, by="ada@example.com")
    (only,) = backup_files.every()
    only.file.write_bytes(only.file.read_bytes()[:-1])

    backup_clock.due(), backup_clock.settle()
    assert "damaged" in backup_clock.last_failure()["message"]

    backup_clock.ask("create", by="ada@example.com")
    backup_clock.due(), backup_clock.settle()
    assert backup_clock.last_failure() is None


def test_a_full_disk_is_said_and_leaves_nothing_behind(session, firm, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    try:
        with pytest.raises(BackupRefused):
            backups.create(by="test")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert backup_files.every() == []
    assert list(tmp_path.glob("backup-work-*")) == []


@pytest.mark.one_database
def test_a_backup_nothing_can_be_noted_of_is_not_left_to_pile_up(session, firm):
    """As where somebody else made the folder of notes: one an hour was made, and none counted."""
    (backup_files.folder() / ".checks").write_text("not ours")

    with pytest.raises(OSError, match="checks"):
        backups.create("daily", by="test")
    assert backup_files.every() == []


def test_a_rehearsal_sees_a_row_that_is_missing(session, firm):
    made = backups.create(by="test")
    counts = {**made.manifest["counts"], "connection": 2}

    with backups.unpacked(made.file) as (_, copy, _), backups.copies().scratch(copy) as connection:
        assert rehearsals.compare({"counts": counts, "schema": backups.schema_of(connection)}, connection)[0] is False


@pytest.mark.one_database
def test_a_copy_is_one_file_that_any_sqlite_opens(session, firm, tmp_path):
    made = backups.create(by="test")
    contents(made, tmp_path / "out")

    with sqlite3.connect(f"file:{tmp_path / 'out' / 'database.sqlite'}?mode=ro&immutable=1", uri=True) as opened:
        assert opened.execute("select name from connection").fetchone() == ("Hale & Partner",)


def test_runs_of_then_are_in_it_as_they_were(session, firm):
    session.add(SyncRun(connection_id=firm, kind="full", state="running", cause="person", queued_at=house_clock.now()))
    session.commit()
    session.execute(update(Connection).values(last_sync_at=house_clock.now() - timedelta(days=1)))
    session.commit()

    assert backups.create(by="test").manifest["counts"]["sync_run"] == 1
