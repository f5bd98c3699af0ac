"""Runs of mappings, one at a time for each: asked for by a person or after a read; push_runs.py carries them out."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError

from ... import clock
from ...errors import Conflict, ConsoleError, NotFound
from ...models import Change, Checkpoint, Connection, DataMapping, MappingVersion, RunPart, SyncRun, db
from ...sync.carrying.leaving import CALL_ENDS_S
from .. import outbound
from ..holds import LiveRun, stop
from . import wakers

log = structlog.get_logger(__name__)

RECENT_RUNS = 2_000  # among these are all that ended since a mapping's last run, or a read has come in between
AS_THEN = "as then"  # among a run's options: a person asked for this version, whichever is on
OUTBOX = "outbox"  # the line of a run that sends what belongs to no mapping


def part_name(mapping_id: int) -> str:
    """A mapping's line in a receipt; also what makes a second live run of it impossible."""
    return f"mapping:{mapping_id}"


def request(
    mapping: DataMapping, *, cause: str = "person", asked_by: str | None = None, release_brake: bool = False,
    version: int | None = None,
) -> SyncRun:  # fmt: skip
    """Ask for a run of an active mapping; a worker picks it up within seconds.

    version: an earlier one that was on, for this one run.
    Raises Conflict when it is not active, one of its connections is not connected, a run of it is under way, or
    nothing is sent since a restore; NotFound when that version was never on.
    """
    outbound.refuse_while_held()
    if mapping.state != "active":
        raise Conflict(f"The mapping {mapping.name} is not active.")
    for connection in (mapping.left_connection, mapping.right_connection):
        if connection.status != "connected":
            raise Conflict(f"The connection {connection.name} is not connected now.")
    if version is not None and version != mapping.active_version:
        _must_have_been_on(mapping, version)
    run = SyncRun(
        connection_id=mapping.left_connection_id, kind="push", state="queued", cause=cause, asked_by=asked_by,
        queued_at=clock.now(), mapping_id=mapping.id, mapping_version=version or mapping.active_version,
        options={"released": release_brake, **({AS_THEN: True} if version is not None else {})},
        parts=[RunPart(connection_id=mapping.left_connection_id, resource=part_name(mapping.id))],
    )  # fmt: skip
    number, name, connection_id = mapping.id, mapping.name, mapping.left_connection_id
    db.session.add(run)
    try:
        wakers.commit(run)
    except IntegrityError:
        db.session.rollback()
        raise _in_the_way(connection_id, part_name(number), name) from None
    return run


def _must_have_been_on(mapping: DataMapping, version: int) -> None:
    query = select(MappingVersion.id).filter_by(mapping_id=mapping.id, number=version, state="retired")
    if db.session.scalar(query) is None:
        raise NotFound(f"Version {version} of the mapping {mapping.name} was never on.")


def _in_the_way(connection_id: int, part: str, name: str) -> Conflict:
    live = select(RunPart.run_id).where(RunPart.connection_id == connection_id, RunPart.resource == part, RunPart.live)
    said = f"A run of the mapping {name} is under way already."
    return LiveRun(said, found) if (found := db.session.scalar(live)) else Conflict(said)


def send_waiting(connection: Connection, *, cause: str, asked_by: str | None = None) -> SyncRun | None:
    """Ask for a run that sends what waits for a connection and belongs to no mapping; none while one is under way."""
    run = SyncRun(
        connection_id=connection.id, kind="push", state="queued", cause=cause, asked_by=asked_by,
        queued_at=clock.now(), options={}, parts=[RunPart(connection_id=connection.id, resource=OUTBOX)],
    )  # fmt: skip
    db.session.add(run)
    try:
        wakers.commit(run)
    except IntegrityError:
        db.session.rollback()
        return None
    return run


def nudge(mapping_id: int | None, *, cause: str = "person", asked_by: str | None = None) -> None:
    """Ask for a run if one may be asked for: after a decision whose carrying should not wait for the next read."""
    mapping = db.session.get(DataMapping, mapping_id) if mapping_id else None
    if mapping is not None:
        try:
            request(mapping, cause=cause, asked_by=asked_by)
        except Conflict:
            db.session.rollback()  # the run under way, or the next one, sees to it


def carry_on(mapping: DataMapping) -> None:
    """Ask for a run after single records of it were read, if one may be asked for and nobody has to decide first."""
    if not _waits_for_person(mapping, _last_begun(mapping)):
        nudge(mapping.id, cause="mapping")


def due() -> int:
    """Ask for a run of every active mapping with something new to carry; how many were asked for."""
    if outbound.is_held():
        db.session.rollback()
        return 0
    _give_way()
    asked = 0
    for number in list(db.session.scalars(select(DataMapping.id).where(DataMapping.state == "active"))):
        mapping = db.session.get_one(DataMapping, number)
        if not _has_news(mapping):
            continue
        try:
            request(mapping, cause="mapping")
            asked += 1
        except ConsoleError as error:
            db.session.rollback()
            log.info("A mapping was not carried now", mapping=number, why=str(error))
    single = select(Change.connection_id).where(Change.mapping_id.is_(None), _is_due()).distinct()
    for number in list(db.session.scalars(single)):
        connection = db.session.get_one(Connection, number)
        asked += connection.status == "connected" and send_waiting(connection, cause="mapping") is not None
    db.session.rollback()
    return asked


def outdated(run: SyncRun, mapping: DataMapping) -> str:
    """Why a run of a mapping is not to go on after a wait: another version is on since it was asked for."""
    if run.mapping_version == mapping.active_version or run.options.get(AS_THEN):
        return ""
    return f"Version {mapping.active_version} of the mapping is on by now, and its own run carries what is left."


def _give_way() -> None:
    """Stop what waits in a version that is off: it would go on in it, and keeps the mapping's next run back."""
    query = select(SyncRun, DataMapping).join(DataMapping, DataMapping.id == SyncRun.mapping_id).where(
        SyncRun.state == "waiting", SyncRun.mapping_version != DataMapping.active_version
    )  # fmt: skip
    for run, mapping in db.session.execute(query).all():
        if why := outdated(run, mapping):
            stop(db.session(), run, why)
    db.session.commit()


def _has_news(mapping: DataMapping) -> bool:
    """Whether one of its resources was read, it was changed, or a write came due since its last run began."""
    live = select(RunPart.id).where(RunPart.resource == part_name(mapping.id), RunPart.live)
    if db.session.scalar(live.limit(1)):
        return False
    last = _last_begun(mapping)
    if _waits_for_person(mapping, last):
        return False
    read = db.session.scalar(select(func.max(Checkpoint.last_read_at)).where(_is_of(mapping, Checkpoint)))
    if last is None or (read and read > last) or mapping.updated_at > last or _told_of_news(mapping, last):
        return True
    return bool(db.session.scalar(select(Change.id).where(Change.mapping_id == mapping.id, _is_due()).limit(1)))


def _last_begun(mapping: DataMapping) -> datetime | None:
    """When its last run began."""
    begun = (SyncRun.mapping_id == mapping.id, SyncRun.started_at <= clock.latest())
    return db.session.scalar(select(func.max(SyncRun.started_at)).where(*begun))


def _waits_for_person(mapping: DataMapping, last: datetime | None) -> bool:
    """Whether somebody decides before anything more is written; a lost sign-in needs no more than a new one."""
    stopped = db.session.scalar(select(SyncRun).filter_by(mapping_id=mapping.id).order_by(SyncRun.id.desc()).limit(1))
    braked = stopped and stopped.state == "needs_person" and stopped.failure_kind != "connection"
    return bool(braked and last and mapping.updated_at <= last)


def _told_of_news(mapping: DataMapping, last: datetime) -> bool:
    """Whether records of it were read by webhook since: such a run ends soon after it is asked for."""
    newest = db.session.scalar(select(func.max(SyncRun.id))) or 0
    query = select(SyncRun.id).join(RunPart).where(
        SyncRun.id > newest - RECENT_RUNS, SyncRun.kind == "webhook", SyncRun.ended_at >= last,
        _is_of(mapping, RunPart), RunPart.new + RunPart.changed + RunPart.deleted > 0,
    )  # fmt: skip
    return db.session.scalar(query.limit(1)) is not None


def _is_of(mapping: DataMapping, rows: type[Checkpoint | RunPart]) -> ColumnElement[bool]:
    """Whether a row is about what one of its sides reads."""
    return or_(
        (rows.connection_id == mapping.left_connection_id) & (rows.resource == mapping.left_resource),
        (rows.connection_id == mapping.right_connection_id) & (rows.resource == mapping.right_resource),
    )


def _is_due() -> ColumnElement[bool]:
    """Whether a write waits, or was being sent by a process that died: it would keep all others of its record back."""
    now = clock.now()
    waits = Change.state.in_(("pending", "retry", "uncertain"))
    left = (Change.state == "sending") & (Change.sent_at <= now - timedelta(seconds=CALL_ENDS_S))
    return or_(waits & or_(Change.retry_at.is_(None), Change.retry_at <= now), left)
