"""How a run ends: what its row says then, its parts, and what its connection learns of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from ... import clock
from ...models import Connection, RunPart, SyncRun
from ...models.run import LIVE_STATES
from ...storage import errors
from ...sync.outcome import Ending
from ..accounts import connections
from ..holds import Hold
from . import drift, run_steps

RETRY_AFTER_S = (60, 300, 900, 3600)  # a service that does not answer is tried again after these
CANCELLED = "Cancelled. What was read until then stays; the next run goes on from there."

_PARTS: Any = RunPart.__table__
_END_PARTS = update(_PARTS).where(_PARTS.c.run_id == bindparam("run")).values(live=False)


def write(session: Session, run: SyncRun, ending: Ending, hold: Hold, *, foreground: bool) -> None:
    """Write down how a run ended, or that it goes on later, in the caller's transaction.

    foreground: a person waits for it at a terminal, so a silent service is not tried again later.
    """
    now = clock.now()
    connection = (ending.connection_id and session.get(Connection, ending.connection_id)) or run.connection
    lost = ending.state == "needs_person" and ending.kind == "connection" and connection.status == "connected"
    if lost and connection.status_since > hold.begun:  # reconnected meanwhile: these were the old credentials
        ending, lost = Ending("failed", ending.message, ending.kind, silent=True), False
    ending = ending if foreground else _again_later(run, ending, now)
    if run.cancel_requested and ending.state in LIVE_STATES:
        ending = Ending("interrupted", CANCELLED)  # nobody wants it to go on
    _settle_parts(run, ending, now)
    asked_message = run.message if ending.state == "interrupted" and run.cancel_requested else None
    run.state, run.message, run.failure_kind = ending.state, asked_message or ending.message, ending.kind
    run.options = run_steps.added(run.options, hold.took)
    run.lease_owner = run.lease_until = None
    run.retry_at = ending.retry_at
    if ending.state not in LIVE_STATES:
        run.ended_at = now
        session.execute(_END_PARTS, {"run": run.id})
        drift.report(session, run)
        _end_problems(session, run, now)
    run.connection.budget = connections.budget_seen(hold.budget) or run.connection.budget
    if ending.state in ("done", "done_with_problems") and run.kind in ("full", "incremental"):
        run.connection.last_sync_at = now
    if lost:
        connection.status, connection.status_reason, connection.status_since = "needs_reconnect", ending.message, now


def _end_problems(session: Session, run: SyncRun, now: datetime) -> None:
    """An outage or a lost sign-in stayed an open problem for as long as nobody looked, over data that was all there."""
    whole = {part.resource for part in run.parts if part.state == "done" and part.complete}
    if whole and run.kind in ("full", "incremental", "push"):
        full = {part.resource for part in run.parts if part.mode == "full"}
        errors.resolve_read(session, connection_id=run.connection_id, resources=whole, in_full=whole & full, now=now)


def _again_later(run: SyncRun, ending: Ending, now: datetime) -> Ending:
    """A service that answered nothing at all is tried again by itself, a few times, with growing pauses."""
    if not ending.silent or run.attempts > len(RETRY_AFTER_S) or run.kind == "webhook":
        return ending  # deliveries are tried again for themselves
    until = now + timedelta(seconds=RETRY_AFTER_S[run.attempts - 1])
    return Ending("waiting", f"{ending.message} The run tries again by itself.", ending.kind, until)


def _settle_parts(run: SyncRun, ending: Ending, now: datetime) -> None:
    for part in run.parts:
        if ending.state in LIVE_STATES:
            if part.state in ("running", "failed"):
                part.state, part.ended_at = "queued", None
        elif part.state in ("queued", "running"):
            part.state, part.ended_at = "interrupted" if ending.state == "interrupted" else "failed", now
            part.message = part.message or ending.message
            part.failure_kind = part.failure_kind or ending.kind
