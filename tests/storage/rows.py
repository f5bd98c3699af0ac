"""Rows that storage tests stand on."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

import orjson
from sqlalchemy import select

from integration_console.models import Connection, Record, SyncRun
from integration_console.storage.records import Incoming

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def connection(session, name: str = "Smith & Partners", service: str = "clio") -> int:
    row = Connection(key=name, service=service, name=name, status="connected", status_since=NOON, created_at=NOON)
    session.add(row)
    session.flush()
    return row.id


def run(session, connection_id: int) -> int:
    row = SyncRun(connection_id=connection_id, kind="full", state="running", cause="person", queued_at=NOON)
    session.add(row)
    session.flush()
    return row.id


def incoming(
    external_id,
    owner: str | None = None,
    starts_at: datetime | None = None,
    changed_at: datetime | None = NOON,
    asked_at: datetime | None = None,
    **fields,
) -> Incoming:
    data = orjson.dumps({"id": external_id, **fields}, option=orjson.OPT_SORT_KEYS)
    label = str(fields.get("name", external_id))
    digest = blake2b(data, digest_size=16).digest()
    return Incoming(str(external_id), data, digest, label, owner, starts_at, changed_at, asked_at)


def stored(session, external_id="1", resource="contacts"):
    session.expire_all()
    return session.scalars(select(Record).filter_by(external_id=external_id, resource=resource)).one()
