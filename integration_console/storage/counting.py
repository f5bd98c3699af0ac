"""How many rows there are, as far as counting them stays cheap."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

NEWEST = 2_000  # rows looked through where no index knows which fit


class Count(NamedTuple):
    """How many rows fit."""

    found: int
    looked: int = 0  # set when not all were looked through: among how many of the newest these were found


def capped(session: Session, rows: Select[Any], most: int) -> int:
    """How many rows a query finds, counted to one more than `most`, in the order it has."""
    return session.scalar(select(func.count()).select_from(rows.limit(most + 1).subquery())) or 0


def among_newest(session: Session, walk: Select[Any], fits: ColumnElement[bool]) -> Count:
    """How many of the first NEWEST rows of a walk along an index fit."""
    window = walk.with_only_columns(case((fits, 1)).label("fits")).limit(NEWEST).subquery()
    found, looked = session.execute(select(func.count(window.c.fits), func.count()).select_from(window)).one()
    return Count(found, looked if looked == NEWEST else 0)
