"""Where a person comes back to after giving consent at a service."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user

from .. import services
from ..errors import Conflict, Forbidden, InvalidInput, NotFound, NotSignedIn, UpstreamError
from ..models import db
from ..operations import consent, pending
from . import access, coming_back
from .access import may

page = Blueprint("oauth", __name__)


@page.get("/oauth/<service>/callback")
@may("anyone")  # a program's person need not be one of ours; everybody else is looked at below
def callback(service: str):
    """Take the code, prove whose account it is, and keep the connection."""
    if service not in services.every():
        raise NotFound(f"There is no service {service!r}.")
    if row := pending.of_state(service, request.args.get("state", "")[:2000]):
        return coming_back.to_program(row)
    if not current_user.is_authenticated:
        raise NotSignedIn
    if not access.can("manage connections"):
        raise Forbidden
    access.allow_writing()  # the one address that a service sends people to by GET and that changes something
    said = {name: request.args.get(name, "")[:2000] for name in ("state", "code", "error")}
    try:
        connection = consent.finish(service, session_hash=access.browser_mark(), **said)
    except (InvalidInput, Conflict, UpstreamError) as error:
        db.session.rollback()
        status = 400 if getattr(error, "field", None) == "state" else 422  # no consent we began (X7)
        return render_template(
            "connections/consent_failed.html", service=services.by_key(service), message=str(error)
        ), status
    flash(f"{connection.name} is connected as {connection.account_name}.", "success")
    return redirect(url_for("connections.show", connection_id=connection.id))
