"""The runs that tell how connections are, and the last ones of all: looked up in one question, each for its reason."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    TextClause,
    literal_column,
    select,
    union_all,
)

from ...models import Connection, DataMapping, RunPart, SyncRun, db
from ...models.run import ALONE, ENDED_STATES, LIVE_STATES, READ

LATEST = 5  # runs the dashboard names


class Runs(NamedTuple):
    """The runs that tell how connections are, each by its connection, and the last ones of all."""

    last: dict[int, SyncRun]  # the last read that ended
    carried: dict[int, SyncRun]  # of the last runs of its mappings that ended the one that ended worst
    live: dict[int, SyncRun]  # what is under way; of several the one that is running
    latest: list[SyncRun]  # the newest first


def found() -> Runs:
    """All of them, in one question."""
    by_why: dict[str, list[SyncRun]] = defaultdict(list)
    for run, why in db.session.execute(_RUNS):
        by_why[why].append(run)
    carried = sorted(by_why["carried"], key=lambda run: _WORSE.index(run.state))
    live = sorted(by_why["live"], key=lambda run: (run.state == "running", run.id))
    last, carried_by, live_by = ({run.connection_id: run for run in some} for some in (by_why["read"], carried, live))
    return Runs(last, carried_by, live_by, sorted(by_why["latest"], key=lambda run: -run.id))


_WORSE = ("done", "interrupted", "done_with_problems", "failed", "needs_person")
_OF_IT, _LIVING = SyncRun.connection_id == Connection.id, Connection.status != "removed"


def _newest(*which: TextClause | ColumnElement[bool]) -> ScalarSelect[int]:
    newest = select(SyncRun.id).where(SyncRun.state.in_(ENDED_STATES), *which).order_by(SyncRun.id.desc())
    return newest.limit(1).correlate(Connection, DataMapping).scalar_subquery()


_ALONE = (  # by their part: a run of a mapping that was removed belongs to none, either
    select(RunPart.run_id).join(RunPart.run)
    .where(RunPart.connection_id == Connection.id, ALONE, SyncRun.state.in_(ENDED_STATES))
    .order_by(RunPart.run_id.desc()).limit(1).correlate(Connection).scalar_subquery()
)  # fmt: skip


def _named(why: str, number: SQLColumnExpression[int]) -> Select:
    return select(number.label("id"), literal_column(f"'{why}'").label("why"))


_NUMBERS = union_all(
    _named("read", _newest(_OF_IT, READ)).where(_LIVING),  # one look into an index each
    _named("carried", _ALONE).where(_LIVING),
    _named("carried", _newest(SyncRun.mapping_id == DataMapping.id)).where(DataMapping.state == "active"),
    _named("live", SyncRun.id).where(SyncRun.state.in_(LIVE_STATES)),
    _named("latest", select(SyncRun.id).order_by(SyncRun.id.desc()).limit(LATEST).subquery().c.id),
).subquery()
_RUNS = select(SyncRun, _NUMBERS.c.why).join(_NUMBERS, SyncRun.id == _NUMBERS.c.id)
