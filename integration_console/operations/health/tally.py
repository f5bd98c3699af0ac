"""How many calls every hour had and what was answered: counted by the clock, so that no page counts them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import orjson
from sqlalchemy import func, select

from ... import clock
from ...models import Setting, Transaction, db, reading
from .. import settings

KEPT = "calls.by_hour"  # the setting that holds the counts
ANSWERS = ("2xx", "3xx", "4xx", "5xx", "none")  # as the list of calls can be filtered for them
DAYS = 30
LOT = 48  # hours of the past counted in one turn
SETTLED_H = 2  # a call is written with its page: hours after this time no call of it comes any more

Counts = tuple[int, ...]  # by ANSWERS
NOTHING: Counts = (0,) * len(ANSWERS)


@dataclass(frozen=True)
class Tally:
    """What is counted: the hours by their number since 1970, those without a call left out."""

    to: datetime | None  # when it was counted last
    first: int  # the hours from here on are counted
    done: int  # and up to here for good
    hours: dict[int, Counts]


@dataclass(frozen=True)
class Stretch:
    """The calls of some hours in a row."""

    since: datetime
    until: datetime
    counts: Counts

    @property
    def calls(self) -> int:
        """All of them."""
        return sum(self.counts)


def follow() -> int:
    """Count the hours that are not done, and a lot of the past until all of it is counted; how many hours.

    What is no longer kept counts no longer.
    """
    now = clock.now()
    here, days = _hour(now), min(DAYS, settings.days_kept("transactions"))
    row = db.session.get(Setting, KEPT, populate_existing=True)
    known = _read(row.value if row else "")
    db.session.rollback()
    if known.to is None or known.done < here - days * 24:
        known = Tally(None, here, here - 1, {})
    oldest = here - days * 24 + 1
    first = max(min(known.first, here), oldest)
    todo = [*range(known.done + 1, here + 1), *range(max(first - LOT, oldest), first)]
    with reading():
        counted = {hour: _count(hour) for hour in todo}
        db.session.rollback()
    hours = {hour: counts for hour, counts in (known.hours | counted).items() if any(counts) and hour >= oldest}
    _keep(Tally(now, min([first, *todo]), here - SETTLED_H, hours))
    return len(todo)


def counted() -> Tally:
    """What is counted so far."""
    return _read(settings.get(KEPT))


def stretches(tally: Tally, edges: Sequence[datetime]) -> list[Stretch]:
    """What is counted between each two of these moments, which begin an hour; the last ends when it was counted."""
    found = []
    for since, until in pairwise(edges):
        hours = (tally.hours.get(hour, NOTHING) for hour in range(_hour(since), _hour(until)))
        end = min(until, tally.to) if tally.to and tally.to > since else until
        found.append(Stretch(since, end, _sum(hours)))
    return found


def _sum(counts: Iterable[Counts]) -> Counts:
    return tuple(map(sum, zip(NOTHING, *counts, strict=True)))


def _hour(moment: datetime) -> int:
    return int(moment.timestamp()) // 3600


def _count(hour: int) -> Counts:
    """The calls of one hour: the index by time leads to them."""
    since = datetime.fromtimestamp(hour * 3600, UTC)
    within = (Transaction.started_at >= since, Transaction.started_at < since + timedelta(hours=1))
    query = select(Transaction.status, func.count()).where(*within).group_by(Transaction.status)
    found = dict.fromkeys(ANSWERS, 0)
    for status, count in db.session.execute(query):
        name = f"{status // 100}xx" if status else "none"
        if name in found:
            found[name] += count
    return tuple(found.values())


def _read(text: str) -> Tally:
    if not text:
        return Tally(None, 0, 0, {})
    told = orjson.loads(text)
    hours = {int(hour): tuple(counts) for hour, counts in told["hours"].items()}
    return Tally(clock.parse(told["to"]), told["first"], told["done"], hours)


def _keep(tally: Tally) -> None:
    row = db.session.get(Setting, KEPT) or Setting(name=KEPT)
    hours = {str(hour): counts for hour, counts in tally.hours.items()}
    told = {"to": tally.to, "first": tally.first, "done": tally.done, "hours": hours}
    row.value, row.updated_at = orjson.dumps(told).decode(), clock.now()
    db.session.add(row)
    db.session.commit()
