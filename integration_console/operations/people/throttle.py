"""Growing delays for what is tried too often. Counted before the try, so that trying in parallel wins nothing.

And plain limits, so many a minute, for what is well-behaved but may be too much (X11).
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from threading import Lock

import orjson
import structlog
from flask import current_app
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from ... import clock
from ...errors import TooMany, Unavailable
from ...models import Throttle, db
from ...transport.pacing import open_store

_FREE = {"account": 5, "address": 10}  # tries without any delay (X11)
_FIRST_S, _LONGEST_S = 15, 15 * 60
_FORGOTTEN_AFTER = timedelta(hours=12)

PORTIONS = 30  # of a limit, taken one at a time by a process
_taken: dict[str, tuple[float, int]] = {}  # name -> when its window began, and how many are left of our portion
_lock = Lock()

log = structlog.get_logger(__name__)


def count(kind: str, value: str) -> None:
    """Count a try by this account or address and commit.

    Raises TooMany while it must wait. The delay doubles with every further try and is never for ever.
    """
    row = _row(_name(kind, value))
    now = clock.now()
    if row.until and now < row.until <= now + timedelta(seconds=_LONGEST_S):  # further off: the clock was put back
        wait_s = (row.until - now).total_seconds()
        db.session.rollback()
        raise TooMany("Too many tries. Nothing was changed.", wait_s=wait_s)
    row.failures = 1 if now - row.last_at > _FORGOTTEN_AFTER else row.failures + 1
    over = row.failures - _FREE[kind]
    row.until = now + timedelta(seconds=min(_FIRST_S * 2 ** min(over, 10), _LONGEST_S)) if over >= 0 else None
    row.last_at = now
    db.session.commit()


def forget(kind: str, value: str) -> None:
    """Start from nothing: the try was good. The caller commits."""
    db.session.execute(delete(Throttle).where(Throttle.name == _name(kind, value)))


def spend(name: str, most: int, per_s: float = 60) -> None:
    """Count one more of these, shared by all processes. Raises TooMany when there were `most` within `per_s` seconds.

    Kept with the budgets of calls: what is lost there lets somebody begin anew. A process takes several at once, so
    that not each of them costs a write there; where the store cannot be used, nothing is held up by that.
    """
    now = clock.now().timestamp()
    with _lock:
        began, left = _taken.get(name, (now, 0))
        if left and 0 <= now - began < per_s:
            _taken[name] = (began, left - 1)
            return
    try:
        began, got = _take(name, most, per_s, now)
    except Unavailable as error:
        log.warning("A limit could not be counted", name=name, why=str(error))
        return
    if not got:
        raise TooMany(f"More than {most} in {per_s:.0f} seconds.", wait_s=began + per_s - now)
    with _lock:
        there, left = _taken.get(name, (began, 0))
        _taken[name] = (began, got - 1 + (left if there == began else 0))


def _take(name: str, most: int, per_s: float, now: float) -> tuple[float, int]:
    """When the present window began, and how many of it are this process's now; 0 when it is used up."""
    settings = current_app.config["SETTINGS"]
    store = open_store(settings.database_url, settings.INSTANCE_DIR / "limits")
    while True:
        version, row = store.read(f"spent:{name}")
        began, count = orjson.loads(row) if row else (now, 0)
        if not 0 <= now - began < per_s:
            began, count = now, 0
        got = min(max(1, most // PORTIONS), most - count)
        if got <= 0:
            return began, 0
        if store.swap(f"spent:{name}", version, orjson.dumps([began, count + got])):
            return began, got


def _name(kind: str, value: str) -> str:
    return f"{kind}:{sha256(value.encode()).hexdigest()[:40]}"


def _row(name: str) -> Throttle:
    """The counter, locked for us until commit."""
    if row := db.session.get(Throttle, name, with_for_update=True, populate_existing=True):
        return row
    try:
        db.session.add(Throttle(name=name, failures=0, last_at=clock.now()))
        db.session.commit()
    except IntegrityError:  # somebody else made it in the same moment
        db.session.rollback()
    return db.session.get_one(Throttle, name, with_for_update=True, populate_existing=True)
