"""The Webhooks tab of a connection: its address, our hooks there and how they are, the secret a person brings."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ... import services
from ...errors import Conflict, InvalidInput, UpstreamError
from ...models import Connection, db
from ...operations.accounts import connections, subscriptions
from ...operations.deliveries import deliveries
from .. import forms
from ..access import actor, may

page = Blueprint("hooks", __name__, url_prefix="/connections/<int:connection_id>/webhooks")

# state -> word, tone of macros/ui.html, what it means
STATES = {
    "wanted": ("Being made", "waiting", "The worker registers it in a moment."),
    "asked": ("Being made", "waiting", "The service is handing over its secret."),
    "active": ("Active", "ok", ""),
    "failed": ("Not registered", "failed", "It is tried again by itself every quarter of an hour."),
    "broken": ("Switched off there", "attention", "It is made anew, and what was missed is read."),
    "expired": ("Expired", "attention", "It is made anew, and what was missed is read."),
    "unwanted": ("Being removed", "waiting", "The worker takes it away in a moment."),
}


@page.get("")
@may("see connections")
def index(connection_id: int):
    """Every hook of the connection."""
    return _page(connections.find(connection_id), forms.Form())


def _page(connection: Connection, form: forms.Form):
    service = services.by_key(connection.service)
    return render_template(
        "hooks/index.html", connection=connection, service=service, webhook=service.webhook, form=form,
        rows=subscriptions.of(connection), address=subscriptions.address(connection), states=STATES,
        counts=deliveries.counts(connection.id), latest=deliveries.latest_at(connection.id),
    )  # fmt: skip


@page.post("")
@may("manage connections")
def register(connection_id: int):
    """Have the worker register everything that is missing."""
    forms.sent()
    asked = subscriptions.register(connections.find(connection_id), by=actor())
    flash(f"{asked} webhooks are registered in a moment." if asked else "All of them are there already.", "success")
    return _back(connection_id)


@page.post("/removal")
@may("manage connections")
def unregister(connection_id: int):
    """Give them all up; reading on schedule goes on."""
    forms.sent()
    subscriptions.unregister(connections.find(connection_id), by=actor())
    flash("The webhooks are taken away in a moment. Reading on schedule goes on.", "success")
    return _back(connection_id)


@page.post("/secret")
@may("manage connections")
def enter_secret(connection_id: int):
    """Keep the secret a person brings from the service."""
    connection, sent = connections.find(connection_id), forms.sent(raw=("secret",))
    try:
        subscriptions.enter_secret(connection, sent["secret"], by=actor())
    except InvalidInput as error:
        db.session.rollback()
        return _page(connections.find(connection_id), forms.Form({}, error)), 422
    flash("The secret is kept. Deliveries signed with it are taken from now on.", "success")
    return _back(connection_id)


@page.post("/<int:subscription_id>/renewal")
@may("manage connections")
def renew(connection_id: int, subscription_id: int):
    """Have one renewed, or made anew, without waiting for its time."""
    forms.sent()
    subscriptions.renew(subscriptions.find(connections.find(connection_id), subscription_id), by=actor())
    flash("It is renewed in a moment.", "success")
    return _back(connection_id)


@page.post("/<int:subscription_id>/rotation")
@may("manage connections")
def rotate(connection_id: int, subscription_id: int):
    """Have the service give one a new secret."""
    forms.sent()
    row = subscriptions.find(connections.find(connection_id), subscription_id)
    try:
        subscriptions.rotate(row, by=actor())
    except (Conflict, UpstreamError) as error:
        db.session.rollback()
        flash(f"Its secret was not changed: {error}", "error")
        return _back(connection_id)
    flash("It has a new secret. The old one counts for another two minutes.", "success")
    return _back(connection_id)


def _back(connection_id: int):
    return redirect(url_for("hooks.index", connection_id=connection_id))
