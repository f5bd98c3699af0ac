"""Make, check, approve and switch on mappings; export and import them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import joinedload, selectinload

from ... import clock, services
from ...errors import Conflict, Forbidden, InvalidInput, NotFound
from ...models import AuditEvent, Change, Connection, DataMapping, MappingVersion, UnmatchedValue, User, db
from ...services.writing import Field
from ...storage import unmatched as unmatched_values
from ...sync import mapping as engine
from ...sync.mapping import Mapping, MappingDocument, Problem, Side
from .. import audit, legal_holds
from ..accounts import preflight
from . import problems, versions
from .versions import (
    Past,
    compare,
    discard,
    document,
    draft_of,
    edit,
    fields_of,
    history,
    latest,
    must_be_as_seen,
    numbered,
    put_aside,
    refuse_trust,
    replace,
    restore,
    sides,
    told_by,
    with_lines,
    write,
)

__all__ = [
    "Past", "activate", "active", "approve", "check", "compare", "create", "discard", "document", "draft_of", "edit",
    "every", "fields_of", "find", "find_or_none", "forget_unmatched", "history", "in_engine", "latest",
    "needs_approval", "numbered", "pause", "put_aside", "read_file", "remove", "replace", "restore", "resume", "sides",
    "unmatched", "with_lines",
]  # fmt: skip

read_file = engine.read  # JSON -> MappingDocument; an import shows compare(...) first, then calls replace or create


_WHOLE = selectinload(DataMapping.versions).selectinload(MappingVersion.fields)


_EVERY = select(DataMapping).order_by(DataMapping.name, DataMapping.id)
_EVERY_WITH_VERSIONS = _EVERY.options(
    joinedload(DataMapping.versions).load_only(
        MappingVersion.mapping_id, MappingVersion.number, MappingVersion.state, MappingVersion.direction,
        MappingVersion.preview,
    ),
    joinedload(DataMapping.left_connection).load_only(Connection.service),
    joinedload(DataMapping.right_connection).load_only(Connection.service),
)  # fmt: skip


def every(*, versions: bool = False) -> list[DataMapping]:
    """All mappings by name. versions: with what a list tells of them and of their connections, in one question."""
    return list(db.session.scalars(_EVERY_WITH_VERSIONS if versions else _EVERY).unique())


def find(mapping_id: int) -> DataMapping:
    """The mapping of that number. Raises NotFound."""
    if mapping := db.session.get(DataMapping, mapping_id):
        return mapping
    raise NotFound(f"There is no mapping {mapping_id}.")


def find_or_none(mapping_id: int | None) -> DataMapping | None:
    """The mapping of that number, if it is still there."""
    return db.session.get(DataMapping, mapping_id) if mapping_id else None


def in_engine(mapping: DataMapping, number: int | None = None) -> Mapping:
    """A version as the engine uses it; the latest when none is named."""
    return versions.in_engine(mapping, numbered(mapping, number))


def of_connection(connection_id: int) -> list[DataMapping]:
    """The mappings with an end at this connection, by name, with their versions and lines."""
    query = select(DataMapping).where(_uses(connection_id)).order_by(DataMapping.name, DataMapping.id)
    return list(db.session.scalars(query.options(_WHOLE)))


def _uses(connection_id: int) -> ColumnElement[bool]:
    return or_(DataMapping.left_connection_id == connection_id, DataMapping.right_connection_id == connection_id)


def active(connection_id: int | None = None) -> list[Mapping]:
    """The mappings that are switched on, each in the version runs use; those with an end at a connection."""
    on = select(DataMapping).where(DataMapping.state == "active").order_by(DataMapping.id)
    if connection_id is not None:
        on = on.where(_uses(connection_id))
    return [in_engine(row, row.active_version) for row in db.session.scalars(on.options(_WHOLE))]


def create(wanted: MappingDocument, left: Connection, right: Connection, *, by: str) -> DataMapping:
    """A new mapping between two connections, as a draft.

    Raises InvalidInput when a connection is of another service than the document's side, Forbidden for trust money.
    """
    for side, connection in (("left", left), ("right", right)):
        end = getattr(wanted, side)
        if connection.service != end.service:
            label = services.by_key(end.service).label
            raise InvalidInput(f"The {side} side is {label}, and {connection.name} is not.", field=side)
    ends = Side(left.id, left.service, wanted.left.resource), Side(right.id, right.service, wanted.right.resource)
    if left.id == right.id and wanted.left == wanted.right:
        raise InvalidInput("Choose two different resources: a record cannot be its own partner.", field="right")
    refuse_trust(wanted, *ends, by=by)
    now = clock.now()
    mapping = DataMapping(
        name=wanted.name, flow=wanted.flow, left_connection_id=left.id, left_resource=wanted.left.resource,
        right_connection_id=right.id, right_resource=wanted.right.resource, state="draft", created_by=by,
        created_at=now, updated_at=now,
    )  # fmt: skip
    draft = MappingVersion(number=1, state="draft", direction=wanted.direction, changed_at=now)
    mapping.versions.append(draft)
    db.session.add(mapping)
    db.session.flush()
    write(draft, wanted, by=by)
    audit.add("mapping created", mapping.name, actor=by, mapping=mapping.id, version=1, flow=mapping.flow)
    db.session.commit()
    return mapping


def remove(mapping: DataMapping, *, by: str) -> None:
    """Forget a mapping, its versions and its links; no record changes on either side, and runs keep their history.

    Raises Conflict while it is switched on, a write of it is on its way, or a legal hold keeps what its pairs say.
    """
    if mapping.state == "active":
        raise Conflict(f"{mapping.name} is switched on. Pause it first.")
    if hold := legal_holds.on(mapping.left_connection_id, mapping.right_connection_id):
        raise Conflict(f"A legal hold keeps this data: {hold.reason}. Nothing was removed.")
    of_it = Change.mapping_id == mapping.id
    if db.session.scalar(select(Change.id).where(of_it, Change.state.in_(("sending", "uncertain"))).limit(1)):
        raise Conflict(f"A write of {mapping.name} is on its way. Try again when it has arrived.")
    waiting = update(Change).where(of_it, Change.state.in_(("pending", "retry")))
    db.session.execute(waiting.values(state="dropped", message=f"{by} removed the mapping.", done_at=clock.now()))
    audit.add("mapping removed", mapping.name, actor=by, mapping=mapping.id, document=document(mapping).to_json())
    problems.removed(mapping, by=by)
    db.session.delete(mapping)
    db.session.commit()


# -- what is wrong with it --------------------------------------------------------------------------------------------


def check(mapping: DataMapping, number: int | None = None) -> list[Problem]:
    """What is wrong with a version, the blocking first; the latest when none is named."""
    version = in_engine(mapping, number)
    others = [other for other in active() if other.id != mapping.id]
    return [*engine.check(version, *_fields(version), others), *_unlinked(version, others)]


def needs_approval(mapping: DataMapping, number: int | None = None) -> bool:
    """Whether a version writes money, which a second admin approves."""
    version = in_engine(mapping, number)
    return engine.holds_money(version, *_fields(version))


def unmatched(mapping: DataMapping) -> list[UnmatchedValue]:
    """Values its tables and lookups did not know, the most frequent first."""
    return unmatched_values.of(db.session(), mapping.id)


def forget_unmatched(mapping: DataMapping, field: str, value: str) -> None:
    """A value was added to a table, or needs no place there."""
    unmatched_values.forget(db.session(), mapping.id, field, value)
    db.session.commit()


def _fields(version: Mapping) -> tuple[list[Field], list[Field]]:
    return fields_of(version.left), fields_of(version.right)


def _unlinked(version: Mapping, others: Sequence[Mapping]) -> list[Problem]:
    """Lines that wait for what another mapping links, while that one is off."""
    on = {name for other in others for name in (other.flow, str(other.id)) if name}
    return [
        Problem(False, line.key, "Records wait here until the mapping that links what they name is switched on, too.")
        for line in version.lines
        if (flow := getattr(line.options, "flow", None)) and flow not in on
    ]


# -- on and off -------------------------------------------------------------------------------------------------------


def approve(mapping: DataMapping, *, by: str, seen_at: datetime | None = None) -> MappingVersion:
    """A second admin says that the draft, which writes money, may go live. seen_at: as `edit`.

    Raises Conflict when there is nothing to approve, ChangedMeanwhile, Forbidden for who is no admin or has changed
    this draft.
    """
    draft = _draft(mapping)
    must_be_as_seen(mapping, seen_at)
    if not needs_approval(mapping):
        raise Conflict(f"{mapping.name} writes no money: it needs no approval.")
    if not db.session.scalar(select(User.id).where(User.email == by.lower(), User.role == "admin", User.active)):
        raise Forbidden("Only an administrator may approve a mapping that writes money.")
    if by in _authors(mapping, draft):
        raise Forbidden("You changed this draft yourself: another administrator must approve it.")
    draft.approved_by, draft.approved_at = by, clock.now()
    audit.add("mapping approved", mapping.name, actor=by, mapping=mapping.id, version=draft.number)
    db.session.commit()
    return draft


def activate(mapping: DataMapping, *, by: str, seen_at: datetime | None = None) -> MappingVersion:
    """Switch the draft on; the version before it is retired. The first run keeps to the preview's counts (W7).

    seen_at: as `edit`.
    Raises Conflict naming what is missing: a preview of this very draft, an approval, what blocks it, or what does
    not fit the accounts' limits; ChangedMeanwhile.
    """
    draft = _draft(mapping)
    must_be_as_seen(mapping, seen_at)
    if blocking := [problem.message for problem in check(mapping) if problem.blocking]:
        raise Conflict(f"{mapping.name} cannot be switched on yet. {' '.join(blocking[:3])}")
    if draft.preview is None:
        raise Conflict(f"Look at a preview of {mapping.name} first: this draft has none since it was last changed.")
    preflight.check_mapping(mapping, draft.preview.get("sends", {}))
    if needs_approval(mapping):
        _approved(mapping, draft, by)
    for version in mapping.versions:
        if version.state == "active":
            version.state = "retired"
    draft.state, draft.activated_by, draft.activated_at = "active", by, clock.now()
    mapping.active_version, mapping.first_run = draft.number, told_by(draft.preview)
    problems.unasked(mapping, draft, by=by)
    _set_state(mapping, "active", by, "")
    audit.add("mapping activated", mapping.name, actor=by, mapping=mapping.id, version=draft.number)
    db.session.commit()
    return draft


def pause(mapping: DataMapping, *, by: str, reason: str = "") -> None:
    """Carry nothing more until it is resumed. Raises Conflict when it is not switched on."""
    if mapping.state != "active":
        raise Conflict(f"{mapping.name} is not switched on.")
    _set_state(mapping, "paused", by, reason or f"Paused by {by}.")
    audit.add("mapping paused", mapping.name, actor=by, mapping=mapping.id, reason=reason)
    db.session.commit()


def resume(mapping: DataMapping, *, by: str) -> None:
    """Go on with the version that was on. Raises Conflict when it was not paused."""
    if mapping.state != "paused":
        raise Conflict(f"{mapping.name} is not paused.")
    _set_state(mapping, "active", by, "")
    audit.add("mapping resumed", mapping.name, actor=by, mapping=mapping.id, version=mapping.active_version)
    db.session.commit()


def _draft(mapping: DataMapping) -> MappingVersion:
    if draft := draft_of(mapping):
        return draft
    raise Conflict(f"{mapping.name} has no draft: its latest version is switched on already.")


def _authors(mapping: DataMapping, draft: MappingVersion) -> set[str | None]:
    """Everybody who changed this draft; the audit log knows the earlier ones."""
    about = AuditEvent.details["mapping"].as_integer() == mapping.id
    this = AuditEvent.details["version"].as_integer() == draft.number
    changed = AuditEvent.action.in_([f"mapping {how}" for how in ("created", "changed", "imported", "restored")])
    return {draft.changed_by, *db.session.scalars(select(AuditEvent.actor).where(changed, about, this))}


def _approved(mapping: DataMapping, draft: MappingVersion, by: str) -> None:
    """Two people must stand behind money: who approved, and who changed it or switches it on."""
    if draft.approved_by is None:
        raise Conflict(f"{mapping.name} writes money: another administrator must approve this draft first.")
    if draft.approved_by == by:
        raise Conflict("You approved this draft: another administrator must switch it on.")


def _set_state(mapping: DataMapping, state: str, by: str, reason: str) -> None:
    mapping.state, mapping.state_by, mapping.state_reason = state, by, reason
    mapping.state_at = mapping.updated_at = clock.now()
