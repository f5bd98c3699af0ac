"""What a read of one resource is to be: the rest of an unfinished one, everything, or what changed since."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ... import clock
from ...services.base import Resource, Service
from .walk import Walk


@dataclass(frozen=True)
class Rules:
    """The firm's limits for reading; see config.py."""

    overlap_s: float = 300
    reference_s: float = 3600
    owners_at_once: int = 8
    brake_records: int = 10
    brake_percent: float = 5
    brake_always: int = 500
    brake_creates: int = 200
    resume_within_s: float = 6 * 3600  # an unfinished read older than this is begun anew

    def latest(self, now: datetime) -> datetime:
        """The latest time of change to believe: were a mark beyond it, reads would ask for nothing that is changed."""
        return now + timedelta(seconds=self.overlap_s)

    def brakes(self, gone: int, live: int) -> bool:
        """Whether so many deletions are too many to believe (P7)."""
        return self._too_many(gone, live, self.brake_records)

    def brakes_making(self, new: int, live: int, own: int | None) -> bool:
        """Whether so many new records, beside so many that are paired, are too many to make unasked.

        own: the mapping's number in place of the firm's, which holds however many are paired.
        """
        return new >= own if own else self._too_many(new, live, self.brake_creates)

    def _too_many(self, count: int, live: int, fewest: int) -> bool:
        many = count >= fewest and count > live * self.brake_percent / 100
        return many or count >= max(self.brake_always, fewest)


@dataclass(frozen=True)
class Order:
    """What was asked for: one resource of one run."""

    run_id: int
    connection_id: int
    part_id: int
    full: bool
    asked: bool  # named by a person: reference data is read again however fresh it is
    release_brake: bool = False


@dataclass(frozen=True)
class Point:
    """How far one resource of one connection got: columns of its checkpoint."""

    cursor: dict[str, Any] | None = None
    high_water: datetime | None = None
    state: dict[str, Any] = field(default_factory=dict)
    last_read_at: datetime | None = None
    last_complete_at: datetime | None = None
    record_count: int = 0


def still_fresh(point: Point, resource: Resource, order: Order, rules: Rules, now: datetime) -> bool:
    """Whether reference data was read so lately that this run leaves it alone."""
    if order.full or order.asked or not resource.reference or not point.last_read_at:
        return False
    return not point.cursor and now - point.last_read_at < timedelta(seconds=rules.reference_s)


def walk_of(point: Point, resource: Resource, order: Order, rules: Rules, now: datetime) -> Walk:
    """The read to do, from its beginning or from the last committed page."""
    return _unfinished(point, order, rules, now) or _new(point, resource, order, rules, now)


def _unfinished(point: Point, order: Order, rules: Rules, now: datetime) -> Walk | None:
    walk = Walk.from_json(point.cursor)
    if walk is None or now - walk.begun > timedelta(seconds=rules.resume_within_s):
        return None
    if order.full and walk.mode != "full":
        return None
    if order.run_id not in walk.runs:
        walk.runs.append(order.run_id)
    return walk


def _new(point: Point, resource: Resource, order: Order, rules: Rules, now: datetime) -> Walk:
    full = order.full or resource.lists_everything or not point.last_complete_at or _too_long_ago(point, resource, now)
    full = full or mark_of(point, rules, now) != point.high_water  # what changed since is not known
    since = None
    if not full and point.high_water:
        since = point.high_water - timedelta(seconds=rules.overlap_s)
    return Walk("full" if full else "incremental", [order.run_id], now, since)


def mark_of(point: Point, rules: Rules, now: datetime) -> datetime | None:
    """How far changes are known; None where that was said to be a time that has not come yet."""
    mark = point.high_water
    return mark if mark is None or mark <= rules.latest(now) else None


def why_short(service: Service, resource: Resource, walk: Walk) -> str | None:
    """A sentence when a read cannot be whole: whom to ask was not all known, or the upstream counts more than it sent.

    Taken for whole, a list of too few owners would be followed by increments, and what the others had before them
    would not be read until the next full read.
    """
    if walk.few_owners:
        owners, kind = service.resources[str(resource.per)].label.lower(), resource.label.lower()
        return f"Not all {owners} could be read so far, and {kind} are listed under them: some may be missing."
    if walk.said is None or resource.per or walk.seen >= walk.said:
        return None
    return (
        f"{service.label} counts {walk.said:,} but sent {walk.seen:,}. "
        "Nothing was marked deleted; the next run looks again."
    )


def _too_long_ago(point: Point, resource: Resource, now: datetime) -> bool:
    """Whether changes since the last read may be forgotten where they are told: then only the whole list knows."""
    begun = clock.parse(point.state.get("begun"))
    return resource.changes_kept is not None and (begun is None or now - begun >= resource.changes_kept)


def age_in_words(point: Point, now: datetime) -> str:
    """Why fresh reference data was left alone."""
    minutes = int((now - (point.last_read_at or now)).total_seconds() // 60)
    return f"Read {minutes} min ago. Reference data is read again only after a while, or when asked for by name."
