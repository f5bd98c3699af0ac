"""A write in the shade: what today's mapping would make of it, beside what was sent. Nothing is sent."""

from __future__ import annotations

from flask import Blueprint, render_template

from ...errors import Conflict
from ...operations.mapping import writes
from ...operations.runs import outbox
from ...operations.support import shade
from .. import mapping_words as words
from ..access import may

page = Blueprint("shade", __name__)


@page.get("/writes/<int:change_id>/shade")
@may("see record contents")
def show(change_id: int):
    """Work one write out anew and show the difference."""
    change = outbox.find(change_id)
    try:
        found, impossible = shade.of(change), ""
    except Conflict as error:
        found, impossible = None, str(error)
    return render_template(
        "writes/shade.html", change=change, found=found, impossible=impossible, shown=words.shown,
        labels=writes.fields_of([change]), label_of=writes.label_of,
    )  # fmt: skip
