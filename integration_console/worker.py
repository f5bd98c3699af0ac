"""The clock (APScheduler) and the hands: asks for what is due, claims runs and carries them out."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from . import clock
from .models import db
from .operations import holds, runs, schedule

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0  # for queued runs
GATHER_S = 0.01  # hands that become free together are given work together


class Worker:
    """One worker process: as many hands as WORKER_SLOTS, each carrying one run."""

    def __init__(self, app: Flask) -> None:
        settings = app.config["SETTINGS"]
        self.app, self.slots, self.lease_s, self.tick_s = (
            app,
            settings.WORKER_SLOTS,
            settings.LEASE_SECONDS,
            settings.TICK_SECONDS,
        )
        self.stopping, self.freed = Event(), Event()
        self._busy, self._lock = 0, Lock()
        self._last: dict[str, float] = {}

    def work(self) -> None:
        """Until told to stop: then every run in hand ends at its page edge and is free for another worker (D4)."""
        clockwork = self._start_clock()
        heart = holds.Heart(self.lease_s)
        try:
            with ThreadPoolExecutor(self.slots, thread_name_prefix="hand") as hands:
                while not self.stopping.is_set():
                    self.freed.clear()
                    if not self._hand_out(hands, heart) and self.freed.wait(LOOK_EVERY_S):
                        self.stopping.wait(GATHER_S)
        finally:
            clockwork.shutdown(wait=False)
            heart.stop()

    def once(self) -> int:
        """Do what is due now and return how many runs that were."""
        with self.app.app_context():
            schedule.do_chores(self._last)
            schedule.tick()  # also when another, perhaps dead, process has the clock's lease: twice is safe
        heart, done = holds.Heart(self.lease_s), 0
        try:
            while not self.stopping.is_set() and (taken := self._claim(self.slots)):
                with ThreadPoolExecutor(self.slots) as hands:
                    list(hands.map(lambda hold: self._carry(hold, heart), taken))
                done += len(taken)
        finally:
            heart.stop()
        return done

    def stop(self, *_signal) -> None:
        """Ask the worker to end."""
        self.stopping.set()
        self.freed.set()

    def _start_clock(self):
        """APScheduler with its memory store: whoever holds the clock's lease acts, so several are safe (G5)."""
        from apscheduler.schedulers.background import BackgroundScheduler

        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(
            self._tick, "interval", seconds=self.tick_s, coalesce=True, max_instances=1, misfire_grace_time=None,
            next_run_time=clock.now(),
        )  # fmt: skip
        scheduler.start()
        return scheduler

    def _tick(self) -> None:
        with self.app.app_context():
            schedule.do_chores(self._last)
        self.freed.set()

    def _hand_out(self, hands: ThreadPoolExecutor, heart: holds.Heart) -> int:
        """Claim as many runs as there are free hands; how many that were."""
        with self._lock:
            free = self.slots - self._busy
        taken = self._claim(free) if free > 0 else []
        with self._lock:
            self._busy += len(taken)
        for hold in taken:
            hands.submit(self._carry_and_free, hold, heart)
        return len(taken)

    def _claim(self, most: int) -> list[holds.Hold]:
        try:
            with self.app.app_context():
                return holds.claim(db.engine, owner=holds.process_name(), lease_s=self.lease_s, most=most)
        except SQLAlchemyError as error:  # the loop survives any outage of the database (D3)
            log.warning("Runs could not be claimed; the next look is in a second", error=type(error).__name__)
            return []

    def _carry_and_free(self, hold: holds.Hold, heart: holds.Heart) -> None:
        try:
            self._carry(hold, heart)
        finally:
            with self._lock:
                self._busy -= 1
            self.freed.set()

    def _carry(self, hold: holds.Hold, heart: holds.Heart) -> None:
        hold.stopping = self.stopping
        try:
            with self.app.app_context(), heart.keeping(hold):
                runs.execute(hold)
        except Exception:  # its lease runs out and another takes it; this hand must go on
            log.exception("A run could not be carried out", run=hold.run_id)


def work(app: Flask, *, once: bool = False) -> int:
    """Run a worker in this process until SIGTERM or SIGINT; with `once`, until nothing is due. Returns runs done."""
    worker = Worker(app)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, worker.stop)
    if once:
        return worker.once()
    worker.work()
    return 0
