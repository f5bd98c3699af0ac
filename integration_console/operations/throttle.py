"""Growing delays for what is tried too often. Counted before the try, so that trying in parallel wins nothing.

And plain limits, so many a minute, for what is well-behaved but may be too much (X11).
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import orjson
from flask import current_app
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..errors import TooMany
from ..models import Throttle, db
from ..transport.pacing import open_store

_FREE = {"account": 5, "address": 10}  # tries without any delay (X11)
_FIRST_S, _LONGEST_S = 15, 15 * 60
_FORGOTTEN_AFTER = timedelta(hours=12)


def count(kind: str, value: str) -> None:
    """Count a try by this account or address and commit.

    Raises TooMany while it must wait. The delay doubles with every further try and is never for ever.
    """
    row = _row(_name(kind, value))
    now = clock.now()
    if row.until and row.until > now:
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

    Kept with the budgets of calls: what is lost there lets somebody begin anew, and nothing waits for the disk.
    """
    settings = current_app.config["SETTINGS"]
    store = open_store(settings.database_url, settings.INSTANCE_DIR / "limits")
    while True:
        version, row = store.read(f"spent:{name}")
        now = clock.now().timestamp()
        began, count = orjson.loads(row) if row else (now, 0)
        if not 0 <= now - began < per_s:
            began, count = now, 0
        if count >= most:
            raise TooMany(f"More than {most} in {per_s:.0f} seconds.", wait_s=began + per_s - now)
        if store.swap(f"spent:{name}", version, orjson.dumps([began, count + 1])):
            return


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
