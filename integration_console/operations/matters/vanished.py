"""Open matters with a limitation date that Clio no longer shows. Their dates are not watched any more: people are told.

A matter that was deleted and one the account's role may not see any more are left out of a list alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from ... import clock
from ...models import Connection, ErrorLog, Record, db
from ...storage import errors
from .. import limitation_fields
from ..limitation_fields import STATUTE
from . import matters
from .limitation_rules import day_in, is_open, is_settled

LATELY = timedelta(days=7)  # what was gone for longer was told, or was gone before anybody watched
KIND = "missing"
TITLE = "Clio no longer shows open matters with a limitation date"
SAID = (
    "Clio no longer shows an open matter that has a limitation date. It was deleted there, or this account may not see "
    "it any more. Its date is not watched."
)


def tell() -> int:
    """Tell of those that are gone since the last look; how many."""
    told, now = 0, clock.now()
    for account in matters.connections():
        for record in list(_gone(account, now - LATELY)):
            errors.log_failure(
                db.session(), connection_id=account.id, run_id=record.written_run_id, service=matters.SERVICE,
                resource=matters.RESOURCE, kind=KIND, message=SAID, raw=SAID, code="limitation date", field=None,
                now=now, external_id=record.external_id, title=TITLE,
            )  # fmt: skip
            told += 1
        db.session.commit()
    return told


def _gone(account: Connection, since: datetime) -> Iterator[Record]:
    """An account's open matters that are gone since then with a limitation date, and were not told of yet."""
    query = select(Record).where(
        Record.connection_id == account.id, Record.resource == matters.RESOURCE, Record.deleted_at >= since
    )
    fields, known = limitation_fields.targets(), _told(account, since)
    for record in db.session.scalars(query.order_by(Record.id)):
        assert record.deleted_at is not None
        last = known.get(record.external_id)
        if (last is None or last < record.deleted_at) and _is_watched(record.data, fields):
            yield record


def _told(account: Connection, since: datetime) -> dict[str, datetime]:
    """Of which matters it was told, and when last."""
    query = select(ErrorLog.external_id, func.max(ErrorLog.created_at)).where(
        ErrorLog.connection_id == account.id, ErrorLog.resource == matters.RESOURCE, ErrorLog.kind == KIND,
        ErrorLog.created_at >= since, ErrorLog.external_id.is_not(None),
    )  # fmt: skip
    return {str(number): at for number, at in db.session.execute(query.group_by(ErrorLog.external_id))}


def _is_watched(data: Mapping[str, Any], fields: Iterable[str]) -> bool:
    own = () if is_settled(data) else (STATUTE,)
    return is_open(data) and any(day_in(data, field) for field in (*own, *fields))
