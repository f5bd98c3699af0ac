"""Real `flask` processes beside a sandbox that can watch, delay and kill at the n-th request."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from integration_console.models import db
from tests.cli.conftest import HOME, forking, installed, wait_for
from tests.operations.conftest import point_at

__all__ = ["forking", "installed", "wait_for"]


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    """This test's own stand-in upstreams, and the settings that lead to them, for us and for processes we start."""
    point_at(monkeypatch, fresh_upstreams)
    monkeypatch.setenv("ALLOW_INSECURE_UPSTREAMS", "1")
    return fresh_upstreams


class Strike:
    """Does something at one upstream's n-th request, before or after it is answered (S4)."""

    def __init__(self, upstream, path: str, number: int, act: Callable[[], None], *, after: bool = False) -> None:
        self.path, self.left, self.act, self.after = path, number, act, after
        self.done = threading.Event()
        self._lock, self._answer = threading.Lock(), upstream.answer
        upstream.answer = self

    def __call__(self, request):
        mine = self._is_it(request)
        if mine and not self.after:
            self._strike()
        answer = self._answer(request)
        if mine and self.after:
            threading.Timer(0.02, self._strike).start()  # when the answer has left, as well as one can tell
        return answer

    def _is_it(self, request) -> bool:
        if not request.path.removesuffix(".json").endswith(self.path):
            return False
        with self._lock:
            self.left -= 1
            return self.left == 0

    def _strike(self) -> None:
        self.act()
        self.done.set()


@pytest.fixture
def workers(database, tmp_path):
    """workers() starts a worker; all that are left are killed at the end. What they say is in worker.log.

    It is started as what `flask worker` becomes, which is there in half the time; with arguments as `flask worker`.
    """
    started: list[subprocess.Popen] = []

    def start(*arguments: str, lease_s: float = 2, tick_s: float = 1, url: str = database, machine: str = "."):
        db.session.remove()
        own = {
            "INSTANCE_DIR": str(tmp_path / machine), "FLASK_APP": str(HOME / "wsgi.py"), "DATABASE_URL": url,
            "LEASE_SECONDS": str(lease_s), "TICK_SECONDS": str(tick_s), "PYTHONPATH": str(HOME),
        }  # fmt: skip
        program = ["flask", "worker", *arguments] if arguments else ["integration_console"]
        with open(tmp_path / "worker.log", "ab") as said:  # a pipe nobody reads would stop them when it is full
            process = subprocess.Popen(
                [sys.executable, "-m", *program], cwd=tmp_path, env={**os.environ, **own}, stdout=said, stderr=said
            )
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)
    if started:
        print((tmp_path / "worker.log").read_text()[-4000:])  # shown where the test failed


def kill(process) -> None:
    """End it as a power cut does."""
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait(20)
