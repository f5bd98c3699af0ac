"""The tabs of a connection that say what crosses it: its objects and their schedule, the mappings that use it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ... import services
from ...errors import InvalidInput
from ...models import Connection, db
from ...operations.accounts import connections, slots
from ...operations.mapping import connection_objects, mappings
from ...operations.runs import standing
from .. import forms
from .. import mapping_words as words
from ..access import actor, may
from ..formatting import zones
from .connect_forms import FREQUENCIES

page = Blueprint("objects", __name__, url_prefix="/connections/<int:connection_id>")


@page.get("/objects")
@may("see connections")
def index(connection_id: int):
    """Each kind of record: whether it is read, which way it goes, and when."""
    return _page(connections.find(connection_id))


def _page(connection: Connection, form: forms.Form | None = None):
    cron = connection.frequency not in slots.FREQUENCIES
    values = {
        "time_zone": connection.time_zone, "frequency": "cron" if cron else connection.frequency,
        "cron": connection.frequency if cron else "",
    }  # fmt: skip
    return render_template(
        "connections/objects.html", connection=connection, service=services.by_key(connection.service),
        objects=connection_objects.of(connection), form=form or forms.Form(values), wrong=form is not None,
        frequencies=FREQUENCIES, zones=zones(), schedule=slots.in_words(connection.frequency),
        next_times=slots.next_times(connection.frequency, connection.time_zone),
    )  # fmt: skip


@page.post("/schedule")
@may("manage connections")
def set_schedule(connection_id: int):
    """When it is read."""
    connection, sent = connections.find(connection_id), forms.sent("frequency", "cron", "time_zone")
    frequency = sent["cron"] if sent["frequency"] == "cron" else sent["frequency"]
    try:
        connections.set_schedule(connection, frequency, sent["time_zone"], by=actor())
    except InvalidInput as error:
        db.session.rollback()
        return _page(connections.find(connection_id), forms.Form(sent, error)), 422
    flash(f"{connection.name} is now read {slots.in_words(frequency)}.", "success")
    return redirect(url_for("objects.index", connection_id=connection_id))


@page.post("/resources/<resource>")
@may("manage connections")
def set_resource(connection_id: int, resource: str):
    """Switch the reading of one resource on or off."""
    connection, on = connections.find(connection_id), forms.sent("on")["on"] == "yes"
    connections.set_resource(connection, resource, on, by=actor())
    label = services.by_key(connection.service).resources[resource].label
    now = "are read again from the next run on" if on else "are no longer read. What was read stays"
    flash(f"{label} {now}.", "success")
    return redirect(url_for("objects.index", connection_id=connection.id))


@page.get("/mappings")
@may("see connections")
def carried(connection_id: int):
    """The mappings that use this connection, and how each stands."""
    connection = connections.find(connection_id)
    found = mappings.of_connection(connection.id)
    titles = {one.id: words.direction(one) for one in found}
    return render_template(
        "connections/mappings.html", connection=connection, standings=standing.of(found), words=words, titles=titles
    )
