"""Refused writes: what trying all of a problem or mapping again takes, doing it, and one sent with other values, typed
ones or those of today's mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import aliased

from ... import clock
from ...errors import Conflict, InvalidInput
from ...models import Change, Connection, Record, SyncRun, db
from ...models.change import ERASED, LOST, WAITING_STATES
from ...services.writing import Write, by_name
from ...sync.outcome import as_sentence
from ...sync.sending import guards
from .. import audit, outbound, several
from ..accounts import connections
from ..mapping import crossings
from ..runs import outbox, pushes
from . import shade

MOST = 500  # writes tried again at once: as many as one run sends
CALLS_EACH = 2  # a look before it is written over, and the write
CALL_S = 0.3
LONGEST = 10_000  # characters of one value
LARGEST = 10**15  # beyond it a number is not sent as it was typed


@dataclass(frozen=True)
class Estimate:
    """What trying all again takes."""

    count: int
    calls: int
    seconds: float


# -- all alike --------------------------------------------------------------------------------------------------------


def estimate(**of: int) -> Estimate:
    """How many refused writes would be sent again, with how many calls, in how long by the limits.

    of: `issue_id` or `mapping_id`, whose they are.
    """
    return _estimate(_alike(_of(of)))


def estimate_reads(connection: Connection, records: int) -> Estimate:
    """The same for records read again, each by itself."""
    return Estimate(records, records, _seconds(connection, records))


def _estimate(changes: list[Change]) -> Estimate:
    by_connection: dict[int, int] = {}
    for change in changes:
        by_connection[change.connection_id] = by_connection.get(change.connection_id, 0) + CALLS_EACH
    seconds = sum(_seconds(db.session.get_one(Connection, n), calls) for n, calls in by_connection.items())
    return Estimate(len(changes), sum(by_connection.values()), seconds)


def _seconds(connection: Connection, calls: int) -> float:
    limits = connections.limits_of(connection)
    return max([calls * CALL_S, *((calls - one.calls) / one.calls * one.per_s for one in limits if one.calls)])


def _of(whose: Mapping[str, int]) -> Select:
    return select(Change).filter_by(**whose)


def _alike(wanted: Select, *, ours: bool = False) -> list[Change]:
    """Those of these writes that were refused, the oldest first: the order they are sent in. Of one pair only the
    newest, and none where a newer one waits already: an older wish must not go over a newer. Nor one without values.

    ours: kept from others until the transaction ends, for whoever sends them again (outbox.as_it_is).
    """
    newer = aliased(Change)
    overtaken = exists().where(
        newer.link_id == Change.link_id, newer.connection_id == Change.connection_id, newer.id > Change.id,
        newer.state.in_((*WAITING_STATES, "done", "dead")),
    )  # fmt: skip
    query = wanted.where(Change.state == "dead", ~overtaken).order_by(Change.id).limit(MOST)
    if ours:
        query = query.with_for_update().execution_options(populate_existing=True)
    return [change for change in db.session.scalars(query) if not change.options.get(ERASED)]


def retry_all(*, by: str, **of: int) -> tuple[int, list[SyncRun]]:
    """Send the refused writes of a problem (`issue_id`) or a mapping (`mapping_id`) again, as they were; how many, and
    the runs that send them.

    Raises Conflict when none is left, or nothing is sent since a restore.
    """
    outbound.refuse_while_held()
    changes = _alike(_of(of), ours=True)
    if not changes:
        raise Conflict("None of these writes can be sent again: they were sent, dropped, or overtaken by a newer one.")
    whose = " ".join(f"{name.removesuffix('_id')} {number}" for name, number in of.items())
    return len(changes), _retry(changes, whose, by)


def retry_several(numbers: Sequence[int], *, by: str) -> several.Outcome:
    """Send these refused writes again, as they were; of one pair only the newest.

    Raises Conflict while nothing is sent since a restore.
    """
    outbound.refuse_while_held()
    changes = _alike(select(Change).where(Change.id.in_(numbers)), ours=True)
    done = [change.id for change in changes]
    left = {one.id: one for one in db.session.scalars(select(Change).where(Change.id.in_(set(numbers) - set(done))))}
    if changes:
        _retry(changes, f"{len(done)} writes", by)
    return several.outcome_of(numbers, done, lambda number: _why_not(left.get(number)))


def _why_not(change: Change | None) -> str:
    if change is None:
        return "There is no such write."
    if change.options.get(ERASED):
        return outbox.EMPTIED
    if change.state == "dead":
        return "A newer write of the same pair waits or was sent. An older wish must not go over it."
    return "It does not wait for a person any more."


def _retry(changes: list[Change], whose: str, by: str) -> list[SyncRun]:
    for change in changes:
        change.put_back()
    audit.add("writes retried", whose, actor=by, writes=[change.id for change in changes])
    db.session.commit()
    return send_soon(changes, by=by)


def send_soon(changes: Iterable[Change], *, by: str) -> list[SyncRun]:
    """Ask for the runs that send these writes; where one is under way or cannot be asked for, the next one does."""
    ours = [(change.mapping_id, change.connection_id) for change in changes]
    last = db.session.scalar(select(func.max(SyncRun.id))) or 0
    for mapping_id in sorted({mapping for mapping, _ in ours if mapping}):
        pushes.nudge(mapping_id, cause="retry", asked_by=by)
    for number in sorted({connection for mapping, connection in ours if not mapping}):
        pushes.send_waiting(db.session.get_one(Connection, number), cause="retry", asked_by=by)
    asked = (SyncRun.id > last, SyncRun.cause == "retry", SyncRun.asked_by == by, SyncRun.kind == "push")
    return list(db.session.scalars(select(SyncRun).where(*asked).order_by(SyncRun.id)))


# -- one, with other values -------------------------------------------------------------------------------------------


def editable(change: Change) -> dict[str, str]:
    """The values of a refused write that can be typed anew: field -> as text. Lists and lines are sent as they were."""
    return {name: _as_text(value) for name, value in change.wanted.items() if not isinstance(value, list | dict)}


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def send_edited(change: Change, values: Mapping[str, str], *, by: str) -> Change:
    """Send a refused write again with other values, as a new write that names it; the old one is kept as it was.

    Raises Conflict when it does not wait for a person, InvalidInput for a field it did not write, a value of the wrong
    kind, or when nothing is different; guards.Refused for what is never written.
    """
    _must_wait(change)
    wanted = _with(change, values)
    changed = [name for name in wanted if wanted[name] != change.wanted[name]]
    if not changed:
        raise InvalidInput("Nothing is different. To send it as it was, use Retry.")
    return _send(_copy(change, wanted, changed, by), change, changed, by)


def send_anew(change: Change, *, by: str) -> Change:
    """Send a refused write again as the mapping of today makes it of the record as it is now; the old one is kept.

    Raises Conflict when it does not wait for a person, when nothing can be worked out, or nothing is different;
    guards.Refused for what is never written.
    """
    _must_wait(change)
    found = shade.of(change)
    if not found.takes_part:
        raise Conflict("The mapping of today leaves this record out.")
    if untold := next((one for one in found.fields if one.why), None):
        raise Conflict(f"The mapping of today cannot fill {untold.field}: {untold.why}")
    if not found.differs:
        raise Conflict("The mapping of today would write the same. To send it as it was, use Retry.")
    wanted = {one.field: one.sent if one.same else one.now for one in found.fields if one.would_be_sent}
    if not wanted:
        raise Conflict("The mapping of today would write nothing of it any more.")
    new = _copy(change, wanted, [one.field for one in found.fields if not one.same], by)
    new.version, new.cause = found.version, f"Write {change.id} with the mapping of today, by {by}"
    return _send(new, change, [one.field for one in found.fields if not one.same], by)


def _must_wait(change: Change) -> None:
    outbox.as_it_is(change)
    outbox.refuse_emptied(change)
    if change.state != "dead" or change.op == "delete":
        raise Conflict("Only a refused write that carries values can be sent with other ones.")
    if change.options.get(LOST):
        raise Conflict("Its answer was once lost, so it may be there already. Retry it: it is looked up first.")
    outbox.refuse_beside_another(change)


def _send(new: Change, change: Change, changed: list[str], by: str) -> Change:
    _guard(change, new.wanted)
    db.session.add(new)
    change.state = "dropped"  # before the new one is written down: one write of a pair waits at a time
    db.session.flush()
    why = as_sentence(change.message) or "no reason was told."
    change.message = f"It was refused: {why} Sent again as write {new.id} by {by}."
    audit.add("write edited", f"change {change.id}", actor=by, sent_as=new.id, fields=changed)
    db.session.commit()
    return new


def _with(change: Change, values: Mapping[str, str]) -> dict[str, Any]:
    end = crossings.end(db.session.get_one(Connection, change.connection_id), change.resource)
    fields, allowed = by_name(end.fields()), editable(change)
    wanted = dict(change.wanted)
    for name, text in values.items():
        field = fields.get(name)
        if name not in allowed or (field is not None and not field.writable):
            raise InvalidInput("This write has no such field.", field=name)
        if text != allowed[name]:
            wanted[name] = _typed(text, change.wanted[name], field.type if field else "text", name)
        if field and field.longest and isinstance(wanted[name], str) and len(wanted[name]) > field.longest:
            raise InvalidInput(f"{field.label} takes at most {field.longest} characters.", field=name)
    return wanted


def _typed(text: str, was: Any, kind: str, name: str) -> Any:
    """A value as typed, in the kind it had."""
    text = text.strip()
    if len(text) > LONGEST:
        raise InvalidInput(f"This may have at most {LONGEST:,} characters.", field=name)
    if not text:
        return None
    if isinstance(was, bool) or kind == "boolean":
        if text.lower() not in ("yes", "no"):
            raise InvalidInput("Write yes or no.", field=name)
        return text.lower() == "yes"
    if isinstance(was, int | float):
        try:
            number = type(was)(text)
        except ValueError:
            raise InvalidInput("Write a number.", field=name) from None
        if not abs(number) <= LARGEST:  # nor what is no number
            raise InvalidInput(f"Write a number of at most {LARGEST:,}.", field=name)
        return number
    return text


def _guard(change: Change, wanted: Mapping[str, Any]) -> None:
    """The sender asks again right before it leaves; here the person hears it at once."""
    end = crossings.end(db.session.get_one(Connection, change.connection_id), change.resource)
    record = db.session.get(Record, change.record_id) if change.record_id else None
    write = Write(
        change.op, change.resource, wanted, change.external_id, record.data if record else None, end.custom,
        allow_closed=bool(change.options.get("closed")),
    )  # fmt: skip
    if said := guards.refusal(db.session(), end, write):
        guards.note(db.session(), end, write, said, change)
        db.session.commit()
        raise guards.Refused(said)


def _copy(change: Change, wanted: dict[str, Any], changed: list[str], by: str) -> Change:
    kept = (
        "connection_id", "resource", "op", "external_id", "record_id", "link_id", "mapping_id", "version", "run_id",
        "undoes_id", "before", "expected", "options", "issue_id",
    )  # fmt: skip
    return Change(
        **{name: getattr(change, name) for name in kept}, wanted=wanted, after={}, edits_id=change.id,
        sources={name: one for name, one in change.sources.items() if name in wanted and name not in changed},
        idempotency_key=uuid4().hex, cause=f"Write {change.id} with other values, by {by}", asked_by=by,
        state="pending", tries=0, created_at=clock.now(),
    )  # fmt: skip
