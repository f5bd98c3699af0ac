"""Errors: alike failures in one place, what they mean and what to do; and every failure as it happened."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ... import services
from ...errors import Conflict, InvalidInput
from ...models import ErrorLog
from ...models.error import KINDS
from ...operations import advice
from ...operations import settings as firm_settings
from ...operations.accounts import connections
from ...operations.finding.exports import Sheet, paged
from ...operations.mapping import writes
from ...operations.runs import runs
from ...operations.support import failures, issue_list, issue_notes, issues, refused_writes
from .. import Menu, downloads, forms, shell, write_words
from .. import mapping_words as words
from ..access import actor, may
from ..filters import Asked
from ..newer import above, tell_above
from ..several import serve
from .issue_acts import FILTERS, FITTING, SEVERAL, TABS

page = Blueprint("errors", __name__, url_prefix="/errors")
menu = Menu(
    "Errors", icon="exclamation-triangle", order=70, key="e", badge="issues", counts=("open error", "open errors")
)

MOST_WRITES = 10  # shown with a problem: what else there is on its page stays in reach
LOG_FILTERS = {
    "run": "Run", "connection": "Connection", "kind": "Kind", "resource": "Resource", "issue": "Problem",
}  # fmt: skip
EXPORTED = (
    "id", "created_at", "issue_id", "connection_id", "run_id", "resource", "external_id", "kind", "message",
    "raw_message",
)  # fmt: skip
serve(page, SEVERAL)


@page.get("")
@may("see errors")
def index():
    """Problems in one state, the one seen last first."""
    asked = Asked(FILTERS)
    state = asked.one_of("state", TABS) or "open"
    heaviest = asked.one_of("sort", ("affected",)) == "affected"
    place = _weight(asked) if heaviest else asked.dated_place("older", issue_list.Place)
    rows, further = ([], None) if asked.errors else issue_list.listing(state, place, reader=actor(), heaviest=heaviest)
    older = asked.url(older=_place_words(further)) if further else None
    return render_template(
        "errors/index.html", asked=asked, state=state, rows=rows, tabs=TABS, older=older, heaviest=heaviest,
        matches=asked.matches(len(rows), not (place or further), lambda: issue_list.count(state, reader=actor())),
        last=failures.last_problem(), names=_names(), mentions=issue_notes.open_mentions(actor()),
        ticks=SEVERAL.ticks(
            asked, [(row.issue.id, row.issue.title) for row in rows], not (place or further), FITTING[state]
        ),
    ), asked.status  # fmt: skip


def _weight(asked: Asked) -> issue_list.Weight | None:
    """Where the page begins, most affected first."""
    parts = [part for part in asked.cursor.get("older", "").split(",") if part.isascii() and part.isdecimal()]
    return issue_list.Weight(*map(int, parts)) if len(parts) == 2 and all(len(part) < 16 for part in parts) else None


def _place_words(place: issue_list.Place | issue_list.Weight) -> str:
    first = place.affected if isinstance(place, issue_list.Weight) else place.last_seen_at.isoformat()
    return f"{first},{place.id}"


def _names() -> dict[int, str]:
    return {connection.id: connection.name for connection in shell.frame().connections}


@page.get("/log")
@may("see errors")
def log():
    """Every failure as it happened, the newest first."""
    asked = Asked(LOG_FILTERS)
    wanted = _wanted(asked)
    place = asked.place("older")
    rows, further = ([], None) if asked.errors else failures.browse(wanted, before=place)
    names = _names()
    return render_template(
        "errors/log.html", asked=asked, rows=rows,
        chips=asked.chips({"connection": {str(k): v for k, v in names.items()}}),
        names=names, connections=[("", "All"), *((str(k), v) for k, v in names.items())], kinds=KINDS, tabs=TABS,
        older=asked.url(older=further) if further else None, first=asked.url() if place else None,
        days=firm_settings.days_kept("errors"), came=above(asked, "errors.newer", ErrorLog),
        matches=asked.matches(len(rows), not (further or asked.cursor), lambda: failures.count(wanted)),
    ), asked.status  # fmt: skip


@page.get("/log/newer")
@may("see errors")
def newer():
    """How many failures came since the first page was shown."""
    asked = Asked(LOG_FILTERS)
    wanted = _wanted(asked)
    return tell_above(asked, "errors.log", lambda last: failures.count(wanted, above=last).found)


def _wanted(asked: Asked) -> failures.Wanted:
    since, until = asked.span()
    return failures.Wanted(
        run_id=asked.number("run"), connection_id=asked.number("connection"), kind=asked.one_of("kind", KINDS),
        resource=asked.value("resource"), issue_id=asked.number("issue"), since=since, until=until,
    )  # fmt: skip


@page.post("/log/export")
@may("export")
def export():
    """The failures of this filter as a file."""
    asked = Asked(LOG_FILTERS)
    wanted = _wanted(asked)
    rows = paged(
        lambda place: failures.browse(wanted, before=place), lambda error: [getattr(error, name) for name in EXPORTED]
    )
    return downloads.export(asked, Sheet("errors", EXPORTED, rows))


# -- one problem -----------------------------------------------------------------------------------------------------


@page.get("/<int:issue_id>")
@may("see errors")
def show(issue_id: int):
    """What happened, was anything lost, what to do; whom it concerns."""
    return _page_of(issue_id, forms.Form())


@page.post("/<int:issue_id>/notes")
@may("handle errors")
def note(issue_id: int):
    """Write a note; @ and an e-mail tells that person."""
    sent = forms.sent("text")
    try:
        issue_notes.add(issue_id, sent["text"], by=actor())
    except InvalidInput as error:
        return _page_of(issue_id, forms.Form(sent, error)), 422
    flash("The note is kept.", "success")
    return redirect(url_for("errors.show", issue_id=issue_id, _anchor="notes"))


def _page_of(issue_id: int, form: forms.Form) -> str:
    """The page of a problem. form: the note, where it comes back with a message."""
    detail = issues.detail(issue_id, reader=actor())
    issue = detail.issue
    service = services.every().get(issue.service)
    resource = service.resources.get(issue.resource or "") if service else None
    every = connections.every(removed=True)
    connection = next((c for c in every if c.id == issue.connection_id and c.status != "removed"), None)
    return render_template(
        "errors/show.html", form=form, issue=issue, detail=detail, resource=resource, connection=connection,
        copies=failures.copies_of(detail.letters), calls=failures.calls_of(detail.errors),
        can_retry=connection is not None and connection.status == "connected" and resource is not None,
        fix=_fix(detail, connection), who=advice.WHO[detail.advice.who], people=issues.people(), me=actor(),
        **_tries(issue, detail.affected, connection), mentioned=detail.mentioned,
        where={one.id: one for one in every},
    )  # fmt: skip


def _tries(issue, affected: int, connection) -> dict:
    """What trying again takes, and what came of it the last time."""
    run = failures.retry_run(issue)
    return {
        "reads": refused_writes.estimate_reads(connection, affected) if connection and affected else None,
        "refused": refused_writes.estimate(issue_id=issue.id),
        "found": writes.browse(writes.Wanted(issue_id=issue.id), limit=MOST_WRITES),
        "run": run, "outcome": failures.outcome_of(run) if run else [], "write_words": write_words,
        "shown": words.shown,
    }  # fmt: skip


def _fix(detail: issues.Detail, connection) -> tuple[str, str, str] | None:
    """The button that mends it, where there is one: label, address, the right it takes."""
    kind, run = detail.issue.kind, next((error.run_id for error in detail.errors if error.run_id), None)
    if connection is None:
        return None
    if kind == "connection":
        return "Reconnect", url_for("connections.reconnect_form", connection_id=connection.id), "manage connections"
    if kind == "permission":
        return "See what it may read", url_for("connections.show", connection_id=connection.id), "see connections"
    if kind == "rate limit":
        return "Change the limits", url_for("settings.service", key=connection.service), "change settings"
    if kind == "conflict" and run and detail.advice is not advice.WITHHELD:
        return "Look at the run", url_for("runs.show", run_id=run), "see runs"
    return None


# -- what a person does about it -------------------------------------------------------------------------------------


@page.post("/<int:issue_id>/acknowledge")
@may("handle errors")
def acknowledge(issue_id: int):
    """Somebody looks after it."""
    return _moved(issue_id, issues.acknowledge, "You look after this problem now.")


@page.post("/<int:issue_id>/reopen")
@may("handle errors")
def reopen(issue_id: int):
    """It is not done after all."""
    return _moved(issue_id, issues.reopen, "The problem is open again.")


@page.post("/<int:issue_id>/resolve")
@may("close dead letters")
def resolve(issue_id: int):
    """It is done; if it comes back, it opens by itself."""
    return _moved(issue_id, issues.resolve, "The problem is resolved. If it happens again, it opens by itself.")


def _moved(issue_id: int, move, said: str):
    forms.sent()
    move(issue_id, by=actor())
    flash(said, "success")
    return redirect(url_for("errors.show", issue_id=issue_id))


@page.post("/<int:issue_id>/retry")
@may("retry failed reads")
def retry(issue_id: int):
    """Read one record again, all that wait, or the resource as a whole where no record can be named."""
    sent, issue = forms.sent("letter"), issues.by_id(issue_id)
    if issue.connection_id is None or issue.resource is None:
        raise Conflict("This problem belongs to no resource, so there is nothing to read again.")
    connection = connections.find(issue.connection_id)
    records = failures.waiting_records(issue, sent["letter"])
    try:
        run = runs.request(
            connection, cause="retry", asked_by=actor(), records=records, only=() if records else [issue.resource]
        )
    except runs.LiveRun as error:
        flash(f"{error} It may settle this; try again when it has ended.", "warning")
        return redirect(url_for("errors.show", issue_id=issue_id))
    except InvalidInput as error:
        flash(f"{error} Nothing was started.", "error")
        return redirect(url_for("errors.show", issue_id=issue_id))
    issues.note_retry(issue, run.id)
    what = f"{len(records)} record{'s' if len(records) != 1 else ''}" if records else "the whole list"
    flash(f"Reading {what} again. This is the run.", "success")
    return redirect(url_for("runs.show", run_id=run.id))
