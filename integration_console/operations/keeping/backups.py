"""Backups: made from the running database, and good only once they were read to the end and opened (D7)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog
from flask import current_app
from sqlalchemy import MetaData, inspect, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.url import make_url

from ... import __version__, clock
from ...errors import BackupRefused, ConsoleError
from ...models import db, reading
from ...storage import backup_file, source
from ...storage.copies import Copies, SqliteCopies, counts
from ...storage.postgres_copies import PostgresCopies
from .. import audit
from ..sealed import vault
from . import backup_files as files
from .backup_files import Backup

log = structlog.get_logger(__name__)

CONFIG, SOURCE = "config.json", "source.zip"
# What config.json holds for people to read; secrets, even sealed ones, stay where they are.
CONFIG_TABLES = (
    "setting", "api_config", "connection", "data_mapping", "mapping_version", "field_mapping", "practice_area_rule",
    "limitation_rule",
)  # fmt: skip
_SECRET = ("credentials", "client_secret")
_WORTH_KEEPING = ("user", "connection", "record")  # a database without a row in these holds nothing


def copies() -> Copies:
    """How this installation's database is copied."""
    settings = current_app.config["SETTINGS"]
    url = make_url(settings.database_url)
    return SqliteCopies(url) if url.get_backend_name() == "sqlite" else PostgresCopies(url, settings.PG_BIN_DIR)


def engine_name() -> str:
    """sqlite or postgresql: a backup goes back only to its own kind."""
    return make_url(current_app.config["SETTINGS"].database_url).get_backend_name()


def holds_something() -> bool:
    """Whether the database holds anything that could be lost."""
    with reading(), db.engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        quote = connection.dialect.identifier_preparer.quote
        return any(
            connection.scalar(text(f"SELECT 1 FROM {quote(name)} LIMIT 1")) for name in _WORTH_KEEPING if name in there
        )


# -- making -----------------------------------------------------------------------------------------------------------


def create(kind: str = "by-hand", *, by: str) -> Backup:
    """Make a backup of the database as it is now, check it, and let old ones go.

    It gets its name only when it is whole, on the disk and was opened again. Raises BackupRefused, Conflict.
    """
    with files.alone():
        made = _made(kind, by)
        if kind == "daily":
            _let_old_ones_go()
    log.info("A backup was made", backup=made.name, size=made.size)
    return made


def _made(kind: str, by: str) -> Backup:
    """The caller is alone in the folder."""
    files.sweep_drafts()
    kind_of, target = copies(), files.new_name(kind)
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    with files.workroom() as room:
        manifest: dict[str, Any] = {
            "kind": kind, "at": clock.now().isoformat(), "by": by, "engine": engine_name(),
            "engine_version": kind_of.version(), "release": release(),
        }  # fmt: skip
        data = room / kind_of.part
        with kind_of.take(data) as connection:
            manifest["schema"] = schema_of(connection)
            manifest["counts"] = counts(connection)
            _write_configuration(connection, room / CONFIG)
        source.pack(room / SOURCE)
        try:
            parts = {CONFIG: room / CONFIG, SOURCE: room / SOURCE, kind_of.part: data}
            backup_file.write(draft, vault(), manifest, parts)
            for part in parts.values():
                part.unlink()
            _prove(draft, room)
            draft.replace(target)
            _settle(target.parent)
        finally:
            draft.unlink(missing_ok=True)
    try:
        files.note(target, verified_at=clock.now().isoformat(), problem="")
    except OSError:  # it would count for nothing, and the next one be made within the hour, until the disk is full
        target.unlink()
        raise
    return files.find(target.name)


_ROWS_AT_ONCE = 500
_READABLE = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def release() -> dict[str, str]:
    """What runs here."""
    return {"version": __version__, "commit": source.commit()}


def schema_of(connection: Connection) -> str | None:
    """The migration the tables are at."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def configuration(connection: Connection) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """The tables of what people set up with their rows, whatever version they are of."""
    found = MetaData()  # of all of them at once: for each alone PostgreSQL answers seven long questions
    found.reflect(connection, only=lambda name, _: name in CONFIG_TABLES, resolve_fks=False)
    for name in CONFIG_TABLES:
        if (table := found.tables.get(name)) is not None:
            columns = [column for column in table.columns if column.name not in _SECRET]
            query = select(*columns).order_by(*table.primary_key).execution_options(yield_per=_ROWS_AT_ONCE)
            yield name, (dict(row) for row in connection.execute(query).mappings())


def _write_configuration(connection: Connection, file: Path) -> None:
    """As JSON, row by row: the rules of practice areas alone are sixteen thousand."""
    with file.open("wb") as out:
        out.write(b"{")
        for table, (name, rows) in enumerate(configuration(connection)):
            out.write((b',\n"%b": [' if table else b'\n"%b": [') % name.encode())
            for number, row in enumerate(rows):
                out.write((b",\n" if number else b"\n") + orjson.dumps(row, default=str, option=_READABLE))
            out.write(b"]")
        out.write(b"\n}\n")


def _prove(file: Path, room: Path) -> dict[str, Any]:
    """Read a backup to its end and open its database; what it says of itself. Raises BackupRefused."""
    engine = backup_file.manifest_of(file, vault()).get("engine")
    part = SqliteCopies.part if engine == "sqlite" else PostgresCopies.part
    manifest = backup_file.unpack(file, vault(), room, wanted={part})
    checker = copies() if engine == engine_name() else _of_another_kind(engine)
    checker.check(room / part)
    (room / part).unlink()
    return manifest


def _of_another_kind(engine: str | None) -> Copies:
    bin_dir = current_app.config["SETTINGS"].PG_BIN_DIR
    return (
        SqliteCopies(make_url("sqlite://"))
        if engine == "sqlite"
        else PostgresCopies(make_url("postgresql://"), bin_dir)
    )


def _settle(folder: Path) -> None:
    """A name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- checking and letting go ------------------------------------------------------------------------------------------


def verify(file: Path) -> dict[str, Any]:
    """Read a backup to its end, compare every checksum and open its database; the manifest.

    What was found is remembered beside a file of the folder. Raises BackupRefused.
    """
    with files.workroom() as room:
        try:
            manifest = _prove(file, room)
        except BackupRefused as error:
            files.note(file, problem=str(error), verified_at=None)
            raise
    files.note(file, verified_at=clock.now().isoformat(), problem="")
    return manifest


@contextmanager
def unpacked(file: Path) -> Iterator[tuple[dict[str, Any], Path, Path]]:
    """A checked backup of this kind of database: its manifest, the database's copy, its configuration's file.

    Raises BackupRefused.
    """
    with files.workroom() as room:
        manifest = backup_file.manifest_of(file, vault())
        if manifest["engine"] != engine_name():
            raise BackupRefused(
                f"This backup is of {manifest['engine']}, the database here of {engine_name()}. Nothing was changed."
            )
        kind_of = copies()
        try:
            backup_file.unpack(file, vault(), room, wanted={kind_of.part, CONFIG})
        except OSError as error:
            raise BackupRefused(f"It could not be unpacked in {room.parent}: {error.strerror}.") from error
        kind_of.check(room / kind_of.part)
        yield manifest, room / kind_of.part, room / CONFIG


def unpack_source(file: Path, target: Path) -> Path:
    """Put the source that wrote this backup into a folder, as a zip file; its path. Raises BackupRefused."""
    target.mkdir(parents=True, exist_ok=True)
    with files.workroom() as room:
        backup_file.unpack(file, vault(), room, wanted={SOURCE})
        kept = target / f"{file.stem}-{SOURCE}"
        kept.write_bytes((room / SOURCE).read_bytes())
    return kept


def remove(backup: Backup, *, by: str) -> None:
    """Delete one. Raises BackupRefused for the last good one."""
    if backup.good and not any(other.good for other in files.every() if other.name != backup.name):
        raise BackupRefused("This is the last good backup. Make another one first.")
    files.forget(backup)
    audit.add("backup deleted", backup.name, actor=by)
    db.session.commit()


def _let_old_ones_go() -> None:
    settings = current_app.config["SETTINGS"]
    limits = {"days": settings.RETENTION_BACKUPS_DAYS, "weeks": settings.RETENTION_BACKUPS_WEEKS}
    for backup in files.past_keeping(files.every(), **limits):
        log.info("A backup is past its time", backup=backup.name)
        files.forget(backup)


# -- by itself --------------------------------------------------------------------------------------------------------


def newest_good() -> Backup | None:
    """The one to go back to: one dated by a clock that was ahead is older than it says."""
    good = [backup for backup in files.every() if backup.good]
    return next((backup for backup in good if not files.lies_ahead(backup.at)), next(iter(good), None))


def is_due() -> bool:
    """Whether the daily one is to be made now."""
    hours = current_app.config["SETTINGS"].BACKUP_EVERY_HOURS
    if not hours or not holds_something():
        return False
    daily = (backup for backup in files.every() if backup.good and backup.kind == "daily")
    newest = next((backup for backup in daily if not files.lies_ahead(backup.at)), None)
    return newest is None or newest.at <= clock.now() - timedelta(hours=hours)


def before_migration() -> None:
    """Make one while the tables are still as they were, if there is anything in them.

    Raises ConsoleError when that cannot be done: then nothing is migrated.
    """
    if not current_app.config["SETTINGS"].BACKUP_BEFORE_MIGRATION or not holds_something():
        return
    try:
        made = create("before-migration", by="flask db")
    except (ConsoleError, OSError) as error:
        raise BackupRefused(
            f"The backup before the migration could not be made: {error} Nothing was migrated. "
            "With BACKUP_BEFORE_MIGRATION=0 it goes on without one."
        ) from error
    log.info("The database was backed up before its tables change", backup=made.name)
