"""Whether the tables are the ones this version of the console was written for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def check(engine: Engine) -> str | None:
    """Why the console cannot work on this database, in one line; None when it can (D8)."""
    with engine.connect() as connection:
        here = MigrationContext.configure(connection).get_current_revision()
    if here == newest():
        return None
    if here is None:
        return "The database has no tables yet. Run `flask db upgrade`."
    if here in known():
        return f"The database is at schema {here}, the console needs {newest()}. Run `flask db upgrade`."
    return f"The database is at schema {here}, which this version of the console does not know. Install a newer one."


def newest() -> str | None:
    """The last migration there is."""
    return _scripts().get_current_head()


def known() -> set[str]:
    """Every migration there is."""
    return {script.revision for script in _scripts().walk_revisions()}


@cache
def _scripts() -> ScriptDirectory:
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return ScriptDirectory.from_config(settings)
