"""Holding a run: claim it by lease and epoch, write only while it is still ours (D2); heart.py keeps it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from threading import Event
from typing import Any

from sqlalchemy import Engine, bindparam, func, literal, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..errors import Cancelled, Conflict, LeaseLost
from ..models import Connection, RunPart, SyncRun, reading
from ..models.base import turn_to_write
from ..models.run import LIVE
from ..storage.leases import PUT_BACK
from ..storage.progress import keep_lease
from ..transport.meaning import LONGEST_WAIT_S

_RUNS: Any = SyncRun.__table__
_CONNECTIONS: Any = Connection.__table__

STOPPED = "The worker was stopped; another goes on from the last page."


def process_name() -> str:
    """Who we are in leases and heartbeats: host and process number."""
    return f"{socket.gethostname()}:{os.getpid()}"


class LiveRun(Conflict):
    """A run of the same is already under way."""

    def __init__(self, message: str, run_id: int) -> None:
        super().__init__(message)
        self.run_id = run_id


@dataclass
class Hold:
    """A claimed run. Whoever has it writes through `work`, which refuses once the lease is lost."""

    run_id: int
    epoch: int
    engine: Engine
    lease_s: float
    cancelled: bool = False
    lost: bool = False
    closing: bool = False  # the last writes go through although a cancel was asked for
    budget: dict | None = None  # what the upstream's headers last said, written down when the run is closed
    took: dict[str, float] = field(default_factory=dict)  # seconds of each step, written down when the run is closed
    stopping: Event = field(default_factory=Event)  # this process is asked to end
    begun: datetime = field(default_factory=clock.now)

    @contextmanager
    def work(self) -> Iterator[Session]:
        """A transaction in which the lease still holds; committed at its end.

        Raises LeaseLost when another process has the run, Cancelled when a person or our own end asks to stop.
        """
        with turn_to_write(self.engine), Session(self.engine) as session, session.begin():
            self.keep(session)
            if self.cancelled and not self.closing:
                raise Cancelled()
            yield session

    @contextmanager
    def keeping(self) -> Iterator[Session]:
        """The same for a read, its time counted as spent on keeping what came."""
        began = clock.monotonic()
        try:
            with self.work() as session:
                yield session
        finally:
            self.spend("keep", clock.monotonic() - began)

    def spend(self, step: str, seconds: float) -> None:
        """Add to the time of a step."""
        self.took[step] = self.took.get(step, 0.0) + seconds

    @contextmanager
    def look(self) -> Iterator[Session]:
        """A transaction that only reads: it waits for nobody who writes."""
        with reading(), Session(self.engine) as session:
            yield session

    def keep(self, session: Session) -> None:
        """Renew the lease; learn whether a cancel was asked for."""
        asked = keep_lease(session, self.run_id, self.epoch, self.lease_s)
        if asked is None or self.lost:
            self.lost = True
            raise LeaseLost()
        self.cancelled = asked or self.stopping.is_set()

    def should_stop(self) -> bool:
        """Whether waiting for our turn makes no sense any more."""
        return self.cancelled or self.lost or self.stopping.is_set()


def database_time(session: Session, later_s: float = 0) -> Any:
    """The database's own time as an SQL expression, so that machines with other clocks agree on a lease."""
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, later_s)
    return literal(clock.now() + timedelta(seconds=later_s), type_=SyncRun.lease_until.type)


def claim(engine: Engine, *, owner: str, lease_s: float, most: int = 1, run_id: int | None = None) -> list[Hold]:
    """Take up to `most` runs nobody works on: queued, due again, or left by a silent process. Oldest first.

    run_id: only this one.
    """
    postgresql = engine.dialect.name == "postgresql"
    free, take = _claiming(postgresql)
    now = clock.now()
    times = {"lease_s": lease_s} if postgresql else {"now": now, "until": now + timedelta(seconds=lease_s)}
    with engine.begin() as connection:
        which = free if run_id is None else free.where(_RUNS.c.id == run_id)
        ids = list(connection.execute(which, {"most": most, **times}).scalars())
        if not ids:
            return []
        taken = connection.execute(take, {"ids": ids, "owner": owner, "begun": now, **times}).all()
    return [Hold(run_id, epoch, engine, lease_s, cancelled) for run_id, epoch, cancelled in sorted(taken)]


@cache
def _claiming(postgresql: bool) -> tuple[Any, Any]:
    """Numbers of the runs that may be claimed now, the oldest first, each locked by who gets it; and to take those.

    Made once: to put such a statement together takes ten times what the database needs for it, every second.
    """
    now: Any = bindparam("now", type_=SyncRun.lease_until.type)
    until: Any = bindparam("until", type_=SyncRun.lease_until.type)
    if postgresql:  # the database's own time, as in database_time
        now = func.clock_timestamp()
        until = now + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("lease_s"))
    runs, theirs = _RUNS.c, _CONNECTIONS.c
    free = (
        select(runs.id)
        .join(_CONNECTIONS)
        .where(
            LIVE,
            or_(
                runs.state == "queued",
                (runs.state == "waiting") & (runs.retry_at <= now),
                (runs.state == "running") & (runs.lease_until < now),
            ),
            or_(theirs.status == "connected", runs.cancel_requested),  # a cancelled one is only closed
            or_(theirs.not_before.is_(None), theirs.not_before <= now),
        )
        .order_by(runs.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=_RUNS)
    )
    take = (
        update(_RUNS)
        .where(runs.id.in_(bindparam("ids", expanding=True)))
        .values(
            state="running", lease_owner=bindparam("owner"), lease_until=until, epoch=runs.epoch + 1,
            started_at=func.coalesce(runs.started_at, bindparam("begun", type_=SyncRun.started_at.type)),
            retry_at=None, attempts=runs.attempts + 1,
        )
        .returning(runs.id, runs.epoch, runs.cancel_requested)
    )  # fmt: skip
    return free, take


def stop(session: Session, run: SyncRun, message: str) -> None:
    """End a waiting run now and a working one at its page edge, in the caller's transaction."""
    idle = session.execute(
        update(SyncRun)
        .where(SyncRun.id == run.id, SyncRun.state.in_(("queued", "waiting")))
        .values(state="interrupted", ended_at=clock.now(), message=message)
    ).rowcount  # type: ignore[attr-defined]
    if idle:
        _release_parts(session, run.id)
    else:
        session.execute(
            update(SyncRun)
            .where(SyncRun.id == run.id, SyncRun.state == "running")  # not one that has just ended
            .values(cancel_requested=True, message=message)
        )


def _release_parts(session: Session, run_id: int) -> None:
    session.execute(
        update(RunPart)
        .where(RunPart.run_id == run_id, RunPart.state.in_(("queued", "running")))
        .values(state="interrupted")
    )
    session.execute(update(RunPart).where(RunPart.run_id == run_id).values(live=False))


def give_back(hold: Hold) -> None:
    """Let another process have a run at once; whoever still works on it here writes nothing more."""
    hold.lost = True
    with Session(hold.engine) as session, session.begin():
        given: Any = session.execute(
            update(SyncRun)
            .where(SyncRun.id == hold.run_id, SyncRun.epoch == hold.epoch, SyncRun.state == "running")
            .values(state="queued", lease_owner=None, lease_until=None, message=STOPPED)
        )
        if given.rowcount:
            parts = update(RunPart).where(RunPart.run_id == hold.run_id, RunPart.state == "running")
            session.execute(parts.values(state="queued"))


def left_behind(owner: str | None) -> bool:
    """Whether a lease's owner was a process of this machine that is no longer alive."""
    host, _, pid = (owner or "").rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def expire(engine: Engine, run_id: int, owner: str) -> None:
    """Let a dead process's lease end now instead of in half a minute."""
    with Session(engine) as session, session.begin():
        session.execute(
            update(SyncRun)
            .where(SyncRun.id == run_id, SyncRun.lease_owner == owner, SyncRun.state == "running")
            .values(lease_until=database_time(session, -1))
        )


def bring_back(engine: Engine, lease_s: float) -> int:
    """Cut leases and waits that end later than any can, as after a clock that was ahead was put back; how many.

    An owner that is alive renews its lease long before the cut one ends; what a dead one left is free then.
    """
    with Session(engine) as session, session.begin():
        after = partial(database_time, session)
        held = (SyncRun.state == "running", SyncRun.lease_until > after(lease_s + PUT_BACK.total_seconds()))
        waits = (SyncRun.state == "waiting", SyncRun.retry_at > after(LONGEST_WAIT_S + PUT_BACK.total_seconds()))
        cut: list[Any] = [
            session.execute(update(SyncRun).where(LIVE, *held).values(lease_until=after(lease_s))),
            session.execute(update(SyncRun).where(LIVE, *waits).values(retry_at=after())),
        ]
    return sum(done.rowcount for done in cut)
