"""Consent for programs: where to send a person, taking them back, and renewing tokens."""

from __future__ import annotations

import re

from flask import current_app, redirect, request, url_for
from flask_login import current_user

from ...errors import Conflict, Forbidden, InvalidInput, NeedsPerson, NotSignedIn
from ...models import db
from ...operations.accounts import consent, renewals
from ...operations.api import integrations, new_connections, pending
from .. import access
from ..access import may
from . import api
from .api_consent_models import Authorize, AuthorizeQuery, CallbackAnswer, CallbackQuery, Refresh, RefreshAnswer
from .api_contract import READING, WRITING, says
from .api_models import EXAMPLE

page = api.part("integrations_oauth", "/api/integrations/oauth")
_PERMISSION = re.compile(r"[!#-\[\]-~]{1,200}")  # RFC 6749, 3.3


@page.get("/<service>/authorize")
@may("manage connections")
@api.limited("oauth")
@says("Begin a consent", Authorize, query=AuthorizeQuery, problems=(*READING, 409),
      asks={"redirectUri": "https://app.example.com/connected", "state": "my-state"})  # fmt: skip
def authorize(service: str):
    """Send the person to `authUrl`; the browser then goes on to `redirectUri` with connectionId and your state."""
    chosen, asked = access.known_service(service), api.asked(AuthorizeQuery)
    if not asked.redirect_uri:
        raise InvalidInput("This is needed.", field="redirectUri")
    access.allow_writing()  # a GET by contract, though it begins something
    wanted = new_connections.Wanted(
        chosen, chosen.label, {}, _permissions(asked.scopes), by=access.actor(), owner=api.owner()
    )
    begun = new_connections.by_consent(wanted, return_to=asked.redirect_uri, their_state=asked.state or "")
    return api.answer(authUrl=begun.auth_url, state=begun.state)


def _permissions(text: str | None) -> tuple[str, ...]:
    found = tuple(one.strip() for one in (text or "").split(",") if one.strip())
    if any(not _PERMISSION.fullmatch(one) for one in found):
        raise InvalidInput("Permissions are words, separated by commas.", field="scopes")
    return found


@page.get("/<service>/callback")
@may("anyone")
@api.limited("oauth")
@says("Take a person back", CallbackAnswer, query=CallbackQuery, problems=(*READING, 409, 502), open=True, page=True,
      asks={"code": "the-code", "state": "the-state"})  # fmt: skip
def callback(service: str):
    """For a program with the token that began it. A browser needs none: the state is good once and for ten minutes."""
    chosen, asked = access.known_service(service), api.asked(CallbackQuery)
    if "text/html" in request.headers.get("Accept", ""):
        query = request.query_string.decode("ascii", "ignore")
        return redirect(f"{url_for('oauth.callback', service=chosen.key)}?{query}")
    if not current_user.is_authenticated:
        raise NotSignedIn
    if not access.can("manage connections"):
        raise Forbidden
    access.allow_writing()
    returned = _finish(chosen.key, asked)
    if returned.connection is None:
        where = url_for("oauth.accounts", service=chosen.key, state=asked.state)
        base = current_app.config["SETTINGS"].BASE_URL.rstrip("/")
        found = [{"id": one["id"], "name": one["name"]} for one in returned.asked.choices]
        raise Conflict("A person must choose the account.", details={"accounts": found, "chooseUrl": base + where})
    pending.keep_promise(returned.asked, returned.connection)
    said = f"{returned.connection.name} is connected as {returned.connection.account_name}."
    return api.answer(connectionId=integrations.id_of(returned.connection), message=said)


def _finish(service_key: str, asked: CallbackQuery) -> consent.Returned:
    """Take the code. Raises InvalidInput also where the service says no: the caller's own token is fine."""
    try:
        return consent.finish(
            service_key, state=asked.state, code=asked.code, error=asked.error, told=request.args.to_dict(),
            iss=asked.iss, bound_to=consent.program(api.owner()),
        )  # fmt: skip
    except NeedsPerson as error:
        db.session.rollback()
        pending.give_up(consent.of(service_key, asked.state))
        raise InvalidInput(str(error), field="error" if asked.error else "code") from None


@page.post("/<service>/refresh")
@may("manage connections")
@api.limited("oauth")
@says("Renew a connection's tokens", RefreshAnswer, body=Refresh, problems=WRITING, example={"connectionId": EXAMPLE})
def refresh(service: str):
    """Asked for at once from several sides, the service is asked once."""
    chosen, asked = access.known_service(service), api.sent(Refresh)
    connection = renewals.renew(integrations.find(asked.connection_id, chosen.key))
    told = {"id": integrations.id_of(connection), "status": integrations.status_of(connection)}
    return api.answer(connection={**told, "expiresAt": connection.expires_at})
