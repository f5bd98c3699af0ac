"""The pairs a mapping keeps: whom it holds to be the same, why, and what each side says now."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import InvalidInput
from ...models import RecordLink
from ...models.link import LINK_STATES
from ...operations.accounts import connections
from ...operations.finding.named import Awaited
from ...operations.mapping import mappings, matches, pair_pages
from .. import forms, write_words
from .. import mapping_words as words
from ..access import actor, may
from ..filters import Asked

page = Blueprint("mapping_pairs", __name__, url_prefix="/mappings/<int:mapping_id>/pairs")

STATES = {
    "linked": "Paired", "ambiguous": "To match", "waiting": "Waiting", "aside": "Left out", "paused": "Paused",
    "gone": "Gone", "different": "Different", "cut": "Cut",
}  # fmt: skip
STATUS = {"linked": "ok", "ambiguous": "attention", "paused": "attention", "waiting": "waiting"}


@page.get("")
@may("see status")
def index(mapping_id: int):
    """Every pair and every record that has none yet, the newest first."""
    mapping = mappings.find(mapping_id)
    asked = Asked({"state": "State"})
    state = asked.one_of("state", LINK_STATES)
    older, newer = (asked.place(name) for name in ("older", "newer"))
    found = (
        pair_pages.Slice([])
        if asked.errors
        else pair_pages.browse(mapping, (state,) if state else (), older=older, newer=newer)
    )
    version = mappings.latest(mapping)
    ends = words.ends_of(mapping, mappings.in_engine(mapping, version.number))
    return render_template(
        "mappings/pairs.html", mapping=mapping, version=version, ends=ends, words=words, asked=asked, found=found,
        counts=pair_pages.counts(mapping), states=STATES, statuses=STATUS, state=state,
        why=Awaited((ends[_waits_on(link)].connection.id, link.reason) for link in found.links), waits_on=_waits_on,
    ), asked.status  # fmt: skip


@page.get("/<int:link_id>")
@may("see status")
def show(mapping_id: int, link_id: int):
    """One pair: each line now and as last agreed, its writes, its conflicts."""
    return _pair_page(mapping_id, link_id, forms.Form())


def _waits_on(link: RecordLink) -> str:
    """The side of the record that waits: one that has no other half yet."""
    return "left" if link.left_record else "right"


def _pair_page(mapping_id: int, link_id: int, form: forms.Form):
    mapping = mappings.find(mapping_id)
    detail = pair_pages.detail(mapping, link_id)
    ends = words.ends_of(mapping, mappings.in_engine(mapping, mapping.active_version))
    return render_template(
        "mappings/pair.html", mapping=mapping, detail=detail, link=detail.link, ends=ends, words=words, states=STATES,
        statuses=STATUS, shown=words.shown, form=form, write_words=write_words,
        where={one.id: one for one in connections.every(removed=True)}, waits_on=_waits_on,
        why=Awaited([(ends[_waits_on(detail.link)].connection.id, detail.link.reason)]),
    )  # fmt: skip


@page.post("/<int:link_id>/cut")
@may("edit mappings")
def cut(mapping_id: int, link_id: int):
    """These two are no pair after all."""
    sent, mapping = forms.sent("why"), mappings.find(mapping_id)
    pair_pages.detail(mapping, link_id)
    try:
        matches.cut(link_id, by=actor(), why=sent["why"])
    except InvalidInput as error:
        return _pair_page(mapping_id, link_id, forms.Form(sent, error)), 422
    flash("The pair is cut. Both records are left alone until somebody links them by hand.", "success")
    return redirect(url_for("mapping_pairs.show", mapping_id=mapping.id, link_id=link_id))
