"""Pages of rows along their numbers, the newest first, and where the pages beside one begin."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session


def walked(
    session: Session, rows: Select, number: Any, size: int, *, older: int | None, newer: int | None
) -> tuple[list[Any], int | None, int | None]:
    """The rows before the number `older`, or just above the number `newer`; the newest when neither is given."""
    up = newer is not None
    place = [number > newer] if up else [] if older is None else [number < older]
    query = rows.where(*place).order_by(number if up else number.desc()).limit(size + 1)
    found = list(session.scalars(query))
    return cut(found[::-1] if up else found, size, older=older, newer=newer)


def cut(
    found: list[Any], size: int, *, older: int | None, newer: int | None
) -> tuple[list[Any], int | None, int | None]:
    """The same of rows found already, one more of them than a page holds where there are more."""
    more, rows = len(found) > size, found[-size:] if newer is not None else found[:size]
    if not rows:
        return [], None, None
    has_older, has_newer = (more, older is not None) if newer is None else (True, more)
    return rows, rows[-1].id if has_older else None, rows[0].id if has_newer else None
