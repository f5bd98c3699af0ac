"""Telling others what happened: events found in what runs, connections and issues left behind, sent until they arrive.

Events are looked for, not announced: whatever ends a run or opens an issue need not know that anybody is told, and
what happened while no worker ran is told later. An event found twice is one message.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from flask import current_app
from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ... import clock
from ...models import Connection, Issue, SyncRun, WebhookMessage, WebhookTarget, db
from ...models.run import ENDED_STATES, READS
from .. import several
from . import sync_status

OVERLAP = timedelta(minutes=10)  # what was committed late is still found
FINISHED, LOST, OPENED = "run.finished", "connection.needs_reconnect", "issue.opened"
TYPES = (FINISHED, LOST, OPENED)
TOLD = select(WebhookTarget.connection_id)
Event = tuple[int, str, str, dict[str, Any]]  # connection number, type, what tells it from others, its data
Found = Iterator[tuple[int, str, datetime, str, dict[str, Any]]]  # the same with its time


def find() -> int:
    """Turn what has happened since the last look into messages; how many are new."""
    targets = {target.connection_id: target for target in db.session.scalars(select(WebhookTarget))}
    if not targets:
        db.session.rollback()
        return 0
    now, since = clock.now(), min(target.looked_until for target in targets.values()) - OVERLAP
    new = 0
    for found in (_runs(since), _connections(since), _issues(since)):
        for connection_id, kind, at, event, data in found:
            target = targets.get(connection_id)  # none: set in this moment, and so told of what comes next
            if target and at >= max(target.looked_until - OVERLAP, target.created_at):
                new += _keep((connection_id, kind, event, data), at, now)
    db.session.execute(update(WebhookTarget).values(looked_until=now))
    db.session.commit()
    return new


def _runs(since: datetime) -> Found:
    ended = (SyncRun.ended_at >= since, SyncRun.state.in_(ENDED_STATES), SyncRun.kind.in_(READS))
    for run in db.session.scalars(select(SyncRun).where(*ended, SyncRun.connection_id.in_(TOLD))):
        if run.ended_at:
            sync = {name: _plain(value) for name, value in sync_status.describe(run).items()}
            yield run.connection_id, FINISHED, run.ended_at, str(run.id), {"sync": sync, "message": run.message}


def _connections(since: datetime) -> Found:
    lost = (Connection.status == "needs_reconnect", Connection.status_since >= since, Connection.id.in_(TOLD))
    for one in db.session.scalars(select(Connection).where(*lost)):
        yield one.id, LOST, one.status_since, one.status_since.isoformat(), {"reason": one.status_reason}


def _issues(since: datetime) -> Found:
    recent = or_(Issue.first_seen_at >= since, Issue.regressed_at >= since)
    opened = (Issue.state == "open", Issue.last_seen_at >= since, recent, Issue.connection_id.in_(TOLD))
    for issue in db.session.scalars(select(Issue).where(*opened)):
        at = issue.regressed_at or issue.first_seen_at
        told = {"kind": issue.kind, "title": issue.title, "resource": issue.resource, "count": issue.count}
        address = f"{current_app.config['SETTINGS'].BASE_URL.rstrip('/')}/errors/{issue.id}"
        if issue.connection_id:
            yield issue.connection_id, OPENED, at, f"{issue.id}:{at.isoformat()}", {"issue": told | {"url": address}}


def _keep(event: Event, at: datetime, now: datetime) -> int:
    """Add a message, unless this event has one."""
    connection_id, kind, name, data = event
    connection = db.session.get_one(Connection, connection_id)
    body = {
        "type": kind, "timestamp": _plain(at),
        "data": {"connectionId": f"conn_{connection.key}", "service": connection.service, **data},
    }  # fmt: skip
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    new = dialect.insert(WebhookMessage).values(
        connection_id=connection_id, key=f"msg_{uuid4().hex}", type=kind, event=f"{kind}:{name}"[:100],
        body=orjson.dumps(body).decode(), state="pending", tries=0, due_at=now, created_at=now,
    )  # fmt: skip
    once = new.on_conflict_do_nothing(index_elements=["connection_id", "event"]).returning(WebhookMessage.id)
    return int(db.session.scalar(once) is not None)


def _plain(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.isoformat(timespec="seconds").replace("+00:00", "Z")


# -- looking ----------------------------------------------------------------------------------------------------------


def latest(connection_id: int, limit: int = 10) -> list[WebhookMessage]:
    """The last messages of a connection, the newest first."""
    query = select(WebhookMessage).where(WebhookMessage.connection_id == connection_id)
    return list(db.session.scalars(query.order_by(WebhookMessage.id.desc()).limit(limit)))


def count_above(connection_id: int, number: int, most: int) -> int:
    """How many messages of a connection came after this one, counted to one more than `most`."""
    of = (WebhookMessage.connection_id == connection_id, WebhookMessage.id > number)
    return several.count(select(WebhookMessage.id).where(*of), most)


def given_up(connection_id: int) -> int:
    """How many messages of a connection nobody took."""
    dead = (WebhookMessage.connection_id == connection_id, WebhookMessage.state == "dead")
    return db.session.scalar(select(func.count()).where(*dead)) or 0
