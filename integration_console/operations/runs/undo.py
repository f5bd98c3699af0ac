"""Takes a run back: compensating writes where the upstream still holds what we wrote, shown before they are sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...errors import Conflict
from ...models import AuditEvent, Change, Connection, DataMapping, Record, RecordLink, SyncRun, db
from ...models.change import WAITING_STATES
from ...services.writing import MISSING, Write
from ...storage import records
from ...sync.carrying.compare import OTHER, now
from ...sync.carrying.ends import End
from ...sync.carrying.outbox import want
from ...sync.carrying.same import same
from ...sync.carrying.verdict import Intent
from ...sync.sending import guards
from ...sync.sending.agreement import told
from .. import audit, legal_holds
from ..mapping import crossings
from . import pushes

UNDONE = "run undone"


@dataclass(frozen=True)
class Step:
    """One write of the run, and whether it can be taken back."""

    change: Change
    record: Record | None
    can: bool
    op: str  # what taking it back is: update, delete; "" where it cannot be
    fields: list[dict[str, Any]]  # {"field", "now", "then"}
    why: str  # why not, in words
    taken: Change | None = None  # the last write that was to take it back

    @property
    def is_taken(self) -> bool:
        """Whether it was taken back, or is on the way to."""
        return self.taken is not None and self.taken.state in (*WAITING_STATES, "done")


def plan(run: SyncRun) -> list[Step]:
    """What taking this run back would do, newest write first, by our copies; each is checked again before it is sent.

    Raises Conflict when the run wrote nothing.
    """
    query = select(Change).where(Change.sent_run_id == run.id, Change.state == "done", Change.undoes_id.is_(None))
    changes = list(db.session.scalars(query.order_by(Change.id.desc())))
    if not changes:
        raise Conflict(f"Run {run.id} wrote nothing that could be taken back.")
    again = select(Change).where(Change.undoes_id.in_([change.id for change in changes])).order_by(Change.id)
    takers = {one.undoes_id: one for one in db.session.scalars(again)}
    ends: dict[tuple[int, str], End] = {}
    waits = select(Change.link_id, Change.connection_id).where(
        Change.link_id.in_([change.link_id for change in changes if change.link_id]), Change.state.in_(WAITING_STATES)
    )
    busy = {(row.link_id, row.connection_id) for row in db.session.execute(waits)}  # one write of a pair at a time
    going: set[tuple[str, str]] = set()  # what is deleted on the way: a matter before the client it was made for
    steps = [_step(db.session(), change, takers.get(change.id), ends, going) for change in changes]
    return [_in_turn(step, busy) for step in steps]


def _in_turn(step: Step, busy: set[tuple[int | None, int]]) -> Step:
    """The step, unless another write of its pair comes first: then the run is taken back once more after that one."""
    pair = step.change.link_id, step.change.connection_id
    if not step.can or pair[0] is None:
        return step
    if pair in busy:
        return replace(step, can=False, op="", fields=[], why="Another write of this pair comes first. Try again then.")
    busy.add(pair)
    return step


def _step(
    session: Session, change: Change, taken: Change | None,
    ends: dict[tuple[int, str], End], going: set[tuple[str, str]],
) -> Step:  # fmt: skip
    end = _end(change, ends)
    record = records.find(session, change.connection_id, change.resource, str(change.external_id))
    left = partial(Step, change, record, False, "", [], taken=taken)
    if left("").is_taken:
        return left("It was taken back already.")
    if change.op == "delete":
        return left(f"What was deleted at {end.service.label} cannot be brought back.")
    if record is None or record.deleted_at is not None:
        return left(f"It is no longer at {end.service.label}.")
    if not change.wanted:
        return left("What was written is erased here, so it cannot be compared.")
    plain = end.plain(record.external_id, record.data)
    moved = [name for name in change.after if not same(told(plain, name), change.after[name])]
    made = change.op == "create"
    if made and moved:
        return left(f"Since then {end.called(moved)} changed at {end.service.label}.")
    away = end.service.writing.put_away.get(change.resource) if made else None
    op = "delete" if made and not away else "update"
    if op == "delete" and (hold := legal_holds.on(change.connection_id)):
        return left(f"A legal hold keeps this data: {hold.reason}.")
    then = away or {name: change.before.get(name) for name in change.wanted if name not in moved}
    fields = [{"field": name, "now": told(plain, name), "then": value} for name, value in then.items()]
    if op == "update" and not fields:
        return left(f"Since then {end.called(moved)} changed at {end.service.label}.")
    values = {one["field"]: one["then"] for one in fields} if op == "update" else {}
    write = Write(op, change.resource, values, change.external_id, record.data, end.custom, allow_closed=True)
    if why := guards.refusal(session, end, write, going=going):
        return left(why)
    why = f"Left as it is, since it changed: {end.called(moved)}." if moved else ""
    if op == "delete":
        going.add((change.resource, str(change.external_id)))
    return Step(change, record, True, op, fields if op == "update" else [], why, taken)


def last_asked(run: SyncRun) -> AuditEvent | None:
    """Who asked last for it to be taken back, and when."""
    query = select(AuditEvent).where(AuditEvent.action == UNDONE, AuditEvent.target == f"run {run.id}")
    return db.session.scalar(query.order_by(AuditEvent.id.desc()).limit(1))


def undo(run: SyncRun, *, by: str) -> list[Change]:
    """Put the compensating writes into the outbox and ask for them to be sent; what could not be taken back is listed
    by `plan`.

    Raises Conflict when nothing of the run can be taken back.
    """
    db.session.refresh(run, with_for_update=True)  # of two who ask at once the second one sees what the first did
    steps = [step for step in plan(run) if step.can]
    if not steps:
        raise Conflict(f"Nothing of run {run.id} can be taken back any more.")
    numbers = [_want(step, run, by) for step in steps]
    audit.add(UNDONE, f"run {run.id}", actor=by, writes=len(numbers))
    db.session.commit()
    changes = list(db.session.scalars(select(Change).where(Change.id.in_(numbers)).order_by(Change.id)))
    for connection_id in sorted({change.connection_id for change in changes}):
        pushes.send_waiting(db.session.get_one(Connection, connection_id), cause="undo", asked_by=by)
    return changes


def _want(step: Step, run: SyncRun, by: str) -> int:
    change, record = step.change, step.record
    assert record is not None
    end = _end(change, {})
    touched = {one["field"] for one in step.fields}
    intent = Intent(agree=_halves(change, end, record, touched))
    for one in step.fields:
        name = one["field"]
        intent.values[name], intent.before[name] = one["then"], one["now"]
        intent.sources[name] = {"record_id": record.id, "field": name, "value": one["then"]}
    if step.op == "delete":  # it goes only as it was made
        intent.before = dict(change.after)
    return want(
        db.session(), end, step.op, intent=intent, target=end.seen(record), link_id=change.link_id,
        cause=f"Run {run.id} taken back by {by}", asked_by=by, undoes_id=change.id, closed=True,
    )  # fmt: skip


def _halves(change: Change, end: End, record: Record, touched: set[str]) -> dict[str, dict]:
    """This side as it is now and the other one as last agreed, by each line that writes what is taken back: once it is
    written the pair rests, until a side changes again, and what was edited there since is carried yet. By today's
    lines: by those of then nobody compares it any more, and what was taken back would be carried over the record it
    came from.
    """
    link = db.session.get(RecordLink, change.link_id) if change.link_id else None
    row = db.session.get(DataMapping, link.mapping_id) if link else None
    other = (link.left_record if end.side == "right" else link.right_record) if link else None
    if link is None or row is None or other is None or row.active_version is None:
        return {}
    mapping = crossings.model_of(row, row.active_version)
    here, there = end.plain(record.external_id, record.data), crossings.end_of(row, OTHER[end.side])
    plain = there.plain(other.external_id, other.data)
    found = {}
    for line in mapping.lines_towards(end.side):
        names = line.written(end.side)
        if touched.intersection(names):
            kept = {name: told(here, name) for name in names if name not in touched}
            agreed = link.base.get(line.key)
            said = agreed[there.side == "right"] if agreed else now(mapping, line, there.side, plain)
            found[line.key] = {"source": None if said is MISSING else said, "fields": list(names), "kept": kept}
    return found


def _end(change: Change, ends: dict[tuple[int, str], End]) -> End:
    key = (change.connection_id, change.resource)
    if key not in ends:
        mapping = db.session.get(DataMapping, change.mapping_id) if change.mapping_id else None
        side = "right"
        if mapping is not None and (mapping.left_connection_id, mapping.left_resource) == key:
            side = "left"
        ends[key] = crossings.end(db.session.get_one(Connection, change.connection_id), change.resource, side=side)
    return ends[key]
