"""A mapping made ready: its version read, both ends known, and what its transforms may look up."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from ... import services
from ...errors import NotFound
from ...models import Connection, DataMapping, MappingVersion, Record, db
from ...services.base import Upstream
from ...sync.carrying.ends import End
from ...sync.crossing import Crossing
from ...sync.mapping import Mapping
from ...sync.practice_areas import firm_area
from ...sync.reading.keeping import Work
from ...sync.world import StoredWorld
from .. import settings
from . import practice_areas, versions

DEFINITIONS = "custom_fields"  # the resource that holds an account's definitions of its own fields


def of(
    row: DataMapping, version: int | None, look: Work, upstream_of: Callable[[int], Upstream] | None = None
) -> Crossing:
    """One version of a mapping, ready to be looked at; with `upstream_of` also to be sent.

    Raises NotFound when there is no such version.
    """
    mapping = model_of(row, version)
    left, right = (end_of(row, side, upstream_of) for side in ("left", "right"))
    world = StoredWorld(look, mapping, zone=settings.get("firm.time_zone"), detect=_detector(right))
    return Crossing(mapping, left, right, world)


def model_of(row: DataMapping, version: int | None) -> Mapping:
    """One version of a mapping, as the engine reads it. Raises NotFound when there is no such version."""
    found = db.session.scalar(select(MappingVersion).filter_by(mapping_id=row.id, number=version))
    if found is None:
        raise NotFound(f"The mapping {row.name} has no version {version}.")
    return versions.in_engine(row, found)


def _detector(end: End) -> Callable[[str], tuple[str | None, float, str]]:
    """What a text is about, by the name the account's own list has for it."""
    find = practice_areas.detector()
    query = select(Record.label).where(
        Record.connection_id == end.connection_id, Record.resource == "practice_areas", Record.deleted_at.is_(None)
    )
    names = sorted({label for label in db.session.scalars(query) if label})

    def detect(text: str) -> tuple[str | None, float, str]:
        found = find(text)
        area = (firm_area(found.area, names) or found.area) if found.area else None
        return area, found.confidence, found.reason

    return detect


def end_of(row: DataMapping, side: str, upstream_of: Callable[[int], Upstream] | None = None) -> End:
    """One end of a mapping."""
    connection = row.left_connection if side == "left" else row.right_connection
    resource = row.left_resource if side == "left" else row.right_resource
    return end(connection, resource, side=side, upstream=upstream_of(connection.id) if upstream_of else None)


def end(connection: Connection, resource: str, *, side: str = "right", upstream: Upstream | None = None) -> End:
    """One resource of a connection, as the engine looks at it and writes it."""
    service = services.by_key(connection.service)
    return End(
        side, connection.id, service, services.resource_of(service, resource),
        definitions(db.session(), connection.id), upstream,
    )  # fmt: skip


def definitions(session: Session, connection_id: int) -> tuple[dict, ...]:
    """An account's definitions of its own fields, as our copies hold them."""
    query = select(Record.data).where(
        Record.connection_id == connection_id, Record.resource == DEFINITIONS, Record.deleted_at.is_(None)
    )
    return tuple(session.scalars(query.order_by(Record.id)))


def active_flow(flow: str, left: int, right: int) -> DataMapping | None:
    """The active mapping made from a ready one, or of that number, between these two connections; none when it is off.

    Another firm's has records of the same numbers.
    """
    by = DataMapping.id == int(flow) if flow.isdigit() else DataMapping.flow == flow
    ends = tuple_(DataMapping.left_connection_id, DataMapping.right_connection_id)
    between = ends.in_([(left, right), (right, left)])
    query = select(DataMapping).where(by, between, DataMapping.state == "active").order_by(DataMapping.id)
    return db.session.scalars(query).first()
