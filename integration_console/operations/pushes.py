"""Runs of mappings: asked for after a read or by a person, carried out like any run, one at a time for each mapping."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..errors import BrakeApplied, Conflict, ConsoleError, NeedsPerson, NotFound, Parked
from ..models import Change, Checkpoint, Connection, DataMapping, MappingVersion, RunPart, SyncRun, db
from ..services.base import Upstream
from ..storage import errors
from ..sync.crossing import Bridge, Crossing, PushRun
from ..sync.leaving import CALL_ENDS_S
from ..sync.mapping import Mapping
from ..sync.outcome import Ending
from ..sync.push import Sender
from . import connections, crossings, outbound, outbox, wakers
from .accounts import Opened
from .holds import Hold, LiveRun
from .rules import rules

log = structlog.get_logger(__name__)


RECENT_RUNS = 2_000  # among these are all that ended since a mapping's last run, or a read has come in between
OUTBOX = "outbox"  # the line of a run that sends what belongs to no mapping


def part_name(mapping_id: int) -> str:
    """A mapping's line in a receipt; also what makes a second live run of it impossible."""
    return f"mapping:{mapping_id}"


# -- asking -----------------------------------------------------------------------------------------------------------


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
        options={"released": release_brake},
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


def due() -> int:
    """Ask for a run of every active mapping with something new to carry; how many were asked for."""
    if outbound.is_held():
        db.session.rollback()
        return 0
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


def _has_news(mapping: DataMapping) -> bool:
    """Whether one of its resources was read, it was changed, or a write came due since its last run began."""
    live = select(RunPart.id).where(RunPart.resource == part_name(mapping.id), RunPart.live)
    if db.session.scalar(live.limit(1)):
        return False
    last = db.session.scalar(select(func.max(SyncRun.started_at)).where(SyncRun.mapping_id == mapping.id))
    stopped = db.session.scalar(select(SyncRun).filter_by(mapping_id=mapping.id).order_by(SyncRun.id.desc()).limit(1))
    braked = stopped and stopped.state == "needs_person" and stopped.failure_kind != "connection"
    if braked and last and mapping.updated_at <= last:
        return False  # a person decides before anything more is written; a lost sign-in needs no more than a new one
    read = db.session.scalar(
        select(func.max(Checkpoint.last_read_at)).where(
            or_(
                (Checkpoint.connection_id == mapping.left_connection_id)
                & (Checkpoint.resource == mapping.left_resource),
                (Checkpoint.connection_id == mapping.right_connection_id)
                & (Checkpoint.resource == mapping.right_resource),
            )
        )
    )
    if last is None or (read and read > last) or mapping.updated_at > last or _told_of_news(mapping, last):
        return True
    return bool(db.session.scalar(select(Change.id).where(Change.mapping_id == mapping.id, _is_due()).limit(1)))


def _told_of_news(mapping: DataMapping, last: datetime) -> bool:
    """Whether records of it were read by webhook since: such a run ends soon after it is asked for."""
    newest = db.session.scalar(select(func.max(SyncRun.id))) or 0
    sides = or_(
        (RunPart.connection_id == mapping.left_connection_id) & (RunPart.resource == mapping.left_resource),
        (RunPart.connection_id == mapping.right_connection_id) & (RunPart.resource == mapping.right_resource),
    )
    query = select(SyncRun.id).join(RunPart).where(
        SyncRun.id > newest - RECENT_RUNS, SyncRun.kind == "webhook", SyncRun.ended_at >= last, sides,
        RunPart.new + RunPart.changed + RunPart.deleted > 0,
    )  # fmt: skip
    return db.session.scalar(query.limit(1)) is not None


def _is_due() -> ColumnElement[bool]:
    """Whether a write waits, or was being sent by a process that died: it would keep all others of its record back."""
    now = clock.now()
    waits = Change.state.in_(("pending", "retry", "uncertain"))
    left = (Change.state == "sending") & (Change.sent_at <= now - timedelta(seconds=CALL_ENDS_S))
    return or_(waits & or_(Change.retry_at.is_(None), Change.retry_at <= now), left)


# -- carrying out -----------------------------------------------------------------------------------------------------


def carry_out(hold: Hold) -> Ending | None:
    """Carry a claimed push run. Raises like a read does."""
    opened = _Accounts(hold)
    try:
        return _carry(hold, opened)
    except NeedsPerson as error:
        return Ending("needs_person", str(error), error.kind, connection_id=opened.shut_out())


def _carry(hold: Hold, opened: _Accounts) -> Ending | None:
    run = db.session.get_one(SyncRun, hold.run_id)
    if run.parts[0].resource == OUTBOX:
        return _send_single(hold, run, opened)
    mapping = db.session.get(DataMapping, run.mapping_id) if run.mapping_id else None
    if mapping is None or run.mapping_version is None:
        return Ending("failed", "The mapping is not there any more. Nothing was written.", "ours")
    if mapping.state != "active":
        return Ending("failed", f"The mapping {mapping.name} was switched off meanwhile. Nothing was written.", "ours")
    for connection in (mapping.left_connection, mapping.right_connection):
        if connection.status != "connected":
            return Ending(
                "failed", f"The connection {connection.name} is not connected. Nothing was written.", "connection"
            )
    crossing = crossings.of(mapping, run.mapping_version, hold.look, opened.upstream_of)
    bridge = _bridge(hold, run, mapping, opened)
    db.session.rollback()
    db.session.remove()
    return _carry_over(hold, crossing, bridge)


def _bridge(hold: Hold, run: SyncRun, mapping: DataMapping, opened: _Accounts) -> Bridge:
    """All a run of a mapping needs of us: its lease, its accounts, the firm's limits, and the mappings beside it."""

    ends = mapping.left_connection_id, mapping.right_connection_id

    def other(flow: str) -> Crossing | None:
        try:
            found = crossings.active_flow(flow, *ends)
            return crossings.of(found, found.active_version, hold.look, opened.upstream_of) if found else None
        finally:
            db.session.remove()  # or what it looked at would keep SQLite's writer lock from the next page

    current = run.mapping_version == mapping.active_version
    return Bridge(
        run_id=hold.run_id, part_id=run.parts[0].id, work=hold.work, look=hold.look, flush=opened.flush, rules=rules(),
        others=other, calls=opened.calls, expected=mapping.first_run if current else None,
        released=bool(run.options.get("released")), spend=hold.spend,
    )  # fmt: skip


def _carry_over(hold: Hold, crossing: Crossing, bridge: Bridge) -> Ending | None:
    """Carry it to its end, or to where it must wait or a person decides."""
    try:
        ending = PushRun(crossing, bridge).run()
    except Parked as error:
        return Ending("waiting", f"{error} The run goes on then by itself; nothing was lost.", error.kind, error.until)
    except BrakeApplied as error:
        _file_brake(hold, crossing, error)
        return Ending("needs_person", str(error), error.kind)
    _first_run_done(crossing.mapping, hold)
    return ending


def _send_single(hold: Hold, run: SyncRun, opened: _Accounts) -> Ending:
    part, connection = run.parts[0].id, run.connection
    ends = outbox.ends_of(connection, opened.upstream_of(connection.id))
    number = connection.id
    db.session.rollback()
    db.session.remove()
    began = clock.monotonic()
    sent = Sender({number: ends}, hold.work, opened.flush, run_id=hold.run_id).send_all(mapping_id=None)
    hold.spend("write", clock.monotonic() - began)
    calls, waited_ms = opened.calls()
    more = f" {sent.waiting:,} wait for another try." if sent.waiting else ""
    ending = Ending("done", f"{sent.done:,} sent.{more}")
    if sent.dead:
        ending = Ending("done_with_problems", " ".join(sent.messages), "value")
    with hold.work() as session:
        opened.flush(session)
        session.execute(
            update(RunPart).where(RunPart.id == part).values(
                state="done", mode="push", complete=True, seen=sent.done + sent.dead + sent.waiting, new=sent.created,
                deleted=sent.deleted, changed=sent.done - sent.created - sent.deleted, refused=sent.dead, calls=calls,
                waited_seconds=waited_ms / 1000, started_at=clock.now(), ended_at=clock.now(), message=ending.message,
            )
        )  # fmt: skip
    return ending


def _file_brake(hold: Hold, crossing: Crossing, error: BrakeApplied) -> None:
    with hold.work() as session:
        errors.log_failure(
            session, connection_id=crossing.left.connection_id, run_id=hold.run_id, service=crossing.left.service.key,
            resource=crossing.mapping.left.resource, kind=error.kind, message=str(error), raw="",
            code=f"brake of {part_name(crossing.mapping.id)}", field=None, now=clock.now(),
            title=f"{crossing.mapping.name} stopped at its brake",
        )  # fmt: skip


def _first_run_done(carried: Mapping, hold: Hold) -> None:
    """From now on the usual brake holds, not the preview's counts."""
    with hold.work() as session:
        mapping = session.get(DataMapping, carried.id)
        if mapping is not None and mapping.first_run is not None and mapping.active_version == carried.version:
            mapping.first_run = None


class _Accounts:
    """The accounts a push run calls, each opened once."""

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        self.opened: dict[int, Opened] = {}
        self._last = 0

    def upstream_of(self, connection_id: int) -> Upstream:
        if connection_id not in self.opened:
            self._last = connection_id
            connection = db.session.get_one(Connection, connection_id)
            self.opened[connection_id] = connections.open_account(
                connection, run_id=self.hold.run_id, should_stop=self.hold.should_stop
            )
        return self.opened[connection_id].upstream

    def shut_out(self) -> int:
        """The connection whose service no longer lets us in: one that a call told of, else the one being opened."""
        return next((number for number, one in self.opened.items() if one.upstream.shut_out), self._last)

    def flush(self, session) -> None:
        for one in self.opened.values():
            one.recorder.flush(session)

    def calls(self) -> tuple[int, float]:
        made = [one.upstream for one in self.opened.values()]
        return sum(one.calls for one in made), sum(one.waited_ms for one in made)


__all__ = ["carry_out", "due", "nudge", "part_name", "request"]
