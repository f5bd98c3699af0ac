"""What a pair agrees on once a write of it is there, and whether it has to be compared again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ... import clock
from ...errors import BadRecord
from ...models import Change, DataMapping, FieldMapping, MappingVersion, Record, RecordLink
from ...services.writing import value_of
from ..carrying import restless
from ..carrying.ends import End
from ..carrying.same import same


class Taken(BadRecord):
    """What a create came to is half of another pair by now."""

    may_be_there = True
    SAID = (
        "{} has this as record {}, which was paired with another one (pair {}). No second one is made. Cut that pair "
        "and retry this write, or drop it."
    )

    def __init__(self, label: str, external_id: str, pair: int) -> None:
        super().__init__(self.SAID.format(label, external_id, pair))
        self.title = self.SAID.format(label, "…", "…")  # for all that is refused alike


def agree(session: Session, end: End, change: Change, record: Record, plain: Mapping[str, Any]) -> None:
    """The pair agrees on what was carried: the source's half as it was compared, this side's as it is now."""
    link = session.get_one(RecordLink, change.link_id, with_for_update=True)
    base, side = dict(link.base), side_of(session, link, change)
    if change.op == "create" and getattr(link, f"{side}_record_id") not in (None, record.id):
        return  # it was given another half while nobody knew of this one: a person is asked about the two
    for line, agreed in (change.options.get("agree") or {}).items():
        values = [agreed.get("kept", {}).get(name, told(plain, name)) for name in agreed["fields"]]
        half = values if len(values) > 1 else values[0]
        base[line] = [half, agreed["source"]] if side == "left" else [agreed["source"], half]
    link.base, link.updated_at = base, clock.now()
    if change.op == "update" and change.mapping_id is not None:  # what a person took back is no flapping
        link.writes = restless.noted(link.writes, side, change.wanted)
    is_seen = _rests(base, side, plain) and not _has_lines(change)
    is_seen = is_seen and not _says_more(session, change, base, side, plain)
    setattr(link, f"{side}_hash", record.content_hash if is_seen else None)
    if change.op == "create":
        _make_room(session, end, link, side, record)
        setattr(link, f"{side}_record_id", record.id)
        link.state, link.reason = "linked", ""
        link.how = f"Made at {end.service.label} from the record at the other side."
    session.flush()


def _make_room(session: Session, end: End, link: RecordLink, side: str, record: Record) -> None:
    """Clear what was written down of a record made for this pair by a read that met it before its answer came."""
    own = getattr(RecordLink, f"{side}_record_id") == record.id
    others = RecordLink.mapping_id == link.mapping_id, own, RecordLink.id != link.id
    pair = session.scalar(select(RecordLink.id).where(*others, RecordLink.state.in_(("linked", "paused"))))
    if pair is not None:
        raise Taken(end.service.label, record.external_id, pair)
    alone = RecordLink.state.in_(("waiting", "aside", "ambiguous"))
    session.execute(delete(RecordLink).where(*others, alone))


def _rests(base: Mapping[str, list], side: str, plain: Mapping[str, Any]) -> bool:
    """Whether this side says what the pair agreed on. Elsewhere on the record somebody may have edited meanwhile: then
    the pair is compared again.
    """
    for line, (left, right) in base.items():
        half, names = (left, line.partition("|")[0]) if side == "left" else (right, line.partition("|")[2])
        values = [told(plain, name) for name in names.split(",") if name]
        if isinstance(half, list) and len(values) == len(half) > 1:
            if not all(map(same, values, half)):
                return False
        elif values and not same(values[0], half):
            return False
    return True


def _has_lines(change: Change) -> bool:
    """Whether it is an invoice with its lines: what the upstream made of them, as with tax, is looked at once more."""
    return any(
        isinstance(value, list) and any(isinstance(one, dict) for one in value) for value in change.wanted.values()
    )


def _says_more(session: Session, change: Change, base: Mapping[str, list], side: str, plain: Mapping[str, Any]) -> bool:
    """Whether this side says something in a line nothing was agreed on so far, as where both were blank: somebody may
    have filled it meanwhile.
    """
    query = select(FieldMapping).join(MappingVersion).where(
        MappingVersion.mapping_id == change.mapping_id, MappingVersion.number == change.version,
        FieldMapping.direction.in_(("both", "to_right" if side == "left" else "to_left")),
    )  # fmt: skip
    lines = [line for line in session.scalars(query) if not line.options.get("only_create")]
    new = [getattr(line, side) for line in lines if f"{line.left}|{line.right}" not in base]
    return any(not same(told(plain, name), None) for names in new for name in names.split(",") if name)


def side_of(session: Session, link: RecordLink, change: Change) -> str:
    """On which side of its mapping a change is written."""
    mapping = session.get_one(DataMapping, link.mapping_id)
    is_left = (mapping.left_connection_id, mapping.left_resource) == (change.connection_id, change.resource)
    return "left" if is_left else "right"


def told(plain: Mapping[str, Any], name: str) -> Any:
    """A field's value as JSON keeps it: what the record did not tell is nothing."""
    value = value_of(plain, name)
    return value if value is None or isinstance(value, (str, int, float, bool, list)) else None
