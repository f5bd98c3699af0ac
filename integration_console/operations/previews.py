"""What a mapping would do, before it does it: counted over all its records, with samples, and what it will cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from .. import clock
from ..models import DataMapping, MappingVersion, db, reading
from ..sync.carry import Carrier, Chosen
from ..sync.compare import OTHER
from ..sync.tally import Tally
from . import connections, crossings

# Calls one write takes: a service that checks no versions is looked at before it is written over.
CALLS_A_WRITE = {True: 1, False: 2}
SECONDS_A_CALL = 0.3


@dataclass(frozen=True)
class Cost:
    """What sending it all will take, by the limits known now."""

    calls: int
    seconds: float


def look(mapping: DataMapping, version: MappingVersion) -> Tally:
    """Count what a run of this version would do now. Nothing is written, here or anywhere."""
    crossing = crossings.of(mapping, version.number, _look)
    carrier = Carrier(crossing.mapping, crossing.left, crossing.right, crossing.world, _look, Chosen(every=True))
    tally = Tally()
    for batch in carrier.steps():
        tally.add(batch)
    return tally


def preview(mapping: DataMapping, version: MappingVersion) -> dict[str, Any]:
    """Count, and remember with the version what was counted, so that it may be activated.

    {"at", "counts": {"create", "update", ...}, "writes": {"left", "right"}, "sends": {"left": {"create" ...}}, "calls",
    "seconds", "samples": {...}}
    """
    db.session.rollback()
    tally = look(mapping, version)
    cost = cost_of(mapping, tally)
    told = {
        "at": clock.now().isoformat(), "counts": tally.counts, "writes": tally.writes, "sends": tally.sends,
        **asdict(cost), "samples": tally.samples,
    }  # fmt: skip
    row = db.session.get_one(MappingVersion, version.id)
    row.preview = {name: value for name, value in told.items() if name != "samples"}
    db.session.commit()
    return told


def cost_of(mapping: DataMapping, tally: Tally) -> Cost:
    """The calls of all writes, and the seconds the slower of both sides' limits make of them."""
    calls, seconds = 0, 0.0
    for side in OTHER:
        connection = mapping.left_connection if side == "left" else mapping.right_connection
        resource = mapping.left_resource if side == "left" else mapping.right_resource
        conditional = resource in crossings.service_of(connection).writing.conditional
        needed = tally.writes[side] * CALLS_A_WRITE[conditional]
        limits = connections.limits_of(connection)
        paced = max((needed // limit.calls * limit.per_s for limit in limits), default=0.0)
        calls, seconds = calls + needed, max(seconds, paced, needed * SECONDS_A_CALL)
    return Cost(calls, round(seconds, 1))


def _look():
    return _Looking()


class _Looking:
    """A transaction that only reads, as sync wants it."""

    def __enter__(self) -> Session:
        self._reading = reading()
        self._reading.__enter__()
        self._session = Session(db.engine)
        return self._session

    def __exit__(self, *error) -> None:
        self._session.close()
        self._reading.__exit__(None, None, None)
