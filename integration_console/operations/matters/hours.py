"""Hours: every Clockify entry of a time and what became of it, listed, filtered and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, literal, select, tuple_

from ...errors import NotFound
from ...models import DataMapping, Record, db, holds
from ...models.base import UtcDateTime
from ...storage import records
from ...storage.counting import Count, among_newest
from .. import several
from ..finding import search
from .hour_ways import CARRIES, ENTRIES, Way, connections_of, ways_of

PAGE = 50
LOT = 200  # entries looked at together
MOST_LOOKED_AT = 1_000  # for one page, where few of them fit the filter


class Place(NamedTuple):
    """Where a page ended."""

    at: datetime
    id: int


@dataclass(frozen=True)
class Wanted:
    """The filters of the list."""

    since: datetime | None = None
    until: datetime | None = None
    person: str = ""  # id at Clockify
    matter: str = ""  # number as Clio shows it, or id at Clio
    client: str = ""  # part of the name at Clockify
    fault: str = ""  # any, doubled, missing


@dataclass(frozen=True)
class Slice:
    """One page, the latest first."""

    ways: list[Way]
    older: Place | None
    looked_at: int


def listing(wanted: Wanted, after: Place | None = None) -> Slice:
    """Entries that fit, and where the next page begins."""
    matters = _matters(wanted.matter) if wanted.matter else None
    projects = _projects(wanted.client) if wanted.client else None
    if set() in (matters, projects):
        return Slice([], None, 0)
    found: list[Way] = []
    looked_at, limit = 0, LOT if matters or projects or wanted.fault else PAGE + 1
    while looked_at < MOST_LOOKED_AT:
        entries = _entries(wanted, after, limit)
        for way in ways_of(entries, matters):
            if len(found) == PAGE:
                return Slice(found, after, looked_at)
            after, looked_at = _place(way.entry), looked_at + 1
            if _fits(way, wanted, matters) and (projects is None or way.entry.data.get("projectId") in projects):
                found.append(way)
        if len(entries) < limit:
            return Slice(found, None, looked_at)
    return Slice(found, after, looked_at)


def count(wanted: Wanted) -> Count | None:
    """How many fit: a person's among the latest; None where each would have to be followed to know."""
    if wanted.matter or wanted.client or wanted.fault:
        return None
    if wanted.person:
        return among_newest(db.session(), _within(wanted), Record.owner_id == wanted.person)
    return Count(several.count(_within(wanted).with_only_columns(Record.id)))


def way_of(record_id: int) -> Way:
    """One entry's. Raises NotFound."""
    entry = db.session.get(Record, record_id)
    if entry is None or entry.resource != ENTRIES:
        raise NotFound("There is no such time entry.")
    return ways_of([entry])[0]


def project_of(entry: Record) -> Record | None:
    """Our copy of the project it was written for: where a matter is missing, that is where it is to be linked."""
    number = entry.data.get("projectId")
    return records.find(db.session(), entry.connection_id, "projects", str(number)) if number else None


def projects_of(ways: Sequence[Way]) -> dict[tuple[int, str], tuple[str, str]]:
    """The projects they were written for: account and id -> what it is called, and its client or ""."""
    wanted = {(way.entry.connection_id, str(way.entry.data.get("projectId") or "")) for way in ways}
    query = select(
        Record.connection_id, Record.external_id, Record.label, Record.data["clientName"].as_string()
    ).where(
        Record.connection_id.in_({account for account, _ in wanted}), Record.resource == "projects",
        Record.external_id.in_({number for _, number in wanted}),
    )  # fmt: skip
    return {(account, number): (name, client or "") for account, number, name, client in db.session.execute(query)}


def are_carried() -> bool:
    """Whether a mapping that is switched on carries time entries to Clio."""
    return db.session.query(select(DataMapping.id).where(DataMapping.state == "active", CARRIES).exists()).scalar()


def people() -> dict[str, str]:
    """Who writes hours: id at Clockify -> name."""
    query = select(Record.external_id, Record.label).where(
        Record.connection_id.in_(connections_of("clockify")), Record.resource == "users", Record.deleted_at.is_(None)
    )
    found = {number: label for number, label in db.session.execute(query)}  # noqa: C416 (rows are no pairs to mypy)
    return dict(sorted(found.items(), key=lambda one: one[1].casefold()))


def _entries(wanted: Wanted, after: Place | None, limit: int) -> list[Record]:
    query = _within(wanted)
    if wanted.person:
        query = query.where(Record.owner_id == wanted.person)
    if after:
        place = tuple_(literal(after.at, UtcDateTime()), literal(after.id))
        query = query.where(tuple_(Record.starts_at, Record.id) < place)
    return list(db.session.scalars(query.limit(limit)))


def _within(wanted: Wanted) -> Select:
    """Every entry of a time, the latest first."""
    query = select(Record).where(
        Record.connection_id.in_(connections_of("clockify")), Record.resource == ENTRIES, Record.deleted_at.is_(None),
        Record.starts_at.is_not(None),
    )  # fmt: skip
    if wanted.since:
        query = query.where(Record.starts_at >= wanted.since)
    if wanted.until:
        query = query.where(Record.starts_at < wanted.until)
    return query.order_by(Record.starts_at.desc(), Record.id.desc())


def _place(entry: Record) -> Place:
    assert entry.starts_at is not None
    return Place(entry.starts_at, entry.id)


def _matters(text: str) -> set[str]:
    """The matters called so, by their ids at Clio."""
    query = select(Record.external_id).where(
        Record.connection_id.in_(connections_of("clio")), Record.resource == "matters"
    )
    named, among = query.where(Record.data["display_number"].as_string() == text), search.may_hold(text)
    if among is not None:  # else all of them are read
        named = named.where(Record.id.in_(among))
    return {*db.session.scalars(query.where(Record.external_id == text)), *db.session.scalars(named)}


def _projects(client: str) -> set[str]:
    """The projects of clients called so, by their ids at Clockify."""
    here = Record.connection_id.in_(connections_of("clockify"))
    clients = select(Record.external_id).where(here, Record.resource == "clients", holds(Record.label, client))
    query = select(Record.external_id).where(
        here, Record.resource == "projects", Record.data["clientId"].as_string().in_(clients)
    )
    return set(db.session.scalars(query))


def _fits(way: Way, wanted: Wanted, matters: set[str] | None) -> bool:
    if matters is not None and way.matters.isdisjoint(matters):
        return False
    return not wanted.fault or any(wanted.fault in ("any", fault.kind) for fault in way.faults)
