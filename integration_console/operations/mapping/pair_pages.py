"""The pairs one mapping keeps, as they are looked up: a page of them, and one with each line now and as last agreed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import defer, load_only, selectinload

from ...errors import NotFound
from ...models import Conflict, DataMapping, Record, RecordLink, db
from ...services.writing import MISSING
from ...storage import pages
from ...sync.carrying.same import same_on
from ...sync.mapping import Line, value_on
from . import mappings, writes

PAGE = 50
MOST_CONFLICTS = 50


@dataclass(frozen=True)
class Slice:
    """One page of pairs, the newest first, and where the pages beside it begin."""

    links: list[RecordLink]
    older: int | None = None
    newer: int | None = None


@dataclass(frozen=True)
class LineNow:
    """One line of a pair: both sides now, and as both last agreed. MISSING where nothing is known."""

    line: Line
    left: Any
    right: Any
    base_left: Any
    base_right: Any

    @property
    def moved(self) -> list[str]:
        """The sides that say something else than what was agreed."""
        if self.base_left is MISSING:
            return []
        halves = (("left", self.left, self.base_left), ("right", self.right, self.base_right))
        return [side for side, now, was in halves if now is not MISSING and not same_on(self.line, side, now, was)]


@dataclass(frozen=True)
class Detail:
    """One pair, whole."""

    link: RecordLink
    lines: list[LineNow]
    conflicts: list[Conflict]
    writes: writes.Slice


def browse(
    mapping: DataMapping, states: tuple[str, ...] = (), *, older: int | None = None, newer: int | None = None,
    limit: int = PAGE,
) -> Slice:  # fmt: skip
    """Pairs before the number `older`, or after the number `newer`; the newest when neither is given."""
    names = load_only(Record.label, Record.external_id, Record.deleted_at)
    query = select(RecordLink).where(RecordLink.mapping_id == mapping.id)
    if states:
        query = query.where(RecordLink.state.in_(states))
    query = query.options(
        defer(RecordLink.base), defer(RecordLink.writes), selectinload(RecordLink.left_record).options(names),
        selectinload(RecordLink.right_record).options(names),
    )  # fmt: skip
    return Slice(*pages.walked(db.session(), query, RecordLink.id, limit, older=older, newer=newer))


def counts(mapping: DataMapping) -> dict[str, int]:
    """How many rows are in each state."""
    query = select(RecordLink.state, func.count()).where(RecordLink.mapping_id == mapping.id)
    return dict(db.session.execute(query.group_by(RecordLink.state)).all())


def detail(mapping: DataMapping, link_id: int) -> Detail:
    """One pair of this mapping. Raises NotFound."""
    link = db.session.get(RecordLink, link_id)
    if link is None or link.mapping_id != mapping.id:
        raise NotFound(f"{mapping.name} has no such pair.")
    engine = mappings.in_engine(mapping, mapping.active_version)
    left, right = (
        side.plain(row.external_id, row.data) if row else {}
        for side, row in ((engine.left, link.left_record), (engine.right, link.right_record))
    )
    lines = []
    for line in engine.lines:
        base = link.base.get(line.key) or [MISSING, MISSING]
        lines.append(LineNow(line, value_on(line, "left", left), value_on(line, "right", right), base[0], base[1]))
    query = select(Conflict).where(Conflict.link_id == link.id).order_by(Conflict.id.desc()).limit(MOST_CONFLICTS)
    about = writes.browse(writes.Wanted(link_id=link.id))
    return Detail(link, lines, list(db.session.scalars(query)), about)
