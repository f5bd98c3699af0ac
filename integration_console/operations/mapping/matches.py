"""What a person decides about pairs of records. Only tables are touched; the next run does the rest.

A row that waits holds one record and its candidates on the other side. "Same" makes it a pair; "different" remembers
that those two are none; "later" moves it behind the others. A pair can be cut, and one can be made by hand.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from ... import clock
from ...errors import Conflict, InvalidInput, NotFound
from ...models import Change, DataMapping, Record, RecordLink, db
from ...models import Conflict as ConflictRow
from .. import audit
from .pair_lists import (
    OVER,
    Choice,
    Detail,
    Place,
    active,
    by_id,
    detail,
    found,
    held_side,
    is_pair,
    listing,
    mappings,
    names,
    record_of,
)

__all__ = [
    "OVER", "Choice", "Detail", "Place", "by_id", "cut", "detail", "different", "found", "held_side", "later",
    "link_by_hand", "listing", "mappings", "names", "record_named", "same", "same_as_the_only_one",
]  # fmt: skip

LONGEST_REASON = 500


def same(link_id: int, record_id: int, *, by: str) -> RecordLink:
    """The record that waits and this candidate are one: a pair, compared at the next run.

    Raises NotFound; InvalidInput when it is no candidate; Conflict when somebody decided meanwhile, or when either
    record was deleted or has got another pair.
    """
    link = _locked(link_id, "ambiguous")
    held = held_side(link)
    why = next((one.get("why", "") for one in link.candidates if one["record_id"] == record_id), None)
    if why is None:
        raise InvalidInput("That record is not one of the candidates. Look at the list again.", field="record")
    left_id, right_id = (record_of(link, held), record_id) if held == "left" else (record_id, record_of(link, held))
    for number in (left_id, right_id):
        record = db.session.get(Record, number)
        if record is None or record.deleted_at is not None:
            raise Conflict("One of the two records was deleted at its service meanwhile, so they cannot be a pair.")
    _make_room(link.mapping_id, "left", left_id, keep=link.id)
    _make_room(link.mapping_id, "right", right_id, keep=link.id)
    _forget_no(link.mapping_id, left_id, right_id)
    link.left_record_id, link.right_record_id, link.candidates, link.reason = left_id, right_id, [], ""
    return _paired(link, f"decided by {by}" + (f": {why}" if why else ""), by, "pair decided")


def same_as_the_only_one(link_id: int, *, by: str) -> RecordLink:
    """The record that waits and its only candidate are one. Raises as `same`, and Conflict when it has several."""
    candidates = by_id(link_id).candidates
    if len(candidates) != 1:
        raise Conflict(f"It has {len(candidates)} candidates. Choose one on its page.")
    return same(link_id, candidates[0]["record_id"], by=by)


def different(link_id: int, record_id: int | None, *, by: str) -> RecordLink | None:
    """The record that waits is not this candidate, or none of them when `record_id` is None. They are not asked again.

    Returns the row when candidates remain. Without any it is removed and the record is free: the next run may match
    it with another one, or make it on the other side.
    Raises NotFound; InvalidInput when it is no candidate; Conflict when somebody decided meanwhile.
    """
    link = _locked(link_id, "ambiguous")
    held, now = held_side(link), clock.now()
    ids = [one["record_id"] for one in link.candidates]
    if record_id is not None and record_id not in ids:
        raise InvalidInput("That record is not one of the candidates. Look at the list again.", field="record")
    gone = set(ids) if record_id is None else {record_id}
    there = set(db.session.scalars(select(Record.id).where(Record.id.in_(gone))))
    for number in sorted(there):
        left_id, right_id = (record_of(link, held), number) if held == "left" else (number, record_of(link, held))
        db.session.add(
            RecordLink(
                mapping_id=link.mapping_id, left_record_id=left_id, right_record_id=right_id, state="different",
                reason=f"said to be different by {by}", decided_by=by, decided_at=now, created_at=now, updated_at=now,
            )
        )  # fmt: skip
    audit.add("records are different", f"pair {link.id}", actor=by, mapping=link.mapping_id, records=sorted(gone))
    link.candidates, link.updated_at = [one for one in link.candidates if one["record_id"] not in gone], now
    remains = bool(link.candidates)
    if not remains:
        db.session.delete(link)
    db.session.commit()
    return link if remains else None


def later(link_id: int, *, by: str) -> RecordLink:
    """Not now: it goes behind everything else that waits. Raises NotFound, or Conflict when somebody decided."""
    link = _locked(link_id, "ambiguous")
    link.decided_by, link.decided_at = by, clock.now()  # of a row that still waits: put off, by whom and when
    audit.add("decision put off", f"pair {link.id}", actor=by)
    db.session.commit()
    return link


def cut(link_id: int, *, by: str, why: str) -> RecordLink:
    """These two are no pair after all: both are left alone until somebody links them by hand.

    What waited to be written for the pair, or was refused, is dropped; its open conflicts are closed with both values
    kept.
    Raises NotFound; InvalidInput without a reason; Conflict when it is no pair (any more).
    """
    if not why.strip() or len(why) > LONGEST_REASON:
        raise InvalidInput(f"Say why, in at most {LONGEST_REASON} characters.", field="why")
    link, now = _locked(link_id, "linked", "paused"), clock.now()
    link.state, link.reason, link.decided_by, link.decided_at, link.updated_at = "cut", why.strip(), by, now, now
    waiting = update(Change).where(Change.link_id == link.id, Change.state.in_(("pending", "retry", "dead")))
    db.session.execute(waiting.values(state="dropped", message=f"The pair was cut by {by}."))
    asked = update(ConflictRow).where(ConflictRow.link_id == link.id, ConflictRow.state == "open")
    db.session.execute(asked.values(state="settled", settled_by=by, settled_at=now))
    audit.add("pair cut", f"pair {link.id}", actor=by, why=why.strip())
    db.session.commit()
    return link


def link_by_hand(mapping_id: int, left_record_id: int, right_record_id: int, *, by: str) -> RecordLink:
    """Make two records a pair, whatever matching says. A cut between them is mended; what it last agreed on stays.

    Raises NotFound when there is no such mapping; InvalidInput when a record does not belong to it or was deleted;
    Conflict when one of them has a pair.
    """
    mapping = db.session.get(DataMapping, mapping_id)
    if mapping is None:
        raise NotFound("There is no such mapping.")
    _must_belong(mapping.left_connection_id, mapping.left_resource, left_record_id, "left")
    _must_belong(mapping.right_connection_id, mapping.right_resource, right_record_id, "right")
    _make_room(mapping_id, "left", left_record_id)
    _make_room(mapping_id, "right", right_record_id)
    _forget_no(mapping_id, left_record_id, right_record_id)
    link = db.session.scalars(
        select(RecordLink)
        .filter_by(mapping_id=mapping_id, left_record_id=left_record_id, right_record_id=right_record_id, state="cut")
        .order_by(RecordLink.id.desc()).limit(1).with_for_update()
    ).first()  # fmt: skip
    if link is None:
        now = clock.now()
        link = RecordLink(
            mapping_id=mapping_id, left_record_id=left_record_id, right_record_id=right_record_id, created_at=now
        )
        db.session.add(link)
    link.reason = ""
    return _paired(link, f"linked by hand by {by}", by, "pair linked by hand")


def record_named(link: RecordLink, side: str, external_id: str) -> Record:
    """The record of a mapping's side with this id at its service. Raises InvalidInput when we hold none."""
    mapping = link.mapping
    found = db.session.scalar(
        select(Record).filter_by(
            connection_id=mapping.left_connection_id if side == "left" else mapping.right_connection_id,
            resource=mapping.left_resource if side == "left" else mapping.right_resource,
            external_id=external_id,
        )
    )
    if found is None:
        raise InvalidInput("There is no record with that id. Copy it from the record's page.", field="record")
    return found


# -- what all of them need --------------------------------------------------------------------------------------------


_SAID = {
    "linked": "they are a pair now", "different": "they are different", "cut": "the pair was cut",
    "gone": "one of the records was deleted", "ambiguous": "it waits for a decision", "paused": "the pair is paused",
}  # fmt: skip


def _locked(link_id: int, *states: str) -> RecordLink:
    """The row, held until the commit, so that two people cannot decide at once. Raises NotFound, Conflict."""
    fresh = select(RecordLink).where(RecordLink.id == link_id).with_for_update(of=RecordLink)
    link = db.session.scalar(fresh.execution_options(populate_existing=True))
    if link is None:
        raise NotFound("There is no such pair. Perhaps somebody decided about it meanwhile.")
    if link.state not in states:
        said = _SAID.get(link.state, "it was looked at again")
        raise Conflict(f"{(link.decided_by or 'The console')} was faster: {said}. Nothing was changed.")
    return link


def _make_room(mapping_id: int, side: str, record_id: int | None, keep: int | None = None) -> None:
    """Take away the row in which this record waits alone. Raises Conflict when it has a pair."""
    assert record_id is not None
    for row in db.session.scalars(active(mapping_id, side, [record_id]).with_for_update(of=RecordLink)).all():
        if row.id == keep:
            continue
        if is_pair(row):
            partner = row.right_record if side == "left" else row.left_record
            number = partner.external_id if partner else ""
            raise Conflict(
                f"That record is paired already, with the record {number}. Cut that pair first (pair {row.id})."
            )
        db.session.delete(row)
    db.session.flush()


def _forget_no(mapping_id: int, left_id: int | None, right_id: int | None) -> None:
    """Somebody once said that these two are different; that no longer holds."""
    no = delete(RecordLink).where(
        RecordLink.mapping_id == mapping_id, RecordLink.left_record_id == left_id,
        RecordLink.right_record_id == right_id, RecordLink.state == "different",
    )  # fmt: skip
    db.session.execute(no)


def _must_belong(connection_id: int, resource: str, record_id: int, side: str) -> None:
    record = db.session.get(Record, record_id)
    if record is None or (record.connection_id, record.resource) != (connection_id, resource):
        raise InvalidInput("That record does not belong to this side of the mapping.", field=side)
    if record.deleted_at is not None:
        raise InvalidInput("That record was deleted at its service.", field=side)


def _paired(link: RecordLink, how: str, by: str, action: str) -> RecordLink:
    """Keep it as a pair that is still to be compared."""
    now = clock.now()
    link.state, link.how, link.decided_by, link.decided_at, link.updated_at = "linked", how, by, now, now
    link.left_hash = link.right_hash = None
    try:
        db.session.flush()
        audit.add(
            action, f"pair {link.id}", actor=by, mapping=link.mapping_id, left=link.left_record_id,
            right=link.right_record_id,
        )  # fmt: skip
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("One of the two records has got another pair meanwhile. Nothing was changed.") from None
    return link
