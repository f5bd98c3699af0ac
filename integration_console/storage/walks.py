"""Several walks along an index in one question: the first rows of each account, mapping or kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import Session

AT_ONCE = 100  # SQLite unites 500 at most, with 32,766 values among them


def united(session: Session, walks: Sequence[Select]) -> list[Any]:
    """The rows that all of these find; each has its own order and limit, together they have none."""
    found: list[Any] = []
    for start in range(0, len(walks), AT_ONCE):
        found += session.execute(union_all(*(select(w.subquery()) for w in walks[start : start + AT_ONCE]))).all()
    return found
