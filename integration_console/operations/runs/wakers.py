"""Who is woken when a run is asked for: nobody (workers look every second), or Procrastinate's queue on PostgreSQL.

The run row is the truth in both: a wake only says "look at this one". One that is lost is made again by the clock.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import structlog
from flask import current_app
from sqlalchemy import or_, select

from ... import clock
from ...models import Connection, SyncRun, db
from ..holds import database_time

if TYPE_CHECKING:
    from procrastinate import App

log = structlog.get_logger(__name__)

TASK, QUEUE = "carry a run", "runs"
FORGOTTEN_AFTER_S = 10  # a run nobody took until then is woken again
MOST_WOKEN = 500  # runs the clock wakes in one look
LOOK_EVERY_S = 5.0  # for jobs whose notice was lost
STALLED_AFTER_S = 30  # a worker not heard of for so long has died, and its jobs are put away
END_WITHIN_S = 7.0
_ADVISORY_LOCK = 7_214_001  # one process at a time makes the queue's tables


def distributed() -> bool:
    """Whether runs wait in Procrastinate's queue (ENGINE=procrastinate) and not only in their own table."""
    return current_app.config["SETTINGS"].ENGINE == "procrastinate"


def commit(*asked: SyncRun) -> None:
    """Commit runs that were asked for and wake whoever carries them out, in one transaction.

    Raises IntegrityError as the commit does when one of them is under way already.
    """
    if distributed() and asked:
        db.session.flush()
        app = _deferring()
        for run in asked:
            _defer(app, run.id)
    db.session.commit()


def wake_forgotten() -> int:
    """Wake workers for runs that could be carried out and are not: due again, given back, or left by a dead worker."""
    if not distributed():
        return 0
    now = database_time(db.session())
    free = or_(
        (SyncRun.state == "queued") & (SyncRun.queued_at < clock.now() - timedelta(seconds=FORGOTTEN_AFTER_S)),
        (SyncRun.state == "waiting") & (SyncRun.retry_at <= now),
        (SyncRun.state == "running") & (SyncRun.lease_until < now),
    )
    callable_now = or_(Connection.not_before.is_(None), Connection.not_before <= now)
    connected = or_(Connection.status == "connected", SyncRun.cancel_requested)
    query = select(SyncRun.id).join(Connection).where(free, callable_now, connected)
    found = list(db.session.scalars(query.order_by(SyncRun.id).limit(MOST_WOKEN)))
    app = _deferring() if found else None
    for number in found:
        _defer(app, number)
    db.session.commit()
    return len(found)


def _defer(app: Any, run_id: int) -> None:
    """One waiting wake a run: a second one is refused by the queue, and that is fine."""
    from procrastinate.exceptions import AlreadyEnqueued

    session = db.session()
    try:
        with session.begin_nested():
            task = app.configure_task(TASK, queue=QUEUE, queueing_lock=f"run:{run_id}", connection=session.connection())
            task.defer(run_id=run_id)
    except AlreadyEnqueued:
        pass


def _deferring() -> App:
    """The queue as web processes, commands and the clock fill it, through the application's own connections."""
    known = current_app.extensions.get("waking")
    if known is None:
        from procrastinate import App
        from procrastinate.contrib.sqlalchemy import SQLAlchemyPsycopg2Connector

        _make_tables()
        known = App(connector=SQLAlchemyPsycopg2Connector())
        known.open(db.engine)
        current_app.extensions["waking"] = known
    return known


def _make_tables() -> None:
    """Procrastinate's tables, made by whichever process comes first; a second one waits and finds them there."""
    from procrastinate.schema import SchemaManager

    with db.engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
        if connection.exec_driver_sql("SELECT to_regclass('procrastinate_jobs')").scalar() is None:
            connection.connection.cursor().execute(SchemaManager.get_schema())


# -- the worker's side ------------------------------------------------------------------------------------------------


def listen(carry: Callable[[int], None], *, slots: int, stopping: Event) -> None:
    """Carry out runs as the queue names them, `slots` at once, until `stopping` is set.

    carry: takes a run's number, claims that run and carries it out; called on threads of its own.
    """
    _deferring()  # makes the tables
    url = re.sub(r"^postgresql\+\w+://", "postgresql://", current_app.config["SETTINGS"].database_url)
    asyncio.run(_listen(carry, url, slots, stopping))


async def _listen(carry: Callable[[int], None], url: str, slots: int, stopping: Event) -> None:
    from procrastinate import App, PsycopgConnector

    loop, hands = asyncio.get_running_loop(), ThreadPoolExecutor(slots, thread_name_prefix="hand")
    app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=4))

    @app.task(name=TASK, queue=QUEUE)
    async def carry_run(run_id: int) -> None:
        await loop.run_in_executor(hands, carry, run_id)

    async with app.open_async():
        worker = asyncio.create_task(app.run_worker_async(
            queues=[QUEUE], concurrency=slots, install_signal_handlers=False, delete_jobs="always",
            fetch_job_polling_interval=LOOK_EVERY_S, shutdown_graceful_timeout=END_WITHIN_S,
        ))  # fmt: skip
        tidying = asyncio.create_task(_put_away_stalled(app))
        while not stopping.is_set() and not worker.done():
            await asyncio.sleep(0.2)
        tidying.cancel()
        worker.cancel()
        await asyncio.gather(worker, tidying, return_exceptions=True)
    hands.shutdown(wait=False, cancel_futures=True)


async def _put_away_stalled(app: App) -> None:
    """Jobs of dead workers would stay "doing" for ever; their runs are woken again by the clock."""
    from procrastinate.jobs import Status

    while True:
        await asyncio.sleep(STALLED_AFTER_S)
        try:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
                await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        except Exception as error:  # the database may be away; the next look is in half a minute
            log.warning("Stalled jobs could not be put away", error=type(error).__name__)
