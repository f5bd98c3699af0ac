"""What is never written, whoever asks: trust money, billed or locked time, closed matters, clients with matters.

Checked here, in the one sender, right before a write would leave (W8); a mapping is checked when it is saved, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ... import clock
from ...errors import BadRecord
from ...models import AuditEvent, Change, Record
from ...services.base import Resource, Service, dig
from ...services.writing import Write
from ...storage import records
from ..carrying.ends import End


class Refused(BadRecord):
    """This is never written."""

    kind = "conflict"


def may_write(service: Service, resource: Resource, op: str) -> bool:
    """Whether the allow-list holds this operation. Trust money is on nobody's list."""
    return not resource.trust and op in service.writing.writable.get(resource.key, ())


def refusal(session: Session, end: End, write: Write, *, going: Collection[tuple[str, str]] = ()) -> str | None:
    """Why this write must not leave, in a sentence; None when it may.

    going: (resource, id) of objects that are deleted before it, and hold nothing any more.
    """
    if not may_write(end.service, end.resource, write.op):
        what = "client trust money" if end.resource.trust else end.resource.label.lower()
        verb = "deletes" if write.op == "delete" and not end.resource.trust else "writes"
        return f"The console never {verb} {what} at {end.service.label}."
    if said := end.service.writing.refusal(write):
        return said
    if said := _within(session, end, write):
        return said
    return _held(session, end, write, going) if write.op == "delete" else None


def _within(session: Session, end: End, write: Write) -> str | None:
    """An object inside another, such as time on a matter, may not be written where that one may not."""
    for kind, number in outer_of(end, write):
        outer = records.find(session, end.connection_id, kind, number)
        if outer is None:
            continue
        if outer.deleted_at and write.op != "delete":
            label = end.service.resources[kind].label.lower()
            return f"It belongs to one of {end.service.label}'s {label} that was deleted there."
        asked = Write("update", kind, {}, number, outer.data, allow_closed=write.allow_closed)
        if said := end.service.writing.refusal(asked):
            return said
    return None


def outer_of(end: End, write: Write) -> Iterator[tuple[str, str]]:
    """What a write goes into, as it is and as it is to be: the resource and the id there."""
    for field, kind in end.service.writing.inside.get(write.resource, ()):
        held = dig(write.current, field) if write.current else None
        yield from {(kind, str(one)) for one in (held, write.values.get(field)) if one not in (None, "")}


def _held(session: Session, end: End, write: Write, going: Collection[tuple[str, str]]) -> str | None:
    """An object that others stand on, such as a client with matters or bills, is never deleted."""
    holders: Sequence[tuple[str, str]] = end.service.writing.held_by.get(write.resource, ())
    for kind, path in holders:
        at = tuple(path.split("."))
        gone = [number for resource, number in going if resource == kind]
        query = select(Record.id).where(
            Record.connection_id == end.connection_id, Record.resource == kind, Record.deleted_at.is_(None),
            Record.data[at].as_string() == str(write.external_id), Record.external_id.not_in(gone),
        )  # fmt: skip
        if session.scalar(query.limit(1)):
            label = end.service.resources[kind].label.lower()
            return f"It has {label} at {end.service.label} and is never deleted."
    return None


def note(session: Session, end: End, write: Write, said: str, change: Change) -> None:
    """Keep in the audit log that a write was refused (X14)."""
    session.execute(
        insert(AuditEvent).values(
            at=clock.now(), actor=change.asked_by or "the console",
            action="trust write refused" if end.resource.trust else "write refused",
            target=f"{end.service.key} {write.resource} {write.external_id or ''}".strip()[:200],
            details={"change": change.id, "operation": write.op, "why": said}, address="",
        )
    )  # fmt: skip
