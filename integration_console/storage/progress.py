"""The three small writes that go with every page: the lease kept, the part's counts, the bookmark.

Written once as plain statements, since building them anew for each of a thousand pages costs more than running them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import Checkpoint, RunPart, SyncRun

_RUN: Any = SyncRun.__table__
_PART: Any = RunPart.__table__
_POINT: Any = Checkpoint.__table__
COUNTS = ("seen", "new", "changed", "same", "refused", "pages", "calls", "waited_seconds")


def _keep(until: Any):
    return (
        update(_RUN)
        .where(_RUN.c.id == bindparam("run"), _RUN.c.epoch == bindparam("held"), _RUN.c.state == "running")
        .values(lease_until=until)
        .returning(_RUN.c.cancel_requested)
    )


_KEEP = _keep(bindparam("until"))
_KEEP_BY_DATABASE_TIME = _keep(func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("lease_s")))
_ADD = (
    update(_PART)
    .where(_PART.c.id == bindparam("part"))
    .values(
        {name: _PART.c[name] + bindparam(f"more_{name}") for name in COUNTS}
        | {"until": bindparam("newest"), "upstream_count": bindparam("said")}
    )
)
_MARK = (
    update(_POINT).where(_POINT.c.id == bindparam("point")).values(cursor=bindparam("walk", type_=_POINT.c.cursor.type))
)


def keep_lease(session: Session, run_id: int, epoch: int, lease_s: float) -> bool | None:
    """Renew a run's lease. None when it is another's by now, else whether a cancel was asked for (D2)."""
    values: dict[str, Any] = {"run": run_id, "held": epoch}
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        row = connection.execute(_KEEP_BY_DATABASE_TIME, {**values, "lease_s": lease_s}).first()
    else:
        until = clock.now() + timedelta(seconds=lease_s)
        row = connection.execute(_KEEP, {**values, "until": until}).first()
    return None if row is None else bool(row[0])


def add_to_part(
    session: Session, part_id: int, more: Mapping[str, float], *, newest: datetime | None, said: int | None
) -> None:
    """Add a page's counts to its part of the run; those not named stay."""
    values = {f"more_{name}": more.get(name, 0) for name in COUNTS}
    session.connection().execute(_ADD, {"part": part_id, "newest": newest, "said": said, **values})


def save_bookmark(session: Session, checkpoint_id: int, walk: dict) -> None:
    """Where the read goes on, in the transaction of the page before it (P1)."""
    session.connection().execute(_MARK, {"point": checkpoint_id, "walk": walk})
