"""A whole database, copied out while others write, and put back at once: SQLite here, PostgreSQL in postgres_copies.py.

Both kinds answer to the same five questions, see `Copies`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine, inspect, quoted_name, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from .. import clock
from ..errors import BackupRefused
from .sealed_file import DAMAGED

LOCK_WITHIN_S = 30
ROOM_KB = 256
_NOT_COUNTED = ("alembic_version",)
_BUSY = "Somebody else keeps writing to the database. Stop web and workers, and try again. Nothing was changed."


class Copies(Protocol):
    """How one kind of database is copied."""

    part: str  # the name of the copy within a backup

    def version(self) -> str:
        """The database's own version. Raises BackupRefused when it cannot be copied with what is installed here."""

    def take(self, target: Path) -> AbstractContextManager[Connection]:
        """Copy the database as it is at one moment; within, the connection sees exactly what was copied."""

    def check(self, copy: Path) -> None:
        """Open a copy and look through it. Raises BackupRefused."""

    def scratch(self, copy: Path) -> AbstractContextManager[Connection]:
        """A database of its own, filled from a copy, that is gone afterwards. `copy` may be used up."""

    def put_back(self, copy: Path, finish: Callable[[Connection], None]) -> None:
        """Replace the database by a copy, together with what `finish` does to it: all of it or nothing."""


class SqliteCopies:
    """One file, copied page by page under one read."""

    part = "database.sqlite"

    def __init__(self, url: URL) -> None:
        self.file = Path(url.database or "")

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @contextmanager
    def take(self, target: Path) -> Iterator[Connection]:
        """All pages in one step: writers go on in the write-ahead log meanwhile, and the copy is of one moment."""
        try:
            with closing(sqlite3.connect(self.file)) as live, closing(_connected(target)) as copy:
                live.backup(copy, pages=-1)
        except sqlite3.DatabaseError as error:
            raise BackupRefused(f"The database could not be copied to {target.parent.parent}: {error}.") from error
        with _opened(target) as connection:
            yield connection
        _one_file(target)

    def check(self, copy: Path) -> None:
        _look_through(copy, "quick_check")

    @contextmanager
    def scratch(self, copy: Path) -> Iterator[Connection]:
        _look_through(copy, "integrity_check")
        with _opened(copy) as connection:
            yield connection

    def put_back(self, copy: Path, finish: Callable[[Connection], None]) -> None:
        """In one transaction of the database: whoever has it open sees the old or the new, a kill leaves the old."""
        try:
            with _opened(copy) as connection:
                finish(connection)
                connection.commit()
            _one_file(copy)
            self._pour_in(copy)
        except (sqlite3.DatabaseError, OperationalError) as error:  # as on a full disk
            said = getattr(error, "orig", error)
            raise BackupRefused(f"The database could not be written: {said}. Nothing was changed.") from error

    def _pour_in(self, copy: Path) -> None:
        try:
            _pour(copy, self.file)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or not _is_damaged(self.file):
                raise
            self._set_aside(copy)

    def _set_aside(self, copy: Path) -> None:
        """A damaged file takes nothing in any more: it is kept under another name, and a new one takes its place."""
        fresh = self.file.with_name(f".{self.file.name}.fresh")
        fresh.unlink(missing_ok=True)
        _pour(copy, fresh)
        _one_file(fresh)
        with suppress(FileExistsError):
            os.link(self.file, self.file.with_name(f"{self.file.name}.damaged-{clock.now():%Y%m%dT%H%M%SZ}"))
        for log in ("-wal", "-shm"):  # of the damaged one: it must not be read into the new one
            self.file.with_name(self.file.name + log).unlink(missing_ok=True)
        fresh.replace(self.file)


def _pour(copy: Path, target: Path) -> None:
    """Replace all pages of a database in one transaction of it."""
    ends = clock.monotonic() + LOCK_WITHIN_S

    def patiently(_status: int, _left: int, _all: int) -> None:
        if clock.monotonic() > ends:
            raise BackupRefused(_BUSY)

    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(target)) as live:
        if not live.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            live.execute(f"PRAGMA page_size={source.execute('PRAGMA page_size').fetchone()[0]}")
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("PRAGMA synchronous=FULL")
        source.backup(live, pages=-1, progress=patiently)
        live.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _is_damaged(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(file)) as opened:
            return opened.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok"
    except sqlite3.DatabaseError:
        return True


def _connected(file: Path) -> sqlite3.Connection:
    """A copy, with room for few of its pages: each passes once, and a worker carries runs meanwhile."""
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA cache_size=-{ROOM_KB}")
    return connection


@contextmanager
def _opened(file: Path) -> Iterator[Connection]:
    url = URL.create("sqlite", database=str(file))
    engine = create_engine(url, creator=lambda: _connected(file), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _one_file(file: Path) -> None:
    """Leave no write-ahead log beside a copy."""
    with closing(sqlite3.connect(file)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")


def _look_through(copy: Path, how: str) -> None:
    try:
        with closing(_connected(copy)) as opened:
            said = opened.execute(f"PRAGMA {how}(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupRefused(DAMAGED) from error
    if said != "ok":
        raise BackupRefused(f"The database in this backup is damaged ({said}).")


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    quote = connection.dialect.identifier_preparer.quote
    names = sorted(set(inspect(connection).get_table_names()) - set(_NOT_COUNTED))
    found = {}
    for name in names:
        table = quote(quoted_name(name, quote=None))
        found[name] = int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)
    return found
