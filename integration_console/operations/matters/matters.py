"""Read and change a matter of Clio: our copy, a fresh one, and what people and programs want it to say.

A matter is named by our number, or as `clio:<id>` by Clio's own; with several Clio accounts the second needs the
connection too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ... import clock, services
from ...errors import Conflict, Missing, NotFound, Stale
from ...models import Change, Checkpoint, Connection, Record, db
from ...services.writing import MISSING, value_of
from ...storage import records
from ...sync.reading.sifting import sift
from ..accounts.accounts import calling, must_be_callable
from ..runs import outbox
from .matter_document import document

SERVICE, RESOURCE = "clio", "matters"
BY_CLIO = "clio:"
_NAMES = re.compile(rf"({BY_CLIO})?[0-9]{{1,18}}", re.ASCII)
TRIES = 3  # a matter that changes under our hands so often waits for a person (W4)


class MatterChanged(Conflict):
    """This matter was changed in Clio in the meantime. Nothing was saved."""

    def __init__(self, record: Record) -> None:
        super().__init__(details={"current": shown(record)})
        self.record_id = record.id


class Ambiguous(Conflict):
    """Several Clio accounts have a matter with this number. Say which one with ?connection=."""

    def __init__(self, connections: list[Connection]) -> None:
        super().__init__(details={"connections": [{"id": one.id, "name": one.name} for one in connections]})


# -- finding ----------------------------------------------------------------------------------------------------------


def connections() -> list[Connection]:
    """The Clio accounts there are, by name."""
    of = (Connection.service == SERVICE, Connection.status != "removed")
    return list(db.session.scalars(select(Connection).where(*of).order_by(Connection.name, Connection.id)))


def unread(accounts: Iterable[Connection]) -> list[Connection]:
    """Those of these Clio accounts whose matters are not read now: what we hold of them, and their dates, grows old."""
    return [
        one
        for one in accounts
        if one.service == SERVICE and (one.status != "connected" or RESOURCE in one.settings.get("resources_off", ()))
    ]


def never_read(accounts: Iterable[Connection]) -> list[Connection]:
    """Those of these Clio accounts whose list of matters never came to its end: nothing is known of their dates."""
    ended = Checkpoint.resource == RESOURCE, Checkpoint.last_read_at.is_not(None)
    known = set(db.session.scalars(select(Checkpoint.connection_id).where(*ended)))
    return [one for one in accounts if one.id not in known]


def find(name: str, connection_id: int | None = None, *, gone: bool = False) -> Record:
    """The matter of that name: "17" is our number, "clio:4711" Clio's.

    connection_id: which Clio account is meant. gone: also one that is gone from Clio since.
    Raises NotFound, Ambiguous.
    """
    found = [record for record in _named(name, connection_id) if gone or record.deleted_at is None]
    if len(found) > 1:
        raise Ambiguous([db.session.get_one(Connection, record.connection_id) for record in found])
    if not found:
        raise NotFound("There is no such matter.")
    return found[0]


def fresh(name: str, connection_id: int | None = None) -> Record:
    """The same, read from Clio just now; also one we did not hold yet.

    Raises NotFound, Ambiguous, what Clio said.
    """
    if name.startswith(BY_CLIO) and _NAMES.fullmatch(name) and not _named(name, connection_id):
        return _fetch(name.removeprefix(BY_CLIO), connection_id)
    return refresh(find(name, connection_id, gone=True))


def _named(name: str, connection_id: int | None) -> list[Record]:
    if not _NAMES.fullmatch(name):
        return []
    if name.startswith(BY_CLIO):
        return _by_clio(name.removeprefix(BY_CLIO), connection_id)
    record = db.session.get(Record, int(name))
    return [record] if record and _is_matter(record, connection_id) else []


def _is_matter(record: Record, connection_id: int | None) -> bool:
    if record.resource != RESOURCE or connection_id not in (None, record.connection_id):
        return False
    return db.session.get_one(Connection, record.connection_id).service == SERVICE


def _by_clio(number: str, connection_id: int | None) -> list[Record]:
    return [
        record
        for one in connections()
        if connection_id in (None, one.id) and (record := records.find(db.session(), one.id, RESOURCE, number))
    ]


def _fetch(number: str, connection_id: int | None) -> Record:
    candidates = [one for one in connections() if connection_id in (None, one.id)]
    if len(candidates) > 1:
        raise Ambiguous(candidates)
    if not candidates:
        raise NotFound("There is no such matter.")
    return _read(candidates[0], number)


# -- what it says -----------------------------------------------------------------------------------------------------


def plain(record: Record) -> dict[str, Any]:
    """A matter as plain values by the names of services.writing."""
    return services.by_key(SERVICE).writing.plain(RESOURCE, record.data)


def as_of(record: Record) -> datetime:
    """When our copy was last known to be what Clio had: when it was written, or its list read to the end."""
    query = select(Checkpoint.last_read_at).filter_by(connection_id=record.connection_id, resource=RESOURCE)
    read_at = db.session.scalar(query)
    return max(record.written_at, read_at) if read_at else record.written_at


def shown(record: Record) -> dict[str, Any]:
    """A matter as the API shows it."""
    return document(record, as_of(record))


def changes_of(record: Record, limit: int = 20) -> list[Change]:
    """What was written to it, the newest first."""
    return list(
        db.session.scalars(select(Change).filter_by(record_id=record.id).order_by(Change.id.desc()).limit(limit))
    )


def refresh(record: Record) -> Record:
    """Read a matter from Clio again and keep what it says.

    Raises NotFound when it is gone, our copy is marked then; what Clio said.
    """
    return _read(db.session.get_one(Connection, record.connection_id), record.external_id)


def _read(connection: Connection, external_id: str) -> Record:
    number, service, asked_at = connection.id, services.by_key(SERVICE), clock.now()
    resource = service.resources[RESOURCE]
    try:
        with calling(connection) as account:
            item = service.read_one(account.upstream, resource, external_id)
    except Missing:
        _mark_gone(number, external_id)
        raise NotFound("Clio has no such matter.") from None
    sifted = sift(resource, [item], asked_at=asked_at)
    if sifted.refused:
        raise Conflict(f"What Clio says of this matter cannot be kept. {sifted.refused[0].reason}")
    whose: dict[str, Any] = {"connection_id": number, "resource": RESOURCE}
    records.keep_page(db.session(), **whose, run_id=None, rows=sifted.rows, now=clock.now(), since=asked_at)
    db.session.commit()
    found = records.find(db.session(), **whose, external_id=sifted.rows[0].external_id)
    assert found is not None  # kept just now
    return found


def _mark_gone(connection_id: int, external_id: str) -> None:
    known = records.find(db.session(), connection_id, RESOURCE, external_id)
    if known:
        records.mark_deleted(db.session(), [known.id], run_id=None, now=clock.now())
    db.session.commit()


# -- changing ---------------------------------------------------------------------------------------------------------


def change(record: Record, wanted: Mapping[str, Any], *, by: str, cause: str = "") -> Record:
    """Write values to Clio; our copy as Clio answered it.

    wanted: plain values by the names of services.writing; None clears. What is there already is not sent (W6).
    Where Clio has changed other fields meanwhile, both stay (W5). Raises MatterChanged when it has changed the same
    ones, Conflict for a closed matter, what Clio said.
    """
    _callable(record)
    before = plain(record)
    if not _differing(before, wanted):  # our copy may be old: only Clio knows whether it is really so
        record = refresh(record)
    for _ in range(TRIES):
        present = plain(record)
        left = _differing(present, wanted)
        if any(value_of(present, name) != value_of(before, name) for name in left):
            raise MatterChanged(record)
        if not left:
            return record
        try:
            return _send(record, left, by=by, cause=cause or f"changed by {by}")
        except Stale:
            record = refresh(record)
        except Missing:
            _mark_gone(record.connection_id, record.external_id)
            raise
    raise MatterChanged(record)


def _callable(record: Record) -> None:
    if record.deleted_at is not None:
        raise NotFound("This matter is gone from Clio.")
    must_be_callable(db.session.get_one(Connection, record.connection_id))


def _differing(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is not so yet. What the record does not tell (reminders) is never known to be so."""
    found = {name: value_of(present, name) for name in wanted}
    return {
        name: value
        for name, value in wanted.items()
        if not (found[name] == value or (value is None and found[name] is MISSING))
    }


def _send(record: Record, wanted: Mapping[str, Any], *, by: str, cause: str) -> Record:
    """One write through the outbox, the only way anything is written. Only reopening writes to a closed matter."""
    closed = plain(record).get("status") == "closed"
    if closed and wanted.get("status", "closed") == "closed":
        raise Conflict("This matter is closed, and nothing is written to a closed matter. Reopen it first.")
    number, connection = record.id, db.session.get_one(Connection, record.connection_id)
    options = {"closed": True} if closed else {}
    outbox.send_now(connection, RESOURCE, "update", record.external_id, wanted, by=by, cause=cause, options=options)
    return db.session.get_one(Record, number, populate_existing=True)
