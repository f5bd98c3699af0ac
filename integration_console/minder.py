"""Processes of ours: settled in, started, kept alive, and ended with the process that minds them."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from . import clock
from .errors import ConsoleError

log = structlog.get_logger(__name__)

HOME = Path(__file__).resolve().parent.parent
END_WITHIN_S = 8  # of the ten seconds a stop may take
LONGEST_PAUSE_S = 30
BESIDE_EVERY_S = 3
LIVED_WELL_S = 60  # a child that lived so long has not failed at once


def settle_memory() -> None:
    """Tell the collector what kind of process this is: its own modules are no garbage, and pages are many small dicts.

    With the usual threshold it looks through everything several times a page: a seventh of a full read's time, and half
    of a preview's of ten thousand pairs. Not more than this many, though: the clock's chores leave rings behind, and as
    much of them is held, in a worker that reads for minutes, as one look waits for.
    """
    gc.freeze()
    gc.set_threshold(25_000, 20, 100)
    gc.enable()  # it rested while everything was loaded


class CannotServe(ConsoleError):
    """The console could not be started."""


@dataclass
class Child:
    """One process of ours, and how often it failed at once."""

    name: str
    command: Sequence[str]
    pass_fds: Sequence[int] = ()
    stdin: int | None = None
    stdout: int | None = None
    ends_last: bool = False  # others may need it until they have ended
    failures: int = 0
    start_at: float | None = None  # when it is started again, by clock.monotonic
    started_at: float = field(default=0.0, init=False)
    process: subprocess.Popen = field(init=False)

    def start(self) -> None:
        """Start it, or start it again."""
        here = [str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(here)}
        environment.pop("FLASK_RUN_FROM_CLI", None)
        extra: dict = {} if sys.platform == "win32" else {"pass_fds": self.pass_fds, "start_new_session": True}
        if sys.platform == "linux":
            extra["preexec_fn"] = _end_with_parent
        self.process = subprocess.Popen(self.command, env=environment, stdin=self.stdin, stdout=self.stdout, **extra)  # noqa: S603
        self.started_at, self.start_at = clock.monotonic(), None

    def look(self) -> None:
        """Start it again when it has ended: at first after a second, then after longer and longer."""
        now = clock.monotonic()
        if self.start_at is not None:
            if now >= self.start_at:
                self.start()
        elif (status := self.process.poll()) is not None:
            self.failures = 1 if now - self.started_at > LIVED_WELL_S else self.failures + 1
            pause_s = min(2 ** (self.failures - 1), LONGEST_PAUSE_S)
            self.start_at = now + pause_s
            log.warning(
                "A process ended by itself and is started again", process=self.name, status=status, pause_s=pause_s
            )


def _end_with_parent() -> None:
    """Linux: should `flask serve` be killed, its processes are told to end."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Minder:
    """Starts processes, keeps them alive, and ends them with itself."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def __enter__(self) -> Minder:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, _end)
        return self

    def __exit__(self, *_) -> None:
        """End all within the time a stop may take."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        deadline = clock.monotonic() + END_WITHIN_S
        for turn in (False, True):
            group = [child for child in self.children if child.ends_last is turn]
            for child in group:
                child.process.terminate()
            for child in group:
                _wait_or_kill(child.process, deadline)

    def start(self, name: str, command: Sequence[str], **how) -> Child:
        """Start a process and keep it alive from now on."""
        child = Child(name, command, **how)
        child.start()
        self.children.append(child)
        return child

    def must_live(self) -> None:
        """Raise CannotServe when a process has ended before everything was ready."""
        for child in self.children:
            if (status := child.process.poll()) is not None:
                raise CannotServe(f"The {child.name} process ended at once (status {status}).")

    def mind(self, beside: Callable[[], None]) -> None:
        """Until a signal ends us. beside: what else is looked after, every few seconds."""
        then = clock.monotonic()
        while True:
            for child in self.children:
                child.look()
            if clock.monotonic() >= then:
                beside()
                then = clock.monotonic() + BESIDE_EVERY_S
            clock.sleep(0.2)


def _end(*_signal) -> None:
    raise SystemExit(0)


def _wait_or_kill(process: subprocess.Popen, deadline: float) -> None:
    try:
        process.wait(max(deadline - clock.monotonic(), 0.2))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
