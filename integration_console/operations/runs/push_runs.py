"""A claimed run of a mapping, carried to its end or to where it must wait or a person decides."""

from __future__ import annotations

from sqlalchemy import update

from ... import clock
from ...errors import BrakeApplied, NeedsPerson, Parked
from ...models import Connection, DataMapping, RunPart, SyncRun, db
from ...services.base import Upstream
from ...storage import errors
from ...sync.crossing import Bridge, Crossing, PushRun
from ...sync.mapping import Mapping
from ...sync.outcome import Ending, waiting
from ...sync.sending.push import Sender
from ..accounts import connections
from ..accounts.accounts import Opened
from ..holds import Hold
from ..mapping import crossings, problems, versions
from . import apart, outbox
from .pushes import OUTBOX, outdated
from .rules import rules


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
    if run.attempts > 1 and (why := outdated(run, mapping)):
        return Ending("interrupted", why)
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
        announced=versions.announced(mapping, run.mapping_version or 0),
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
    with hold.work() as session:
        errors.resolve(session, **problems.braked(crossing.mapping.id, crossing.mapping.left), now=clock.now())
        apart.report(session, hold.run_id, crossing)
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
    ending = Ending("done", " ".join([f"{sent.done:,} sent.", *waiting(sent)]))
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
            session, **problems.braked(crossing.mapping.id, crossing.mapping.left), run_id=hold.run_id,
            message=str(error), raw="", field=None, now=clock.now(),
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
