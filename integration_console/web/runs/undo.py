"""Taking a run back: what that would do and what it cannot, before it is done."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import Conflict
from ...operations.accounts import connections
from ...operations.mapping import writes
from ...operations.runs import run_history, runs, undo
from .. import forms
from .. import mapping_words as words
from ..access import actor, may
from ..formatting import number as figure

page = Blueprint("undo", __name__, url_prefix="/runs/<int:run_id>/undo")

MOST_SHOWN = 300  # of each kind; a run writes at most a few hundred objects
UNFOLDED = 20  # of each kind, the others on demand


@page.get("")
@may("undo runs")
def show(run_id: int):
    """Every write of the run, and whether it can be taken back."""
    run = runs.find(run_id)
    try:
        steps, nothing = undo.plan(run), ""
    except Conflict as error:
        steps, nothing = [], str(error)
    can, taken = [step for step in steps if step.can], [step for step in steps if step.is_taken]
    cannot = [step for step in steps if not step.can and not step.is_taken]
    return render_template(
        "runs/undo.html", run=run, can_undo=can[:MOST_SHOWN], cannot=cannot[:MOST_SHOWN],
        taken=taken[:MOST_SHOWN], taken_count=len(taken), left_count=len(cannot), asked=undo.last_asked(run),
        on_the_way=sum(step.taken is not None and step.taken.state != "done" for step in taken),
        not_taken=sum(step.taken is not None and not step.is_taken for step in steps),
        total=len(steps), count=len(can), deleted=sum(step.op == "delete" for step in can), nothing=nothing,
        shown=words.shown, unfolded=UNFOLDED,
        where={one.id: one for one in connections.every(removed=True)},
        labels=writes.fields_of(step.change for step in steps), label_of=writes.label_of,
        live=run_history.is_live(run),
    )  # fmt: skip


@page.post("")
@may("undo runs")
def create(run_id: int):
    """Ask for the compensating writes."""
    forms.sent()
    run = runs.find(run_id)
    changes = undo.undo(run, by=actor())
    count = f"{figure(len(changes))} {'writes are' if len(changes) != 1 else 'write is'}"
    flash(f"{count} on the way to take run {run_id} back. Each is checked again before it is sent.", "success")
    return redirect(url_for("undo.show", run_id=run_id))
