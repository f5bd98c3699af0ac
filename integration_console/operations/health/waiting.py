"""What the frame of every page tells: what waits for a person, and the connections. One question for all of it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Row, func, literal, select, true

from ...models import Conflict, Connection, DataMapping, Issue, RecordLink, db

MOST_COUNTED = 1000


class Waiting(NamedTuple):
    """How many of each wait for a person."""

    matches: int  # counted to one more than MOST_COUNTED
    conflicts: int  # likewise
    issues: int  # open problems: never many, alike errors are one


class Frame(NamedTuple):
    """All of it, now."""

    waits: Waiting
    # By name, removed ones among them. What a page says of them beside other things, and a banner: a whole one costs
    # three times as much.
    connections: list[Row]


def framed() -> Frame:
    """What waits, and the connections, where there are any."""
    rows = db.session.connection().execute(_FRAME).all()
    return Frame(Waiting(*rows[0][: len(COUNTS)]), [row for row in rows if row.id])


_known = select(DataMapping.id)  # leads the database to the index on mapping and state
_MANY = (
    select(RecordLink.id).where(RecordLink.mapping_id.in_(_known), RecordLink.state == "ambiguous"),
    select(Conflict.id).where(Conflict.state == "open"),
)
COUNTS = (
    *(select(func.count()).select_from(rows.limit(MOST_COUNTED + 1).subquery()).scalar_subquery() for rows in _MANY),
    select(func.count()).where(Issue.state == "open").scalar_subquery(),
)
_FRAME = (
    select(*COUNTS, Connection.id, Connection.name, Connection.service, Connection.status, Connection.consented_at)
    .select_from(select(literal(1)).subquery().outerjoin(Connection, true()))
    .order_by(Connection.name, Connection.id)
)
