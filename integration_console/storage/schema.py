"""Whether the tables are the ones this version of the console was written for.

Every start asks this, a worker's too, so the migrations' own headers are read instead of loading the tool that runs
them: Alembic would cost each worker eight megabytes.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_HEADER = re.compile(r'^(revision|down_revision)\s*(?::[^=]+)?=\s*(?:"([^"]*)"|None)', re.MULTILINE)


def check(engine: Engine) -> str | None:
    """Why the console cannot work on this database, in one line; None when it can (D8)."""
    with engine.connect() as connection:
        here = current(connection)
        others = [] if here else _tables_of_others(connection)
    if here == newest():
        return None
    if others:
        return (
            f"The database is another program's (it has {', '.join(others[:3])}). Name one of its own in DATABASE_URL."
        )
    if here is None:
        return "The database has no tables yet. Run `flask db upgrade`."
    if here in known():
        return f"The database is at schema {here}, the console needs {newest()}. Run `flask db upgrade`."
    return f"The database is at schema {here}, which this version of the console does not know. Install a newer one."


def current(connection: Connection) -> str | None:
    """The migration a database is at; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def newest() -> str:
    """The last migration there is: the one no other follows."""
    (head,) = known() - set(_migrations().values())
    return head


def known() -> set[str]:
    """Every migration there is."""
    return set(_migrations())


@cache
def _migrations() -> dict[str, str]:
    """Each migration and the one it follows; "" for the first."""
    headers = [dict(_HEADER.findall(file.read_text())) for file in (MIGRATIONS / "versions").glob("*.py")]
    return {header["revision"]: header.get("down_revision", "") for header in headers}


def _tables_of_others(connection: Connection) -> list[str]:
    """Tables in a database that holds none of the console; its pacing may have been there before a migration."""
    return sorted(set(inspect(connection).get_table_names()) - {"alembic_version", "pacing_budget"})
