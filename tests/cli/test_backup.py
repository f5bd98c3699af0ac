"""`flask backup`, `flask config` and the backup before a migration, as a person at a terminal meets them."""

import json
import sqlite3
from pathlib import Path

import pytest

from .conftest import clio, clockify


@pytest.fixture
def filled(console, upstreams, tmp_path):
    """A console with an account, and a folder of backups of its own."""
    console.environment["BACKUP_DIR"] = str(tmp_path / "kept")
    clio(console, upstreams)
    return console


def test_made_listed_checked_and_put_back(filled, upstreams):
    made = filled("backup", "create")
    assert made.status == 0, made.err
    file = made.out.splitlines()[-1]
    clockify(filled, upstreams)

    (listed,) = filled.lines("backup", "list")
    assert (listed["file"], listed["verified"], listed["kind"], listed["counts"]["connection"]) == (
        file, True, "by-hand", 1,
    )  # fmt: skip
    assert filled.json("backup", "verify", listed["name"])["verified"] is True
    assert "is whole" in filled("backup", "verify", file).out
    dry = filled("backup", "restore", file, "--dry-run")
    assert dry.status == 0
    assert "connection" in dry.out
    assert len(filled.lines("connections", "list")) == 2

    restored = filled.json("backup", "restore", file)

    assert restored["applied"] is True
    assert [one["service"] for one in filled.lines("connections", "list")] == ["clio"]
    assert {one["kind"] for one in filled.lines("backup", "list")} == {"by-hand", "before-restore"}
    assert filled("check").status == 0
    assert filled("push").status == 0  # no mapping is switched on, so nothing is refused
    assert filled.json("backup", "resume")["resumed"] is True
    assert filled("backup", "resume").failed("Nothing is held back")


def test_who_is_left_without_an_administrator_is_told_how_to_make_one(filled):
    assert filled("users", "add", "ada@example.com", "--role", "admin").status == 0
    name = filled.json("backup", "create")["name"]
    assert filled("users", "add", "bo@example.com", "--role", "admin").status == 0  # not in the backup
    assert "stay those of now" in filled("backup", "restore", name, "--dry-run").out
    assert filled("users", "disable", "ada@example.com").status == 0
    dry = filled("backup", "restore", name, "--dry-run").out
    assert "1 person" in dry, dry

    restored = filled("backup", "restore", name)

    assert "flask users add EMAIL --role admin" in restored.out
    assert [(one["email"], one["active"]) for one in filled.lines("users", "list")] == [("ada@example.com", False)]
    assert filled("users", "add", "cy@example.com", "--role", "admin").status == 0
    assert filled.json("backup", "restore", name)["has_administrator"] is False


def test_a_rehearsal_and_the_source_that_wrote_it(filled, tmp_path):
    assert filled("backup", "rehearse").failed("no good backup")
    name = filled.json("backup", "create")["name"]

    assert filled.json("backup", "rehearse")["fine"] is True
    kept = filled("backup", "source", name, "--to", tmp_path / "src")

    assert kept.out.strip().endswith("source.zip")
    assert (tmp_path / "src").is_dir()


def test_what_is_no_backup_is_told_in_one_line(filled, tmp_path):
    (tmp_path / "x.backup").write_text("hello")

    assert filled("backup", "verify", tmp_path / "x.backup").failed("not a backup")
    assert filled("backup", "restore", tmp_path / "x.backup").failed("not a backup")
    assert filled("backup", "verify", "nowhere.backup").failed("no file")
    name = filled.json("backup", "create")["name"]
    assert filled("backup", "verify", name, ENCRYPTION_KEYS="A" * 43 + "=").failed("ENCRYPTION_KEYS")


@pytest.mark.one_database
def test_a_pg_dump_that_is_too_old_is_told_first(installed, postgres_clones, tmp_path):
    with postgres_clones.fresh(tmp_path) as url:
        old = tmp_path / "bin" / "pg_dump"
        old.parent.mkdir()
        old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
        old.chmod(0o755)

        console = installed(url=url, BACKUP_DIR=str(tmp_path / "kept"), PG_BIN_DIR=str(old.parent))

        assert console("backup", "create").failed("version 9", "PG_BIN_DIR")


def test_tables_are_backed_up_before_they_change(filled):
    assert filled("db", "upgrade").status == 0
    assert filled.lines("backup", "list") == []  # they were as they should be
    assert filled("db", "upgrade", "nope").status == 1
    assert filled.lines("backup", "list") == []  # there is nowhere to go by that name

    assert filled("db", "downgrade").status == 0

    (kept,) = filled.lines("backup", "list")
    assert (kept["kind"], kept["verified"]) == ("before-migration", True)
    assert filled("db", "upgrade").status == 0
    assert [one["kind"] for one in filled.lines("backup", "list")] == ["before-migration"] * 2
    assert len({one["schema"] for one in filled.lines("backup", "list")}) == 2


def test_an_older_schema_is_put_back_and_brought_up_to_date(filled):
    assert filled("db", "downgrade").status == 0
    (older,) = [one["name"] for one in filled.lines("backup", "list")]
    name = filled.json("backup", "create")["name"]
    assert filled("db", "upgrade").status == 0

    restored = filled("backup", "restore", name)

    assert restored.status == 0, restored.err
    assert "flask db upgrade" in restored.out
    assert filled("connections", "list").failed("flask db upgrade")
    assert filled("db", "upgrade").status == 0
    assert len(filled.lines("connections", "list")) == 1
    assert filled("backup", "restore", older).status == 0  # and one of the present schema over it


@pytest.mark.one_database
def test_where_it_cannot_be_backed_up_nothing_is_migrated(filled, tmp_path):
    (tmp_path / "a-file").write_text("")
    kept = filled.environment["BACKUP_DIR"]
    filled.environment["BACKUP_DIR"] = str(tmp_path / "a-file" / "kept")

    assert filled("db", "downgrade").failed("Nothing was migrated", "BACKUP_BEFORE_MIGRATION")
    assert filled("connections", "list").status == 0
    assert filled("db", "downgrade", BACKUP_BEFORE_MIGRATION="0").status == 0
    assert filled("db", "upgrade", BACKUP_BEFORE_MIGRATION="0").status == 0
    filled.environment["BACKUP_DIR"] = kept
    assert filled.lines("backup", "list") == []


@pytest.mark.one_database
def test_a_newcomer_with_nothing_in_the_database_gets_none(installed, tmp_path):
    console = installed(url=f"sqlite:///{tmp_path}/fresh.db", BACKUP_DIR=str(tmp_path / "kept"))

    assert console("db", "upgrade").status == 0
    assert console("db", "downgrade").status == 0
    assert console("db", "upgrade").status == 0

    assert console.lines("backup", "list") == []


@pytest.mark.one_database
def test_a_damaged_database_is_replaced_all_the_same(filled, tmp_path):
    name = filled.json("backup", "create")["name"]
    with sqlite3.connect(tmp_path / "console.db") as live:
        live.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(tmp_path / "console.db", "r+b") as file:
        file.seek(8192 * 3)
        file.write(b"\xff" * 8192 * 40)

    restored = filled("backup", "restore", name, "--no-backup-first")

    assert restored.status == 0, restored.err
    assert len(filled.lines("connections", "list")) == 1
    assert len(list(tmp_path.glob("console.db.damaged-*"))) == 1


def test_the_configuration_goes_out_and_into_another_console(filled, upstreams, tmp_path):
    exported = filled("config", "export")
    document = json.loads(exported.out)
    assert document["format"] == "config/1"
    document["settings"] = {"firm.name": "Hale & Partner", "firm.time_zone": "Nowhere/Land"}
    rule = {"area": "Maritime", "kind": "phrase", "weight": 1.0, "enabled": True}
    document["practice_area_rules"] += [{**rule, "text": f"ship {number}"} for number in range(60)]
    (tmp_path / "config.json").write_text(json.dumps(document))

    dry = filled("config", "import", tmp_path / "config.json", "--dry-run")
    assert dry.status == 3
    assert "firm.name: not set becomes Hale & Partner." in dry.out
    assert "Problem: firm.time_zone" in dry.out
    assert "... and 11 more; --json has all of them." in dry.out  # 61 changes: a name and sixty rules
    assert json.loads(filled("config", "export").out)["settings"] == {}

    assert filled("config", "import", tmp_path / "config.json").status == 3
    assert json.loads(filled("config", "export").out)["settings"] == {"firm.name": "Hale & Partner"}
    (tmp_path / "config.json").write_text("{")
    assert filled("config", "import", tmp_path / "config.json").failed("not written in JSON", status=2)


def test_in_a_sandbox_the_next_command_is_told_with_the_file_that_leads_there(filled):
    """Typed without it, it resumed the firm's own console."""
    left = Path(filled.environment["INSTANCE_DIR"]) / "sandbox.env"
    left.write_text("")
    filled.environment["SANDBOX"] = "1"
    name = filled.json("backup", "create")["name"]

    assert "sandbox.env backup resume`" in filled("backup", "restore", name, "--dry-run").out
