"""How often the API may be called: counted in the database, so that every web process counts together (X11)."""

from __future__ import annotations

import structlog
from sqlalchemy import case, delete, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from ... import clock
from ...errors import TooMany
from ...models import CallCount, db
from ...models.base import little_patience

log = structlog.get_logger(__name__)

MINUTE_S = 60
PER_MINUTE = {"connect": 5, "sync": 10, "oauth": 20, "api": 120}  # as the contract says


def count(kind: str, owner: str) -> None:
    """Count one call; a minute begins with the first call after the last one's end.

    One statement in a transaction of its own. While SQLite's writer keeps us waiting the call is let through
    uncounted: a limit is no reason to make a read wait for a run.
    Raises TooMany saying how long to wait.
    """
    now = int(clock.now().timestamp() * 1000)
    with db.engine.connect() as connection, little_patience(connection):
        try:
            began_at, calls = connection.execute(_counted(f"{kind}:{owner}"[:100], now)).one()
            connection.commit()
        except OperationalError:
            connection.rollback()
            log.info("A call to the API could not be counted", kind=kind)
            return
    if calls > PER_MINUTE[kind]:
        raise TooMany(f"At most {PER_MINUTE[kind]} of these calls a minute.", wait_s=(began_at - now) / 1000 + MINUTE_S)


def _counted(name: str, now: int):
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    first = dialect.insert(CallCount).values(name=name, began_at=now, calls=1)
    minute = MINUTE_S * 1000
    over = or_(CallCount.began_at <= now - minute, CallCount.began_at > now + minute)  # the clock was put back
    more = first.on_conflict_do_update(
        index_elements=[CallCount.name],
        set_={
            "began_at": case((over, now), else_=CallCount.began_at),
            "calls": case((over, 1), else_=CallCount.calls + 1),
        },
    )
    return more.returning(CallCount.began_at, CallCount.calls)


def purge() -> None:
    """Forget the minutes that are over. The caller commits."""
    long_over = int((clock.now().timestamp() - 3600) * 1000)
    db.session.execute(delete(CallCount).where(CallCount.began_at < long_over))
