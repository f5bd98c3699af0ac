"""Conflicts: both sides of a pair changed the same field. A person says who wins, or lets the loser win after all.

Nothing is sent from here. What is decided is written down, and the hashes of the pair are forgotten, so that the next
run compares it anew. That run reads the latest conflict of each line that is not open: its `winner` decides in place
of the line's rule, and where `change_id` is still empty the winner has not been carried yet. The value to carry is
`held[winner]`, for by the time of a flip both sides hold the other one; the run sets `change_id` to the write it makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from textwrap import shorten
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import defer, joinedload, selectinload

from ... import clock
from ...errors import ChangedMeanwhile, InvalidInput, NotFound
from ...errors import Conflict as Refused
from ...models import Change, Conflict, DataMapping, Record, RecordLink, db
from ...models.link import CONFLICT_STATES
from .. import audit, several
from ..finding.named import Named, Place
from . import pairs

PAGE = 50
_PAIRED = ("linked", "paused")


@dataclass(frozen=True)
class Row:
    """One line of the list, with the fields' names for people."""

    conflict: Conflict
    mapping: DataMapping | None
    left_label: str | None
    right_label: str | None
    sides: dict[str, pairs.Side]  # none where the mapping was removed


@dataclass(frozen=True)
class Detail:
    """One conflict with both sides, and what became of it."""

    row: Row
    sides: dict[str, pairs.Side]
    now: pairs.Compared | None  # what both records say today
    change: Change | None  # the write that carried the winner over
    newer: int | None  # the number of a later conflict of the same field: that one counts

    @property
    def conflict(self) -> Conflict:
        return self.row.conflict


def listing(
    state: str = "open", mapping_id: int | None = None, after: int | None = None, limit: int = PAGE
) -> tuple[list[Row], int | None]:
    """Conflicts in one state, the newest first, and the number before which the next page begins.

    Raises InvalidInput when there is no such state.
    """
    query = _in_state(_with_records(), state, mapping_id)
    if after is not None:
        query = query.where(Conflict.id < after)
    found = list(db.session.scalars(query.order_by(Conflict.id.desc()).limit(limit + 1)))
    known: dict[int, tuple[DataMapping | None, dict[str, pairs.Side]]] = {}
    rows = [_row(conflict, known) for conflict in found[:limit]]
    return rows, found[limit - 1].id if len(found) > limit else None


def found(state: str, mapping_id: int | None = None) -> several.Found:
    """The numbers of every conflict in one state, the newest first. Raises InvalidInput as `listing`."""
    return several.found(_in_state(select(Conflict.id), state, mapping_id).order_by(Conflict.id.desc()))


def rows_of(numbers: Iterable[int]) -> list[Row]:
    """These conflicts, with the fields' names for people."""
    known: dict[int, tuple[DataMapping | None, dict[str, pairs.Side]]] = {}
    query = _with_records().where(Conflict.id.in_(list(numbers)))
    return [_row(conflict, known) for conflict in db.session.scalars(query)]


def _in_state(query: Select, state: str, mapping_id: int | None) -> Select:
    if state not in CONFLICT_STATES:
        raise InvalidInput(f"There is no state {state!r}. There are: {', '.join(CONFLICT_STATES)}.", field="state")
    query = query.where(Conflict.state == state)
    return query if mapping_id is None else query.where(Conflict.mapping_id == mapping_id)


def _with_records() -> Select:
    link = joinedload(Conflict.link)
    return select(Conflict).options(
        link.options(
            defer(RecordLink.base), defer(RecordLink.writes),
            selectinload(RecordLink.left_record).options(defer(Record.data)),
            selectinload(RecordLink.right_record).options(defer(Record.data)),
        )
    )  # fmt: skip


def _row(conflict: Conflict, known: dict[int, tuple[DataMapping | None, dict[str, pairs.Side]]]) -> Row:
    """The row, with its mapping looked up once a page."""
    if conflict.mapping_id not in known:
        mapping = db.session.get(DataMapping, conflict.mapping_id)
        known[conflict.mapping_id] = (mapping, pairs.sides(mapping) if mapping else {})
    mapping, both = known[conflict.mapping_id]
    labels = [both[side].label(names) if both else None for side, names in _fields(conflict)]
    return Row(conflict, mapping, labels[0], labels[1], both)


def _fields(conflict: Conflict) -> list[tuple[str, str]]:
    return [("left", conflict.left_field), ("right", conflict.right_field)]


def detail(conflict_id: int) -> Detail:
    """One conflict, whole. Raises NotFound."""
    conflict = db.session.get(Conflict, conflict_id)
    if conflict is None:
        raise NotFound("There is no such conflict.")
    known: dict[int, tuple[DataMapping | None, dict[str, pairs.Side]]] = {}
    row = _row(conflict, known)
    both, link = known[conflict.mapping_id][1], conflict.link
    line = [(conflict.left_field, conflict.right_field)]
    now = pairs.side_by_side(both, line, link.left_record, link.right_record) if both else []
    change = db.session.get(Change, conflict.change_id) if conflict.change_id else None
    return Detail(row, both, now[0] if now else None, change, _newer(conflict))


def held_words(conflict: Conflict, which: str) -> str:
    """A value the conflict keeps, as text: left, right, base_left, base_right."""
    return pairs.in_words(conflict.held.get(which))


def held_by_name(rows: Iterable[Row]) -> Callable[[Conflict, str], str]:
    """As `held_words`, of any of these; what refers to a record with that record's name: "Ana Ruiz (31)"."""
    places = {
        (row.conflict.id, which): _place(row, side, which)
        for row in rows
        for side in row.sides
        for which in (side, f"base_{side}")
    }
    named = Named(places.values())

    def words(conflict: Conflict, which: str) -> str:
        place = places.get((conflict.id, which))
        return pairs.in_words(named(*place)) if place else held_words(conflict, which)

    return words


def _place(row: Row, side: str, which: str) -> Place:
    names = row.conflict.left_field if side == "left" else row.conflict.right_field
    return row.sides[side].connection.id, row.sides[side].fields.get(names), row.conflict.held.get(which)


def seen(conflict: Conflict) -> str:
    """A short mark of the two values as they are shown. Whoever decides names it, so that nothing is decided unseen."""
    values = json.dumps([conflict.held.get(side) for side in pairs.SIDES], sort_keys=True)
    return blake2b(values.encode(), digest_size=4).hexdigest()


def marks(numbers: Iterable[int]) -> dict[int, str]:
    """What `seen` makes of each."""
    return {one.id: seen(one) for one in db.session.scalars(select(Conflict).where(Conflict.id.in_(list(numbers))))}


def _newer(conflict: Conflict) -> int | None:
    later = select(func.max(Conflict.id)).where(
        Conflict.link_id == conflict.link_id, Conflict.line == conflict.line, Conflict.id > conflict.id
    )
    return db.session.scalar(later)


# -- deciding ---------------------------------------------------------------------------------------------------------


def settle(conflict_id: int, winner: str, *, by: str, mark: str = "") -> Conflict:
    """Say which side's value holds; the other side gets it with the next run.

    mark: of the values the person saw, from `seen`; "" where none were shown.
    Raises NotFound; InvalidInput for no side; errors.Conflict when somebody settled it meanwhile, or the pair is none
    any more; ChangedMeanwhile, telling the values of now, when a run brought it up to date since.
    """
    if winner not in pairs.SIDES:
        raise InvalidInput("Choose one of the two values.", field="winner")
    conflict = _locked(conflict_id)
    if conflict.state != "open":
        raise Refused(f"{conflict.settled_by or 'The console'} settled this already. Nothing was changed.")
    if mark and mark != seen(conflict):
        raise ChangedMeanwhile(f"The values changed meanwhile. Now: {_now(conflict)}. Nothing was decided.")
    return _decided(conflict, winner, "settled", by)


def _now(conflict: Conflict) -> str:
    """Both values, each by its account: "Harbor leads +1…, Harbor Law nothing"."""
    mapping, told = db.session.get(DataMapping, conflict.mapping_id), []
    for side in pairs.SIDES:
        value = shorten(held_words(conflict, side), 80, placeholder="…") or "nothing"
        told.append(f"{getattr(mapping, f'{side}_connection').name if mapping else side} {value}")
    return ", ".join(told)


def settle_by_time(conflict_id: int, *, by: str, mark: str = "") -> Conflict:
    """Let the value that was changed later hold. Raises as `settle`, and errors.Conflict when that is not known."""
    conflict = db.session.get(Conflict, conflict_id)
    if conflict is None:
        raise NotFound("There is no such conflict.")
    left, right = conflict.left_at, conflict.right_at
    if left is None or right is None or left == right:
        raise Refused("It is not known which value is newer. Choose one on its page.")
    return settle(conflict_id, "left" if left > right else "right", by=by, mark=mark)


def flip(conflict_id: int, *, by: str, winner: str | None = None) -> Conflict:
    """Let the value that lost win after all; the other side gets it with the next run.

    winner: the side that is to win, so that a second click does not flip it back. None: simply the other one.
    Raises NotFound; errors.Conflict when it is not settled, when somebody flipped it meanwhile, when the same field was
    in conflict again since, or when the pair is none any more.
    """
    conflict = _locked(conflict_id)
    if conflict.state == "open" or conflict.winner not in pairs.SIDES:
        raise Refused("Nobody has won this yet, so there is nothing to flip.")
    if winner == conflict.winner:
        raise Refused(f"{conflict.settled_by or 'The console'} has flipped this already. Nothing was changed.")
    if _newer(conflict):
        raise Refused("The same field was in conflict again later, and that one counts. Flip that one instead.")
    return _decided(conflict, pairs.other(conflict.winner), "flipped", by)


def _locked(conflict_id: int) -> Conflict:
    """The conflict, and before it its pair, held until the commit, so that two people cannot decide at once."""
    link_id = select(Conflict.link_id).where(Conflict.id == conflict_id).scalar_subquery()
    db.session.execute(select(RecordLink.id).where(RecordLink.id == link_id).with_for_update())
    fresh = select(Conflict).where(Conflict.id == conflict_id).with_for_update(of=Conflict)
    conflict = db.session.scalar(fresh.execution_options(populate_existing=True))
    if conflict is None:
        raise NotFound("There is no such conflict.")
    return conflict


def _decided(conflict: Conflict, winner: str, state: str, by: str) -> Conflict:
    link = db.session.get_one(RecordLink, conflict.link_id, populate_existing=True)
    if link.state not in _PAIRED:
        raise Refused("These two records are no pair any more, so nothing can be carried between them.")
    if not conflict.held:
        raise Refused("Its values named somebody who was erased, and went with them. Nothing can be carried of them.")
    was: Any = conflict.winner
    conflict.winner, conflict.state, conflict.settled_by, conflict.settled_at = winner, state, by, clock.now()
    conflict.change_id = None  # the write of this decision is still to be made
    link.left_hash = link.right_hash = None  # compared anew at the next run, whatever has changed since
    audit.add(
        f"conflict {state}",
        f"conflict {conflict.id}",
        actor=by,
        pair=link.id,
        line=conflict.line,
        winner=winner,
        before=was,
    )
    db.session.commit()
    return conflict
