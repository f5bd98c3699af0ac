"""What a mapping would do, before it does it: counted over all its records, with samples, and what it will cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ... import clock, services
from ...errors import ChangedMeanwhile, Conflict
from ...models import DataMapping, MappingVersion, PreviewPage, Record, db, reading
from ...sync.carrying.carry import Carrier
from ...sync.carrying.compare import OTHER
from ...sync.carrying.rows import Chosen
from ...sync.carrying.tally import Tally
from ..accounts import connections
from . import crossings

# Calls one write takes: a service that checks no versions is looked at before it is written over.
CALLS_A_WRITE = {True: 1, False: 2}
SECONDS_A_CALL = 0.3
PAGE = 50  # records or pairs of a kind that are shown together, and kept in one row


@dataclass(frozen=True)
class Cost:
    """What sending it all will take, by the limits known now."""

    calls: int
    seconds: float


@dataclass(frozen=True)
class Row:
    """A record or a pair that was counted. A record that is gone since is None."""

    left: Record | None
    right: Record | None
    reason: str


def look(mapping: DataMapping, version: MappingVersion, *, within_s: float = inf) -> Tally:
    """Count what a run of this version would do now. Nothing is written, here or anywhere.

    Raises Conflict when it takes longer than `within_s`.
    """
    number, ends_at = mapping.id, clock.monotonic() + within_s
    crossing = crossings.of(mapping, version.number, _look)
    db.session.rollback()  # a long look keeps nobody else from writing
    carrier = Carrier(crossing.mapping, crossing.left, crossing.right, crossing.world, _look, Chosen(every=True))
    tally = Tally()
    for batch in carrier.steps():
        tally.add(batch)
        if clock.monotonic() > ends_at:
            raise Conflict(
                f"There is more to count than fits into {within_s / 60:.0f} minutes, so it was stopped. Nothing was "
                "written, and what was counted before still stands. The command line waits as long as it takes, and "
                f"this page shows the result: flask mappings preview {number}"
            )
    return tally


def preview(mapping: DataMapping, version: MappingVersion, *, within_s: float = inf) -> dict[str, Any]:
    """Count, and remember with the version what was counted, so that it may be activated.

    {"at", "counts": {"create", "update", ...}, "writes": {"left", "right"}, "sends": {"left": {"create" ...}}, "calls",
    "seconds", "samples": {...}}
    Raises ChangedMeanwhile when the version was changed or thrown away while it was counted, Conflict when counting
    takes longer than `within_s`.
    """
    number, changed_at = version.id, version.changed_at
    db.session.rollback()
    tally = look(mapping, version, within_s=within_s)
    row = db.session.get(MappingVersion, number, populate_existing=True, with_for_update=True)
    if row is None or row.changed_at != changed_at:
        raise ChangedMeanwhile("The draft was changed while it was counted. Look at it again, and preview it then.")
    cost = cost_of(mapping, tally)
    told = {
        "at": clock.now().isoformat(), "counts": tally.counts, "writes": tally.writes, "sends": tally.sends,
        **asdict(cost), "samples": tally.samples,
    }  # fmt: skip
    row.preview = {name: value for name, value in told.items() if name != "samples"}
    _keep(row, tally)
    db.session.commit()
    return told


def _keep(version: MappingVersion, tally: Tally) -> None:
    """Remember who was counted, in place of what an older preview of this mapping counted."""
    older = select(MappingVersion.id).where(MappingVersion.mapping_id == version.mapping_id)
    db.session.execute(delete(PreviewPage).where(PreviewPage.version_id.in_(older)))
    if pages := list(_pages(version.id, tally)):
        db.session.execute(insert(PreviewPage), pages)


def _pages(version_id: int, tally: Tally) -> Iterator[dict[str, Any]]:
    now = clock.now()
    for kind, counted in tally.rows.items():
        kept = [one._asdict() for one in counted]
        for row, sample in zip(kept, tally.samples[kind], strict=False):  # the first few in full
            row["sample"] = sample
        for start in range(0, len(kept), PAGE):
            yield {
                "version_id": version_id, "kind": kind, "place": start // PAGE, "kept_at": now,
                "rows": kept[start : start + PAGE],
            }  # fmt: skip


def samples(version: MappingVersion) -> dict[str, list[dict[str, Any]]]:
    """The first few of each kind as the preview saw them, with what would change; empty where none are kept."""
    query = select(PreviewPage.kind, PreviewPage.rows).filter_by(version_id=version.id, place=0)
    return {kind: [row["sample"] for row in rows if "sample" in row] for kind, rows in db.session.execute(query)}


def rows(version: MappingVersion, kind: str, place: int) -> tuple[list[Row], bool]:
    """One page of those a preview counted as this kind, and whether there are more."""
    query = select(PreviewPage.place, PreviewPage.rows).filter_by(version_id=version.id, kind=kind)
    both = db.session.execute(query.where(PreviewPage.place.in_((place, place + 1))))
    pages = {row.place: row.rows for row in both}
    kept = pages.get(place, [])
    numbers = {number for row in kept for number in (row["left"], row["right"]) if number is not None}
    there = {one.id: one for one in db.session.scalars(select(Record).where(Record.id.in_(numbers)))}
    found = [Row(there.get(row["left"]), there.get(row["right"]), row["reason"]) for row in kept]
    return found, place + 1 in pages


def cost_of(mapping: DataMapping, tally: Tally) -> Cost:
    """The calls of all writes, and the seconds the slower of both sides' limits make of them."""
    calls, seconds = 0, 0.0
    for side in OTHER:
        connection = mapping.left_connection if side == "left" else mapping.right_connection
        resource = mapping.left_resource if side == "left" else mapping.right_resource
        conditional = resource in services.by_key(connection.service).writing.conditional
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
