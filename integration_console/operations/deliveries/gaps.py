"""When deliveries may have been missed, what changed is read again by itself (H5)."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select

from ... import clock, services
from ...errors import ConsoleError
from ...models import Connection, Delivery, Setting, SyncRun, WebhookSubscription, db
from ..runs import forecasts, runs

log = structlog.get_logger(__name__)

HERE = "webhooks.here_at"  # when this installation was last seen awake
SHORTEST = timedelta(minutes=5)  # a restart; senders without retries lose what came within, and polling finds it
LONGEST_S = 3600.0  # a full read that takes longer would keep reads of changes waiting
NOTE_EVERY = timedelta(seconds=60)


def mend_silence() -> int:
    """If we were silent longer than a sender tries again, read what changed there; how many connections."""
    now, last = clock.now(), _here_at()
    if last is not None and now - last < NOTE_EVERY:
        db.session.rollback()
        return 0
    _note_here(now)
    if last is None or now - last <= SHORTEST:
        return 0
    asked = 0
    for connection in list(db.session.scalars(select(Connection).where(_is_told()))):
        webhook = services.by_key(connection.service).webhook
        if webhook and now - last > webhook.retries_for:
            asked += mend(connection, f"The console was away from {last:%Y-%m-%d %H:%M} UTC on.")
    return asked


def mend(connection: Connection, why: str) -> bool:
    """Ask for a read of what changed; False when one is under way already, or the connection is paused."""
    try:
        run = runs.request(connection, cause="webhook", asked_by=None)
    except ConsoleError as error:
        db.session.rollback()
        log.info("What webhooks may have missed is left to the next read", connection=connection.id, why=str(error))
        return False
    log.info("What webhooks may have missed is read", connection=run.connection_id, run=run.id, why=why)
    return True


def read_whole(connection: Connection, why: str) -> SyncRun:
    """Ask for a full read of all that takes an hour at most: what was not sent may be an edit of anything. What takes
    longer keeps to its own full reads, and its changes to the schedule.

    Raises LiveRun and Conflict, as any run that is asked for.
    """
    soon = [one.resource for one in forecasts.of(connection) if one.seconds is not None and one.seconds <= LONGEST_S]
    run = runs.request(connection, kind="full" if soon else "incremental", only=soon, cause="webhook")
    log.info("What was held back is read", connection=run.connection_id, run=run.id, why=why)
    return run


def _is_told():
    """Whether its service tells it of changes: by a hook we know of, or, where none needs a word of ours, as it has."""
    hooked = select(WebhookSubscription.id).where(WebhookSubscription.connection_id == Connection.id)
    heard = select(Delivery.id).where(Delivery.connection_id == Connection.id)
    return or_(hooked.exists(), heard.exists())


def _here_at() -> datetime | None:
    row = db.session.get(Setting, HERE)
    try:
        return clock.parse(row.value) if row else None
    except ValueError:
        return None


def _note_here(now: datetime) -> None:
    row = db.session.get(Setting, HERE) or Setting(name=HERE)
    row.value, row.updated_at = now.isoformat(), now
    db.session.add(row)
    db.session.commit()
