"""A run carried out by the terminal's own process: asked for, claimed, watched, and taken over from a dead one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

from flask import Flask, current_app

from .. import clock
from ..errors import Conflict
from ..models import Connection, SyncRun, db, reading
from ..models.run import LIVE_STATES
from ..operations import holds
from ..operations.heart import Heart
from ..operations.runs import runs
from .plainly import Failed, who

LOOK_EVERY_S = 0.2
CLAIM_WITHIN_S = 5  # a run just asked for is ours or a worker's by then

Show = Callable[[SyncRun], None]


class Wanted(Protocol):
    """What somebody wants to have done here and now."""

    def ask(self) -> int: ...  # the number of a run that will do it
    def is_met_by(self, run: SyncRun) -> bool: ...  # whether that run, begun earlier, did it


@dataclass(frozen=True)
class Wish:
    """What is to be read."""

    connection: Connection
    kind: str
    only: tuple[str, ...] = ()
    records: tuple[str, ...] = ()

    def ask(self) -> int:
        """Ask for a run of it; the run's number. Raises as runs.request."""
        run = runs.request(
            self.connection, kind=self.kind, only=self.only, records=self.records, cause="command", asked_by=who()
        )
        run_id = run.id
        db.session.rollback()  # even a look holds SQLite's writer lock, which the claim needs
        return run_id

    def is_met_by(self, run: SyncRun) -> bool:
        """Whether that run, which somebody began earlier, read what is wished for, or could not."""
        if run.state not in ("done", "done_with_problems"):
            return True
        if self.records or run.kind == "record" or (self.kind == "full" and run.kind != "full"):
            return False
        return set(self.only) <= {part.resource for part in run.parts} if self.only else not run.in_part


def carry(wish: Wanted, show: Show) -> int:
    """Have it read, here and now; the number of the run that did.

    A run that a dead process left behind is taken over and finished first. Raises LiveRun when somebody is
    really reading the same.
    """
    while True:
        try:
            run_id = wish.ask()
        except runs.LiveRun as live:
            if hold := _take_over(live):
                _work_on(hold, show)
                if wish.is_met_by(_fresh(hold.run_id)):
                    return hold.run_id
            continue
        if hold := _claim_new(run_id):
            _work_on(hold, show)
        else:
            _follow(run_id, show)  # a worker was quicker
        return run_id


# -- getting hold of a run --------------------------------------------------------------------------------------------


def _claim(run_id: int) -> holds.Hold | None:
    found = holds.claim(db.engine, owner=holds.process_name(), lease_s=_lease_s(), run_id=run_id)
    return found[0] if found else None


def _lease_s() -> float:
    return current_app.config["SETTINGS"].LEASE_SECONDS


def _claim_new(run_id: int) -> holds.Hold | None:
    """Claim the run we asked for; None when a worker has it already."""
    end = clock.monotonic() + CLAIM_WITHIN_S
    while True:
        if hold := _claim(run_id):
            return hold
        run = _fresh(run_id)
        if run.state != "queued":
            return None
        if run.connection.not_before and run.connection.not_before > clock.now():
            _give_up(
                run, f"{run.connection.name} was told to slow down until {run.connection.not_before:%H:%M:%S} UTC."
            )
        if clock.monotonic() > end:
            _give_up(run, f"Run {run_id} could not be begun.")
        clock.sleep(LOOK_EVERY_S)


def _give_up(run: SyncRun, why: str) -> None:
    runs.cancel(run, who())
    raise Failed(f"{why} Nothing was read.")


def _take_over(live: runs.LiveRun) -> holds.Hold | None:
    """Claim a live run that nobody works on any more; None when it has ended meanwhile.

    A process of this machine can be looked for; of another machine only the lease tells, so its end is waited for.
    Raises the LiveRun when somebody is working on it.
    """
    first_lease = _fresh(live.run_id).lease_until
    while True:
        run = _fresh(live.run_id)
        if run.state not in LIVE_STATES:
            return None
        if run.state == "running" and run.lease_owner and holds.left_behind(run.lease_owner):
            holds.expire(db.engine, run.id, run.lease_owner)
        if hold := _claim(run.id):
            return hold
        if run.state != "running" or _is_of_this_machine(run.lease_owner) or run.lease_until != first_lease:
            raise live
        clock.sleep(LOOK_EVERY_S)


def _is_of_this_machine(owner: str | None) -> bool:
    return (owner or "").rpartition(":")[0] == holds.process_name().rpartition(":")[0]


def _fresh(run_id: int) -> SyncRun:
    """The run as it is stored now; no transaction stays open."""
    db.session.rollback()
    with reading():
        run = db.session.get(SyncRun, run_id, populate_existing=True)
        if run is None:
            raise Failed(f"Run {run_id} is gone.")
        _ = run.connection.status, [part.state for part in run.parts]
        db.session.expunge_all()
        db.session.rollback()
    return run


# -- working and watching ---------------------------------------------------------------------------------------------


def _work_on(hold: holds.Hold, show: Show) -> None:
    """Carry a claimed run out in a second thread, so that this one can show progress and hear signals."""
    hand = _Hand(current_app._get_current_object(), hold)  # type: ignore[attr-defined]
    hand.start()
    _watch(hold.run_id, lambda: not hand.is_alive(), show, hold)
    hand.join()
    if hand.error:
        raise hand.error


def _follow(run_id: int, show: Show) -> None:
    _watch(run_id, lambda: _fresh(run_id).state not in LIVE_STATES, show)


class _Hand(Thread):
    def __init__(self, app: Flask, hold: holds.Hold) -> None:
        super().__init__(name="hand", daemon=True)
        self.app, self.hold = app, hold
        self.heart = Heart(hold.lease_s)
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self.app.app_context(), self.heart.keeping(self.hold):
                runs.execute(self.hold, foreground=True)
        except Exception as error:
            self.error = error
        finally:
            self.heart.stop()


def _watch(run_id: int, is_over: Callable[[], bool], show: Show, hold: holds.Hold | None = None) -> None:
    """Show how a run goes on until it is over; Ctrl-C or SIGTERM cancels it at its next page edge."""
    with _asked_to_stop() as stop:
        cancelled = False
        while not is_over():
            show(_fresh(run_id))
            if stop.is_set() and not cancelled:
                _cancel(run_id, hold)
                cancelled = True
            stop.wait(LOOK_EVERY_S) if not cancelled else clock.sleep(LOOK_EVERY_S)
    show(_fresh(run_id))


def _cancel(run_id: int, hold: holds.Hold | None) -> None:
    try:
        runs.cancel(runs.find(run_id), who())
    except Conflict:
        return  # it has just ended
    if hold:
        hold.cancelled = True  # and does not sit waiting for its turn


@contextmanager
def _asked_to_stop() -> Iterator[Event]:
    """Set by the first Ctrl-C or SIGTERM; the second one ends the process as usual."""
    asked, before = Event(), {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def stop(*_signal) -> None:
        asked.set()
        for name, handler in before.items():
            signal.signal(name, handler)

    for name in before:
        signal.signal(name, stop)
    try:
        yield asked
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
