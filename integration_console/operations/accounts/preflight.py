"""Before anything is read or switched on: what it will take in calls, what the account allows, and whether it fits.

The one place for this arithmetic. A full read is counted from the last counts; an account that was never read is
counted with one call for each of its lists, so a schedule may turn out too dense later, which its page then says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil, floor
from typing import Any

from croniter import croniter
from flask import current_app
from sqlalchemy import select

from ... import services
from ...errors import Conflict, InvalidInput
from ...models import Checkpoint, Connection, DataMapping, db
from ...services.base import Limit, Resource, Service
from ...transport.limits import parse_limits
from . import slots
from .accounts import limits_of
from .app_settings import AppSettings

HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0
_EVERY = {"15min": 900.0, "hourly": HOUR, "daily": DAY, "weekly": WEEK}
_SPANS = {1.0: "a second", 60.0: "a minute", HOUR: "an hour", DAY: "a day", WEEK: "a week"}
_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
CALLS_PER_WRITE = 2  # what is there is read first, so that nobody's newer edit is written over


@dataclass(frozen=True)
class Cost:
    """The calls one read takes."""

    often: int  # lists that every read asks for
    seldom: int  # reference lists, asked for at most once an hour

    @property
    def together(self) -> int:
        """Calls of both kinds."""
        return self.often + self.seldom


@dataclass(frozen=True)
class Demand:
    """What a schedule takes within a span, beside what the account allows in it."""

    reads: int
    seldom_reads: int
    cost: Cost
    span_s: float
    allowed: int

    @property
    def calls(self) -> int:
        """How many calls it would make in its time."""
        return self.reads * self.cost.often + self.seldom_reads * self.cost.seldom

    @property
    def fits(self) -> bool:
        """Whether the account allows that many."""
        return self.calls <= self.allowed

    @property
    def sum(self) -> str:
        """How the calls come about: 4 × 12 = 48."""
        if self.seldom_reads == self.reads or not self.cost.seldom:
            parts = f"{self.reads:,} × {self.cost.together if self.cost.seldom else self.cost.often:,}"
        else:
            parts = f"{self.reads:,} × {self.cost.often:,} + {self.seldom_reads:,} × {self.cost.seldom:,}"
        return f"{parts} = {self.calls:,}"

    @property
    def span(self) -> str:
        """The span as people say it: an hour."""
        return span_in_words(self.span_s)


@dataclass(frozen=True)
class Preflight:
    """What reading an account takes, for its page."""

    full: int  # calls of a full read
    full_s: float  # how long it takes at the allowed speed
    known: bool  # counted from an earlier read
    demands: list[Demand]  # of its schedule; empty when it is only read when asked

    @property
    def fits(self) -> bool:
        """Whether every demand fits."""
        return all(demand.fits for demand in self.demands)


def of(connection: Connection) -> Preflight:
    """What a connection's full read and its schedule take."""
    counts, full, seconds, demands = _counts(connection), 0, [0.0], []
    for limits, resources in _shares(services.by_key(connection.service), connection.settings):
        calls = sum(whole(r, counts.get(r.key, 0), counts.get(owner_of(r), 0)) for r in resources)
        full += calls
        seconds += [calls / limit.calls * limit.per_s for limit in limits]
        cost = _cost(resources, counts)
        demands += [d for limit in limits if (d := _demand(cost, connection.frequency, limit))]
    # The tightest of each span.
    shown = {d.span_s: d for d in sorted(demands, key=lambda d: (d.calls / max(d.allowed, 1), -d.allowed))}
    shortest = max(full * 0.3, *seconds)
    return Preflight(full, shortest, bool(counts), sorted(shown.values(), key=lambda d: d.span_s))


def check(service: Service, settings: Mapping[str, Any], frequency: str) -> None:
    """Whether a schedule fits an account that was never read. Raises InvalidInput with the arithmetic."""
    _refuse_too_dense(service, settings, {}, frequency)


def check_schedule(connection: Connection, frequency: str) -> None:
    """Whether a schedule fits a connection's account. Raises InvalidInput with the arithmetic."""
    service = services.by_key(connection.service)
    _refuse_too_dense(service, connection.settings, _counts(connection), frequency)


def check_mapping(mapping: DataMapping, sends: Mapping[str, Mapping[str, int]]) -> None:
    """Whether the writes a preview told of fit their accounts within a week, beside what reading takes.

    Raises Conflict with the arithmetic.
    """
    for side, connection in (("left", mapping.left_connection), ("right", mapping.right_connection)):
        writes = sum(sends.get(side, {}).values())
        service, limits = services.by_key(connection.service), limits_of(connection)
        cost = _cost(_switched_on(service, connection.settings), _counts(connection))
        for limit in limits:
            allowed = floor(limit.calls * WEEK / limit.per_s)
            reading = _in_a_week(cost, connection.frequency)
            if writes and writes * CALLS_PER_WRITE > allowed - reading:
                beside = f", and its schedule needs {reading:,} of them" if reading else ""
                raise Conflict(
                    f"{mapping.name} would write {writes:,} records at {service.label}: {writes:,} × {CALLS_PER_WRITE} "
                    f"= {writes * CALLS_PER_WRITE:,} calls. {connection.name} is allowed {allowed:,} a week{beside}. "
                    "Narrow the filter so that fewer records are carried, or read it less often."
                )


def limits_of_resources(connection: Connection) -> Callable[[Resource], tuple[Limit, ...]]:
    """How fast each of its lists may be asked for."""
    service = services.by_key(connection.service)
    told, usual = AppSettings.of(service).get("limits"), limits_of(connection)
    apart = {} if told else service.limits_apart(connection.settings)
    return lambda resource: apart.get(resource.path) or usual


def whole(resource: Resource, records: int, owners: int) -> int:
    """The calls a full read of one resource takes."""
    pages = ceil(records / getattr(resource.paging, "size", max(records, 1))) or 1
    return max(pages, len(resource.splits) * resource.lists, owners if owner_of(resource) else 1)


def span_in_words(span_s: float) -> str:
    """A span after "calls": an hour, a day, in 45 minutes."""
    return _SPANS.get(span_s) or (f"in {span_s / 60:,.0f} minutes" if span_s >= 60 else f"in {span_s:g} seconds")


# -- the arithmetic ----------------------------------------------------------------------------------------------------


def _refuse_too_dense(service: Service, settings: Mapping[str, Any], counts: Mapping[str, int], frequency: str) -> None:
    shares = [(limits, _cost(resources, counts)) for limits, resources in _shares(service, settings)]
    demands = _demands(shares, frequency)
    if all(demand.fits for demand in demands):
        return
    worst = max(demands, key=lambda demand: demand.calls / max(demand.allowed, 1))
    words = slots.in_words(frequency)
    raise InvalidInput(
        f"{words[0].upper()}{words[1:]} would take {worst.sum} calls {worst.span}; {service.label} allows this account "
        f"{worst.allowed:,}. {_instead(shares, frequency)}",
        field="frequency",
    )


def _shares(service: Service, settings: Mapping[str, Any]) -> list[tuple[tuple[Limit, ...], list[Resource]]]:
    """The resources that are switched on, with the limits their calls count against."""
    told = AppSettings.of(service).get("limits")
    limits = parse_limits(told) if told else service.limits_for(settings)
    apart, chosen = service.limits_apart(settings), _switched_on(service, settings)
    found = [(limits if told else own, [r for r in chosen if r.path == path]) for path, own in apart.items()]
    found.append((limits, [r for r in chosen if r.path not in apart]))
    return [(own, resources) for own, resources in found if resources]


def _demands(shares: Iterable[tuple[tuple[Limit, ...], Cost]], frequency: str) -> list[Demand]:
    found = (_demand(cost, frequency, limit) for limits, cost in shares for limit in limits)
    return [demand for demand in found if demand]


def _instead(shares: Iterable[tuple[tuple[Limit, ...], Cost]], frequency: str) -> str:
    """What a person can do about it."""
    for name, seconds in _EVERY.items():
        rarer = seconds > _interval(frequency)
        if rarer and all(demand.fits for demand in _demands(shares, name)):
            return f"Choose {slots.in_words(name)} or less often, or switch resources off."
    return "Switch resources off, or read it only when asked."


def _demand(cost: Cost, frequency: str, limit: Limit) -> Demand | None:
    """What a schedule takes of one limit: within its span, or from one read to the next where that is longer."""
    if frequency == "manual":
        return None
    span = max(limit.per_s, _interval(frequency))
    reads = _most_reads(frequency, span)
    rest = max(current_app.config["SETTINGS"].REFERENCE_SECONDS, 1)
    return Demand(reads, min(reads, ceil(span / rest)), cost, span, floor(limit.calls * span / limit.per_s))


def _in_a_week(cost: Cost, frequency: str) -> int:
    demand = _demand(cost, frequency, Limit(1, WEEK))
    return demand.calls if demand else 0


def _interval(frequency: str) -> float:
    """Seconds from one read to the next, on average."""
    if frequency in _EVERY:
        return _EVERY[frequency]
    times = _slots(frequency)
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else WEEK


def _most_reads(frequency: str, span_s: float) -> int:
    """The most reads that fall into one such span."""
    if frequency in _EVERY:
        return max(1, round(span_s / _EVERY[frequency]))
    times, most, first = _slots(frequency), 1, 0
    for number, at in enumerate(times):
        while at - times[first] >= span_s:
            first += 1
        most = max(most, number - first + 1)
    if times and times[-1] - times[0] < span_s:  # the sample is shorter than the span
        most = max(most, round(span_s / _interval(frequency)))
    return most


@lru_cache(maxsize=100)
def _slots(line: str) -> tuple[float, ...]:
    """The first slots of a cron line, from a Monday on: four weeks of them, at most 1,500."""
    walk = croniter(line, _MONDAY)
    times: list[float] = []
    while len(times) < 1500:
        at = walk.get_next(datetime)
        if at - _MONDAY > timedelta(weeks=4):
            break
        times.append(at.timestamp())
    return tuple(times)


def _cost(resources: Iterable[Resource], counts: Mapping[str, int]) -> Cost:
    """The calls of one increment: lists without a filter are read whole, the others are taken to be one page."""
    often = seldom = 0
    for resource in resources:
        records, owners = counts.get(resource.key, 0), counts.get(owner_of(resource), 0)
        if resource.lists_everything:
            calls = whole(resource, records, owners)
        else:
            each = owner_of(resource) and not resource.per_changed
            calls = max(len(resource.splits) * resource.lists, owners if each else 1)
        often, seldom = (often, seldom + calls) if resource.reference else (often + calls, seldom)
    return Cost(often, seldom)


def owner_of(resource: Resource) -> str:
    """The resource for each record of which a read takes a call; empty for none."""
    return resource.per or resource.asks_per or ""


def _switched_on(service: Service, settings: Mapping[str, Any]) -> list[Resource]:
    off = set(settings.get("resources_off", ()))
    return [resource for name, resource in service.resources.items() if name not in off]


def _counts(connection: Connection) -> dict[str, int]:
    """How many records of each resource were read; without those never read."""
    points = select(Checkpoint.resource, Checkpoint.record_count).where(
        Checkpoint.connection_id == connection.id, Checkpoint.last_read_at.is_not(None)
    )
    return {row.resource: row.record_count for row in db.session.execute(points)}
