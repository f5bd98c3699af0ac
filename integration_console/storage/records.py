"""Our copies of upstream objects: kept a page at a time, found, browsed, and marked when they are gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Select, or_, select, tuple_, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from ..models import Record, holds
from . import bulk, driver
from .bulk import ERASED, Incoming
from .counting import capped
from .storable import NUL, may_hold_nul, without_nul

_RECORD: Any = Record.__table__
_COUNT_LIVE = """
    SELECT count(*) FROM record WHERE connection_id = :connection AND resource = :resource AND deleted_at IS NULL
"""
NONE = timedelta(0)


@dataclass
class Kept:
    """What keeping a page did."""

    new: int = 0
    changed: int = 0
    same: int = 0
    unchanged_ids: list[int] = field(default_factory=list)


# -- keeping --------------------------------------------------------------------------------------------------------


def keep_page(
    session: Session, *, connection_id: int, resource: str, run_id: int | None, rows: list[Incoming], now: datetime,
    hopeful: bool = False, since: datetime | None = None, lag: timedelta = NONE,
) -> Kept:  # fmt: skip
    """Write what is new or changed; unchanged records cost no write (P3). Nothing is committed here (P1).

    An id that comes twice counts once and its later form wins; a record that was marked deleted comes back as changed.
    hopeful: the page is probably all new, as the one before it was, so it is written without looking; only when one of
    its ids is there already, that is taken back and the page looked up like any other.
    since: when the page may have been asked for at the earliest. What another run kept after that and is newer stays:
    it would otherwise look as if somebody had set the record back to what it was. So does what was found deleted after
    that, unless it changed later still.
    lag: how far behind what it was asked for a page may be. Of records that tell no time of their change (Clockify,
    Stripe), or the same one, what another run kept since they were asked for stays.
    """
    if not rows:
        return Kept()
    session.flush()
    connection = session.connection()
    target = bulk.Target(connection_id, resource, run_id, now)
    page = {row.external_id: row for row in _storable(rows)}
    if hopeful and bulk.insert_if_all_new(connection, target, list(page.values())):
        return Kept(new=len(page))
    kept = Kept()
    known = _known(connection, connection_id, resource, list(page))
    new: list[Incoming] = []
    changed: list[Incoming] = []
    for external_id, row in page.items():
        found = known.get(external_id)
        if found and ((found[1] == row.content_hash and found[2] is None) or found[1] == ERASED):
            kept.unchanged_ids.append(found[0])
            continue
        (new if found is None else changed).append(row)
    if since is not None and changed:
        left = _left_since(session, target, changed, since, lag)
        kept.unchanged_ids += left.values()
        changed = [row for row in changed if row.external_id not in left]
    bulk.insert(connection, target, new)
    bulk.replace(connection, target, changed)
    kept.new, kept.changed, kept.same = len(new), len(changed), len(kept.unchanged_ids)
    return kept


def _left_since(
    session: Session, target: bulk.Target, rows: list[Incoming], since: datetime, lag: timedelta
) -> dict[str, int]:
    """Those of these records that stay as another run left them since, by the upstream's own time of their last change:
    in a newer form, or deleted after it; where that says nothing, what was written after they were asked for.
    Id -> number.

    lag: where there is one, also a form of the same time stays, as the answer to a write may be that does not tell
    when it was made.
    """
    came, since = {row.external_id: row for row in rows}, since - lag
    query = _of(target.connection_id, target.resource).with_only_columns(
        Record.external_id, Record.id, Record.updated_at, Record.deleted_at, Record.written_at
    ).where(
        Record.external_id.in_(came), Record.written_at >= since,
        or_(Record.written_run_id.is_(None), Record.written_run_id != target.run_id),
    )  # fmt: skip

    def stays(row: Incoming, updated_at: datetime | None, deleted_at: datetime | None, written_at: datetime) -> bool:
        moment, asked_at = row.updated_at, row.asked_at - lag if row.asked_at else None
        if deleted_at is not None:
            return deleted_at > since and moment <= deleted_at if moment else deleted_at > (asked_at or since)
        if updated_at == moment:  # or neither tells one
            return bool(lag and moment) or (asked_at is not None and written_at > asked_at)
        return updated_at is not None and moment is not None and updated_at > moment

    found = session.execute(query.order_by(Record.id).with_for_update()).all()
    return {one.external_id: one.id for one in found if stays(came[one.external_id], *one[2:])}


def _storable(rows: list[Incoming]) -> list[Incoming]:
    """PostgreSQL's text holds no NUL; on both databases the character that means "unreadable" stands in for it."""
    for row in rows:
        if NUL in row.external_id or NUL in row.label or (row.owner_id is not None and NUL in row.owner_id):
            row.external_id, row.label, row.owner_id = map(without_nul, (row.external_id, row.label, row.owner_id))
    if may_hold_nul(b"".join([row.data for row in rows]).decode()):
        for row in rows:
            if may_hold_nul(row.data.decode()):
                row.data = orjson.dumps(without_nul(orjson.loads(row.data)), option=orjson.OPT_SORT_KEYS)
    return rows


_KNOWN_SQLITE = """
    SELECT external_id, id, content_hash, deleted_at FROM record
    WHERE connection_id = ? AND resource = ? AND external_id IN (SELECT value FROM json_each(?))
"""
# One look into the unique index for each id, whatever PostgreSQL's statistics say: in a first full read there are
# none yet, and a plain `= ANY(...)` then walks the whole resource for every page.
_KNOWN_POSTGRESQL = """
    SELECT wanted.id, found.* FROM unnest(%(ids)s) AS wanted (id), LATERAL (
        SELECT record.id, content_hash, deleted_at FROM record
        WHERE connection_id = %(connection)s AND resource = %(resource)s AND external_id = wanted.id LIMIT 1
    ) AS found
"""


def _known(connection: Connection, connection_id: int, resource: str, external_ids: list[str]) -> dict[str, tuple]:
    """What we hold of these: external id -> (id, content hash, deleted at). By the driver: this runs for every page."""
    cursor = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        cursor.execute(_KNOWN_SQLITE, (connection_id, resource, orjson.dumps(external_ids).decode()))
    else:
        cursor.execute(_KNOWN_POSTGRESQL, {"connection": connection_id, "resource": resource, "ids": external_ids})
    known = {
        external_id: (number, bytes(digest), deleted) for external_id, number, digest, deleted in cursor.fetchall()
    }
    cursor.close()
    return known


def mark_deleted(session: Session, ids: Sequence[int], *, run_id: int | None, now: datetime) -> int:
    """Mark live records as gone upstream; how many it were. They stay readable."""
    marked = 0
    for start in range(0, len(ids), 500):
        done: Any = session.execute(
            update(Record)
            .where(Record.id.in_(ids[start : start + 500]), Record.deleted_at.is_(None))
            .values(deleted_at=now, written_at=now, written_run_id=run_id)
            .execution_options(synchronize_session=False)
        )
        marked += done.rowcount
    return marked


# -- finding --------------------------------------------------------------------------------------------------------


def get(session: Session, record_id: int) -> Record | None:
    """The record with our number."""
    return session.get(Record, record_id)


def find(session: Session, connection_id: int, resource: str, external_id: str) -> Record | None:
    """The record with the upstream's id."""
    return session.scalar(_of(connection_id, resource).where(Record.external_id == external_id))


def ids_of(
    session: Session, connection_id: int, resource: str, external_ids: Collection[str], *, deleted: bool = True
) -> list[int]:
    """Our numbers of the records with these upstream ids; unknown ones are left out.

    deleted: also of those that are known to be gone.
    """
    known = _known(session.connection(), connection_id, resource, list(external_ids)) if external_ids else {}
    return [number for number, _, gone_at in known.values() if deleted or gone_at is None]


def owners_of(session: Session, connection_id: int, resource: str, external_ids: Collection[str]) -> dict[str, str]:
    """Under which record each of these is listed, as far as we know."""
    query = _of(connection_id, resource).where(Record.external_id.in_(external_ids), Record.owner_id.is_not(None))
    found = session.execute(query.with_only_columns(Record.external_id, Record.owner_id))
    return {external_id: owner for external_id, owner in found if owner}


def count_live(session: Session, *, connection_id: int, resource: str) -> int:
    """How many records are not deleted. Counts rows: for the end of a read, never for a page."""
    return driver.run(session, _COUNT_LIVE, {"connection": connection_id, "resource": resource})[0][0]


def owners(
    session: Session,
    *,
    connection_id: int,
    resource: str,
    after: str | None,
    written_since: datetime | None,
    limit: int,
) -> list[str]:
    """Upstream ids of live records in ascending order, those after `after`; only those written since, if asked."""
    query = live(connection_id, resource).with_only_columns(Record.external_id)
    if after is not None:
        query = query.where(Record.external_id > after)
    if written_since is not None:
        query = query.where(Record.written_at >= written_since)
    return list(session.scalars(query.order_by(Record.external_id).limit(limit)))


def browse(
    session: Session, *, connection_id: int, resource: str, text: str | None = None,
    among: Sequence[int] | None = None, before_id: int | None = None, after_id: int | None = None, limit: int = 50,
    deleted: bool = False,
) -> list[Record]:  # fmt: skip
    """Records of a resource, newest first: those before `before_id`, or the page just above `after_id`.

    text: part of a label, or a whole upstream id. among: our numbers of those it can be, where that is known; without
    them every label is looked at. deleted: the deleted ones instead of the live ones.
    """
    query = _fitting(text, among, deleted)
    kind = (Record.connection_id, Record.resource, Record.id)
    first, last = after_id or 0, _LAST if before_id is None else before_id
    if session.get_bind().dialect.name == "sqlite":
        query = query.where(kind[0] == connection_id, kind[1] == resource, Record.id > first, Record.id < last)
    else:  # held equal, they leave only the number to order by, and PostgreSQL walks all records by it
        query = query.where(
            tuple_(*kind) > (connection_id, resource, first), tuple_(*kind) < (connection_id, resource, last)
        )
    if after_id is not None:
        return list(reversed(session.scalars(query.order_by(*kind).limit(limit)).all()))
    return list(session.scalars(query.order_by(*(column.desc() for column in kind)).limit(limit)))


def count(
    session: Session, *, connection_id: int, resource: str, most: int, text: str | None, among: Sequence[int] | None,
    deleted: bool,
) -> int | None:  # fmt: skip
    """How many of those there are, counted to one more than `most`; None where every label had to be looked at."""
    if text and among is None:
        return None
    here = _fitting(text, among, deleted).where(Record.connection_id == connection_id, Record.resource == resource)
    return capped(session, here.with_only_columns(Record.id), most)


def _fitting(text: str | None, among: Sequence[int] | None, deleted: bool) -> Select:
    query = select(Record).where(Record.deleted_at.is_not(None) if deleted else Record.deleted_at.is_(None))
    if text := without_nul(text):
        query = query.where(or_(holds(Record.label, text), Record.external_id == text))
        query = query if among is None else query.where(Record.id.in_(among))
    return query


_LAST = 2**63 - 1


def _of(connection_id: int, resource: str) -> Select:
    return select(Record).where(Record.connection_id == connection_id, Record.resource == resource)


def live(connection_id: int, resource: str) -> Select:
    """The records of a resource that are not deleted."""
    return _of(connection_id, resource).where(Record.deleted_at.is_(None))
