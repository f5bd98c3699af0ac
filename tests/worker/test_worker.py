"""One worker process: as many runs at once as it has hands, and none left behind when it ends."""

import os
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import func, select, text

from integration_console.models import Heartbeat, RunPart, SyncRun, db
from integration_console.operations.accounts import connections
from integration_console.worker import Worker
from tests.databases import bare_app
from tests.operations.conftest import ask, connect, point_at
from tests.operations.mapped import keep_only

pytestmark = [pytest.mark.settings(WORKER_SLOTS=3, LEASE_SECONDS=5, TICK_SECONDS=0.5)]
NAMES = ("users", "practice_areas", "groups", "tasks", "matters", "contacts", "currencies", "notes")


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    point_at(monkeypatch, fresh_upstreams)
    return fresh_upstreams


@pytest.fixture
def worker(settings, engine):
    """A worker in this process, at work in a thread; ended with the test."""
    worker = Worker(bare_app(settings))
    yield worker
    worker.stop()


def at_work(worker: Worker) -> threading.Thread:
    thread = threading.Thread(target=worker.work)
    thread.start()
    return thread


def asked(connection: int, *names: str) -> list[int]:
    numbers = [ask(connection, kind="full", only=[name]).id for name in names]
    db.session.remove()
    return numbers


def states() -> list[str]:
    found = list(db.session.scalars(select(SyncRun.state).order_by(SyncRun.id)))
    db.session.remove()
    return found


def chores_told() -> dict | None:
    found = db.session.scalar(select(Heartbeat.chores))
    db.session.remove()
    return found


def most_at_once() -> int:
    """How many runs were worked on at the same time, by their own times: a look now and then could miss it."""
    spans = list(db.session.execute(select(SyncRun.started_at, SyncRun.ended_at)))
    db.session.remove()
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


def until(condition, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_everything_asked_for_is_done_and_never_more_at_once_than_hands(session, sandbox, worker):
    connection = connect(sandbox, "clio")
    sandbox.clio.script("*", {"delay_s": 0.2, "through": True, "times": 999})
    asked(connection, *NAMES)
    thread = at_work(worker)

    assert until(lambda: set(states()) == {"done"}), states()
    assert 2 <= most_at_once() <= 3
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_worker_that_ends_gives_its_runs_back(session, sandbox, worker):
    """D4"""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("*", {"delay_s": 1, "through": True, "times": 999})
    asked(connection, "contacts", "matters")
    thread = at_work(worker)
    assert until(lambda: states() == ["running", "running"])

    worker.stop()
    thread.join(10)

    assert not thread.is_alive()
    assert set(states()) <= {"queued", "done"}
    assert db.session.scalar(select(func.count()).where(SyncRun.lease_owner.is_not(None))) == 0
    assert db.session.scalar(select(func.count()).where(RunPart.state == "running")) == 0


def test_the_clock_asks_and_the_hands_do(session, sandbox, worker):
    keep_only(sandbox.clockify, "time_entries", 60)
    number = connect(sandbox, "clockify")
    connections.set_schedule(connections.find(number), "hourly", "UTC", by="Ana")
    db.session.execute(text("UPDATE connection SET next_due_at = '2026-01-01 00:00:00'"))
    db.session.commit()
    db.session.remove()
    thread = at_work(worker)

    assert until(lambda: states() == ["done"], 60), states()  # a whole account
    assert db.session.scalar(select(SyncRun.cause)) == "schedule"
    assert until(chores_told, 60)  # the clock's first round may end after the run it asked for
    db.session.remove()
    worker.stop()
    thread.join(10)


def test_once_does_what_is_due_and_ends(session, sandbox, worker):
    keep_only(sandbox.clio, "matters", 60)
    connection = connect(sandbox, "clio")
    asked(connection, *NAMES[:5])

    assert worker.once() == 5
    assert set(states()) == {"done"}


def test_a_hand_goes_on_after_a_run_that_blew_up(session, sandbox, worker, monkeypatch):
    """D3: such a run is another's when its lease is over."""
    from integration_console.operations.runs import runs

    connection, execute, blown = connect(sandbox, "clio"), runs.execute, []

    def blow(hold, **options):
        if not blown:
            blown.append(hold.run_id)
            raise MemoryError
        return execute(hold, **options)

    monkeypatch.setattr(runs, "execute", blow)
    numbers = asked(connection, "users", "groups", "tasks", "matters")
    thread = at_work(worker)

    assert until(lambda: states().count("done") == 3)
    assert until(lambda: set(states()) == {"done"}, 60), states()
    assert blown[0] in numbers
    worker.stop()
    thread.join(10)


def test_a_worker_lives_through_a_database_that_is_away(session, sandbox, worker):
    """D3"""
    connection = connect(sandbox, "clio")
    db.session.execute(text("ALTER TABLE sync_run RENAME TO away"))
    db.session.commit()
    thread = at_work(worker)
    time.sleep(1.5)
    assert thread.is_alive()
    db.session.execute(text("ALTER TABLE away RENAME TO sync_run"))
    db.session.commit()
    asked(connection, "users")

    assert until(lambda: states() == ["done"])
    worker.stop()
    thread.join(10)


def test_a_worker_loads_nothing_that_only_people_use(tmp_path):
    """What is loaded it holds for weeks; -X importtime tells each module as soon as it is there."""
    command = [sys.executable, "-X", "importtime", "-m", "integration_console"]
    own = {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/console.db", "APP_ENV": "test"}
    loaded: set[str] = set()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **own}) as process:
        for line in process.stderr or ():
            loaded.add(line.rpartition("|")[2].strip())
            if "integration_console.worker" in loaded:
                break
        process.kill()

    assert "integration_console.worker" in loaded
    packages = {name.rpartition(".")[0] for name in loaded}  # by what is in them: one that was refused is told, too
    assert not packages & {
        "alembic", "argon2", "flask_limiter", "flask_login", "flask_wtf", "greenlet", "integration_console.web",
        "nameparser", "oauthlib", "openpyxl", "phonenumbers", "procrastinate", "psycopg", "requests", "rich", "wtforms",
    }  # fmt: skip
