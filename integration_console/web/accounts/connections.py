"""Connections: the accounts there are, connecting another, and one account with its status, timeline and settings."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ... import services
from ...errors import Conflict, InvalidInput, UpstreamError
from ...models import Connection, db
from ...operations.accounts import connections, preflight, sign_ins, slots, subscriptions, timeline
from ...operations.health import calls, figures, overview, resource_health
from .. import Menu, forms
from ..access import actor, known_service, may
from ..filters import instant
from ..formatting import zone
from . import guides
from .connect_forms import ABOUT, as_input, form_page, reconnect_page, sent_by_key, ways

page = Blueprint("connections", __name__, url_prefix="/connections")
menu = Menu("Connections", icon="plug", order=20, key="c")


@page.get("")
@may("see connections")
def index():
    """Every connection with its health."""
    return render_template("connections/index.html", health=overview.of_connections(connections.every()))


# -- connecting ------------------------------------------------------------------------------------------------------


@page.get("/new")
@may("manage connections")
def tiles():
    """Choose a service."""
    return render_template("connections/tiles.html", services=services.every().values())


@page.get("/new/<service>")
@may("manage connections")
def form(service: str):
    """What will be read, and the form the service's own declaration draws."""
    chosen = known_service(service)
    return form_page(chosen, forms.Form({"name": chosen.label, "frequency": "hourly"}))


@page.post("/new/<service>")
@may("manage connections")
def create(service: str):
    """Connect by key, after one call has told whose it is."""
    chosen = known_service(service)
    sent, secrets = sent_by_key(chosen, *ABOUT)
    settings = {name: value for name, value in sent.items() if name not in ABOUT and value}
    try:
        connection = connections.add(
            chosen.key, name=sent["name"], credentials=secrets, settings=settings, by=actor(),
            frequency=sent["frequency"] or "hourly", time_zone=zone().key, again=sent["again"] == "yes",
        )  # fmt: skip
    except (InvalidInput, Conflict, UpstreamError) as error:
        return form_page(chosen, forms.Form(sent, as_input(error, chosen))), 422
    flash(f"{connection.name} is connected as {connection.account_name}. Its first read starts in a moment.", "success")
    return redirect(url_for("connections.show", connection_id=connection.id) + "#preflight")


@page.get("/new/<service>/guide")
@may("see connections")
def guide(service: str):
    """How to set the service up, as its guide in docs/services tells it."""
    chosen = known_service(service)
    return render_template("connections/guide.html", service=chosen, guide=guides.page_of(chosen))


# -- one connection --------------------------------------------------------------------------------------------------


@page.get("/<int:connection_id>")
@may("see connections")
def show(connection_id: int):
    """Per resource: how it is, how old, how many."""
    connection = connections.find(connection_id)
    health = overview.of_connections([connection])[0]
    return render_template(
        "connections/show.html", connection=connection, service=services.by_key(connection.service), health=health,
        resources=resource_health.of_resources(connection), schedule=slots.in_words(connection.frequency),
        preflight=preflight.of(connection), sign_in=sign_ins.of(connection), hooks=subscriptions.in_words(connection),
        answers=calls.answers(connection), sides=calls.SIDES, **_budget(connection),
    )  # fmt: skip


def _budget(connection: Connection) -> dict:
    """The windows of calls as bars, and what the service's headers last said."""
    told = connection.budget or {}
    times = {name: instant(told.get(name) or "") for name in ("reset_at", "until", "at")}
    return {
        "windows": figures.windows(connection), "told": told, "budget_times": times, "span": preflight.span_in_words,
    }  # fmt: skip


@page.get("/<int:connection_id>/timeline")
@may("see connections")
def history(connection_id: int):
    """What happened to it: connected, changed by whom, failed, recovered."""
    connection = connections.find(connection_id)
    return render_template("connections/timeline.html", connection=connection, events=timeline.of(connection))


@page.get("/<int:connection_id>/settings")
@may("see connections")
def settings(connection_id: int):
    """Its name, how it is read and its sign-in; pausing and removing."""
    return _settings_page(connections.find(connection_id))


def _settings_page(connection: Connection, form: forms.Form | None = None, account=None, wrong: str = ""):
    """wrong: the part whose values came back."""
    service = services.by_key(connection.service)
    values = {
        "name": connection.name,
        **{one.name: connection.settings.get(one.name) or (*one.choices, "")[0] for one in service.adjustable},
    }
    if form:
        form.values = {**values, **form.values}
    return render_template(
        "connections/settings.html", connection=connection, service=service, form=form or forms.Form(values),
        account=account, wrong=wrong, **ways(service),
    )  # fmt: skip


# -- looking after one -----------------------------------------------------------------------------------------------


@page.post("/<int:connection_id>/name")
@may("manage connections")
def rename(connection_id: int):
    """Give it another name."""
    connection, sent = connections.find(connection_id), forms.sent("name")
    return _saved(
        connection, "The name is saved.", sent, lambda: connections.rename(connection, sent["name"], by=actor()), "name"
    )


@page.post("/<int:connection_id>/reading")
@may("manage connections")
def set_switches(connection_id: int):
    """How it is read: the plan it has, what is read besides."""
    connection = connections.find(connection_id)
    sent = forms.sent(*(one.name for one in services.by_key(connection.service).adjustable))
    return _saved(
        connection, "This is saved and counts from the next read on.", sent,
        lambda: connections.set_switches(connection, sent, by=actor()), "reading",
    )  # fmt: skip


def _saved(connection: Connection, said: str, sent: dict, change, part: str):
    """Make a change and go back to the settings; what cannot be kept comes back with its message."""
    number = connection.id
    try:
        change()
    except InvalidInput as error:
        db.session.rollback()
        return _settings_page(connections.find(number), forms.Form(sent, error), wrong=part), 422
    flash(said, "success")
    return redirect(url_for("connections.settings", connection_id=number))


@page.post("/<int:connection_id>/test")
@may("start runs")
def test(connection_id: int):
    """One call with the stored credentials, and whom they belong to."""
    forms.sent()
    connection = connections.find(connection_id)
    try:
        account = connections.test(connection)
    except (InvalidInput, UpstreamError) as error:
        db.session.rollback()
        flash(f"The test failed: {error}", "error")
        return redirect(url_for("connections.settings", connection_id=connection_id))
    flash(f"The test went well: this is {account.name}.", "success")
    return _settings_page(connection, account=account)


@page.post("/<int:connection_id>/pause")
@may("pause connections")
def pause(connection_id: int):
    """Start nothing new."""
    connection, sent = connections.find(connection_id), forms.sent("reason")
    connections.pause(connection, by=actor(), reason=sent["reason"])
    flash(f"{connection.name} is paused. Nothing is read until it is resumed.", "success")
    return redirect(url_for("connections.show", connection_id=connection.id))


@page.post("/<int:connection_id>/resume")
@may("pause connections")
def resume(connection_id: int):
    """Go on as scheduled."""
    forms.sent()
    connection = connections.find(connection_id)
    connections.resume(connection, by=actor())
    flash(f"{connection.name} goes on. It is read in a moment.", "success")
    return redirect(url_for("connections.show", connection_id=connection.id))


# -- a new sign-in, and the end --------------------------------------------------------------------------------------


@page.get("/<int:connection_id>/reconnect")
@may("manage connections")
def reconnect_form(connection_id: int):
    """Give it a new key or a new consent; it keeps its number and its history."""
    connection = connections.find(connection_id)
    return reconnect_page(connection, services.by_key(connection.service), forms.Form())


@page.post("/<int:connection_id>/reconnect")
@may("manage connections")
def reconnect(connection_id: int):
    """Take a new key of the same account."""
    connection = connections.find(connection_id)
    service = services.by_key(connection.service)
    sent = forms.sent(raw=tuple(c.name for c in service.credentials if c.secret))
    try:
        connections.reconnect(connection, {name: value.strip() for name, value in sent.items()}, by=actor())
    except (InvalidInput, UpstreamError) as error:
        db.session.rollback()
        connection = connections.find(connection_id)
        return reconnect_page(connection, service, forms.Form({}, as_input(error, service))), 422
    flash(f"{connection.name} is connected again. What was missed is read in the next run.", "success")
    return redirect(url_for("connections.show", connection_id=connection.id))


@page.post("/<int:connection_id>/removal")
@may("manage connections")
def remove(connection_id: int):
    """Wipe its secrets and stop everything; the name must be typed."""
    connection, sent = connections.find(connection_id), forms.sent("confirm")
    if sent["confirm"] != connection.name:
        flash(f"Nothing was removed: the name typed was not {connection.name}.", "error")
        return redirect(url_for("connections.settings", connection_id=connection.id))
    said = connections.remove(connection, by=actor())
    flash(
        f"{connection.name} is removed and its key is wiped. {said} What was read stays readable under Records.",
        "success",
    )
    return redirect(url_for("connections.index"))
