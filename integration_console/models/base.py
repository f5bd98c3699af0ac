"""What every table shares: the database object, UTC times, JSON, and how each database begins a transaction."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from threading import Lock
from time import monotonic, sleep  # real time, as SQLite's own patience is
from typing import Annotated, Any

import orjson
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    case,
    cast,
    event,
    func,
    literal,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, mapped_column, registry
from sqlalchemy.pool import Pool
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator):
    """An instant: stored in UTC, always handed back with its zone. Refuses a time without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect):
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect):
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON().with_variant(JSONB(), "postgresql")
BigId = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up by itself only on INTEGER

# Upstream ids are compared and sorted byte by byte on both databases (P2), whatever language PostgreSQL is set to.
ExternalId = String(200).with_variant(String(200, collation="C"), "postgresql")

PrimaryKey = Annotated[int, mapped_column(BigId, primary_key=True)]


class Base(DeclarativeBase):
    """The base of every table."""

    # In a registry of its own: Flask-SQLAlchemy copies this class, and a copied type map is refused.
    registry = registry(
        metadata=MetaData(naming_convention=_NAMES),
        type_annotation_map={datetime: UtcDateTime(), dict: Json, list: Json},
    )


def dump_json(value) -> str:
    """JSON text for a JSON column."""
    return orjson.dumps(value).decode()


def inside(column: Any, *path: str | int) -> ColumnElement[str]:
    """A text inside of JSON, with its path written out: its index is found only by the very words it was made of."""
    told: ColumnElement[str] = column[path].as_string()
    for part in visitors.iterate(told):
        if isinstance(part, BindParameter):
            part.literal_execute = True
    return told


class _Holds(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True


@compiles(_Holds)
def _any_case(holds: _Holds, compiler, **more) -> str:
    column, pattern = holds.clauses
    return compiler.process(column.ilike(pattern, escape="\\"), **more)


@compiles(_Holds, "sqlite")
def _any_case_in_sqlite(holds: _Holds, compiler, **more) -> str:
    column, pattern = holds.clauses
    in_ascii = func.length(cast(column, LargeBinary)) == func.length(column)  # folded by LIKE itself, and sooner
    folded = case((in_ascii, column), else_=func.casefold(column))
    return compiler.process(folded.like(func.casefold(pattern), escape="\\"), **more)


def holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether a text has this in it, upper or lower case: SQLite by itself takes "Ü" and "ü" for two letters."""
    if text.isascii():  # these letters it folds by itself, and sooner
        return column.icontains(text, autoescape=True)
    return is_like(column, literal("%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"))


def is_like(column: Any, pattern: ColumnElement[str]) -> ColumnElement[bool]:
    """The same for a pattern of LIKE, with a backslash to escape."""
    return _Holds(column, pattern)


db = SQLAlchemy(
    model_class=Base,
    engine_options={"json_serializer": dump_json, "json_deserializer": orjson.loads},
)

PATIENCE_S = 30  # for the writer's lock
LOOK_AGAIN_S = 0.002
_PRAGMAS = (
    "page_size=8192",  # of a new file: records of a kilobyte, bodies of 64
    "journal_mode=WAL", "wal_autocheckpoint=4000",  # 32 MB: index pages are copied back once, not for every 4 MB
    "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY", f"busy_timeout={PATIENCE_S * 1000}",
)  # fmt: skip

_reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def reading():
    """Inside, SQLite transactions begin without the writer's lock. For work that only reads."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


@event.listens_for(Engine, "connect")
def _prepare_connection(connection, _record) -> None:
    """SQLite: write-ahead log, foreign keys, patience, BEGIN left to us (dependencies G6), letters of either case."""
    if not type(connection).__module__.startswith("sqlite3"):
        return
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("casefold", 1, lambda text: text and str(text).casefold(), deterministic=True)


@event.listens_for(Engine, "begin")
def _begin(connection) -> None:
    """A transaction that may write takes SQLite's writer lock at once: a later upgrade could be refused."""
    if connection.dialect.name != "sqlite":
        return
    if _reading.get():
        connection.exec_driver_sql("BEGIN")
        return
    patience_s = connection.info.get(PATIENCE, PATIENCE_S)
    _wait_for_turn(connection, patience_s)
    _take_writers_lock(connection, patience_s)


# Writers of one process queue here, in order. SQLite itself lets waiting writers sleep and try again, each for
# itself: with a hundred threads most of the time goes by while nobody writes.
_turns: defaultdict[str, Lock] = defaultdict(Lock)
_TURN = "writer's turn"
PATIENCE = "patience in s"  # in a connection's info: how long it waits for its turn, where not PATIENCE_S


LITTLE_PATIENCE_MS = 100  # noting the last use is no reason to let a page wait for the writer


@contextmanager
def little_patience(connection):
    """On SQLite, give up on a busy writer soon; PostgreSQL locks only the row."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    before = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.execute(f"PRAGMA busy_timeout={LITTLE_PATIENCE_MS}")
    connection.info[PATIENCE] = LITTLE_PATIENCE_MS / 1000
    try:
        yield
    finally:
        del connection.info[PATIENCE]
        raw.execute(f"PRAGMA busy_timeout={before}")


_mine: ContextVar[Lock | None] = ContextVar("the turn this thread has", default=None)


@contextmanager
def turn_to_write(engine: Engine):
    """Inside, it is this thread's turn to write. On PostgreSQL it always is.

    Whoever waits here holds no connection meanwhile: a hundred runs then share a few, whose pages and statements are
    at hand, where each had opened one of its own only to wait with it.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turn_at(engine, PATIENCE_S)
    token = _mine.set(turn)
    try:
        yield
    finally:
        _mine.reset(token)
        turn.release()


def _wait_for_turn(connection, patience_s: float) -> None:
    mine = _mine.get()
    if _TURN in connection.info or (mine is not None and mine is _turns[str(connection.engine.url)]):
        return
    connection.info[_TURN] = _turn_at(connection.engine, patience_s)


def _turn_at(engine: Engine, patience_s: float) -> Lock:
    turn = _turns[str(engine.url)]
    if not turn.acquire(timeout=patience_s):
        raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))
    return turn


def _take_writers_lock(connection, patience_s: float) -> None:
    """Begin, looking again every other millisecond while another process writes.

    Left to wait for itself SQLite sleeps up to a tenth of a second between two looks. A process with many writers is
    hardly ever between two of them then, and another one gets next to nothing done.
    """
    driver, ends = connection.connection.driver_connection, monotonic() + patience_s
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while monotonic() < ends:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    break
            sleep(LOOK_AGAIN_S)
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # whatever is wrong, SQLAlchemy tells it as its own error
    finally:
        driver.execute(f"PRAGMA busy_timeout={round(patience_s * 1000)}")


@event.listens_for(Pool, "checkin")
def _give_turn_back(_connection, record) -> None:
    """The transaction is over when its connection comes back to the pool."""
    if turn := record.info.pop(_TURN, None):
        turn.release()
