"""Writes: what waits to be sent, what nobody knows the fate of, what was refused, and what a run wrote."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, flash, redirect, render_template, url_for

from ...models import Change
from ...models.change import OPERATIONS
from ...operations.accounts import connections
from ...operations.mapping import mappings, writes
from ...operations.mapping.writes import Wanted
from ...operations.runs import outbox, pushes, runs
from ...operations.several import each
from ...operations.support import refused_writes
from .. import forms, write_words
from .. import mapping_words as words
from ..access import actor, local_path, may
from ..filters import Asked
from ..formatting import field_name
from ..newer import MOST, above, tell_above
from ..several import Act, Several, serve
from ..write_words import OPS, STATES

FILTERS = {"state": "State", "op": "What", "connection": "Connection", "mapping": "Mapping"}


def _words(change: Change) -> str:
    """What it is called, without what is in it."""
    return f"write {change.id}: {OPS[change.op].lower()} {field_name(change.resource).lower()}"


def _names(numbers: Iterable[int]) -> dict[int, str]:
    return {change.id: _words(change).capitalize() for change in writes.by_number(numbers)}


SEVERAL = Several(
    "Writes", "writes", "refused write", "refused writes", FILTERS, lambda asked: writes.found_refused(_wanted(asked)),
    _names,
    (
        Act("retry", "Retry", "close dead letters", "Each is sent again as before, the oldest first, and checked again "
            "before it leaves. Of one pair only the newest is sent.", "sent again in a moment",
            lambda rows, sent: refused_writes.retry_several(list(rows), by=actor())),
        Act("drop", "Drop", "close dead letters", "Each is not sent, now or later. What is there stays as it is.",
            "dropped", lambda numbers, sent: each(numbers, lambda one: outbox.drop(outbox.find(one), by=actor()))),
    ),
)  # fmt: skip
page = Blueprint("writes", __name__)
serve(page, SEVERAL, "/writes")


@page.get("/writes")
@may("see status")
def index():
    """Every write, the newest first."""
    asked = Asked(FILTERS)
    wanted, state = _wanted(asked), asked.value("state")
    every = connections.every(removed=True)
    names = {
        "state": {key: label for key, (label, _) in STATES.items()}, "op": OPS,
        "connection": {str(one.id): one.name for one in every},
        "mapping": {str(one.id): one.name for one in mappings.every()},
    }  # fmt: skip
    return render_template(
        "writes/index.html", asked=asked, chips=asked.chips(names), names=names, counts=writes.count_waiting(),
        refused=_refused(state, wanted), came=above(asked, "writes.newer", Change),
        **_page_of(asked, wanted, tick=True),
    ), asked.status  # fmt: skip


@page.get("/writes/newer")
@may("see status")
def newer():
    """How many writes came since the first page was shown."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)
    return tell_above(asked, "writes.index", lambda last: writes.count_some(wanted, MOST, above=last))


def _wanted(asked: Asked) -> Wanted:
    state, op = asked.one_of("state", STATES), asked.one_of("op", OPERATIONS)
    return Wanted(STATES[state][1] if state else (), op, asked.number("connection"), asked.number("mapping"))


def _refused(state: str, wanted: Wanted) -> refused_writes.Estimate | None:
    """What sending a mapping's refused writes again takes, where its list may show any."""
    if wanted.mapping_id is None or state not in ("", "refused", "open"):
        return None
    return refused_writes.estimate(mapping_id=wanted.mapping_id)


def _page_of(asked: Asked, wanted: Wanted, tick: bool = False) -> dict:
    """One page of writes and what its table needs."""
    found = (
        writes.Slice([])
        if asked.errors
        else writes.browse(wanted, older=asked.place("older"), newer=asked.place("newer"))
    )
    where = {one.id: one for one in connections.every(removed=True)}
    refused = [(one.id, _words(one)) if one.state == "dead" else None for one in found.changes]
    whole = not (found.older or found.newer or asked.cursor)
    return {
        "matches": asked.matches(len(found.changes), whole, lambda: writes.count_some(wanted)),
        "ticks": SEVERAL.ticks(asked, refused, whole) if tick else None,
        "found": found, "where": where, "write_words": write_words, "shown": words.shown, "ops": OPS,
        "older": found.older and asked.url(older=found.older), "newer": found.newer and asked.url(newer=found.newer),
        "first": asked.url(),
    }  # fmt: skip


@page.get("/runs/<int:run_id>/writes")
@may("see runs")
def of_run(run_id: int):
    """What one run wrote."""
    run = runs.find(run_id)
    asked = Asked({"state": "State", "op": "What"})
    state, op = asked.one_of("state", STATES), asked.one_of("op", OPERATIONS)
    wanted = Wanted(STATES[state][1] if state else (), op, run_id=run.id)
    names = {"state": {key: label for key, (label, _) in STATES.items()}, "op": OPS}
    return render_template(
        "writes/of_run.html", run=run, asked=asked, chips=asked.chips(names), names=names, **_page_of(asked, wanted)
    ), asked.status


@page.post("/writes/<int:change_id>/retry")
@may("close dead letters")
def retry(change_id: int):
    """Send a refused write again, as it was."""
    sent, change = forms.sent("back"), outbox.find(change_id)
    outbox.retry(change, by=actor())
    if change.mapping_id:
        pushes.nudge(change.mapping_id, asked_by=actor())
    flash("It is sent again in a moment.", "success")
    return redirect(local_path(sent["back"]) if sent["back"] else url_for("writes.index"))


@page.post("/writes/<int:change_id>/removal")
@may("close dead letters")
def drop(change_id: int):
    """Let a write be."""
    sent, change = forms.sent("back"), outbox.find(change_id)
    outbox.drop(change, by=actor())
    flash("It is not sent. What is there stays as it is.", "success")
    return redirect(local_path(sent["back"]) if sent["back"] else url_for("writes.index"))
