"""Consent: sending a person to a service, taking them back, and the choice among the accounts that opens."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user

from ... import services
from ...errors import AlreadyConnected, Conflict, Forbidden, InvalidInput, NotFound, NotSignedIn, UpstreamError
from ...models import Connection, OAuthState, db
from ...operations.accounts import connections, consent, returns
from ...operations.api import pending
from ...services.base import Service
from .. import access, forms
from ..access import actor, browser_mark, known_service, may
from .connect_forms import as_input, form_page, reconnect_page, send_away, sent_for_consent, sent_permissions

page = Blueprint("oauth", __name__)

RIGHT = "manage connections"


# -- away ------------------------------------------------------------------------------------------------------------


@page.post("/connections/new/<service>/consent")
@may(RIGHT)
def create(service: str):
    """Send the person to the service for consent."""
    chosen = known_service(service)
    sent, settings, permissions = sent_for_consent(chosen)
    try:
        leaving = consent.begin(
            chosen.key, name=sent["name"] or chosen.label, settings=settings, permissions=permissions, by=actor(),
            bound_to=browser_mark(),
        )  # fmt: skip
    except (InvalidInput, UpstreamError) as error:
        return form_page(chosen, forms.Form(sent, as_input(error)), of_consent=True), 422
    return send_away(chosen, leaving.address)


@page.post("/connections/<int:connection_id>/consent")
@may(RIGHT)
def renew(connection_id: int):
    """Send the person to the service again, for the same account."""
    connection = connections.find(connection_id)
    service = services.by_key(connection.service)
    plain = {name: value for name, value in connection.settings.items() if isinstance(value, str)}
    try:
        leaving = consent.begin(
            service.key, name=connection.name, settings=plain, permissions=sent_permissions(service), by=actor(),
            bound_to=browser_mark(), connection=connection,
        )  # fmt: skip
    except (InvalidInput, UpstreamError) as error:
        return reconnect_page(connection, service, forms.Form({}, as_input(error))), 422
    return send_away(service, leaving.address)


# -- and back --------------------------------------------------------------------------------------------------------


@page.get("/oauth/<service>/callback")
@may("anyone")
def callback(service: str):
    """Take the code, prove whose account it is, and keep the connection. Who may come back is decided by the state."""
    chosen = known_service(service)
    said = {name: request.args.get(name, "")[:2000] for name in ("state", "code", "error", "iss")}
    asked = consent.of(service, said["state"])
    bound_to = _holder(asked)
    access.allow_writing()  # the one address that a service sends people to by GET and that changes something
    try:
        returned = consent.finish(service, bound_to=bound_to, told=request.args.to_dict(), **said)
    except (InvalidInput, Conflict, UpstreamError) as error:
        db.session.rollback()
        return _failed(chosen, said["state"], error, said["error"])
    if returned.connection is None:
        return redirect(url_for("oauth.accounts", service=service, state=said["state"]))
    return _done(returned.asked, returned.connection)


@page.get("/oauth/<service>/account")
@may("anyone")
def accounts(service: str):
    """The accounts that a consent opens, for a person to choose."""
    chosen, state = known_service(service), request.args.get("state", "")
    bound_to = _holder(consent.of(service, state))
    try:
        asked = consent.waiting(service, state, bound_to)
    except InvalidInput as error:
        return _failed(chosen, state, error)
    return _accounts_page(chosen, asked, state, forms.Form())


@page.post("/oauth/<service>/account")
@may("anyone")
def choose(service: str):
    """Connect the account chosen."""
    chosen, sent = known_service(service), forms.sent("state", "account", "again")
    state, bound_to = sent["state"], _holder(consent.of(service, sent["state"]))
    try:
        returned = consent.choose(
            service, state=state, account_id=sent["account"], bound_to=bound_to, again=sent["again"] == "yes"
        )
    except (InvalidInput, AlreadyConnected, UpstreamError) as error:
        db.session.rollback()
        asked = consent.of(service, state)
        if getattr(error, "field", None) == "state" or asked is None or not asked.pending:
            return _failed(chosen, state, error)
        return _accounts_page(chosen, asked, state, forms.Form(sent, as_input(error))), 422
    return _done(returned.asked, returned.connection, after_form=True)


def _holder(asked: OAuthState | None) -> str:
    """To whom this way back belongs: the signed-in browser, or for a program's consent whoever holds its state.

    Raises NotSignedIn, Forbidden where a browser session is needed.
    """
    if asked is not None and asked.by_program:
        return asked.session_hash
    if not access.can(RIGHT):
        raise Forbidden if current_user.is_authenticated else NotSignedIn
    return browser_mark()


def _accounts_page(service: Service, asked: OAuthState, state: str, form: forms.Form):
    twins = {one["id"]: connections.twin_of(service.key, one["id"]) for one in asked.choices}
    return render_template(
        "connections/accounts.html", service=service, asked=asked, state=state, form=form,
        twins={account: twin for account, twin in twins.items() if twin},
    )  # fmt: skip


def _done(asked: OAuthState, connection: Connection | None, *, after_form: bool = False):
    """On to the connection, or back to the program that began it."""
    if connection is None:
        raise NotFound("There is no such connection.")
    pending.keep_promise(asked, connection)
    if not asked.by_program:
        again = "again " if asked.connection_id else ""
        flash(f"{connection.name} is connected {again}as {connection.account_name}.", "success")
        return redirect(url_for("connections.show", connection_id=connection.id) + "#preflight")
    back = returns.way_back(asked, connectionId=f"conn_{connection.key}")
    if back and not after_form:  # a browser does not follow a form to another origin
        return redirect(back)
    return render_template("connections/consent_done.html", connection=connection, back=back)


def _failed(service: Service, state: str, error: Exception, said: str = ""):
    """What went wrong, with a way on: to the program that began the consent when the service refused, else a page."""
    asked = consent.of(service.key, state)
    unknown = getattr(error, "field", None) == "state"  # no consent we began, or not theirs (X7)
    if not unknown and not (asked and asked.pending):
        pending.give_up(asked)
    back = returns.way_back(asked, error=said or "failed") if asked and asked.by_program and not unknown else ""
    if back and request.method == "GET":
        return redirect(back)
    return render_template(
        "connections/consent_failed.html", service=service, message=str(error), back=back,
        connection_id=asked.connection_id if asked and not unknown else None,
    ), 400 if unknown else 422  # fmt: skip
