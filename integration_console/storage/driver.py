"""Small statements handed straight to the driver, for those that go with every page.

SQLAlchemy's way there costs ten times what the database needs for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from ..models.base import dump_json
from .bulk import sqlite_time


def run(session: Session, statement: str, values: Mapping[str, Any]) -> list[Any]:
    """Run a statement with its values as `:name`, in the session's transaction; the rows it answers with."""
    driver: Any = session.connection().connection.driver_connection
    sqlite = is_sqlite(session)
    facts = {name: _plain(value, sqlite) for name, value in values.items()}
    if sqlite:
        cursor = driver.execute(statement, facts)
    else:
        cursor = driver.cursor()
        cursor.execute(_psycopg(statement), facts)
    rows = cursor.fetchall() if cursor.description else []
    cursor.close()
    return rows


def ask(session: Session, statement: str, values: Mapping[str, Any]) -> Sequence[Row]:
    """The same by way of SQLAlchemy's connection, which says what goes wrong in its own errors, as pages know them."""
    text = statement if is_sqlite(session) else _psycopg(statement)
    return session.connection().exec_driver_sql(text, dict(values)).all()


def is_sqlite(session: Session) -> bool:
    """Whether the session's database is SQLite."""
    return session.get_bind().dialect.name == "sqlite"


@lru_cache
def _psycopg(statement: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", statement)


def _plain(value: Any, sqlite: bool) -> Any:
    """A value as the driver takes it."""
    if isinstance(value, dict):
        return dump_json(value)
    return sqlite_time(value) if sqlite and isinstance(value, datetime) else value
