"""Several rows at once: which ones match, the same done to each, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, select

from ..errors import Conflict, NotFound
from ..models import db

MOST = 500  # rows done at once: what one request answers for
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class Found:
    """The rows that match, at most MOST of them, and how many there are, counted to one more than MOST_COUNTED."""

    numbers: list[int]
    total: int


@dataclass(frozen=True)
class Outcome:
    """What became of each row."""

    done: list[int] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)  # number -> why it was left as it was


def found(numbers: Select[Any]) -> Found:
    """The rows that a query for numbers finds, in its order."""
    first = list(db.session.scalars(numbers.limit(MOST)))
    return Found(first, len(first) if len(first) < MOST else count(numbers))


def count(numbers: Select[Any], most: int = MOST_COUNTED) -> int:
    """How many rows it finds, counted to one more than `most`."""
    rows = numbers.order_by(None).limit(most + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(rows)) or 0


def each(numbers: Iterable[int], act: Callable[[int], Any]) -> Outcome:
    """Do the same to each row, by itself: one that cannot be done is skipped with its reason, the others are done.

    Raises what is wrong with the wish itself, as InvalidInput, and not with a row.
    """
    outcome = Outcome()
    for number in numbers:
        try:
            act(number)
        except (Conflict, NotFound) as error:
            db.session.rollback()
            outcome.skipped[number] = str(error)
        else:
            outcome.done.append(number)
    return outcome


def outcome_of(asked: Sequence[int], done: Iterable[int], why_not: Callable[[int], str]) -> Outcome:
    """The same where all were done in one go."""
    there = set(done)
    return Outcome([one for one in asked if one in there], {one: why_not(one) for one in asked if one not in there})
