"""What was read, as people look it up: every resource with its size and age, and what belongs to one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, or_, select

from ... import services
from ...errors import NotFound
from ...models import Checkpoint, Connection, DeadLetter, Record, db
from ...services.base import Resource
from ...storage import records, transactions

CALLS = 10


@dataclass(frozen=True)
class Shelf:
    """One resource of one connection. Its size is what the last read left written down; nothing is counted."""

    connection: Connection
    resource: Resource
    point: Checkpoint | None


def shelves(connections: Iterable[Connection]) -> list[tuple[Connection, list[Shelf]]]:
    """Every resource of these connections."""
    connections = list(connections)
    points = select(Checkpoint).where(Checkpoint.connection_id.in_([c.id for c in connections]))
    known = {(p.connection_id, p.resource): p for p in db.session.scalars(points)}
    return [
        (c, [Shelf(c, r, known.get((c.id, name))) for name, r in services.by_key(c.service).resources.items()])
        for c in connections
    ]


def connection(connection_id: int) -> Connection:
    """A connection, also a removed one: its records stay readable. Raises NotFound."""
    found = db.session.get(Connection, connection_id)
    if found is None:
        raise NotFound(f"There is no connection {connection_id}.")
    return found


def checkpoint(connection_id: int, resource: str) -> Checkpoint | None:
    """How far a resource was read."""
    return db.session.scalar(select(Checkpoint).filter_by(connection_id=connection_id, resource=resource))


def owner(record: Record, kind: Resource) -> Record | None:
    """The record this one was listed under."""
    if not kind.per or not record.owner_id:
        return None
    return records.find(db.session(), record.connection_id, kind.per, record.owner_id)


def copies(connection_id: int, named: Mapping[str, tuple[str, str]]) -> dict[str, Record]:
    """Our copies of records named by resource and upstream id; those we do not hold are left out."""
    if not named:
        return {}
    each = [(Record.resource == kind) & (Record.external_id == number) for kind, number in set(named.values())]
    query = select(Record).where(Record.connection_id == connection_id, or_(*each))
    found = {(r.resource, r.external_id): r for r in db.session.scalars(query)}
    return {path: found[wanted] for path, wanted in named.items() if wanted in found}


def calls_of(record: Record) -> Sequence[Row]:
    """The calls of the run that last wrote this record which read its resource, the newest first."""
    if record.written_run_id is None:
        return []
    wanted = transactions.Filters(run_id=record.written_run_id, resource=record.resource)
    return transactions.search(db.session(), wanted, limit=CALLS).rows


def waiting_letter(record: Record) -> DeadLetter | None:
    """A newer form of this record that came but could not be kept."""
    query = select(DeadLetter).filter_by(
        connection_id=record.connection_id, resource=record.resource, identity=record.external_id, resolved_at=None
    )
    return db.session.scalar(query)
