"""Runs as they are looked up: a page of the list, what each carried, and what may be told to support."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import BindParameter, Row, Select, bindparam, func, select

from ...models import Connection, DataMapping, RunPart, SyncRun, db
from ...models.run import LIVE_STATES
from ...storage import pages
from .. import several
from .pushes import OUTBOX

PAGE = 50
COUNTS = ("seen", "new", "changed", "same", "deleted", "refused", "conflicts", "ambiguous", "calls")


@dataclass(frozen=True)
class Wanted:
    """Which runs: everything when empty."""

    connection_id: int | None = None
    service: str = ""
    states: tuple[str, ...] = ()
    cause: str = ""
    kind: str = ""
    mapping_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Slice:
    """One page of runs, the newest first, and whether there are more on either side."""

    runs: list[SyncRun]
    older: int | None = None
    newer: int | None = None


def browse(wanted: Wanted, *, older: int | None = None, newer: int | None = None, limit: int = PAGE) -> Slice:
    """Runs before the number `older`, or after the number `newer`; the newest when neither is given."""
    return Slice(*pages.walked(db.session(), _matching(wanted), SyncRun.id, limit, older=older, newer=newer))


def count(wanted: Wanted, most: int = several.MOST_COUNTED, *, above: int | None = None) -> int:
    """How many runs there are of these, with `above` only those of a higher number; counted to one more than `most`."""
    numbers = _matching(wanted).with_only_columns(SyncRun.id)
    return several.count(numbers if above is None else numbers.where(SyncRun.id > above), most)


def _matching(wanted: Wanted):
    query = select(SyncRun)
    if wanted.service:
        query = query.where(
            SyncRun.connection_id.in_(select(Connection.id).where(Connection.service == wanted.service))
        )
    if wanted.connection_id is not None:
        query = query.where(SyncRun.connection_id == wanted.connection_id)
    if wanted.states:
        query = query.where(SyncRun.state.in_(wanted.states))
    if wanted.cause:
        query = query.where(SyncRun.cause == wanted.cause)
    if wanted.kind:
        query = query.where(SyncRun.kind == wanted.kind)
    if wanted.mapping_id is not None:
        query = query.where(SyncRun.mapping_id == wanted.mapping_id)
    if wanted.since:
        query = query.where(SyncRun.id > last_before(wanted.since))
    if wanted.until:
        query = query.where(SyncRun.id <= last_before(wanted.until))
    return query


def last_before(moment: datetime | BindParameter[datetime]):
    """The last run asked for before a moment, by its number: runs are numbered as they are asked for.

    So a time range is a range of the primary key, found by walking back from the newest run.
    """
    older = select(SyncRun.id).where(SyncRun.queued_at < moment).order_by(SyncRun.id.desc()).limit(1)
    return func.coalesce(older.scalar_subquery(), 0)


_SUMS = [func.coalesce(func.sum(getattr(RunPart, name)), 0) for name in COUNTS]
_NUMBERS: Any = bindparam("runs", expanding=True)
_TOTALS = select(RunPart.run_id, *_SUMS).where(RunPart.run_id.in_(_NUMBERS)).group_by(RunPart.run_id)


def totals(runs: Iterable[SyncRun]) -> dict[int, dict[str, int]]:
    """What each run carried, over all its resources: run id -> {"seen", "new", "changed", ...}."""
    ids = [run.id for run in runs]
    rows = _asked(_TOTALS, runs=ids)
    found = {row[0]: {name: int(total) for name, total in zip(COUNTS, row[1:], strict=True)} for row in rows}
    return {number: found.get(number, dict.fromkeys(COUNTS, 0)) for number in ids}


def sum_of(run: SyncRun) -> dict[str, int]:
    """What one run carried, over all its resources."""
    return {name: sum(getattr(part, name) for part in run.parts) for name in COUNTS}


def current_part(run: SyncRun) -> RunPart | None:
    """The resource being read now."""
    return next((part for part in run.parts if part.state == "running"), None)


def stopped_at_brake(run: SyncRun) -> list[str]:
    """The resources that stopped because too many records were gone."""
    return [part.resource for part in run.parts if part.state == "failed" and part.failure_kind == "conflict"]


def braked(run: SyncRun) -> bool:
    """Whether a run that carries a mapping stopped before too many writes."""
    return run.kind == "push" and run.state == "needs_person" and run.failure_kind == "conflict"


def carried(runs: Iterable[SyncRun]) -> dict[int, str]:
    """What runs that write carry, in words: run id -> the mapping's name, or "Single writes"."""
    pushing = [run for run in runs if run.kind == "push"]
    ids = {run.mapping_id for run in pushing if run.mapping_id}
    names = dict(map(tuple, _asked(_NAMES, mappings=ids)))
    alone = [run.id for run in pushing if run.mapping_id not in names]
    words = dict.fromkeys(alone, "A mapping that was removed")
    words |= dict.fromkeys((row.run_id for row in _asked(_SINGLE, runs=alone)), "Single writes")
    return {run.id: words.get(run.id) or names[run.mapping_id or 0] for run in pushing}


_NAMES = select(DataMapping.id, DataMapping.name).where(DataMapping.id.in_(bindparam("mappings", expanding=True)))
_SINGLE = select(RunPart.run_id).where(RunPart.run_id.in_(_NUMBERS), RunPart.resource == OUTBOX)


def _asked(statement: Select, **numbers: Collection[int]) -> Iterable[Row]:
    """The rows for these numbers; for none without a question."""
    return db.session.connection().execute(statement, numbers) if all(numbers.values()) else ()


def is_live(run: SyncRun) -> bool:
    """Whether the run has not ended yet."""
    return run.state in LIVE_STATES


def stamp(run: SyncRun) -> str:
    """Changes with everything a page shows of a run, so that an unchanged one need not be sent again."""
    facts: list[object] = [run.state, run.cancel_requested, run.message, run.retry_at]
    for part in run.parts:
        facts += [part.state, part.seen, part.pages, part.calls, part.refused, part.deleted, part.message]
        facts += [part.new, part.changed, part.conflicts, part.ambiguous]
    return sha256(repr(facts).encode()).hexdigest()[:16]


def summary(run: SyncRun) -> str:
    """A run in text for support: what, when and how many; no names, no e-mails, nothing of a client."""
    lines = [
        f"Run {run.id}: {_what(run)}, {run.state}",
        f"Asked by {run.cause}, {run.attempts} attempts",
        f"Queued {_utc(run.queued_at)}, started {_utc(run.started_at)}, ended {_utc(run.ended_at)}",
        f"Kind of failure: {run.failure_kind or 'none'}",
    ]
    for part in run.parts:
        counts = ", ".join(f"{getattr(part, name)} {name}" for name in COUNTS)
        known = f", upstream counts {part.upstream_count}" if part.upstream_count is not None else ""
        lines.append(
            f"- {part.resource}: {part.state}, {part.mode or 'not read'}, {counts}, "
            f"waited {part.waited_seconds:.1f} s, {'complete' if part.complete else 'not complete'}{known}, "
            f"failure: {part.failure_kind or 'none'}"
        )
    return "\n".join(lines)


def _what(run: SyncRun) -> str:
    if run.kind == "push":
        return f"push of mapping {run.mapping_id or 'none'}, version {run.mapping_version or 'none'}"
    return f"{run.kind} read of {run.connection.service} connection {run.connection_id}"


def _utc(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else "never"
