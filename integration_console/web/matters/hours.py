"""Hours: what became of each time entry, from Clockify over Clio to the invoice."""

from __future__ import annotations

from flask import Blueprint, render_template

from ...operations.matters import hours
from .. import Menu
from ..access import can, may
from ..filters import Asked

page = Blueprint("hours", __name__, url_prefix="/hours")
menu = Menu("Hours", icon="clock-history", order=48, key="h")

FAULTS = {"any": "Anything doubled or missing", "doubled": "Doubled", "missing": "Missing"}


@page.get("")
@may("see records")
def index():
    """Time entries, the latest first, each with its way in short."""
    asked = Asked({"person": "Person", "client": "Client", "matter": "Matter", "fault": "Problems"})
    people, open_ = hours.people(), can("see record contents")
    fault, person = asked.one_of("fault", FAULTS), asked.one_of("person", people)
    for name in ("client", "matter"):
        if asked.value(name) and not open_:
            asked.refuse(name, "Your role may not search in records: what is found would tell what is in them.")
    since, until = asked.span()
    wanted = hours.Wanted(since, until, person, asked.value("matter"), asked.value("client"), fault)
    found = hours.Slice([], None, 0) if asked.errors else hours.listing(wanted, asked.dated_place("older", hours.Place))
    names = people if open_ else {number: number for number in people}
    older = found.older
    return render_template(
        "hours/index.html", asked=asked, ways=found.ways, names=names, may_see=open_, looked_at=found.looked_at,
        carried=hours.are_carried(), projects=hours.projects_of(found.ways) if open_ else {},
        matches=asked.matches(len(found.ways), not (older or asked.cursor), lambda: hours.count(wanted)),
        people=[("", "Everybody"), *names.items()] if open_ else [], faults=[("", "All entries"), *FAULTS.items()],
        chips=asked.chips({"person": names, "fault": FAULTS}),
        older=asked.url(older=f"{older.at.isoformat()},{older.id}") if older else None,
    ), asked.status  # fmt: skip


@page.get("/<int:record_id>")
@may("see records")
def show(record_id: int):
    """One entry, step by step."""
    way = hours.way_of(record_id)
    return render_template(
        "hours/show.html", way=way, steps=way.steps, may_see=can("see record contents"),
        name=hours.people().get(way.entry.owner_id or "", "somebody"), project=hours.project_of(way.entry),
    )  # fmt: skip
