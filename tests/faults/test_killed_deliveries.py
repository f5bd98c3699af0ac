"""A delivery outlives whoever took it in: killed before the answer, before the dispatch, while reading (H1, H3, S4)."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from integration_console import clock
from integration_console.models import Delivery, Record, SyncRun, WebhookSubscription, db
from integration_console.operations.accounts.hook_secrets import set_secret
from integration_console.sandbox.hooks import signed_as_clio
from tests.cli.conftest import HOME
from tests.operations.conftest import connect
from tests.web.door import address, post

from .conftest import Strike, kill, wait_for

pytestmark = pytest.mark.faults

SECRET = "whsec-of-a-hook-that-outlives-all"
SENT = 30


@pytest.fixture
def web(database, tmp_path):
    """web() starts the pages as `flask serve` does, on one socket that stays open when they are killed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        db.session.remove()
        own = {"INSTANCE_DIR": str(tmp_path), "DATABASE_URL": database}
        command = ["gunicorn", "wsgi:app", f"--bind=fd://{listener.fileno()}", "--worker-class=gthread", "--threads=4"]
        with open(tmp_path / "web.log", "ab") as said:
            started.append(subprocess.Popen(
                [sys.executable, "-m", *command, "--no-control-socket"], cwd=HOME, env={**os.environ, **own},
                pass_fds=(listener.fileno(),), start_new_session=True, stdout=said, stderr=said,
            ))  # fmt: skip
        return started[-1]

    start.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield start
    for process in started:
        shoot(process)
    listener.close()
    print((tmp_path / "web.log").read_text()[-4000:])


def shoot(process: subprocess.Popen) -> None:
    """End it and its own children as a power cut does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def hooked_clio(sandbox) -> str:
    """A connection with a hook whose secret the test knows; the path of its door."""
    number, now = connect(sandbox, "clio"), clock.now()
    row = WebhookSubscription(
        connection_id=number, topic="matter", external_id="7", url="x", state="active", asked_at=now, looked_at=now
    )
    db.session.add(row)
    db.session.flush()
    set_secret(row, SECRET)
    db.session.commit()
    return address(number)


def insist(url: str, matter: int) -> int:
    """Send one delivery until it is taken, as a sender does; how often that was."""
    said = {"data": {"id": matter, "etag": "a"}, "meta": {"event": "updated", "webhook_id": 7}}
    body = json.dumps(said).encode()
    for tries in range(1, 200):
        try:
            if post(url, body, signed_as_clio(SECRET)(body)).status == 200:
                return tries
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise AssertionError(f"the delivery of {matter} was never taken")


def states() -> Counter:
    db.session.rollback()
    found = Counter(dict(db.session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)).all()))
    db.session.remove()
    return found


def test_what_was_answered_is_read_once_though_everybody_who_had_it_in_hand_was_killed(session, sandbox, workers, web):
    url = web.url + hooked_clio(sandbox)
    matters = list(sandbox.clio.shelves["matters"].numbers())[:SENT]
    serving = web()
    insist(url, matters[0])  # it is up

    taken: list[int] = []
    with ThreadPoolExecutor(4) as senders:
        sending = [senders.submit(lambda one: taken.append(insist(url, one)), one) for one in matters]
        wait_for(lambda: len(taken) >= SENT // 3, "a third of them to be taken", 30)
        shoot(serving)  # with deliveries in hand: committed or not, and not answered
        serving = web()
        for one in sending:
            one.result(40)
    shoot(serving)  # every one is committed and answered, none is dispatched

    assert states() == {"waiting": SENT}
    worker: list = []
    strike = Strike(sandbox.clio, f"/matters/{matters[SENT // 2]}", 1, lambda: kill(worker[0]))
    worker.append(workers())
    assert strike.done.wait(40)
    assert states() == {"reading": SENT}

    workers()
    wait_for(lambda: states() == {"done": SENT}, "all of them to be read", 60)

    db.session.rollback()
    assert set(db.session.scalars(select(Delivery.tries))) == {0}
    kept = db.session.scalars(select(Record.external_id).filter_by(resource="matters"))
    assert Counter(kept) == Counter(map(str, matters))
    assert db.session.scalar(select(func.count()).where(SyncRun.state.in_(("queued", "running")))) == 0
    asked = Counter(one.path.removesuffix(".json").rpartition("/")[2] for one in sandbox.clio.requests
                    if "/matters/" in one.path)  # fmt: skip
    assert set(asked) == set(map(str, matters))
    assert max(asked.values()) <= 2  # again only by the one who took over
