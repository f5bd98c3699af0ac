"""IntegrationService: one run from beginning to end."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update

from .. import clock
from ..errors import BadRecord, BrakeApplied, Cancelled, ConsoleError, LeaseLost, Missing, NeedsPerson, Parked, TryLater
from ..models import Checkpoint, RunPart
from ..storage import errors, full_reads
from ..storage.outage import away
from .outcome import Ending
from .reading.keeping import Desk, Keeping, Known
from .reading.plan import Order, Point
from .reading.pull import Pull
from .reading.single import Single

log = structlog.get_logger(__name__)

_POINT: Any = Checkpoint.__table__.c
_POINTS = select(_POINT.resource, *(_POINT[column.name] for column in fields(Point))).where(
    _POINT.connection_id == bindparam("connection"),  # of each run, so put together once
    _POINT.resource.in_(bindparam("resources", expanding=True)),
)


@dataclass(frozen=True)
class Part:
    """One resource a run still has to read."""

    id: int
    resource: str


@dataclass(frozen=True)
class Task:
    """What a run was asked to do."""

    run_id: int
    connection_id: int
    kind: str  # full, incremental, record, webhook
    parts: tuple[Part, ...]
    asked: bool = False  # the resources were named by a person
    released: frozenset[str] = frozenset()  # resources whose brake a person released
    records: dict[str, list[str]] = field(default_factory=dict)  # read by themselves: resource -> external ids
    owners: dict[str, dict[str, str]] = field(default_factory=dict)  # resource -> id -> the record it is listed under


class IntegrationService:
    """Carries one run out: every resource in turn, each as far as it goes."""

    def __init__(self, task: Task, desk: Desk) -> None:
        self.task, self.desk = task, desk

    def run(self) -> Ending | None:
        """Read every resource. None when it got through, else why the run as a whole stopped.

        Raises LeaseLost when another process took the run over, and what shows that our database is away: nothing more
        can be written then.
        """
        known = self._known()
        answered, silence = False, 0  # did anything answer; resources in a row that did not
        message = ""
        for number, part in enumerate(self.task.parts):
            try:
                self._read(part, known[part.resource])
                answered, silence = True, 0
            except _stopping():
                raise
            except Parked as error:
                return Ending(
                    "waiting", f"{error} The run goes on then by itself; nothing was lost.", error.kind, error.until
                )
            except NeedsPerson as error:
                return Ending("needs_person", str(error), error.kind)
            except TryLater as error:
                silence, message = silence + 1, str(error)
                if silence == 2:  # not one resource's fault: trying the others would only knock on a closed door
                    self._skip(self.task.parts[number + 1 :], message)
                    break
            except Exception as error:  # filed by _read; the other resources are not to blame
                answered, silence = True, 0
                if isinstance(error, (BrakeApplied, BadRecord, Missing)):
                    self._forget_walk(part)
        return Ending("failed", message, "upstream", silent=True) if silence and not answered else None

    def _known(self) -> dict[str, Known]:
        """How far each resource got, and what of it waits to be kept."""
        resources = [part.resource for part in self.task.parts]
        asked = {"connection": self.task.connection_id, "resources": resources}
        with self.desk.look() as session:
            points = {resource: Point(*values) for resource, *values in session.execute(_POINTS, asked)}
            letters = errors.open_identities(session, self.task.connection_id, resources)
        return {resource: Known(points.get(resource, Point()), letters[resource]) for resource in resources}

    def _read(self, part: Part, known: Known) -> None:
        """Read one resource; a failure is filed before it passes on."""
        resource = self.desk.service.resources[part.resource]
        order = Order(
            self.task.run_id, self.task.connection_id, part.id, self.task.kind == "full", self.task.asked,
            part.resource in self.task.released,
        )  # fmt: skip
        reader = (Single if resource.key in self.task.records else Pull)(self.desk, resource, order, known)
        try:
            if isinstance(reader, Single):
                reader.told_of = self.task.kind == "webhook"
                reader.run(self.task.records[resource.key], self.task.owners.get(resource.key, {}))
            else:
                reader.run()
        except _stopping():
            raise
        except Exception as error:
            if not isinstance(error, ConsoleError):
                log.exception("A resource could not be read", run=self.task.run_id, resource=part.resource)
            self._file(part, reader, error)
            raise

    def _file(self, part: Part, reader: Keeping, error: Exception) -> None:
        """Write the failure where people look: the part's line and the error log."""
        now = clock.now()
        kind = getattr(error, "kind", "ours")
        message = (
            str(error)
            if isinstance(error, ConsoleError)
            else "The console made a mistake here. Nothing read so far was lost."
        )
        values: dict[str, Any] = {"failure_kind": kind, "message": message}
        if not isinstance(error, Parked):
            values |= {"state": "failed", "ended_at": now}
        reader.drop()
        with self.desk.work() as session:
            reader.write(session, **values)
            if not isinstance(error, Parked):
                errors.log_failure(
                    session, connection_id=self.task.connection_id, run_id=self.task.run_id,
                    service=self.desk.service.key, resource=part.resource, kind=kind, message=message,
                    raw=getattr(error, "raw", "") or repr(error),
                    code=getattr(error, "code", "") or type(error).__name__, field=getattr(error, "field", None),
                    now=now, transaction_key=getattr(error, "call_key", "") or None,
                )  # fmt: skip

    def _skip(self, parts: tuple[Part, ...], why: str) -> None:
        with self.desk.work() as session:
            session.execute(
                update(RunPart)
                .where(RunPart.id.in_([part.id for part in parts]))
                .values(state="failed", failure_kind="upstream", message=f"Not tried. {why}", ended_at=clock.now())
            )

    def _forget_walk(self, part: Part) -> None:
        """Have the list read from its beginning: after a brake, for what a person releases must be what is gone then,
        and after a page was refused, for its address may count no longer, and would be asked for by every run."""
        with self.desk.work() as session:
            session.execute(
                update(Checkpoint)
                .where(Checkpoint.connection_id == self.task.connection_id, Checkpoint.resource == part.resource)
                .values(cursor=None)
            )
            full_reads.forget_seen(session, [self.task.run_id], part.resource)


def _stopping() -> tuple[type[Exception], ...]:
    """No resource's fault, and nothing that could be written down now."""
    return (LeaseLost, Cancelled, *away())
