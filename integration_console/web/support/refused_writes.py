"""Refused writes: all of a problem or a mapping sent again, and one sent again with other values."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ...errors import Conflict, InvalidInput
from ...models import Change
from ...operations.accounts import connections
from ...operations.mapping import mappings, writes
from ...operations.runs import outbox
from ...operations.support import refused_writes
from ...sync.sending import guards
from .. import forms
from .. import mapping_words as words
from ..access import actor, may
from ..formatting import number

page = Blueprint("refused_writes", __name__)


@page.post("/errors/<int:issue_id>/writes")
@may("close dead letters")
def retry_all(issue_id: int):
    """Send every refused write of a problem again, as it was."""
    return _retry(url_for("errors.show", issue_id=issue_id, _anchor="writes"), issue_id=issue_id)


@page.post("/mappings/<int:mapping_id>/writes")
@may("close dead letters")
def retry_all_of_mapping(mapping_id: int):
    """Send every refused write of a mapping again, as it was."""
    mappings.find(mapping_id)
    return _retry(url_for("writes.index", mapping=mapping_id), mapping_id=mapping_id)


def _retry(here: str, **of: int):
    forms.sent()
    try:
        count, asked = refused_writes.retry_all(by=actor(), **of)
    except Conflict as error:
        flash(str(error), "warning")
        return redirect(here)
    flash(f"{number(count)} {'writes are' if count != 1 else 'write is'} sent again, the oldest first.", "success")
    return redirect(url_for("runs.show", run_id=asked[0].id) if len(asked) == 1 else here)


@page.get("/writes/<int:change_id>/values")
@may("close dead letters")
def edit(change_id: int):
    """A refused write with its values to be typed anew."""
    return _edit_page(outbox.find(change_id))


@page.post("/writes/<int:change_id>/values")
@may("close dead letters")
def send(change_id: int):
    """Send it again with other values; what was refused is kept as it was."""
    change = outbox.find(change_id)
    names = list(refused_writes.editable(change))
    sent = forms.sent(*(f"v-{n}" for n in range(len(names))))
    given = {name: sent[f"v-{n}"] for n, name in enumerate(names) if f"v-{n}" in request.form}
    try:
        new = refused_writes.send_edited(change, given, by=actor())
    except (InvalidInput, guards.Refused) as error:
        at = names.index(error.field) if error.field in names else None
        told = InvalidInput(str(error), field=None if at is None else f"v-{at}")
        return _edit_page(outbox.find(change_id), forms.Form(sent, told)), 422
    refused_writes.send_soon([new], by=actor())
    return _sent("It is sent again with your values. What was refused is kept beside it.", new)


@page.post("/writes/<int:change_id>/anew")
@may("close dead letters")
def send_anew(change_id: int):
    """Send it again as the mapping of today makes it; what was refused is kept as it was."""
    forms.sent()
    try:
        new = refused_writes.send_anew(outbox.find(change_id), by=actor())
    except (Conflict, guards.Refused) as error:
        flash(str(error), "warning")
        return redirect(url_for("shade.show", change_id=change_id))
    refused_writes.send_soon([new], by=actor())
    return _sent("It is sent again with the mapping of today. What was refused is kept beside it.", new)


def _sent(told: str, new: Change):
    flash(told, "success")
    if new.issue_id:
        return redirect(url_for("errors.show", issue_id=new.issue_id, _anchor="writes"))
    return redirect(url_for("writes.index"))


def _edit_page(change: Change, form: forms.Form | None = None) -> str:
    values, fields = refused_writes.editable(change), writes.fields_of([change])
    lines = [
        (f"v-{n}", writes.label_of(fields, change, name), text, words.shown(change.before.get(name)))
        for n, (name, text) in enumerate(values.items())
    ]
    fixed = [
        (writes.label_of(fields, change, name), words.shown(value))
        for name, value in change.wanted.items()
        if name not in values
    ]
    return render_template(
        "writes/edit.html", change=change, lines=lines, fixed=fixed,
        form=form or forms.Form({name: text for name, _, text, _ in lines}),
        connection=connections.find(change.connection_id),
        editable=change.state == "dead" and change.op != "delete" and bool(lines),
    )  # fmt: skip
