"""Running something again: with the settings it had, or with those of today where they are others, each by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ... import services
from ...errors import InvalidInput
from ...models import DataMapping, SyncRun
from . import runs

MOST_NAMED = 6  # resources told of by name


@dataclass(frozen=True)
class Way:
    """One way to run it again."""

    label: str
    values: Mapping[str, Any]  # what its form sends
    effect: str = ""  # what a person is told and asked before
    earlier: bool = False  # with settings that are not in force any more


@dataclass(frozen=True)
class Again:
    """The ways there are, and what has changed since."""

    ways: list[Way] = field(default_factory=list)
    differs: str = ""


def of_read(run: SyncRun) -> Again:
    """A read: of the same resources, or of all that are switched on now."""
    then = [part.resource for part in run.parts]
    same = {"kind": run.kind, "only": then}
    if run.options.get("asked"):
        return Again([Way("Run again", same)])
    now = _switched_on(run)
    if set(now) == set(then):
        return Again([Way("Run again", {"kind": run.kind})])
    told = {"on": set(now) - set(then), "off": set(then) - set(now)}
    differs = " ".join(f"Switched {how} since: {_labels(run, names)}." for how, names in told.items() if names)
    before = Way(f"Run again as it was ({_count(then)})", same, earlier=True)
    return Again(
        [Way(f"Run again as set now ({_count(now)})", {"kind": run.kind}), before] if now else [before], differs
    )


def _switched_on(run: SyncRun) -> list[str]:
    try:
        return runs.chosen(run.connection, services.by_key(run.connection.service), [])
    except InvalidInput:  # none is
        return []


def _count(names: list[str]) -> str:
    return f"{len(names)} {'resource' if len(names) == 1 else 'resources'}"


def _labels(run: SyncRun, names: Iterable[str]) -> str:
    known = services.by_key(run.connection.service).resources
    labels = sorted(known[name].label if name in known else name for name in names)
    more = len(labels) - MOST_NAMED
    return ", ".join(labels) if more < 2 else f"{', '.join(labels[:MOST_NAMED])} and {more} more"


def of_mapping(run: SyncRun, mapping: DataMapping) -> Again:
    """A mapping that is on: as it is now, or once more in the version the run carried."""
    then, now = run.mapping_version, mapping.active_version
    if then is None or then == now:
        return Again([Way("Run again", {})])
    effect = (
        f"Carries version {then} this one time, in place of version {now}. The next run carries version {now} again "
        "and writes over what differs."
    )
    return Again([
        Way(f"Run again with version {now}, which is on", {}),
        Way(f"Run again with version {then}, as then", {"version": str(then)}, effect, earlier=True),
    ], f"Version {then} was on then, version {now} is on now.")  # fmt: skip
