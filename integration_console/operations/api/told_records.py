"""What was read, as the Integrations API tells it: a page of one data type at a time, the newest first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ... import services
from ...errors import InvalidInput
from ...models import Connection, Record, db
from ...services.base import Service
from . import data_types, places

_PLACE = "rec_"


def listing(connection: Connection, data_type: str, *, limit: int, cursor: str | None) -> tuple[list[dict], str | None]:
    """Records that are there now, and where the next page begins. Raises InvalidInput."""
    service = services.by_key(connection.service)
    try:
        behind = data_types.resources_of(service, (data_type,))
    except InvalidInput as error:
        raise InvalidInput(str(error), field="dataType") from None
    query = select(Record).where(
        Record.connection_id == connection.id, Record.resource.in_(behind), Record.deleted_at.is_(None)
    )
    if cursor is not None:
        query = query.where(Record.id < places.number(_PLACE, cursor))
    found = list(db.session.scalars(query.order_by(Record.id.desc()).limit(limit + 1)))
    following = places.behind(_PLACE, found[limit - 1].id) if len(found) > limit else None
    return [_line(row, data_type, service) for row in found[:limit]], following


def _line(row: Record, data_type: str, service: Service) -> dict[str, Any]:
    return {
        "externalId": row.external_id, "dataType": data_type, "updatedAt": row.updated_at, "seenAt": row.written_at,
        "data": service.told(row.data),
    }  # fmt: skip
