"""How each mapping stands: its last run, what waits for a person, how many pairs it keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, ScalarSelect, bindparam, func, literal_column, select

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
    conflicts: int = 0  # open ones; likewise

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
    rows = db.session.execute(_STANDINGS, {"mappings": [mapping.id for mapping in mappings]})
    found = {number: (run, counts) for number, run, *counts in rows}
    totals = run_history.totals(run for run, _ in found.values() if run)
    return [
        Standing(one, draft_of(one), run, totals[run.id] if run else {}, *counts)
        for one in mappings for run, counts in [found[one.id]]
    ]  # fmt: skip


def _counted(*which: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many rows of a mapping these are, counted to one more than MOST_COUNTED."""
    rows = select(literal_column("1")).where(*which).limit(MOST_COUNTED + 1).correlate(DataMapping).subquery()
    return select(func.count()).select_from(rows).scalar_subquery()


def _links(*states: str) -> ScalarSelect[int]:
    return _counted(RecordLink.mapping_id == DataMapping.id, RecordLink.state.in_(states))


_LAST_RUN = (
    select(func.max(SyncRun.id)).where(SyncRun.mapping_id == DataMapping.id).correlate(DataMapping).scalar_subquery()
)
_STANDINGS = (  # the counts in the order a Standing has them; put together once
    select(
        DataMapping.id, SyncRun, _links(*PAIRED), _links(*WAITING),
        _counted(Conflict.mapping_id == DataMapping.id, Conflict.state == "open"),
    )
    .select_from(DataMapping)
    .outerjoin(SyncRun, SyncRun.id == _LAST_RUN)
    .where(DataMapping.id.in_(bindparam("mappings", expanding=True)))
)  # fmt: skip
