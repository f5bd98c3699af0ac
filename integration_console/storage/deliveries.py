"""Deliveries: kept once, found again by keyset, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import CompoundSelect, Row, Select, Text, bindparam, cast, func, literal_column, or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, defer

from ..models import Delivery, Record
from ..models.base import inside
from .walks import united

PAGE = 50
_KEY = ("service", "connection_id", "event_key")
_AGAIN = ("kind", "records", "happened_at", "received_at", "next_try_at", "call_key", "headers", "body", "body_bytes",
          "body_hash", "subscription_id")  # fmt: skip


def keep(session: Session, rows: Iterable[Mapping[str, Any]], *, reopen: bool = False) -> list[int]:
    """Insert what is not there yet, in the caller's transaction; the numbers of those that are new (H3).

    reopen: a key that is there and was dealt with counts as new; one that still waits does not.
    """
    statement = _insert(session.get_bind().dialect.name, reopen)
    found: list[int] = []
    for row in rows:
        found += session.connection().execute(statement, row).scalars().all()
    return found


@cache
def _insert(dialect: str, reopen: bool) -> Any:
    """Made once: this stands between a sender and its answer."""
    make: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(Delivery.__table__)
    if not reopen:
        return statement.on_conflict_do_nothing(index_elements=_KEY).returning(Delivery.__table__.c.id)
    again = {name: statement.excluded[name] for name in _AGAIN}
    again |= {"state": "waiting", "tries": 0, "outcome": None, "run_id": None, "done_at": None, "first_id": None}
    statement = statement.on_conflict_do_update(
        index_elements=_KEY, set_=again, where=Delivery.__table__.c.state != "waiting"
    )
    return statement.returning(Delivery.__table__.c.id)


@dataclass(frozen=True)
class Wanted:
    """What to look for; what is None does not matter."""

    service: str | None = None
    connection_id: int | None = None
    state: str | None = None
    kind: str | None = None  # begins with
    run_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def search(session: Session, wanted: Wanted, older_than: int | None = None) -> tuple[list[Delivery], int | None]:
    """One page without bodies, and the number the next one begins behind; None when there is none."""
    query = _narrowed(select(Delivery.id), wanted).order_by(Delivery.id.desc()).limit(PAGE + 1)
    if older_than is not None:
        query = query.where(Delivery.id < older_than)
    if wanted.kind:  # each kind's along its index
        found_of = united(session, [query.where(Delivery.kind == kind) for kind in _kinds(session, wanted.kind)])
        numbers = sorted((row.id for row in found_of), reverse=True)[: PAGE + 1]
    else:
        numbers = list(session.scalars(query))
    rows = select(Delivery).where(Delivery.id.in_(numbers)).options(defer(Delivery.body))
    found = list(session.scalars(rows.order_by(Delivery.id.desc())))
    return found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None


def dead(session: Session, wanted: Wanted) -> Select:
    """The numbers of those set aside, the newest first."""
    return numbers(session, wanted).where(Delivery.state == "dead")


def numbers(session: Session, wanted: Wanted) -> Select:
    """The numbers of all of these, the newest first."""
    query = _narrowed(select(Delivery.id), wanted).order_by(Delivery.id.desc())
    return query.where(Delivery.kind.in_(_kinds(session, wanted.kind))) if wanted.kind else query


def _narrowed(query: Select, wanted: Wanted) -> Select:
    for name in ("service", "connection_id", "state", "run_id"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(getattr(Delivery, name) == value)
    if wanted.since:
        query = query.where(Delivery.received_at >= wanted.since)
    return query.where(Delivery.received_at < wanted.until) if wanted.until else query


def _kinds(session: Session, start: str) -> list[str]:
    """The kinds that begin so. There are few kinds: it goes from one to the next along their index."""
    kinds = select(func.min(Delivery.kind).label("kind")).cte("kinds", recursive=True)
    further = select(func.min(Delivery.kind)).where(Delivery.kind > kinds.c.kind).scalar_subquery()
    kinds = kinds.union_all(select(further).where(kinds.c.kind.is_not(None)))
    return list(session.scalars(select(kinds.c.kind).where(kinds.c.kind.startswith(start, autoescape=True))))


def about(session: Session, records: Sequence[Record | Row], most: int) -> list[list[Row]]:
    """The newest that named each of these records, as far as its life tells of them."""
    asked: dict[str, Any] = {"most": most}
    for at, one in enumerate(records):
        resource = orjson.dumps(one.resource).decode()  # as the list's text holds it
        asked |= {f"connection{at}": one.connection_id, f"id{at}": one.external_id, f"resource{at}": resource}
    rows = session.connection().execute(_about(len(records)), asked).all()
    names = [[one.resource, one.external_id] for one in records]
    return [
        [row for row in rows if row.of == at and name in [n[:2] for n in row.records]] for at, name in enumerate(names)
    ]


@cache
def _about(records: int) -> CompoundSelect[Any]:
    """Of each record by itself, so that the index, where all records of an event go by one id, has the newest first."""
    each = (
        select(
            literal_column(str(at)).label("of"), Delivery.id, Delivery.kind, Delivery.records, Delivery.received_at,
            Delivery.outcome, Delivery.run_id,
        )
        .where(
            Delivery.connection_id == bindparam(f"connection{at}"),
            inside(Delivery.records, 0, 1) == bindparam(f"id{at}"),
            cast(Delivery.records, Text).contains(bindparam(f"resource{at}")),
        )
        .order_by(Delivery.id.desc())
        .limit(bindparam("most"))
        for at in range(records)
    )  # fmt: skip
    return union_all(*(select(one.subquery()) for one in each))


def with_same_body(session: Session, delivery: Delivery) -> list[Delivery]:
    """The other deliveries that came in the same body, the one that has it first."""
    first = delivery.first_id or delivery.id
    query = select(Delivery).where(or_(Delivery.id == first, Delivery.first_id == first), Delivery.id != delivery.id)
    return list(session.scalars(query.order_by(Delivery.id).limit(PAGE)))
