"""Conflicts: both sides changed the same field. Both values, who won, and one click to turn it round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import ChangedMeanwhile
from ...operations.mapping import conflicts, matches, pairs
from ...operations.runs import pushes
from ...operations.several import Found, Outcome, each
from .. import Menu, forms
from ..access import actor, can, may
from ..filters import Asked
from ..formatting import called, field_name
from ..several import About, Act, Do, Several, Ticks, serve

menu = Menu(
    "Conflicts",
    icon="lightning-charge",
    order=54,
    key="f",
    badge="conflicts",
    counts=("open conflict", "open conflicts"),
)

TABS = {"open": "Open", "settled": "Settled", "flipped": "Flipped"}
EMPTY = {
    "open": "No conflict waits for you. One comes here when both sides change the same field between two runs, or "
    "say different things when they become a pair, and the mapping says that a person is asked.",
    "settled": "No conflict was settled yet. Those that a mapping's own rule settles are listed here too, with the "
    "value that lost.",
    "flipped": "No conflict was flipped. A settled one is flipped on its page when the wrong value won.",
}
RULES = {"ask": "a person is asked", "newest": "the newer value wins"}  # else one side's


FILTERS = {"state": "State", "mapping": "Mapping"}


def _words(row: conflicts.Row) -> str:
    """The field and whose it is."""
    record = row.conflict.link.left_record or row.conflict.link.right_record
    field = row.left_label or field_name(row.conflict.left_field)
    if record is None:
        return field
    return f"{field} of {called(record) if can('see record contents') else record.external_id}"


def _find(asked: Asked) -> Found:
    return conflicts.found(asked.one_of("state", TABS) or "open", asked.number("mapping"))


def _settled(settle: Callable) -> Do:
    """Each is settled; then what won is carried over."""

    def do(rows, sent) -> Outcome:
        outcome = each(rows, lambda number: settle(number, by=actor(), mark=rows[number]))
        done = conflicts.rows_of(outcome.done)
        for mapping_id in sorted({row.conflict.mapping_id for row in done}):
            pushes.nudge(mapping_id, asked_by=actor())
        return outcome

    return do


_CARRIED = "The other side of each gets it in a moment. The value that lost is kept, and can be flipped later."


def _accounts(side: str, rows: Iterable[conflicts.Row]) -> list[str]:
    """The accounts whose values stand on that side of these conflicts, by name."""
    found = {one.id: one.name for row in rows if row.mapping for one in [getattr(row.mapping, f"{side}_connection")]}
    return sorted(found.values())


def _sole(side: str, rows: Iterable[conflicts.Row]) -> str:
    """The account whose values stand on that side of all of these; "" when there are several."""
    names = _accounts(side, rows)
    return names[0] if len(names) == 1 else ""


_PLACE = {"left": "first", "right": "second"}


def _about(side: str, numbers: Sequence[int]) -> About:
    """Whose value that is; where it is another account's in each of several mappings, it is not chosen at once."""
    names = _accounts(side, conflicts.rows_of(numbers))
    if len(names) > 1:
        what = f"The {_PLACE[side]} value is another account's in some of these rows: {', '.join(names)}."
        return About(refusal=f"{what} Tick rows of one mapping, or let the newer value of each hold.", instead="newer")
    return About(f"Value of {names[0]}", f"The value {names[0]} has of each holds. {_CARRIED}") if names else About()


SEVERAL = Several(
    "Conflicts", "conflicts", "conflict", "conflicts", FILTERS, _find,
    lambda numbers: {row.conflict.id: _words(row) for row in conflicts.rows_of(numbers)},
    (
        Act("left", "First value", "settle conflicts", f"The first value of each holds. {_CARRIED}", "settled",
            _settled(partial(conflicts.settle, winner="left")), about=partial(_about, "left")),
        Act("right", "Second value", "settle conflicts", f"The second value of each holds. {_CARRIED}", "settled",
            _settled(partial(conflicts.settle, winner="right")), about=partial(_about, "right")),
        Act("newer", "Newer value", "settle conflicts", f"The value changed later holds. {_CARRIED}", "settled",
            _settled(conflicts.settle_by_time)),
    ),
    "conflicts.show", "conflict_id", conflicts.marks,
)  # fmt: skip
page = Blueprint("conflicts", __name__, url_prefix="/conflicts")
serve(page, SEVERAL)


@page.get("")
@may("see records")
def index():
    """Conflicts in one state, the newest first."""
    asked = Asked(FILTERS)
    state = asked.one_of("state", TABS) or "open"
    names = {str(mapping.id): mapping.name for mapping in matches.mappings()}
    mapping = asked.number("mapping")
    rows, further = ([], None) if asked.errors else conflicts.listing(state, mapping, asked.place("older"))
    named = [(row.conflict.id, _words(row)) for row in rows] if state == "open" else []
    chips = asked.chips({"mapping": names}, tabs="state")
    return render_template(
        "conflicts/index.html", asked=asked, state=state, tabs=TABS, rows=rows, chips=chips, empty=EMPTY[state],
        mappings=[("", "All"), *names.items()], older=asked.url(older=further) if further else None,
        held=conflicts.held_by_name(rows), may_see=can("see record contents"),
        ticks=_named(SEVERAL.ticks(asked, named, not (further or asked.cursor)), rows),
        columns=[_sole(side, rows) or f"{_PLACE[side].capitalize()} value" for side in pairs.SIDES],
    ), asked.status  # fmt: skip


def _named(ticks: Ticks | None, rows: Sequence[conflicts.Row]) -> Ticks | None:
    """The buttons of both sides by the names of their accounts, where all rows shown have the same."""
    if ticks is None:
        return None
    names = {side: sole for side in pairs.SIDES if (sole := _sole(side, rows))}
    acts = [replace(act, label=f"Value of {names[act.key]}") if act.key in names else act for act in ticks.acts]
    return replace(ticks, acts=acts)


@page.get("/<int:conflict_id>")
@may("see records")
def show(conflict_id: int):
    """One conflict: both values, their times, what was there before, and who won."""
    return _page(conflict_id)


def _page(conflict_id: int, changed: bool = False) -> str:
    detail = conflicts.detail(conflict_id)
    conflict, link = detail.conflict, detail.conflict.link
    return render_template(
        "conflicts/show.html", detail=detail, conflict=conflict, link=link, rules=RULES,
        held=conflicts.held_by_name([detail.row]),
        records={"left": link.left_record, "right": link.right_record}, sides=pairs.SIDES, other=pairs.other,
        labels={"left": detail.row.left_label, "right": detail.row.right_label},
        fields={"left": conflict.left_field, "right": conflict.right_field},
        paired=link.state in ("linked", "paused"), may_see=can("see record contents"),
        may_decide=can("settle conflicts"), seen=conflicts.seen(conflict), changed=changed,
    )  # fmt: skip


@page.post("/<int:conflict_id>/settle")
@may("settle conflicts")
def settle(conflict_id: int):
    """One of the two values holds; shown anew when they are others than those on the page it was decided on."""
    sent = forms.sent("winner", "seen")
    try:
        settled = conflicts.settle(conflict_id, sent["winner"], by=actor(), mark=sent["seen"])
    except ChangedMeanwhile:
        return _page(conflict_id, changed=True), 409
    pushes.nudge(settled.mapping_id, asked_by=actor())
    flash("It is settled. The value is carried over in a moment.", "success")
    return redirect(url_for("conflicts.show", conflict_id=conflict_id))


@page.post("/<int:conflict_id>/flip")
@may("settle conflicts")
def flip(conflict_id: int):
    """The value that lost wins after all."""
    flipped = conflicts.flip(conflict_id, by=actor(), winner=forms.sent("winner")["winner"] or None)
    pushes.nudge(flipped.mapping_id, asked_by=actor())
    flash("It is flipped. The value is carried over in a moment.", "success")
    return redirect(url_for("conflicts.show", conflict_id=conflict_id))
