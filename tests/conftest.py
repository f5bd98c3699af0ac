"""What tests stand on: a database of their own, the app, a client, a parsed page, upstreams, a clock that obeys.

app, client, page, session   on SQLite and on PostgreSQL, one after the other
engine                       the same, and on PostgreSQL also with the other way of waking workers
sqlite_app                   the app where one database is enough
upstreams, fresh_upstreams   the sandbox, shared or this test's own
mails                        a mail server, empty
clock                        advance() and travel_to() move it, sleep() only notes

@pytest.mark.settings(TICK_SECONDS=1)   settings of this test's app
@pytest.mark.one_database               this test needs SQLite only; or the one named: one_database("postgresql")
@pytest.mark.postgresql_at_length       `make test` runs it on SQLite only, `make faults` on PostgreSQL
@together("words", [...])               (cases.py) cases that only look share one database and app; each is named
"""

from __future__ import annotations

import contextvars
import gc
import os
import re
import sys
from datetime import datetime, timedelta

import hypothesis
import pytest
from flask import has_app_context
from flask.testing import FlaskClient

import config
from integration_console import clock as house_clock
from integration_console import create_app
from integration_console.models import db

from .databases import KINDS, PostgresClones, SqliteFiles, bare_app, client_programs
from .html_page import Page
from .mail_server import MailServer
from .once import fast_folder, remember, settle

OURS = re.compile(
    "|".join([*config.Settings.model_fields, "(CLIO|GHL|CLOCKIFY|STRIPE|SLACK|QUICKBOOKS|XERO)_.*", "FLASK_.*"])
)
ENGINES = (("sqlite", "embedded"), ("postgresql", "embedded"), ("postgresql", "procrastinate"))
GENEROUS = (1_000_000, 60.0)  # calls, seconds: nobody waits in a test that is not about waiting


def pytest_configure(config) -> None:
    gc.disable()  # until all tests are there, see settle()
    # Some machines are told to compile anew in every process: for ours it is half of a start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", fast_folder())  # where tmp_path is
    remember()
    _be_patient()
    config.addinivalue_line("markers", "settings(NAME=value): settings of this test's app")
    config.addinivalue_line("markers", "one_database(kind='sqlite'): one is enough for this test")
    config.addinivalue_line("markers", "postgresql_at_length: on PostgreSQL with `make faults` only")


def pytest_collection_finish() -> None:
    settle()


def _be_patient() -> None:
    """A machine with much else to do draws slowly; that says nothing about us."""
    slowly = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
    hypothesis.settings.register_profile("patient", **slowly)
    hypothesis.settings.load_profile("patient")


def pytest_generate_tests(metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("database, engine", ENGINES, indirect=True)
    elif "database" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("one_database") or "sqlite_app" in metafunc.fixturenames
        named = (getattr(one, "args", ()) or KINDS[:1]) if one else KINDS
        if metafunc.definition.get_closest_marker("postgresql_at_length"):
            # Each kind of statement it sends to PostgreSQL others send too, in `make test`, and there none was refused.
            named = [pytest.param(kind, marks=pytest.mark.faults if kind == "postgresql" else ()) for kind in named]
        metafunc.parametrize("database", named, indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_developer(tmp_path_factory):
    """A developer's environment and `.env` must not decide what a test finds."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if OURS.fullmatch(name.upper()):
                patch.delenv(name)
        patch.setenv("FLASK_SKIP_DOTENV", "1")
        patch.setenv("BACKUP_DIR", str(tmp_path_factory.mktemp("backups")))  # never the checkout's own
        patch.setenv("PG_BIN_DIR", client_programs())
        patch.setenv("BACKUP_EVERY_HOURS", "0")  # by itself only where a test is about it
        patch.setitem(config.Settings.model_config, "env_file", None)
        yield


# -- databases ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory, _nothing_of_the_developer):
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_clones(tmp_path_factory, _nothing_of_the_developer):
    clones = PostgresClones(tmp_path_factory.mktemp("postgresql"))
    yield clones
    clones.stop()


@pytest.fixture
def database(request, tmp_path):
    """The address of a fresh, migrated database: first SQLite, then PostgreSQL."""
    source = request.getfixturevalue("sqlite_files" if request.param == "sqlite" else "postgres_clones")
    with source.fresh(tmp_path) as url:
        yield url


@pytest.fixture
def engine(request) -> str:
    """Who wakes the workers, where a test asks for it."""
    return getattr(request, "param", "embedded")


@pytest.fixture
def settings(request, database, tmp_path):
    """The settings of this test's app."""
    marks = reversed(list(request.node.iter_markers("settings")))  # the nearest one wins
    wanted = {name: value for mark in marks for name, value in mark.kwargs.items()}
    basics = {"APP_ENV": "test", "ALLOW_INSECURE_UPSTREAMS": True, "INSTANCE_DIR": tmp_path, "DATABASE_URL": database,
              "BACKUP_DIR": tmp_path / "backups"}  # fmt: skip
    if "engine" in request.fixturenames:
        basics["ENGINE"] = request.getfixturevalue("engine")
    return config.load(**{**basics, **wanted})


# -- the app --------------------------------------------------------------------------------------------------------


@pytest.fixture
def app(settings):
    app = create_app(settings)
    app.config["TESTING"] = True
    app.test_client_class = Visitor
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def sqlite_app(app):
    """The app where SQLite is enough."""
    return app


@pytest.fixture
def session(request, settings):
    """db.session, in an app context; of the whole app only where the test asks for it."""
    app = request.getfixturevalue("app") if "app" in request.fixturenames else bare_app(settings)
    with app.app_context():
        yield db.session
        db.session.remove()
        db.engine.dispose()


class Visitor(FlaskClient):
    """A browser: every request stands alone, and sees what the test has put into its session."""

    def open(self, *args, **kwargs):
        if has_app_context():
            db.session.commit()  # also gives SQLite's writer lock back, which the request may need
        kwargs.setdefault("buffered", True)  # what is streamed is read to its end there
        # In a context of its own: within the test's, the request would share its `g` and its session.
        return contextvars.Context().run(super().open, *args, **kwargs)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def page(client):
    """page("/runs") opens an address and reads the page; page(response) reads one that is there already."""

    def read(what, **kwargs) -> Page:
        return Page(client.get(what, **kwargs) if isinstance(what, str) else what)

    return read


# -- the world ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def upstreams():
    """The sandbox, shared: for tests that only read from it."""
    with _sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def fresh_upstreams():
    """A sandbox of this test's own, to change, to script and to break."""
    with _sandbox() as sandbox:
        yield sandbox


def _sandbox():
    from integration_console.sandbox import KEYS, Sandbox

    return Sandbox(limits=dict.fromkeys(KEYS, GENEROUS))


@pytest.fixture
def mails():
    """A mail server that takes every letter."""
    server = MailServer()
    yield server
    server.close()


class Clock:
    """The house's clock in a test's hand."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self.slept: list[float] = []  # seconds

    def now(self) -> datetime:
        return house_clock.now()

    def advance(self, seconds: float = 0, **more: float) -> None:
        """Let time pass: advance(90), advance(days=2)."""
        self._offset += timedelta(seconds=seconds, **more)
        house_clock.set_offset(self._offset.total_seconds())

    def travel_to(self, moment: datetime) -> None:
        self.advance((moment - self.now()).total_seconds())

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@pytest.fixture
def clock(monkeypatch):
    """A clock that obeys; sleeping takes no time."""
    clock = Clock()
    monkeypatch.setattr(house_clock, "sleep", clock.sleep)
    yield clock
    house_clock.set_offset(0)
