"""What waits for a person, counted for the menu of every page: one question for all of it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from ...models import Conflict, DataMapping, Issue, RecordLink, db

MOST_COUNTED = 1000


class Waiting(NamedTuple):
    """How many of each wait for a person."""

    matches: int  # counted to one more than MOST_COUNTED
    conflicts: int  # likewise
    issues: int  # open problems: never many, alike errors are one


def counted() -> Waiting:
    """All of it, now."""
    return Waiting(*map(int, db.session.connection().execute(_COUNTS).one()))


_known = select(DataMapping.id)  # leads the database to the index on mapping and state
_MANY = (
    select(RecordLink.id).where(RecordLink.mapping_id.in_(_known), RecordLink.state == "ambiguous"),
    select(Conflict.id).where(Conflict.state == "open"),
)
_COUNTS = select(
    *(select(func.count()).select_from(rows.limit(MOST_COUNTED + 1).subquery()).scalar_subquery() for rows in _MANY),
    select(func.count()).where(Issue.state == "open").scalar_subquery(),
)
