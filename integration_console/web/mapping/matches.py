"""Matches: records that may be the same on both sides, and the pairs there are."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import InvalidInput
from ...models import Record, RecordLink
from ...operations.mapping import matches, pairs
from ...operations.runs import pushes
from ...operations.several import Found, Outcome, each
from .. import Menu, forms
from ..access import actor, can, may
from ..filters import Asked
from ..formatting import called
from ..several import Act, Several, Ticks, one_by_one, serve

menu = Menu(
    "Matches", icon="people", order=52, key="p", badge="matches", counts=("match to decide", "matches to decide")
)

TABS = {
    "ambiguous": "To decide", "linked": "Pairs", "cut": "Cut", "different": "Different", "waiting": "Waiting",
    "aside": "Set aside", "paused": "Paused", "gone": "Gone",
}  # fmt: skip
EMPTY = {
    "ambiguous": "Nothing waits for a decision. Records come here when a mapping finds several that may be the same, "
    "or when what it finds may be somebody else.",
    "linked": "There are no pairs yet. The first run of an active mapping makes them.",
    "cut": "No pair was cut. A pair that should be none is cut on its page.",
    "different": "Nobody has said of two records that they are different.",
    "waiting": "No record waits for anything. One waits here when what belongs to it is not there yet.",
    "aside": "No record is set aside. A mapping's filters, and what must not be written, put records here.",
    "paused": "No pair is paused. A pair whose values change back and forth is paused and shown here.",
    "gone": "No pair has lost a record. One comes here when a record is deleted at its service.",
}


FILTERS = {"state": "State", "mapping": "Mapping"}


def _shown(record: Record) -> str:
    return called(record) if can("see record contents") else record.external_id


def _find(asked: Asked) -> Found:
    return matches.found(asked.one_of("state", TABS) or "ambiguous", asked.number("mapping"))


def _same(numbers, sent) -> Outcome:
    """Each with its only candidate; then their mappings compare them."""
    outcome = each(numbers, lambda number: matches.same_as_the_only_one(number, by=actor()))
    for mapping_id in sorted({matches.by_id(number).mapping_id for number in outcome.done}):
        pushes.nudge(mapping_id, asked_by=actor())
    return outcome


SEVERAL = Several(
    "Matches", "matches", "record", "records", FILTERS, _find, lambda numbers: matches.names(numbers, _shown),
    (
        Act("same", "Same", "settle conflicts", "Each becomes a pair with its only candidate. One that has several is "
            "left for you to choose on its page.", "paired now, and compared in a moment", _same),
        Act("different", "Different", "settle conflicts", "Each is none of its candidates, and is not asked about "
            "again. The next run may make it on the other side.", "different from every candidate",
            lambda numbers, sent: each(numbers, lambda number: matches.different(number, None, by=actor()))),
        Act("later", "Later", "settle conflicts", "Each waits behind the others.", "behind the others",
            one_by_one(matches.later)),
    ),
    "matches.show", "link_id",
)  # fmt: skip
page = Blueprint("matches", __name__, url_prefix="/matches")
serve(page, SEVERAL)


@page.get("")
@may("see records")
def index():
    """Rows in one state."""
    asked = Asked(FILTERS)
    state = asked.one_of("state", TABS) or "ambiguous"
    names = {str(mapping.id): mapping.name for mapping in matches.mappings()}
    mapping = asked.number("mapping")
    place = asked.dated_place("older", matches.Place)
    rows, further = ([], None) if asked.errors else matches.listing(state, mapping, place)
    chips = asked.chips({"mapping": names}, tabs="state")
    return render_template(
        "matches/index.html", asked=asked, state=state, tabs=TABS, rows=rows, chips=chips, empty=EMPTY[state],
        mappings=[("", "All"), *names.items()], ticks=_ticks(asked, state, rows, not (place or further)),
        older=asked.url(older=f"{further.at.isoformat()},{further.id}") if further else None,
    ), asked.status  # fmt: skip


def _ticks(asked: Asked, state: str, rows: Sequence[RecordLink], whole: bool) -> Ticks | None:
    """What waits for a decision can be decided many at once."""
    if state != "ambiguous":
        return None
    records = [(link.id, link.left_record or link.right_record) for link in rows]
    return SEVERAL.ticks(asked, [(number, _shown(record)) if record else None for number, record in records], whole)


@page.get("/<int:link_id>")
@may("see records")
def show(link_id: int):
    """One row: both sides, value by value, and what can be decided."""
    return _page(link_id)


def _page(link_id: int, form: forms.Form | None = None):
    detail = matches.detail(link_id)
    names = {"left": detail.link.left_record, "right": detail.link.right_record}
    return render_template(
        "matches/show.html", detail=detail, link=detail.link, form=form or forms.Form(), records=names, tabs=TABS,
        away=pairs.other(detail.held), may_see=can("see record contents"), may_decide=can("settle conflicts"),
    )  # fmt: skip


# -- deciding ---------------------------------------------------------------------------------------------------------


@page.post("/<int:link_id>/same")
@may("settle conflicts")
def same(link_id: int):
    """The record and this candidate are one."""
    made = matches.same(link_id, _record(forms.sent("record")["record"]), by=actor())
    pushes.nudge(made.mapping_id, asked_by=actor())
    flash("They are a pair now. They are compared in a moment.", "success")
    return redirect(url_for("matches.index"))


@page.post("/<int:link_id>/different")
@may("settle conflicts")
def different(link_id: int):
    """The record is not this candidate, or none of them."""
    record = forms.sent("record")["record"]
    left = matches.different(link_id, _record(record) if record else None, by=actor())
    if left is not None:
        flash("They are different, and are not asked about again.", "success")
        return redirect(url_for("matches.show", link_id=link_id))
    flash("They are different. The record is free: the next run may make it on the other side.", "success")
    return redirect(url_for("matches.index"))


@page.post("/<int:link_id>/later")
@may("settle conflicts")
def later(link_id: int):
    """Behind the others."""
    forms.sent()
    matches.later(link_id, by=actor())
    flash("It waits behind the others.", "success")
    return redirect(url_for("matches.index"))


@page.post("/<int:link_id>/cut")
@may("settle conflicts")
def cut(link_id: int):
    """These two are no pair after all."""
    sent = forms.sent("why")
    try:
        matches.cut(link_id, by=actor(), why=sent["why"])
    except InvalidInput as error:
        return _page(link_id, forms.Form(sent, error)), 422
    flash("The pair is cut. Both records are left alone until somebody links them by hand.", "success")
    return redirect(url_for("matches.show", link_id=link_id))


@page.post("/<int:link_id>/link")
@may("settle conflicts")
def link_by_hand(link_id: int):
    """Make a pair of this row's record and another one, or of the two it holds."""
    sent, link = forms.sent("record"), matches.by_id(link_id)
    held = matches.held_side(link)
    numbers = {"left": link.left_record_id, "right": link.right_record_id}
    try:
        if sent["record"] or None in numbers.values():
            numbers[pairs.other(held)] = matches.record_named(link, pairs.other(held), sent["record"]).id
        made = matches.link_by_hand(link.mapping_id, numbers["left"] or 0, numbers["right"] or 0, by=actor())
        pushes.nudge(made.mapping_id, asked_by=actor())
    except InvalidInput as error:
        return _page(link_id, forms.Form(sent, InvalidInput(str(error), field="record"))), 422
    flash("They are a pair now. The next run compares them.", "success")
    return redirect(url_for("matches.show", link_id=made.id))


def _record(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise InvalidInput("That record is not one of the candidates. Look at the list again.", field="record")
    return int(text)
