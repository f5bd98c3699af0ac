"""One table from our errors to HTTP statuses, for pages and API alike. Never a trace, always a way on."""

from __future__ import annotations

import math
from datetime import timedelta
from http import HTTPStatus
from typing import cast

import structlog
from flask import Flask, Response, current_app, flash, g, jsonify, redirect, render_template, request, url_for
from flask_limiter.errors import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DatabaseError, DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from .. import clock, errors
from ..models import db
from . import access
from .shell import this_page

log = structlog.get_logger()

STATUS_OF: dict[type[Exception], int] = {
    errors.NotSignedIn: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Missing: 404,
    errors.Conflict: 409,
    errors.BackupRefused: 409,
    errors.InvalidInput: 422,
    errors.Malformed: 400,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    # What a service said, passed on as if we had said it.
    errors.NeedsPerson: 401,  # to a program; see NOT_THEIRS
    errors.NotAllowed: 403,
    errors.Stale: 409,
    errors.BadRecord: 422,
    errors.UpstreamError: 502,
    errors.TryLater: 503,
    errors.ConsoleError: 500,
    CSRFError: 403,
    RateLimitExceeded: 429,
    OperationalError: 503,  # locked, restarting, gone
    InterfaceError: 503,
    PoolTimeout: 503,
    DataError: 422,  # a number too large for its column
}
# To callers of the Integrations API: its contract has one status for everything that is wrong with a request.
INTEGRATIONS = "/api/integrations"
_THERE: dict[type[Exception], int] = {errors.InvalidInput: 400, errors.BadRecord: 400, DataError: 400}
_SAID_THERE = {400: "Invalid integration configuration", 404: "Integration not found"}
CODES = {
    400: "invalid_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    409: "conflict", 413: "too_large", 415: "unsupported_type", 422: "invalid_field", 429: "rate_limited",
    500: "internal", 502: "upstream_failed", 503: "unavailable",
}  # fmt: skip
NEEDS_RECONNECT = "needs_reconnect"
NOT_THEIRS = 409  # a person whose own sign-in is fine is not led to the door because the connection's is not
RETRY_AFTER_S = 5
_OWN_WORDS = {  # where the error's own sentence is not for people
    400: "The request could not be read.",
    401: "Please sign in first.",
    403: "Your role may not do this.",
    404: "There is nothing at this address.",
    405: "This address does not take that kind of request.",
    413: "What was sent is too large.",
    415: "This kind of content is not taken here.",
    429: "Too many requests.",
    500: "Something went wrong on our side.",
    503: "The database is busy or restarting. Nothing was saved.",
}
_HEADINGS_SAY = (  # these errors' usual sentence, on a page
    errors.NotFound, errors.Forbidden, errors.Conflict, errors.InvalidInput, errors.Malformed, errors.Unavailable,
)  # fmt: skip
_TO_PROGRAMS: dict[type[Exception], str] = {  # the API's agreed sentences
    errors.NotSignedIn: "Authentication required",
    errors.Forbidden: "Insufficient permissions for this integration",
    errors.TooMany: "Rate limit exceeded",
    RateLimitExceeded: "Rate limit exceeded",
}


def set_up(app: Flask) -> None:
    """Answer every error from the table."""
    for kind in STATUS_OF:
        app.register_error_handler(kind, _answer)
    app.register_error_handler(HTTPException, _answer)
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception):
    db.session.rollback()
    status = _status(error)
    if status == 500:
        log.exception("A request failed", path=request.path, exc_info=error)
    if isinstance(error, errors.Forbidden):
        access.note_denial()
    if isinstance(error, HTTPException) and error.code and error.code < 400:
        return error
    if isinstance(error, errors.NotSignedIn) and not wants_json():
        return _to_the_door()
    return _with_retry(_json(error, status) if wants_json() else _page(error, status), error, status)


def _status(error: Exception) -> int:
    if type(error) is DatabaseError:  # a damaged file; of its other kinds some are mistakes of ours
        return 503
    if isinstance(error, errors.NeedsPerson) and not wants_json():
        return NOT_THEIRS
    table = STATUS_OF | _THERE if _of_integrations() else STATUS_OF
    for kind in type(error).__mro__:
        if kind in table:
            return table[kind]
    return (error.code or 500) if isinstance(error, HTTPException) else 500


def _of_integrations() -> bool:
    return request.path == INTEGRATIONS or request.path.startswith(INTEGRATIONS + "/")


def wants_json() -> bool:
    """Whether a program asks: by the address, or because it prefers JSON."""
    if access.for_programs() or request.path.startswith(("/webhooks/", "/healthz", "/readyz")):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return best == "application/json" and "HX-Request" not in request.headers


def sentence(error: Exception, status: int) -> str:
    """What to tell the person: our own errors speak for themselves, others do not."""
    if access.for_programs() and type(error) in _TO_PROGRAMS:
        return _TO_PROGRAMS[type(error)]
    if _of_integrations() and status in _SAID_THERE:
        return _SAID_THERE[status]
    if isinstance(error, errors.ConsoleError) and status != 500:
        return str(error)
    if isinstance(error, DataError):
        return "A value is out of range. Nothing was saved."
    return _OWN_WORDS.get(status, HTTPStatus(status).phrase)


def _reason(error: Exception, status: int) -> str:
    """What this error says beyond the heading of its page; empty where that says it all."""
    told = isinstance(error, (errors.ConsoleError, DataError))
    if not told or (type(error) in _HEADINGS_SAY and str(error) == (type(error).__doc__ or "").splitlines()[0]):
        return ""
    return sentence(error, status)


def _json(error: Exception, status: int) -> Response:
    body: dict = {"success": False, "error": sentence(error, status), "code": _code(error, status)}
    body |= _more(error, status)
    if status in (429, 503):
        body["retryAfter"] = wait_s(error)
    body["requestId"] = g.get("request_id", "")
    answer = jsonify(body)
    answer.status_code = status
    return answer


def _code(error: Exception, status: int) -> str:
    if isinstance(error, errors.NeedsPerson):
        return NEEDS_RECONNECT
    field = isinstance(error, errors.InvalidInput) and not isinstance(error, errors.Malformed)
    return CODES[422] if field and status == 400 else CODES.get(status, "invalid_request")


def _more(error: Exception, status: int) -> dict:
    """What a program is told besides: which fields are wrong, or what stood in the way."""
    if details := getattr(error, "details", None):
        return {"details": details, **{name: details[name] for name in ("syncId",) if name in details}}
    field = getattr(error, "field", None)
    if status == 400 and _of_integrations():
        field = field or "request"
    if status not in (400, 422) or not field:
        return {}
    fields = getattr(error, "fields", None) or {field: str(error)}
    return {"details": {"field": field, "message": fields.get(field, str(error))}, "fields": fields}


def _page(error: Exception, status: int) -> Response:
    again_at = clock.now() + timedelta(seconds=wait_s(error))
    expired = isinstance(error, CSRFError)
    facts = {"status": status, "reason": _reason(error, status), "again_at": again_at, "expired": expired}
    if request.method == "POST" and (status != 403 or expired):  # else it may not be theirs to open either
        facts["page"] = this_page()
    known = f"error_pages/{status}.html"
    templates: list = [known, f"error_pages/{status // 100}00.html", "error_pages/500.html"]
    try:
        return Response(render_template(templates, **facts), status, mimetype="text/html")
    except Exception:  # the page itself needs what is broken: the database, or a template
        log.exception("An error page failed", status=status)
        bare = current_app.jinja_env.get_template("error_pages/bare.html")
        shown = bare.render(status=status, message=sentence(error, status), request_id=g.get("request_id", ""))
        return Response(shown, status, mimetype="text/html")


def wait_s(error: Exception) -> int:
    """Whole seconds to wait before the same request may work."""
    if isinstance(error, RateLimitExceeded) and error.limit:
        return int(error.limit.limit.get_expiry())
    if isinstance(error, errors.Parked):
        return max(1, math.ceil((error.until - clock.now()).total_seconds()))
    return max(1, math.ceil(getattr(error, "wait_s", RETRY_AFTER_S)))


def _with_retry(response: Response, error: Exception, status: int) -> Response:
    if status in (429, 503):
        response.headers["Retry-After"] = str(wait_s(error))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, HTTPException) and status == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def _to_the_door() -> Response:
    """Sign in first, then go on where one was. A part of a page asks its whole page to go there."""
    shown = this_page()
    if "HX-Request" in request.headers:
        door = url_for("sign_in.form", next=shown if shown != "/" else None)
        return Response(status=401, headers={"HX-Redirect": door})
    if request.method == "POST":
        flash("You were signed out in the meantime. Nothing was saved.", "warning")
    return cast(Response, redirect(url_for("sign_in.form", next=shown), 303))
