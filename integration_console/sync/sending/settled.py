"""What follows from a settled write: our copy, the pair's agreement, and the change's own end, together (W2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from sqlalchemy import update
from sqlalchemy.orm import Session

from ... import clock
from ...errors import BadRecord, Missing, Over
from ...models import Change, Record, RecordLink
from ...models.change import LOST, TOLD
from ...services.writing import Write
from ...storage import errors, records
from ..carrying.ends import End
from ..carrying.leaving import decide_again, look_again
from ..carrying.same import same
from ..reading.sifting import mend, sift
from .agreement import agree, told

_WITHOUT = {"create": ("waiting", "aside"), "delete": ("linked", "gone")}  # a pair's state before and after a refusal


@dataclass(frozen=True)
class Landed:
    """A write that is there: the object's id, the object, and the call that proved it."""

    external_id: str
    record: Mapping[str, Any] | None
    call_key: str


def copy_of(session: Session, end: End, change: Change) -> Mapping[str, Any] | None:
    """Our copy of what a change is about; none for a create."""
    if change.external_id is None:
        return None
    found = records.find(session, end.connection_id, end.resource.key, change.external_id)
    return found.data if found else None


def look(end: End, write: Write, *, trusting: bool = True) -> Landed | None:
    """Find out what became of a write nobody answered: where it landed, or None where it may be sent again.

    trusting: whether it can only have been made under the key it bears.
    Raises BadRecord when several objects may be it: a person decides (W3).
    """
    assert end.upstream is not None
    if write.op == "create":
        return _look_for_new(end, write, trusting)
    try:
        record = end.service.read_one(end.upstream, end.resource, str(write.external_id))
    except Missing:
        if write.op == "delete":
            return Landed(str(write.external_id), None, "")
        raise
    plain = end.plain(str(write.external_id), record)
    if write.op == "update" and all(same(told(plain, name), value) for name, value in write.values.items()):
        return Landed(str(write.external_id), record, "")
    return None  # sent again with the version it was meant for, so a newer edit is never written over


def _look_for_new(end: End, write: Write, trusting: bool) -> Landed | None:
    assert end.upstream is not None
    idempotency = end.service.writing.idempotency
    if trusting and write.marker and idempotency and idempotency.remembers(write.since, clock.now()):
        return None  # the same key again: the upstream gives its first answer, or does it now
    found = list(end.service.writing.find(end.upstream, write))
    if len(found) > 1:
        said = f"{end.service.label} may have made this record, and holds {len(found)} that could be it."
        raise BadRecord(f"{said} Link the right one.")
    return Landed(str(found[0][end.resource.id]), found[0], "") if found else None


def done(session: Session, end: End, change: Change, landed: Landed, *, run_id: int | None) -> str:
    """Close a change whose success is proved: keep the object, agree on what was carried, link what was made.

    Returns a sentence where the upstream took the write and yet holds nothing of a value, or answered with a record
    that could not be kept whole; "" where all is well.
    Raises Taken, and nothing of it is to be kept, when the record made is half of another pair by now.
    """
    now = clock.now()
    values: dict[str, Any] = {
        "state": "done", "message": None, "error_kind": None, "error_field": None, "retry_at": None, "done_at": now,
        "external_id": landed.external_id, "call_key": landed.call_key or change.call_key,
    }  # fmt: skip
    if change.op == "delete":
        _forget(session, end, change, run_id)
    else:
        record, refused = _keep(session, end, landed, run_id)
        plain = end.plain(landed.external_id, record.data)
        values["record_id"] = record.id
        values["after"] = {name: told(plain, name) for name in change.wanted}
        values["message"] = _not_kept(end, change, plain)
        if refused:
            values["message"] = f"{end.service.label} took the write. Not all of its answer could be kept: {refused}"
        if change.link_id is not None:
            agree(session, end, change, record, plain)
            if _put_away(session, change):
                session.execute(update(RecordLink).where(RecordLink.id == change.link_id).values(state="cut"))
    session.execute(update(Change).where(Change.id == change.id).values(**values))
    errors.resolve_written(session, change.id, link_id=change.link_id, connection_id=change.connection_id, now=now)
    return values["message"] or ""


def _not_kept(end: End, change: Change, plain: Mapping[str, Any]) -> str | None:
    """Values that were taken without a word and are not there: a company has no first name, say."""
    lost = [name for name, value in change.wanted.items() if value and name in plain and not plain[name]]
    return f"{end.service.label} took the write but keeps no {end.called(lost)} of this record." if lost else None


def dead(session: Session, change: Change, message: str) -> None:
    """A create that was refused leaves its record set aside, with the reason, until it changes; a deletion that was
    refused leaves the other half as it is, for good, or every run would ask for it again."""
    if change.op in _WITHOUT and change.link_id is not None:
        was, then = _WITHOUT[change.op]
        session.execute(
            update(RecordLink)
            .where(RecordLink.id == change.link_id, RecordLink.state == was)
            .values(state=then, reason=message, updated_at=clock.now())
        )


def known_since(change: Change, error: Exception, is_begun: bool) -> dict[str, Any]:
    """What is written down with a refused write for when a person looks at it or tries it again: the call that decided,
    its options, and its key.

    is_begun: whether it had been on its way before.
    """
    options, key = dict(change.options), change.idempotency_key
    if is_begun or getattr(error, "may_be_there", True):
        options[LOST] = True
    if isinstance(error, Over):
        options[TOLD] = [*options.get(TOLD, ()), *error.ids]
        key = uuid4().hex  # under the old one the upstream may answer with what is voided
    return {"options": options, "idempotency_key": key, "call_key": call_of(change, error)}


def call_of(change: Change, error: Exception) -> str | None:
    """The call a write failed on; the one before, where it did not come to a call this time."""
    return getattr(error, "call_key", "") or change.call_key


def compare_again(
    session: Session, end: End, change: Change, now: Mapping[str, Any] | None, *, run_id: int | None, error: Exception
) -> None:
    """Drop a write that came too late, keep the object as it is now, and have the pair compared anew."""
    if now is not None:
        _keep(session, end, Landed(str(change.external_id), now, ""), run_id)
    told = {"message": str(error), "call_key": call_of(change, error)}
    session.execute(update(Change).where(Change.id == change.id).values(state="dropped", **told))
    look_again(session, change.link_id)
    wanted = Change.link_id == change.link_id, Change.run_id == change.run_id  # a flip writes both sides
    decide_again(session, *wanted)


def _keep(session: Session, end: End, landed: Landed, run_id: int | None) -> tuple[Record, str]:
    """Our copy as the upstream has it since, through the same sieve and upsert as any page; what of it was refused.

    It is there, so it has its place here whatever it looks like: what is refused is told of in a dead letter (P5).
    """
    whose: dict[str, Any] = {"connection_id": end.connection_id, "resource": end.resource.key}
    now = clock.now()
    data = dict(landed.record or {})
    sifted, why = sift(end.resource, [data]), ""
    if sifted.refused:
        why = sifted.refused[0].reason
        told_of = [replace(one, external_id=landed.external_id) for one in sifted.refused]
        errors.keep_dead_letters(
            session, **whose, run_id=run_id, service=end.service.key, label=end.service.label, refused=told_of,
            now=now, call_key=landed.call_key or None,
        )  # fmt: skip
        ours = records.find(session, **whose, external_id=landed.external_id)
        sifted = mend(end.resource, data, ours.data if ours else {end.resource.id: landed.external_id})
    records.keep_page(session, **whose, run_id=run_id, rows=sifted.rows, now=now)
    found = records.find(session, **whose, external_id=landed.external_id)
    assert found is not None
    session.refresh(found)
    return found, why


def _put_away(session: Session, change: Change) -> bool:
    """Whether it takes a create back where nothing is deleted: the pair is none any more, and is not made again."""
    undone = session.get(Change, change.undoes_id) if change.undoes_id else None
    return undone is not None and undone.op == "create"


def _forget(session: Session, end: End, change: Change, run_id: int | None) -> None:
    ids = records.ids_of(session, end.connection_id, end.resource.key, [str(change.external_id)])
    records.mark_deleted(session, ids, run_id=run_id, now=clock.now())
    if change.link_id is not None:
        undone = change.undoes_id is not None  # what a person took back is not made again by itself
        session.execute(
            update(RecordLink)
            .where(RecordLink.id == change.link_id)
            .values(state="cut" if undone else "gone", updated_at=clock.now())
        )
