"""Every night one resource of each connection is read as a whole, the longest unread first, to see what reads of
changes alone have missed (P10). What a check finds is told by drift.py.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select

from ... import clock, services
from ...errors import ConsoleError
from ...models import Checkpoint, Connection, SyncRun, db
from . import drift, forecasts, runs

log = structlog.get_logger(__name__)

NIGHT = range(1, 5)  # hours of the connection's own wall clock
ONCE_IN = timedelta(hours=12)  # a night is shorter, and the next one further away; what was read since needs none
LONGEST_S = 3600.0  # a resource that takes longer is left to a person's full read


def due() -> int:
    """Ask for tonight's checks; how many were asked for. A connection that is read by hand is checked by hand."""
    now = clock.now()
    query = select(Connection).where(Connection.status == "connected", Connection.frequency != "manual")
    asked = 0
    for connection in db.session.scalars(query).all():
        if now.astimezone(ZoneInfo(connection.time_zone)).hour in NIGHT and not _was_checked(connection, now):
            asked += _ask(connection)
    db.session.rollback()
    return asked


def _was_checked(connection: Connection, now: datetime) -> bool:
    query = select(SyncRun.id).where(
        SyncRun.connection_id == connection.id, SyncRun.cause == drift.CAUSE,
        SyncRun.queued_at.between(now - ONCE_IN, clock.latest()),
    )  # fmt: skip
    return db.session.scalar(query.limit(1)) is not None


def _ask(connection: Connection) -> int:
    """One check, if there is a resource to check; another run in its way makes it wait for the next round."""
    resource = _longest_unread(connection)
    if resource is None:
        return 0
    try:
        runs.request(connection, kind="full", only=[resource], cause=drift.CAUSE)
    except ConsoleError as error:
        db.session.rollback()
        log.info("A check waits", connection=connection.id, resource=resource, why=str(error))
        return 0
    return 1


def _longest_unread(connection: Connection) -> str | None:
    """Of what is read by its changes and was read whole before. Where every read is whole there is nothing to check."""
    service, off = services.by_key(connection.service), set(connection.settings.get("resources_off", ()))
    query = select(Checkpoint.resource).where(
        Checkpoint.connection_id == connection.id, Checkpoint.last_complete_at < clock.now() - ONCE_IN
    )
    names = [
        name
        for name in db.session.scalars(query.order_by(Checkpoint.last_complete_at))
        if name in service.resources and name not in off and not service.resources[name].lists_everything
    ]
    for name in names:
        (forecast,) = [one for one in forecasts.of(connection, [name]) if one.resource == name]
        if forecast.seconds is not None and forecast.seconds <= LONGEST_S:
            return name
    return None
