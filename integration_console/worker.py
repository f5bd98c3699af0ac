"""The clock (APScheduler) and the hands: asks for what is due, claims runs and carries them out."""

from __future__ import annotations

import signal
from threading import Event, Lock, Thread

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from . import clock
from .minder import settle_memory
from .models import db
from .operations import holds, schedule
from .operations.api import webhook_sending
from .operations.deliveries import deliveries
from .operations.heart import Heart
from .operations.keeping import backup_clock
from .operations.runs import runs, wakers

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0  # for queued runs, and for deliveries that came
END_WITHIN_S = 7.0  # of the ten seconds a worker has to end
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
        self.heart = Heart(self.lease_s)
        self._in_hand: dict[tuple[int, int], holds.Hold] = {}
        self._lock = Lock()
        self._last: dict[str, float] = {}

    def work(self) -> None:
        """Until told to stop: then every run in hand ends at its page edge and is free for another worker (D4)."""
        clockwork = self._start_clock()
        Thread(target=self._open_post, name="post", daemon=True).start()
        try:
            if self.app.config["SETTINGS"].ENGINE == "procrastinate":
                self._listen()
            while not self.stopping.is_set():
                self.freed.clear()
                if not self._hand_out() and self.freed.wait(LOOK_EVERY_S):
                    self.stopping.wait(GATHER_S)
        finally:
            clockwork.shutdown(wait=False)
            self._end()

    def once(self) -> int:
        """Do what is due now and return how many runs that were."""
        with self.app.app_context():
            schedule.do_chores(self._last)
            schedule.tick()  # also when another, perhaps dead, process has the clock's lease: twice is safe
        done = 0
        try:
            while not self.stopping.is_set():
                self.freed.clear()
                asked = self._dispatch() if not self._in_hand else 0
                taken = self._hand_out()
                if not asked and not taken and not self._in_hand:
                    break
                done += taken
                if not taken:
                    self.freed.wait(LOOK_EVERY_S)
        finally:
            self._tell()
            self._end()
        backup_clock.settle()
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
        # Beside the clock: an address that does not answer must not keep runs from being asked for.
        scheduler.add_job(self._tell, "interval", seconds=self.tick_s, coalesce=True, max_instances=1,
                          misfire_grace_time=None)  # fmt: skip
        scheduler.start()
        return scheduler

    def _tick(self) -> None:
        with self.app.app_context():
            schedule.do_chores(self._last)
        self.freed.set()

    def _listen(self) -> None:
        """Carry out what the queue names; where the queue cannot be reached, look again until it can."""
        while not self.stopping.is_set():
            try:
                with self.app.app_context():
                    wakers.listen(self._carry_number, slots=self.slots, stopping=self.stopping)
            except Exception as error:  # the loop survives any outage of the database (D3)
                log.warning("The queue cannot be reached; the next look is in a second", error=type(error).__name__)
            self.stopping.wait(LOOK_EVERY_S)

    def _carry_number(self, run_id: int) -> None:
        """Claim the run of that number and carry it out, unless another has it or it has to wait."""
        for hold in self._claim(1, run_id):
            with self._lock:
                self._in_hand[hold.run_id, hold.epoch] = hold
            self._carry_and_free(hold)

    def _open_post(self) -> None:
        """Look for deliveries every second; every worker may, for each is handed to one run only."""
        while not self.stopping.wait(LOOK_EVERY_S):
            if self._dispatch():
                self.freed.set()

    def _dispatch(self) -> int:
        try:
            with self.app.app_context():
                return deliveries.dispatch()
        except SQLAlchemyError as error:
            log.warning("Deliveries could not be looked at; the next look is in a second", error=type(error).__name__)
        except Exception:  # the next look may find another state of things
            log.exception("Deliveries could not be looked at")
        return 0

    def _tell(self) -> None:
        """Send what waits for a webhook."""
        try:
            with self.app.app_context():
                webhook_sending.send_due()
        except SQLAlchemyError as error:
            log.warning("Webhooks could not be sent; the next tick tries again", error=type(error).__name__)
        except Exception:  # the clock goes on
            log.exception("Webhooks could not be sent")

    def _hand_out(self) -> int:
        """Claim as many runs as there are free hands; how many that were."""
        with self._lock:
            free = self.slots - len(self._in_hand)
        taken = self._claim(free) if free > 0 else []
        with self._lock:
            self._in_hand |= {(hold.run_id, hold.epoch): hold for hold in taken}
        for hold in taken:  # daemons: a hand that waits for a silent upstream must not keep the process from ending
            Thread(target=self._carry_and_free, args=(hold,), name="hand", daemon=True).start()
        return len(taken)

    def _end(self) -> None:
        """Let every hand come to its page edge; what does not get there in time is dropped and given back (D4)."""
        self.stopping.set()
        ends = clock.monotonic() + END_WITHIN_S
        while self._in_hand and clock.monotonic() < ends:
            self.freed.clear()
            self.freed.wait(0.1)
        with self._lock:
            late = list(self._in_hand.values())
        for hold in late:
            try:
                holds.give_back(hold)
            except SQLAlchemyError as error:  # then its lease runs out by itself
                log.warning("A run could not be given back", run=hold.run_id, error=type(error).__name__)
        self.heart.stop()

    def _claim(self, most: int, run_id: int | None = None) -> list[holds.Hold]:
        try:
            with self.app.app_context():
                me = holds.process_name()
                return holds.claim(db.engine, owner=me, lease_s=self.lease_s, most=most, run_id=run_id)
        except SQLAlchemyError as error:  # the loop survives any outage of the database (D3)
            log.warning("Runs could not be claimed; the next look is in a second", error=type(error).__name__)
            return []

    def _carry_and_free(self, hold: holds.Hold) -> None:
        try:
            self._carry(hold)
        finally:
            with self._lock:
                del self._in_hand[hold.run_id, hold.epoch]
            self.freed.set()

    def _carry(self, hold: holds.Hold) -> None:
        hold.stopping = self.stopping
        try:
            with self.app.app_context(), self.heart.keeping(hold):
                runs.execute(hold)
        except Exception:  # its lease runs out and another takes it; this hand must go on
            log.exception("A run could not be carried out", run=hold.run_id)


def work(app: Flask, *, once: bool = False) -> int:
    """Run a worker in this process until SIGTERM or SIGINT; with `once`, until nothing is due. Returns runs done."""
    settle_memory()
    worker = Worker(app)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, worker.stop)
    if once:
        return worker.once()
    worker.work()
    return 0
