"""Leases: who may do a thing that only one process may do at a time, and until when (D2, K1).

Time is the database's own on PostgreSQL, where processes may live on machines whose clocks differ; with SQLite all of
them share one machine and its clock. Each function is one statement, so two askers cannot both be told yes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from .. import clock
from ..models.base import UtcDateTime

_TAKE = """
    INSERT INTO lease (name, owner, epoch, until) VALUES (:name, :owner, 1, {until})
    ON CONFLICT (name) DO UPDATE SET
        owner = excluded.owner,
        until = excluded.until,
        epoch = lease.epoch + CASE WHEN lease.owner = excluded.owner AND lease.until > {now} THEN 0 ELSE 1 END
    WHERE lease.owner = excluded.owner OR lease.until <= {now} OR lease.until > {absurd}
    RETURNING epoch
"""
_KEEP = "UPDATE lease SET until = {until} WHERE name = :name AND owner = :owner AND epoch = :epoch RETURNING epoch"
_RELEASE = "UPDATE lease SET until = {now} WHERE name = :name AND owner = :owner AND until > {now}"


PUT_BACK = timedelta(minutes=1)  # a lease that much longer than any is of a clock that was put back since


def take(session: Session, name: str, owner: str, seconds: float) -> int | None:
    """Take the lease, or prolong it when it is ours; its epoch. None while another owner holds it.

    The epoch rises with every new holding, so that a former holder can tell that its own is over.
    """
    return _ask(session, _TAKE, name, owner, seconds).scalar()


def keep(session: Session, name: str, owner: str, epoch: int, seconds: float) -> bool:
    """Prolong the holding of that epoch. False when another has taken the lease since."""
    return _ask(session, _KEEP, name, owner, seconds, epoch=epoch).scalar() is not None


def release(session: Session, name: str, owner: str) -> None:
    """Give the lease back before its end, if it is still ours."""
    _ask(session, _RELEASE, name, owner, 0)


def _ask(session: Session, statement: str, name: str, owner: str, seconds: float, **more: Any) -> Any:
    facts: dict[str, Any] = {"name": name, "owner": owner, **more}
    longest = timedelta(seconds=seconds) + PUT_BACK
    if session.get_bind().dialect.name == "postgresql":
        # Not now(): that is when the transaction began, perhaps long before it had waited for this row.
        now = "clock_timestamp()"
        query = text(statement.format(now=now, until=f"{now} + :span", absurd=f"{now} + :longest"))
        spans = {"span": timedelta(seconds=seconds), "longest": longest}
        return session.execute(query, facts | {name: span for name, span in spans.items() if f":{name}" in query.text})
    times = {"now": clock.now(), "until": clock.now() + timedelta(seconds=seconds), "absurd": clock.now() + longest}
    query = text(statement.format(now=":now", until=":until", absurd=":absurd"))
    used = {moment: times[moment] for moment in times if f":{moment}" in query.text}
    return session.execute(query.bindparams(*(bindparam(moment, type_=UtcDateTime()) for moment in used)), facts | used)
