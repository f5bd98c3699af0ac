"""Rows into a table as fast as the database takes them: executemany on SQLite, COPY on PostgreSQL.

For benchmarks alone: the indexes a model declares are dropped before and made again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import orjson

LOT = 5_000


class Loader:
    """Writes to one database by its own driver."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"

    def fill(self, model, rows: Iterable[dict]) -> None:
        """Add rows; all have the names of the first one, and the model's own defaults for the others."""
        table, rows = model.__table__, iter(rows)
        if (first := next(rows, None)) is None:
            return
        others = {
            c.name: c.default.arg({}) if callable(c.default.arg) else c.default.arg
            for c in table.columns if c.default is not None and c.name not in first
        }  # fmt: skip
        names = [*first, *others]
        told = ([*row.values(), *others.values()] for row in chain([first], rows))
        self.put(table.name, names, told)

    def put(self, table: str, names: list[str], rows: Iterable[Iterable[Any]]) -> None:
        """Add rows of values in the order of the names."""
        raw = self.engine.raw_connection()
        try:
            cursor = raw.cursor()
            if self.sqlite:
                statement = f'INSERT INTO "{table}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'
                cursor.execute("BEGIN")
                for lot in _lots([_for_sqlite(v) for v in row] for row in rows):
                    cursor.executemany(statement, lot)
            else:
                cursor.execute("SET LOCAL statement_timeout = 0")  # a COPY lasts as long as its rows take to make
                cursor.copy_expert(f'COPY "{table}" ({", ".join(names)}) FROM STDIN', _Lines(map(_line, rows)))
            raw.commit()
        finally:
            raw.close()

    @contextmanager
    def without_indexes(self, *models):
        """Meanwhile these have only their keys: each index is then made once, in order."""
        indexes = [index for model in models for index in model.__table__.indexes if not index.unique]
        with self.engine.begin() as connection:
            for index in indexes:
                index.drop(connection, checkfirst=True)
        yield
        with self.engine.begin() as connection:
            for index in indexes:
                index.create(connection)

    def settle(self, tables: Iterable) -> None:
        """Count on from the numbers that were given, and let the database look at what it holds."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables if not self.sqlite else ():
                key = table.primary_key.columns.values()
                if len(key) == 1 and key[0].name == "id":
                    connection.exec_driver_sql(
                        f"SELECT setval(pg_get_serial_sequence('\"{table.name}\"', 'id'), "
                        f'(SELECT coalesce(max(id), 1) FROM "{table.name}"))'
                    )
        raw = self.engine.raw_connection()
        try:
            if not self.sqlite:
                raw.driver_connection.autocommit = True
            raw.cursor().execute("ANALYZE" if self.sqlite else "VACUUM ANALYZE")
            if self.sqlite:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            if not self.sqlite:
                raw.driver_connection.autocommit = False
            raw.close()


def _lots(rows: Iterator) -> Iterator[list]:
    while lot := list(islice(rows, LOT)):
        yield lot


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", "microseconds")[:26]
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _line(row: Iterable[Any]) -> bytes:
    return "\t".join(map(_for_copy, row)).encode() + b"\n"


_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _for_copy(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        value = orjson.dumps(value).decode()
    return value.translate(_ESCAPED) if isinstance(value, str) else str(value)


class _Lines:
    """Lines as a file that COPY reads from."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._read: Callable[[], bytes] = lambda: b"".join(islice(lines, LOT))
        self._kept = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._kept) < size:
            if not (more := self._read()):
                break
            self._kept += more
        told, self._kept = self._kept[:size], self._kept[size:]
        return told
