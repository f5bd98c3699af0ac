"""What a mapping was and is: its versions and their differences, on and off, a run of it, and its file."""

from __future__ import annotations

import re

from flask import Blueprint, Response, flash, redirect, render_template, url_for

from ...errors import Forbidden, InvalidInput
from ...models import DataMapping
from ...operations.mapping import mappings
from ...operations.runs import pushes
from .. import forms
from .. import mapping_words as words
from ..access import actor, can, may

page = Blueprint("mapping_versions", __name__, url_prefix="/mappings/<int:mapping_id>")


@page.get("/history")
@may("see status")
def history(mapping_id: int):
    """Every version, who made it, and what it changed."""
    mapping = mappings.find(mapping_id)
    return render_template(
        "mappings/history.html", mapping=mapping, past=mappings.history(mapping), words=words,
        draft=mappings.draft_of(mapping),
    )  # fmt: skip


@page.post("/versions/<int:number>/restore")
@may("edit mappings")
def restore(mapping_id: int, number: int):
    """Make an old version's content the draft."""
    forms.sent()
    mapping = mappings.find(mapping_id)
    draft = mappings.restore(mapping, number, by=actor())
    said = f"Draft {draft.number} says what version {number} said." if draft.state == "draft" else "It is that already."
    flash(f"{said}{words.put_aside(mapping)}", "success")
    return _back(mapping)


@page.post("/draft/removal")
@may("edit mappings")
def discard(mapping_id: int):
    """Throw the draft away."""
    forms.sent()
    mapping = mappings.find(mapping_id)
    mappings.discard(mapping, by=actor())
    again = mappings.draft_of(mapping)
    said = f"Draft {again.number} is the draft again." if again else "The version before it stays as it was."
    flash(f"The draft is thrown away. {said}", "success")
    return _back(mapping)


@page.get("/versions/<int:number>/file")
@may("see status")
def export(mapping_id: int, number: int):
    """One version as a file that can be imported again."""
    mapping = mappings.find(mapping_id)
    name = re.sub(r"[^a-z0-9]+", "-", mapping.name.casefold()).strip("-")[:60] or "mapping"
    return Response(
        mappings.document(mapping, number).to_bytes(), mimetype="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}-version-{number}.json"'},
    )  # fmt: skip


def _back(mapping: DataMapping):
    return redirect(url_for("mappings.show", mapping_id=mapping.id))


# -- on, off, now -----------------------------------------------------------------------------------------------------


@page.post("/pause")
@may("edit mappings")
def pause(mapping_id: int):
    """Carry nothing more until it is resumed."""
    sent, mapping = forms.sent("reason"), mappings.find(mapping_id)
    mappings.pause(mapping, by=actor(), reason=sent["reason"])
    flash(f"{mapping.name} is paused. Nothing more is written until it is resumed.", "success")
    return _back(mapping)


@page.post("/resume")
@may("activate mappings")
def resume(mapping_id: int):
    """Go on with the version that was on."""
    forms.sent()
    mapping = mappings.find(mapping_id)
    mappings.resume(mapping, by=actor())
    flash(f"{mapping.name} goes on with version {mapping.active_version}.", "success")
    return _back(mapping)


@page.post("/runs")
@may("start runs")
def run(mapping_id: int):
    """Ask for a run of it; also past the brake, when a person has looked."""
    sent, mapping = forms.sent("release_brake", "version"), mappings.find(mapping_id)
    version = int(sent["version"]) if re.fullmatch(r"[1-9]\d{0,8}", sent["version"]) else None
    if sent["version"] and version is None:
        raise InvalidInput("A version is a number.", field="version")
    if version not in (None, mapping.active_version) and not can("activate mappings"):
        raise Forbidden
    asked = pushes.request(mapping, asked_by=actor(), release_brake=sent["release_brake"] == "yes", version=version)
    flash("The run starts in a moment.", "success")
    return redirect(url_for("runs.show", run_id=asked.id))
