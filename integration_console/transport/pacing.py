"""Where budgets are kept: one small row an account, shared by threads, processes and machines.

A row is read, and swapped for a newer one only if nobody was faster; that is all a store can do. It costs one
statement a call, so a thousand accounts starting at once do not queue for each other. What stands here may be lost:
the upstream's headers tell it again. So SQLite does not wait for the disk, and PostgreSQL's table is unlogged.
"""

from __future__ import annotations

import os
import re
import sqlite3
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Protocol

import stamina

from ..errors import Unavailable

_NOWHERE = "The pacing store in {} cannot be used: {}. No call was made."
_CONNECTION = {"autocommit": True, "options": "-c synchronous_commit=off"}
_TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS pacing_budget (key text PRIMARY KEY, version bigint, row bytea)
WITH (fillfactor = 50)
"""


class Store(Protocol):
    """Rows of bytes by key, each with a version."""

    def read(self, key: str) -> tuple[int, bytes]:
        """The row and its version; version 0 when there is none."""

    def swap(self, key: str, version: int, row: bytes) -> bool:
        """Put a newer row in the place of that version; False when somebody else did so first."""


def open_store(database_url: str, folder: Path) -> Store:
    """The store of this installation: beside the database when that is PostgreSQL, else a file in `folder`."""
    with _opening:  # a hundred runs that begin together share one pool
        if database_url.startswith("postgres"):
            return _postgres(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", database_url), os.getpid())
        return _sqlite(str(folder), os.getpid())


_opening = Lock()


class MemoryStore:
    """For one process, and for trying things."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, bytes]] = {}
        self._lock = Lock()

    def read(self, key: str) -> tuple[int, bytes]:
        return self._rows.get(key, (0, b""))

    def swap(self, key: str, version: int, row: bytes) -> bool:
        with self._lock:
            if self.read(key)[0] != version:
                return False
            self._rows[key] = (version + 1, row)
            return True


def _is_locked(error: Exception) -> bool:
    """SQLite has no patience with a file that two processes make a log for at once."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


class SqliteStore:
    """One file for all processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = self._open(folder / "budgets.db")
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(_NOWHERE.format(folder, error)) from None

    @staticmethod
    @stamina.retry(on=_is_locked, attempts=None, timeout=10, wait_initial=0.02, wait_max=0.2)
    def _open(file: Path) -> sqlite3.Connection:
        db = sqlite3.connect(file, timeout=10, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("CREATE TABLE IF NOT EXISTS budget (key TEXT PRIMARY KEY, version INTEGER, row BLOB) WITHOUT ROWID")
        return db

    def read(self, key: str) -> tuple[int, bytes]:
        found, _ = self._run("SELECT version, row FROM budget WHERE key = ?", (key,))
        return found or (0, b"")

    def swap(self, key: str, version: int, row: bytes) -> bool:
        if version:
            _, swapped = self._run(
                "UPDATE budget SET version = ?, row = ? WHERE key = ? AND version = ?", (version + 1, row, key, version)
            )
        else:
            _, swapped = self._run("INSERT INTO budget VALUES (?, 1, ?) ON CONFLICT DO NOTHING", (key, row))
        return swapped == 1

    def _run(self, statement: str, values: tuple) -> tuple[tuple | None, int]:
        """Its first row, and how many it changed. Read to its end within the lock: beside a question that is still
        open, SQLite refuses a write at once, without patience, when another process wrote since the question began.
        """
        try:
            with self._lock:
                done = self._db.execute(statement, values)
                return done.fetchone(), done.rowcount
        except sqlite3.Error as error:
            raise Unavailable(_NOWHERE.format(self._folder, error)) from None


class PostgresStore:
    """One table for all machines."""

    def __init__(self, url: str) -> None:
        from psycopg_pool import ConnectionPool

        self._pool = ConnectionPool(url, min_size=1, max_size=4, kwargs=_CONNECTION, open=True, timeout=10)
        with self._pool.connection() as connection, connection.transaction():
            # Two processes may start at once, and CREATE IF NOT EXISTS alone would let them collide.
            connection.execute("SELECT pg_advisory_xact_lock(7216301)")
            connection.execute(_TABLE)

    def read(self, key: str) -> tuple[int, bytes]:
        found = self._run("SELECT version, row FROM pacing_budget WHERE key = %s", (key,)).fetchone()
        return found or (0, b"")

    def swap(self, key: str, version: int, row: bytes) -> bool:
        if version:
            done = self._run(
                "UPDATE pacing_budget SET version = %s, row = %s WHERE key = %s AND version = %s",
                (version + 1, row, key, version),
            )
        else:
            done = self._run("INSERT INTO pacing_budget VALUES (%s, 1, %s) ON CONFLICT DO NOTHING", (key, row))
        return done.rowcount == 1

    def _run(self, statement: str, values: tuple):
        import psycopg
        from psycopg_pool import PoolTimeout

        try:
            with self._pool.connection() as connection:
                return connection.execute(statement, values, prepare=True)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable(_NOWHERE.format("PostgreSQL", error)) from None


# By process, for a fork must not share its parent's connections.
@cache
def _sqlite(folder: str, _process: int) -> SqliteStore:
    return SqliteStore(Path(folder))


@cache
def _postgres(url: str, _process: int) -> PostgresStore:
    return PostgresStore(url)
