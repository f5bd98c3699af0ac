"""Ask for runs, carry them out, cancel them. One live run per connection and resource."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from ... import clock, services
from ...errors import Cancelled, Conflict, ConsoleError, InvalidInput, LeaseLost, NeedsPerson, NotFound, TryLater
from ...models import Checkpoint, Connection, RunPart, SyncRun, db, reading
from ...models.run import LIVE_STATES
from ...services.base import Service
from ...storage.outage import away
from ...sync.integration import IntegrationService, Part, Task
from ...sync.outcome import Ending, sum_up
from ...sync.reading.keeping import Desk
from ..accounts import connections
from ..holds import STOPPED, Hold, LiveRun, stop
from . import push_runs, run_endings, wakers
from .rules import rules

log = structlog.get_logger(__name__)

# Asked for each run, so put together once: that takes longer than the database needs for it.
_WHOLE = (
    select(SyncRun)
    .where(SyncRun.id == bindparam("run"))
    .options(joinedload(SyncRun.connection), joinedload(SyncRun.parts))
)

ASKED_AGAIN = 5  # tries to ask for a run while those in its way end


# -- asking ---------------------------------------------------------------------------------------------------------


def request(
    connection: Connection, *, kind: str = "incremental", only: Iterable[str] = (), records: Iterable[str] = (),
    cause: str = "person", asked_by: str | None = None, release_brake: bool = False,
) -> SyncRun:  # fmt: skip
    """Ask for a run; a worker picks it up within seconds.

    only: resources by name; all that are switched on when empty. records: "matters:17", read by themselves.
    Raises InvalidInput for unknown names, LiveRun when one of the resources is being read already,
    Conflict when the connection is paused or needs a person.
    """
    wanted = _by_name(records)
    names = list(wanted) if records else list(only)
    options = {"asked": bool(list(only)), "released": names if release_brake else []}
    for _ in range(ASKED_AGAIN):
        run = _order(connection, kind, names, wanted, cause=cause, asked_by=asked_by)
        run.options |= options
        resources = [part.resource for part in run.parts]
        try:
            wakers.commit(run)
        except IntegrityError:
            db.session.rollback()
            if live := _in_the_way(connection.id, resources):
                raise live from None
        else:
            return run
    raise Conflict("Other runs of this connection begin and end at this very moment. Try again.")


def request_slots(slots: Iterable[tuple[Connection, datetime]], but: Container[str] = ()) -> list[SyncRun]:
    """Ask for the scheduled runs of several connections in one transaction, all or none.

    but: resources to leave out, for another run reads them as a whole. Raises Conflict when one of the runs cannot be
    asked for, or when nothing is left of it.
    """
    asked = []
    for connection, slot in slots:
        usual = chosen(connection, services.by_key(connection.service), [])
        names = [name for name in usual if name not in but]
        if not names:
            raise Conflict("A run of this connection is under way.")
        run = _order(connection, "incremental", names, {}, cause="schedule", due_at=slot)
        if len(names) < len(usual):
            run.options |= {"left_out": [name for name in usual if name in but]}
        asked.append(run)
    try:
        wakers.commit(*asked)
    except IntegrityError:
        db.session.rollback()
        raise Conflict("A run of this connection is under way, or this slot has been run.") from None
    return asked


def being_read(connection_id: int) -> dict[str, str]:
    """What is being read of a connection now: resource -> the kind of run."""
    query = select(RunPart.resource, SyncRun.kind).join(RunPart.run).where(
        RunPart.connection_id == connection_id, RunPart.live, SyncRun.kind != "push"
    )  # fmt: skip
    return dict(db.session.execute(query).all())


def _order(
    connection: Connection, kind: str, names: list[str], wanted: dict[str, list[str]], *, cause: str,
    asked_by: str | None = None, due_at: datetime | None = None,
) -> SyncRun:  # fmt: skip
    """A queued run and its parts, in the session."""
    names = chosen(connection, services.by_key(connection.service), names)
    _must_be_connected(connection)
    run = SyncRun(
        connection_id=connection.id, kind="record" if wanted else kind, state="queued", cause=cause, asked_by=asked_by,
        due_at=due_at, queued_at=clock.now(), options={"records": wanted} if wanted else {},
        parts=[RunPart(connection_id=connection.id, resource=name) for name in names],
    )  # fmt: skip
    db.session.add(run)
    return run


def _by_name(records: Iterable[str]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for name in records:
        resource, colon, external_id = name.partition(":")
        if not colon or not external_id:
            raise InvalidInput(f"A record is named resource:id, as in matters:17, not {name!r}.", field="record")
        wanted.setdefault(resource, []).append(external_id)
    return wanted


def chosen(connection: Connection, service: Service, only: list[str]) -> list[str]:
    """The resources to read, owners before the lists that hang on them."""
    for name in only:
        services.resource_of(service, name)
    off = set(connection.settings.get("resources_off", ()))
    names = only or [name for name in service.resources if name not in off]
    if not names:
        raise InvalidInput("Every resource of this connection is switched off.", field="only")
    owners = [
        r.per
        for n in names
        if (r := service.resources[n]).per and r.per not in names and not _was_read(connection, r.per)
    ]
    return _owners_first(service, {*names, *owners})


def _owners_first(service: Service, names: set[str]) -> list[str]:
    """In the order of their declaration, but each list after the one it hangs on."""
    ordered: list[str] = []
    for name in (n for n in service.resources if n in names):
        owner = service.resources[name].per
        ordered += [n for n in (owner, name) if n in names and n not in ordered]
    return ordered


def _was_read(connection: Connection, resource: str) -> bool:
    point = db.session.scalar(select(Checkpoint).filter_by(connection_id=connection.id, resource=resource))
    return bool(point and point.last_read_at)


def _must_be_connected(connection: Connection) -> None:
    if connection.status != "connected":
        why = {"paused": "is paused", "needs_reconnect": "needs to be reconnected first", "removed": "was removed"}
        raise Conflict(f"The connection {connection.name} {why[connection.status]}.")


def _in_the_way(connection_id: int, names: list[str]) -> LiveRun | None:
    """What is being read already; None when it has ended by now."""
    rows = db.session.execute(
        select(RunPart.run_id, RunPart.resource).where(
            RunPart.connection_id == connection_id, RunPart.live, RunPart.resource.in_(names)
        )
    ).all()
    if not rows:
        return None
    reading = ", ".join([row.resource for row in rows][:3])
    return LiveRun(f"Run {rows[0].run_id} is already reading {reading} of this connection.", rows[0].run_id)


# -- people ---------------------------------------------------------------------------------------------------------


def find(run_id: int) -> SyncRun:
    """The run of that number. Raises NotFound."""
    run = db.session.get(SyncRun, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    return run


def whole(run_id: int) -> SyncRun:
    """The same with its connection and parts, asked for at once."""
    run = db.session.scalars(_WHOLE, {"run": run_id}).unique().one_or_none()
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    return run


def cancel(run: SyncRun, by: str) -> None:
    """Stop a run at its next page edge; one that nobody works on ends now.

    Raises Conflict when it has ended already.
    """
    if run.state not in LIVE_STATES:
        raise Conflict(f"Run {run.id} has ended already.")
    stop(db.session(), run, f"Cancelled by {by}. What was read until then stays; the next run goes on from there.")
    db.session.commit()


# -- carrying out ---------------------------------------------------------------------------------------------------


def execute(hold: Hold, *, foreground: bool = False) -> None:
    """Carry a claimed run out and close it. Never raises for what happens upstream: the run row tells.

    foreground: a person waits for it at a terminal, so a silent service is not tried again later.
    """
    try:
        ending = _carry_out(hold)
    except LeaseLost:
        return  # another process has it: nothing of it is ours to write
    except Cancelled:
        ending = _stopped(hold)
    except away() as error:  # where it stays away, the run cannot be closed either, and its lease runs out by itself
        said = str(getattr(error, "orig", error)).strip().splitlines()[:1]
        log.warning("The database was away while a run was under way", run=hold.run_id, said=said)
        ending = Ending("failed", "Our own database did not answer. What was read until then stays.", "ours",
                        silent=True)  # fmt: skip
    except ConsoleError as error:
        silent = isinstance(error, TryLater)  # the sign-in could not be renewed just now
        state = "needs_person" if isinstance(error, NeedsPerson) else "failed"
        ending = Ending(state, str(error), error.kind, silent=silent)
    except Exception:  # whatever it was: a run is closed with a reason, never left to look as if it were still going
        log.exception("A run failed by our own mistake", run=hold.run_id)
        ending = Ending(
            "failed", "The console made a mistake. What was read until then stays; nothing was lost.", "ours"
        )
    finally:
        db.session.remove()  # or what it looked at last would keep SQLite's writer lock from the closing
    try:
        _close(hold, ending, foreground)
    except LeaseLost:
        log.warning("A run was taken over before it could be closed", run=hold.run_id)


def _carry_out(hold: Hold) -> Ending | None:
    if hold.cancelled:  # by a person, while nobody worked on it
        raise Cancelled
    with reading():  # to see what was asked for waits for nobody who writes, and keeps nobody from it
        run = _whole(db.session(), hold)
    if run.kind == "push":
        db.session.remove()  # what only read must not go on to write
        return push_runs.carry_out(hold)
    parts = tuple(Part(p.id, p.resource) for p in run.parts if p.state in ("queued", "running"))
    task = Task(
        run.id, run.connection_id, run.kind, parts, bool(run.options.get("asked")),
        frozenset(run.options.get("released", ())), run.options.get("records", {}), run.options.get("owners", {}),
    )  # fmt: skip
    account = connections.open_account(run.connection, run_id=run.id, should_stop=hold.should_stop)
    db.session.rollback()  # nothing is held open while we wait for an upstream
    db.session.remove()
    desk = Desk(account.service, account.upstream, hold.keeping, hold.look, account.recorder.flush, rules())
    began = clock.monotonic()
    try:
        return IntegrationService(task, desk).run()
    finally:
        waited = account.upstream.waited_ms / 1000
        hold.spend("wait", waited)
        hold.spend("read", max(clock.monotonic() - began - waited - hold.took.get("keep", 0.0), 0.0))
        hold.budget = account.budget.state()


def _whole(session: Session, hold: Hold) -> SyncRun:
    """The run in hand, with its connection and parts."""
    return session.scalars(_WHOLE, {"run": hold.run_id}).unique().one()


def _stopped(hold: Hold) -> Ending:
    """A person cancelled, or this process is ending: then the run is free for another at once."""
    if hold.stopping.is_set():
        return Ending("queued", STOPPED)
    return Ending("interrupted", run_endings.CANCELLED)


def _close(hold: Hold, ending: Ending | None, foreground: bool) -> None:
    hold.closing = True
    with hold.work() as session:
        run = _whole(session, hold)
        run_endings.write(session, run, ending or sum_up(run.parts), hold, foreground=foreground)
