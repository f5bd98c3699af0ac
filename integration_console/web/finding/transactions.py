"""Transactions: every call that was made, by filters in the address, and one call as it went over the wire."""

from __future__ import annotations

import json
import shlex

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from ... import clock, services
from ...errors import InvalidInput, NotFound
from ...models import Transaction, db
from ...models.transaction import OUTCOMES
from ...operations import settings as firm_settings
from ...operations.accounts import connections
from ...operations.finding.exports import Sheet, paged
from ...operations.mapping import mappings, writes
from ...operations.several import MOST_COUNTED
from ...operations.support import life
from ...services.base import ApiKey
from ...storage import transactions
from ...storage.counting import Count
from ...storage.transactions import Filters, Found, Position
from .. import Menu, downloads, forms, shell
from ..access import can, local_path, may
from ..filters import Asked
from ..formatting import pretty_json
from ..newer import MOST, tell
from . import call_columns
from .search_words import Words

page = Blueprint("transactions", __name__, url_prefix="/transactions")
menu = Menu("Transactions", icon="arrow-left-right", order=60, key="t")

FILTERS = {
    "q": "Search", "service": "Service", "connection": "Connection", "run": "Run", "status": "Status",
    "outcome": "Outcome", "resource": "Resource",
    "method": "Method", "took": "Longer than (seconds)",
}  # fmt: skip
STATUSES = {
    "2xx": "2xx, answered well", "3xx": "3xx, sent elsewhere", "4xx": "4xx, refused", "5xx": "5xx, their failure",
    "none": "no answer",
}  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WORDS = {
    "service": "a service: service:clio", "connection": "a connection's number: connection:1",
    "run": "a run's number: run:12",
    "status": "an HTTP status: status:429, status:5xx, status:none", "outcome": 'what it meant: outcome:"slow down"',
    "resource": "a resource: resource:matters", "method": "how it was called: method:POST",
    "took": "longer than so many seconds: took:5", "code": "the same as status: code:429",
    "after": "from a time on: after:2026-11-01", "before": "up to a time: before:2026-11-02T14:00",
}  # fmt: skip
EXPORTED = (
    "id", "started_at", "service", "connection_id", "run_id", "resource", "direction", "method", "url", "status",
    "outcome", "attempt", "duration_ms", "waited_ms", "request_bytes", "response_bytes", "upstream_request_id", "error",
)  # fmt: skip
_SAME_AS = {"provider": "service", "object": "resource", "code": "status", "after": "since", "before": "until"}
_NOT_TYPED = ("authorization", "x-api-key", "host", "content-length", "accept-encoding", "user-agent", "connection")


@page.get("")
@may("see transactions")
def index():
    """Calls, the newest first."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)
    found = Found([]) if asked.errors else _search(asked, wanted)
    every = shell.frame().connections
    names = {
        "connection": {str(c.id): c.name for c in every}, "service": {k: s.label for k, s in services.every().items()},
        "status": STATUSES,
    }  # fmt: skip
    secret, columns = current_app.config["SECRET_KEY"], call_columns.chosen()
    return render_template(
        "transactions/index.html", asked=asked, chips=asked.chips(names), found=found, words=WORDS,
        connections=[("", "All"), *names["connection"].items()], services=[("", "All"), *names["service"].items()],
        statuses=[("", "Any"), *STATUSES.items()], outcomes=["", *OUTCOMES], methods=METHODS,
        days=firm_settings.days_kept("transactions"), names=names["connection"],
        columns=columns, heads=call_columns.heads(columns), every_column=call_columns.COLUMNS,
        came=_top(asked, found), 
        matches=asked.matches(len(found.rows), not (found.older or asked.cursor), lambda: _count(wanted)),
        older=found.older and asked.url(cursor=transactions.encode(found.older, secret)),
        newer=found.newer and asked.url(cursor=transactions.encode(found.newer, secret)),
    ), asked.status  # fmt: skip


@page.post("/columns")
@may("keep own profile")
def choose_columns():
    """Keep which columns this person sees, and show the list as it was filtered."""
    sent, names = forms.sent("columns", "query"), request.form.getlist("columns")
    call_columns.choose(names)
    flash("These columns are shown wherever you sign in." if names else "The usual columns are shown.", "success")
    shown = url_for("transactions.index")
    return redirect(local_path(f"{shown}?{sent['query']}") if sent["query"] else shown)


def _search(asked: Asked, wanted: Filters) -> Found:
    position = _position(asked)
    return Found([]) if asked.errors else transactions.search(db.session(), wanted, position)


def _position(asked: Asked) -> Position | None:
    text = asked.cursor.get("cursor")
    try:
        return transactions.decode(text, current_app.config["SECRET_KEY"]) if text else None
    except InvalidInput as error:
        asked.refuse("cursor", str(error))
        return None


def _top(asked: Asked, found: Found) -> str | None:
    """The address that tells what came above the first page; None on another page."""
    if asked.cursor:
        return None
    place = Position(found.rows[0].started_at, found.rows[0].id, True) if found.rows else Position(clock.now(), 0, True)
    return asked.url_of("transactions.newer", cursor=transactions.encode(place, current_app.config["SECRET_KEY"]))


def _count(wanted: Filters) -> Count:
    return transactions.count(db.session(), wanted, MOST_COUNTED)


@page.get("/newer")
@may("see transactions")
def newer():
    """How many calls came since the first page was shown."""
    asked = Asked(FILTERS)
    wanted, place = _wanted(asked), _position(asked)
    if place is None:
        asked.refuse("cursor", "This address does not say since which call.")
    return tell(asked, "transactions.index", lambda: transactions.count(db.session(), wanted, MOST, place).found)


def _wanted(asked: Asked) -> Filters:
    """The filters of the address and of its search words; the words win where both say something."""
    try:
        words = Words.read(asked.value("q"), WORDS, _SAME_AS)
    except InvalidInput as error:
        asked.refuse("q", str(error))
        words = Words()
    given = asked.with_words(words.keys, "q")
    since, until = given.span()
    status = _status(given)
    resources = {name for service in services.every().values() for name in service.resources}
    wanted = Filters(
        since=since, until=until, service=given.one_of("service", services.every()) or None,
        connection_id=given.number("connection"), run_id=given.number("run"),
        outcome=given.one_of("outcome", OUTCOMES) or None, resource=given.one_of("resource", resources) or None,
        text=words.text or None,
        method=given.one_of("method", METHODS) or None, took_s=given.number("took"), **status,
    )  # fmt: skip
    asked.take_errors(given, "q" if words.keys else None)
    return wanted


def _status(asked: Asked) -> dict:
    text = asked.value("status").lower()
    if not text:
        return {}
    if text == "none":
        return {"unanswered": True}
    if len(text) == 3 and text[0] in "12345" and text[1:] == "xx":
        return {"status_class": int(text[0])}
    if len(text) == 3 and text.isascii() and text.isdecimal():
        return {"status": int(text)}
    asked.refuse("status", f"{text!r} is no HTTP status. Write 429, 4xx or none.")
    return {}


@page.post("/export")
@may("export")
def export():
    """The calls of this filter as a file, without their bodies."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)

    def page_after(place):
        found = transactions.search(db.session(), wanted, place)
        return found.rows, found.older

    def row(call):
        facts = (getattr(call, name) for name in EXPORTED)
        return [round(one, 1) if isinstance(one, float) else one for one in facts]  # milliseconds

    rows = paged(page_after, row)
    return downloads.export(asked, Sheet("transactions", EXPORTED, rows))


# -- one call --------------------------------------------------------------------------------------------------------


@page.get("/<int:transaction_id>")
@may("see transactions")
def show(transaction_id: int):
    """The request, the answer, or the other attempts of the same call."""
    call = transactions.get(db.session(), transaction_id)
    if call is None:
        raise NotFound("There is no such call. It may be older than what is kept.")
    tab = request.args.get("tab", "request")
    if tab not in ("request", "response", "attempts"):
        return redirect(url_for("transactions.show", transaction_id=transaction_id))
    change = writes.of_call(call)
    return render_template(
        "transactions/show.html", call=call, tab=tab, attempts=transactions.attempts(db.session(), call.call_key),
        connection=_connection(call), curl=as_curl(call, with_body=can("see record contents")), whole=as_json(call),
        request_headers=_headers(call.request_headers), response_headers=_headers(call.response_headers),
        bodies_days=firm_settings.days_kept("bodies"), change=change,
        records=life.concerned(call, change) if can("see records") else [],
        mapping=mappings.find_or_none(change.mapping_id) if change else None,
    )  # fmt: skip


def _connection(call: Transaction):
    return connections.find(call.connection_id) if call.connection_id and _is_there(call.connection_id) else None


def _is_there(connection_id: int) -> bool:
    return any(connection.id == connection_id for connection in connections.every())


def _headers(text: str | None) -> dict[str, str]:
    """Headers as they were kept: an object, or a list of pairs."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in (found.items() if isinstance(found, dict) else found)}


def as_curl(call: Transaction, *, with_body: bool = True) -> str:
    """The call for a terminal. Its secrets were never kept: $TOKEN stands where they were."""
    parts = ["curl", "-X", call.method, shlex.quote(call.url)]
    parts += ["-H", f'"{_way_in(call.service)}$TOKEN"']
    for name, value in _headers(call.request_headers).items():
        if name.lower() not in _NOT_TYPED:
            parts += ["-H", shlex.quote(f"{name}: {value}")]
    if call.request_body and with_body:
        parts += ["--data", shlex.quote(call.request_body)]
    return " ".join(parts)


def _way_in(key: str) -> str:
    """The header that lets a call in, up to its secret."""
    service = services.every().get(key)
    way = next((way for way in service.ways if isinstance(way, ApiKey)), None) if service else None
    return f"{way.header}: {way.prefix}" if way else "Authorization: Bearer "


def as_json(call: Transaction) -> str:
    """Everything kept of a call, as JSON text."""
    names = (
        "id", "call_key", "attempt", "service", "connection_id", "run_id", "resource", "direction", "method", "url",
        "status", "outcome", "error", "duration_ms", "waited_ms", "upstream_request_id",
    )  # fmt: skip
    facts = {name: getattr(call, name) for name in names}
    facts["started_at"] = call.started_at.isoformat()
    facts["request"] = {"headers": _headers(call.request_headers), "body": call.request_body}
    facts["response"] = {"headers": _headers(call.response_headers), "body": call.response_body}
    return pretty_json(facts)
