"""The outbox: one write to an upstream, kept before it is sent and marked when its answer was understood."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from .. import clock, services
from ..errors import BadRecord, ConsoleError, Stale, TryLater
from ..models import Change, Connection, Record, db
from ..services.writing import MISSING, Write, Written, value_of
from ..storage import records
from ..sync.sifting import sift
from .accounts import calling


def send_now(
    connection: Connection, resource: str, op: str, external_id: str | None, wanted: Mapping[str, Any], *,
    by: str, cause: str, options: Mapping[str, Any] | None = None,
) -> Change:  # fmt: skip
    """Send one write while somebody waits for it; the change, done.

    options: {"closed": True} lets a closed matter be written. Our copy is what the write is conditional on.
    Raises what the upstream said; the change then says it too.
    """
    service = services.by_key(connection.service)
    record = records.find(db.session(), connection.id, resource, external_id) if external_id else None
    current, plain = (record.data, service.writing.plain(resource, record.data)) if record else (None, {})
    change = Change(
        connection_id=connection.id, resource=resource, op=op, external_id=external_id, wanted=dict(wanted),
        record_id=record.id if record else None, before=_told(plain, wanted),
        options=dict(options or {}), idempotency_key=secrets.token_hex(16), cause=cause, asked_by=by, state="sending",
        tries=1, created_at=clock.now(), sent_at=clock.now(),
    )  # fmt: skip
    write = Write(
        op, resource, dict(wanted), external_id, current, custom=_definitions(connection.id),
        marker=change.idempotency_key, allow_closed=bool(change.options.get("closed")),
    )  # fmt: skip
    db.session.add(change)
    db.session.commit()
    number = change.id
    try:
        with calling(connection) as account:
            if why := service.writing.refusal(write):
                raise BadRecord(why)
            written = service.writing.send(account.upstream, write)
    except ConsoleError as error:
        _fail(number, error)
        raise
    return _finish(number, written)


def _told(plain: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := value_of(plain, name)) is not MISSING}


def _definitions(connection_id: int) -> list[dict]:
    of = (Record.connection_id == connection_id, Record.resource == "custom_fields", Record.deleted_at.is_(None))
    return list(db.session.scalars(select(Record.data).where(*of)))


def _fail(number: int, error: ConsoleError) -> None:
    change = db.session.get_one(Change, number)
    # Stale: whoever asked looks again, and what they want then is another change.
    change.state = "uncertain" if isinstance(error, TryLater) else "dropped" if isinstance(error, Stale) else "dead"
    change.message, change.error_kind, change.error_field = str(error), error.kind, getattr(error, "field", None)
    db.session.commit()


def _finish(number: int, written: Written) -> Change:
    """The mark and our new copy of the record, in one transaction (W2)."""
    now, change = clock.now(), db.session.get_one(Change, number)
    service = services.by_key(db.session.get_one(Connection, change.connection_id).service)
    if written.record is not None:
        rows = sift(service.resources[change.resource], [dict(written.record)]).rows
        records.keep_page(
            db.session(), connection_id=change.connection_id, resource=change.resource, run_id=None, rows=rows, now=now
        )
        plain = service.writing.plain(change.resource, written.record)
        change.after = _told(plain, change.wanted)
    change.state, change.done_at, change.external_id, change.call_key = (
        "done",
        now,
        written.external_id,
        written.call_key,
    )
    db.session.commit()
    return change
