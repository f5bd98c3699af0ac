"""How each mapping stands: its last run, what waits for a person, how many pairs it keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ScalarSelect, bindparam, func, select

from ...models import Conflict, DataMapping, MappingVersion, RecordLink, SyncRun, db
from ...models.run import LIVE_STATES
from ..mapping.versions import draft_of
from ..several import MOST_COUNTED
from . import run_history

PAIRED, WAITING = ("linked", "paused"), ("ambiguous",)


@dataclass(frozen=True)
class Standing:
    """One mapping at a glance."""

    mapping: DataMapping
    draft: MappingVersion | None
    last_run: SyncRun | None
    counts: dict[str, int] = field(default_factory=dict)  # of the last run
    pairs: int = 0  # records that are paired, those put aside for flapping among them; counted as a list counts
    waiting: int = 0  # records a person must match; counted so, too
    conflicts: int = 0  # open ones

    @property
    def is_running(self) -> bool:
        """Whether a run of it is under way."""
        return self.last_run is not None and self.last_run.state in LIVE_STATES

    @property
    def braked(self) -> bool:
        """Whether its last run stopped before too many writes, so that a person must say yes."""
        return self.last_run is not None and run_history.braked(self.last_run)


def of(mappings: Iterable[DataMapping]) -> list[Standing]:
    """How these mappings stand, in their order."""
    mappings = list(mappings)
    ids = [mapping.id for mapping in mappings]
    runs = {run.mapping_id: run for run in db.session.scalars(_LAST_RUNS, {"mappings": ids})}
    totals = run_history.totals(runs.values())
    counts = {number: found for number, *found in db.session.connection().execute(_COUNTS, {"mappings": ids})}
    return [
        Standing(one, draft_of(one), run := runs.get(one.id), totals.get(run.id, {}) if run else {}, *counts[one.id])
        for one in mappings
    ]


def _links(*states: str) -> ScalarSelect[int]:
    """How many rows of a mapping are in these states, counted to one more than MOST_COUNTED."""
    these = select(RecordLink.id).where(RecordLink.mapping_id == DataMapping.id, RecordLink.state.in_(states))
    rows = these.limit(MOST_COUNTED + 1).correlate(DataMapping).subquery()
    return select(func.count()).select_from(rows).scalar_subquery()


_MAPPINGS: Any = bindparam("mappings", expanding=True)
_CONFLICTS = (
    select(Conflict.mapping_id, func.count().label("open"))
    .where(Conflict.state == "open").group_by(Conflict.mapping_id).subquery()
)  # fmt: skip
_COUNTS = (  # in the order a Standing has them; put together once
    select(DataMapping.id, _links(*PAIRED), _links(*WAITING), func.coalesce(_CONFLICTS.c.open, 0))
    .outerjoin(_CONFLICTS, _CONFLICTS.c.mapping_id == DataMapping.id)
    .where(DataMapping.id.in_(_MAPPINGS))
)
_LAST_RUNS = select(SyncRun).where(
    SyncRun.id.in_(select(func.max(SyncRun.id)).where(SyncRun.mapping_id.in_(_MAPPINGS)).group_by(SyncRun.mapping_id))
)
