"""A person coming back from a consent that a program began: on to the program's own page, or to one of ours."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Response, make_response, redirect, render_template, request

from .. import services
from ..errors import Conflict, InvalidInput, UpstreamError
from ..models import Connection, PendingConnection, db
from ..operations import integrations, pending
from . import access


def finish(row: PendingConnection) -> Connection:
    """Take the code that came back, prove whose account it is, and keep the connection."""
    access.allow_writing()  # a service sends people by GET, and this changes something
    said = {name: request.args.get(name, "")[:2000] for name in ("state", "code", "error")}
    return pending.finish(row, **said, more={})


def to_program(row: PendingConnection) -> Response:
    """Finish, and send the browser on."""
    service, return_to, theirs = services.by_key(row.service), row.return_to, row.their_state
    try:
        connection = finish(row)
    except (InvalidInput, Conflict, UpstreamError) as error:
        db.session.rollback()
        refused = request.args.get("error") == "access_denied"
        if return_to:
            return _on(return_to, {"error": "access_denied" if refused else "connection_failed"}, theirs)
        page = render_template("connections/consent_failed.html", service=service, message=str(error))
        return make_response(page, 422)
    if return_to:
        return _on(return_to, {"connectionId": integrations.id_of(connection)}, theirs)
    return make_response(render_template("connections/consent_done.html", service=service, connection=connection))


def _on(return_to: str, told: dict[str, str], theirs: str | None) -> Response:
    """To the registered address, beside whatever its query holds already."""
    parts = urlsplit(return_to)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *told.items()]
    query += [("state", theirs)] if theirs is not None else []
    return make_response(redirect(urlunsplit(parts._replace(query=urlencode(query)))))
