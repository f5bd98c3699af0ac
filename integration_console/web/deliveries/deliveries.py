"""Deliveries: what came by webhook, what became of it, and reading it again."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import select

from ... import services
from ...models import Delivery, Transaction, db
from ...operations.accounts import connections
from ...operations.deliveries import deliveries
from ...operations.several import each
from ...storage import deliveries as kept
from .. import Menu, forms
from ..access import actor, may
from ..filters import Asked
from ..newer import MOST, above, tell_above
from ..several import Act, Several, serve

menu = Menu("Deliveries", icon="arrow-down-left", order=65, key="v")

FILTERS = {"state": "State", "connection": "Connection", "service": "Service", "kind": "Event", "run": "Run"}
STATES = {
    "waiting": "Waiting", "reading": "Being read", "done": "Done", "ignored": "Not needed", "dead": "Set aside",
}  # fmt: skip
TONES = {"waiting": "waiting", "reading": "running", "done": "ok", "ignored": "never", "dead": "failed"}


def _names(numbers: Iterable[int]) -> dict[int, str]:
    return {one.id: f"Delivery {one.id}: {one.kind}" for one in deliveries.by_number(numbers)}


SEVERAL = Several(
    "Deliveries", "deliveries", "delivery that was set aside", "deliveries that were set aside", FILTERS,
    lambda asked: deliveries.found_dead(_wanted(asked)), _names,
    (
        Act("replay", "Read again", "close dead letters", "Every record that one names is read again. Nothing is "
            "written to a service by that alone.", "read again in a moment",
            lambda numbers, sent: each(numbers, lambda one: deliveries.replay(deliveries.find(one), by=actor()))),
    ),
    "deliveries.show", "delivery_id",
)  # fmt: skip
page = Blueprint("deliveries", __name__, url_prefix="/deliveries")
serve(page, SEVERAL)


@page.get("")
@may("see transactions")
def index():
    """Deliveries, the newest first."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)
    rows, older = ([], None) if asked.errors else kept.search(db.session(), wanted, asked.place("older"))
    every = connections.every(removed=True)
    names = {
        "state": STATES, "connection": {str(one.id): one.name for one in every},
        "service": {key: service.label for key, service in services.every().items() if service.webhook},
    }  # fmt: skip
    return render_template(
        "deliveries/index.html", asked=asked, chips=asked.chips(names), rows=rows, names=names, tones=TONES,
        older=older and asked.url(older=older), first=asked.url() if "older" in asked.cursor else None,
        matches=asked.matches(len(rows), not (older or asked.cursor), lambda: deliveries.count(wanted)),
        came=above(asked, "deliveries.newer", Delivery),
        counts=deliveries.counts(), ticks=SEVERAL.ticks(
            asked, [(one.id, f"delivery {one.id}") if one.state == "dead" else None for one in rows],
            not (older or asked.cursor),
        ),
    ), asked.status  # fmt: skip


@page.get("/newer")
@may("see transactions")
def newer():
    """How many deliveries came since the first page was shown."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)
    return tell_above(asked, "deliveries.index", lambda last: deliveries.count(wanted, MOST, above=last))


def _wanted(asked: Asked) -> kept.Wanted:
    since, until = asked.span()
    return kept.Wanted(
        service=asked.one_of("service", services.every()) or None, connection_id=asked.number("connection"),
        state=asked.one_of("state", STATES) or None, kind=asked.value("kind") or None, run_id=asked.number("run"),
        since=since, until=until,
    )  # fmt: skip


@page.get("/<int:delivery_id>")
@may("see transactions")
def show(delivery_id: int):
    """One delivery: what it said, what became of it."""
    found = deliveries.find(delivery_id)
    with_body = deliveries.find(found.first_id) if found.first_id else found
    call = db.session.scalar(select(Transaction.id).where(Transaction.call_key == found.call_key))
    return render_template(
        "deliveries/show.html", delivery=found, body=with_body.body, others=kept.with_same_body(db.session(), found),
        word=STATES[found.state], tone=TONES[found.state], call_id=call, states=STATES, tones=TONES,
        resources=services.by_key(found.service).resources, tries=deliveries.TRIES,
        copies=deliveries.copies_of(found),
    )  # fmt: skip


@page.post("/<int:delivery_id>/replay")
@may("close dead letters")
def replay(delivery_id: int):
    """Read its records again."""
    forms.sent()
    deliveries.replay(deliveries.find(delivery_id), by=actor())
    flash("Its records are read again in a moment.", "success")
    return redirect(url_for("deliveries.show", delivery_id=delivery_id))


@page.post("/replay")
@may("close dead letters")
def replay_dead():
    """The same for everything that was set aside."""
    forms.sent()
    done = deliveries.replay_dead(by=actor())
    flash(f"{done} deliveries are read again in a moment.", "success")
    return redirect(url_for("deliveries.index"))
