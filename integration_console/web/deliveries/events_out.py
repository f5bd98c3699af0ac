"""Where a connection's events are told: its address, its secret, what was sent, and what nobody took."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ... import services
from ...errors import Conflict, InvalidInput
from ...models import Connection, WebhookMessage, db
from ...operations.accounts import connections
from ...operations.api import webhook_messages, webhook_targets
from .. import forms
from ..access import actor, may
from ..filters import Asked
from ..newer import MOST, above, tell_above

page = Blueprint("events_out", __name__, url_prefix="/connections/<int:connection_id>/events")


@page.app_context_processor
def _for_connection_pages() -> dict:
    return {"webhook_target_of": webhook_targets.of}


@page.get("")
@may("manage connections")
def index(connection_id: int):
    """The address, and the last messages."""
    return _page(connections.find(connection_id))


@page.get("/newer")
@may("manage connections")
def newer(connection_id: int):
    """How many messages were made since the page was shown."""
    return tell_above(
        Asked({}), "events_out.index", lambda last: webhook_messages.count_above(connection_id, last, MOST),
        connection_id=connection_id,
    )  # fmt: skip


def _page(connection: Connection, form: forms.Form | None = None, secret: str | None = None):
    target = webhook_targets.of(connection.id)
    return render_template(
        "connections/events.html", connection=connection, service=services.by_key(connection.service), target=target,
        form=form or forms.Form({"url": target.url if target else ""}), secret=secret,
        messages=webhook_messages.latest(connection.id), given_up=webhook_messages.given_up(connection.id),
        types=webhook_messages.TYPES,
        came=above(Asked({}), "events_out.newer", WebhookMessage, connection_id=connection.id),
    )  # fmt: skip


@page.post("")
@may("manage connections")
def save(connection_id: int):
    """Tell events there from now on; the secret of a new address is on the answer and nowhere else."""
    connection, sent = connections.find(connection_id), forms.sent("url")
    try:
        url = webhook_targets.checked(sent["url"], "url") if sent["url"] else None
        secret = webhook_targets.set_url(connection, url, by=actor())
    except InvalidInput as error:
        db.session.rollback()
        return _page(connections.find(connection_id), forms.Form(sent, error)), 422
    db.session.commit()
    if secret:
        return _page(connection, secret=secret)
    flash("Events are told to this address from now on." if url else "Nothing is told any more.", "success")
    return redirect(url_for("events_out.index", connection_id=connection_id))


@page.post("/secret")
@may("manage connections")
def renew_secret(connection_id: int):
    """Another secret, shown once; for a day the old one signs, too."""
    forms.sent()
    connection = connections.find(connection_id)
    try:
        secret = webhook_targets.new_secret(connection, by=actor())
    except Conflict as error:
        flash(str(error), "error")
        return redirect(url_for("events_out.index", connection_id=connection_id))
    return _page(connection, secret=secret)


@page.post("/again")
@may("manage connections")
def try_again(connection_id: int):
    """Send what was given up once more."""
    forms.sent()
    count = webhook_targets.try_again(connections.find(connection_id), by=actor())
    flash(f"{count} messages are sent again in a moment." if count else "There is nothing to send again.", "success")
    return redirect(url_for("events_out.index", connection_id=connection_id))
