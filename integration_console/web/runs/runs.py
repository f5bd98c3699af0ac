"""Runs: the list, one run while it works and afterwards, and asking for a new one."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from ... import clock, services
from ...errors import Conflict, Forbidden, InvalidInput
from ...models import Connection, SyncRun, db
from ...models.run import ENDED_STATES, LIVE_STATES
from ...operations import audit, legal_holds
from ...operations.accounts import connections
from ...operations.finding.exports import Sheet, paged
from ...operations.mapping import mappings, writes
from ...operations.runs import forecasts, run_again, run_history, run_steps, runs, undo
from ...operations.runs.run_history import Wanted
from ...operations.support import run_log
from .. import Menu, downloads, forms
from ..access import actor, can, may
from ..filters import Asked
from ..newer import MOST, above, by_hand, tell_above

page = Blueprint("runs", __name__)
menu = Menu("Runs", icon="arrow-repeat", order=40, key="r")

STATES = {
    "live": ("Under way", LIVE_STATES), "waiting": ("Waiting", ("queued", "waiting")), "done": ("OK", ("done",)),
    "problems": ("With problems", ("done_with_problems",)), "failed": ("Failed", ("failed", "needs_person")),
    "interrupted": ("Stopped", ("interrupted",)), "ended": ("Ended", ENDED_STATES),
}  # fmt: skip
CAUSES = {
    "schedule": "Schedule", "person": "A person", "command": "Command line", "retry": "Retry",
    "mapping": "After a read", "undo": "Undo", "webhook": "A webhook",
    "check": "Nightly check", "date": "A limitation date",
}  # fmt: skip
KINDS = {
    "full": "Everything", "incremental": "What changed", "record": "Single records", "webhook": "By webhook",
    "push": "Carry a mapping",
}  # fmt: skip
LEVELS = {"detail": "Everything", "step": "Steps", "warning": "Warnings", "error": "Errors"}  # and all behind it
LOT = 500  # runs read at once for a file
EXPORTED = (
    "id", "connection_id", "mapping_id", "kind", "state", "cause", "asked_by", "queued_at", "started_at", "ended_at",
    "attempts", "message",
)  # fmt: skip
FILTERS = {
    "connection": "Connection", "service": "Service", "state": "State", "cause": "Asked by", "kind": "What",
    "mapping": "Mapping",
}  # fmt: skip


@page.get("/runs")
@may("see runs")
def index():
    """Runs, the newest first."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)
    older, newer = asked.place("older"), asked.place("newer")
    found = run_history.Slice([]) if asked.errors else run_history.browse(wanted, older=older, newer=newer)
    every, known = connections.every(removed=True), {str(one.id): one.name for one in mappings.every()}
    names = {
        "mapping": known, "connection": {str(c.id): c.name for c in every},
        "service": {k: s.label for k, s in services.every().items()},
        "state": {key: label for key, (label, _) in STATES.items()}, "cause": CAUSES, "kind": KINDS,
    }  # fmt: skip
    return render_template(
        "runs/index.html", asked=asked, chips=asked.chips(names), found=found, totals=run_history.totals(found.runs),
        connections=[("", "All"), *names["connection"].items()], names=names, kinds=KINDS, causes=CAUSES,
        mappings=[("", "All"), *known.items()], carried=run_history.carried(found.runs),
        came=above(asked, "runs.newer", SyncRun),
        matches=asked.matches(len(found.runs), not (found.older or asked.cursor), lambda: run_history.count(wanted)),
    ), asked.status  # fmt: skip


@page.get("/runs/newer")
@may("see runs")
def newer():
    """How many runs were asked for since the first page was shown."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)
    return tell_above(asked, "runs.index", lambda last: run_history.count(wanted, MOST, above=last))


def _wanted(asked: Asked) -> Wanted:
    since, until = asked.span()
    state = asked.one_of("state", STATES)
    return Wanted(
        asked.number("connection"), asked.one_of("service", services.every()), STATES[state][1] if state else (),
        asked.one_of("cause", CAUSES), asked.one_of("kind", KINDS), asked.number("mapping"), since, until,
    )  # fmt: skip


@page.post("/runs/export")
@may("export")
def export():
    """The runs of this filter as a file, with what each counted."""
    asked = Asked(FILTERS)
    wanted = _wanted(asked)

    def page_after(place):
        found = run_history.browse(wanted, older=place, limit=LOT)
        totals = run_history.totals(found.runs)
        return [(run, totals[run.id]) for run in found.runs], found.older

    def row(counted):
        run, counts = counted
        return [*(getattr(run, name) for name in EXPORTED), *(counts.get(name, 0) for name in run_history.COUNTS)]

    return downloads.export(asked, Sheet("runs", (*EXPORTED, *run_history.COUNTS), paged(page_after, row)))


# -- one run ---------------------------------------------------------------------------------------------------------


@page.get("/runs/<int:run_id>")
@may("see runs")
def show(run_id: int):
    """One run: its progress while it works, its receipt afterwards, and its log."""
    run = runs.whole(run_id)
    return render_template("runs/show.html", **_facts(run) | _log_facts(run))


@page.get("/runs/<int:run_id>/live")
@may("see runs")
def live(run_id: int):
    """The part of the page that changes; 204 when it shows that already. Opened by hand it leads to the page."""
    run, seen = runs.whole(run_id), request.args.get("seen")
    if by_hand():
        return redirect(url_for("runs.show", run_id=run_id))
    if seen == run_history.stamp(run):
        return "", 204
    return render_template("runs/_live.html", **_facts(run))


def _facts(run: SyncRun) -> dict:
    service = services.every().get(run.connection.service)
    return {
        "run": run, "live": run_history.is_live(run), "stamp": run_history.stamp(run), "total": run_history.sum_of(run),
        "part": run_history.current_part(run), "summary": run_history.summary(run),
        "brake": run_history.stopped_at_brake(run), "kinds": KINDS, "causes": CAUSES,
        "resources": service.resources if service else {}, "names": [part.resource for part in run.parts],
        "carried": run_history.carried([run]).get(run.id, ""),
        "writes": writes.count(writes.Wanted(run_id=run.id)) if run.kind == "push" else 0,
        "mapping": mappings.find_or_none(run.mapping_id), "may_cancel": _may_cancel(run),
        "undone": undo.last_asked(run) if run.kind == "push" else None,
        "is_held": run.kind == "push" and legal_holds.keeps_of(run.id),
        "steps": run_steps.of(run), "again": _again(run),
    }  # fmt: skip


def _again(run: SyncRun) -> run_again.Again:
    """The ways this reader may run it again."""
    nothing = run_again.Again()
    if run_history.is_live(run) or not can("start runs"):
        return nothing
    if run.kind == "push":
        mapping = mappings.find_or_none(run.mapping_id)
        if mapping is None or mapping.state != "active" or run_history.braked(run):
            return nothing
        found = run_again.of_mapping(run, mapping)
        return replace(found, ways=[way for way in found.ways if not way.earlier or can("activate mappings")])
    if run.kind not in ("full", "incremental") or run.connection.status != "connected":
        return nothing
    return run_again.of_read(run)


def _may_cancel(run: SyncRun) -> bool:
    return can("start runs") or run.asked_by == actor()


@page.post("/runs/<int:run_id>/cancel")
@may("retry failed reads")
def cancel(run_id: int):
    """Stop it at the next page edge. Who may only read failed records again may stop what they asked for."""
    forms.sent()
    run = runs.find(run_id)
    if not _may_cancel(run):
        raise Forbidden
    runs.cancel(run, actor())
    flash(f"Run {run.id} stops at the end of the page it is reading. What was read until then stays.", "success")
    return redirect(url_for("runs.show", run_id=run.id))


# -- its log ---------------------------------------------------------------------------------------------------------


@page.get("/runs/<int:run_id>/log")
@may("see runs")
def log(run_id: int):
    """The part of the page that tells what happened; 204 when it shows the newest already. By hand as `live`."""
    facts, seen = _log_facts(runs.find(run_id)), request.args.get("seen")
    if by_hand():
        level = request.args.get("level")
        return redirect(url_for("runs.show", run_id=run_id, level=level, _anchor="log"))
    if seen == facts["log_seen"]:
        return "", 204
    return render_template("runs/_log.html", **facts)


def _log_facts(run: SyncRun) -> dict:
    least = _level(request.args.get("level"))
    before = run_log.Place.parse(request.args.get("before", ""))
    found = run_log.latest(run, least=least, before=before, contents=can("see record contents"))
    newest = found.messages[-1].place if found.messages else ""
    live = run_history.is_live(run)
    seen = f"{newest}.{len(found.messages)}.{live}"
    return {
        "run": run, "log": found, "level": least, "before": before, "log_seen": seen, "levels": LEVELS, "live": live,
        "follows": live and not before and request.args.get("follow") != "no",
    }  # fmt: skip


def _level(name: str | None) -> str:
    if name and name not in LEVELS:
        raise InvalidInput(f"There is no such level. There are: {', '.join(LEVELS)}.", field="level")
    return name or "step"


@page.post("/runs/<int:run_id>/log-download")  # not below /log: a sign-in in between leads to what is above
@may("see runs")
def download_log(run_id: int):
    """The whole log as a file, without secrets."""
    sent, run = forms.sent("format", "level"), runs.find(run_id)
    kind, least = sent["format"] or "txt", _level(sent["level"] or "detail")
    if kind not in run_log.KINDS:
        raise InvalidInput(f"There is no such format. There are: {', '.join(run_log.KINDS)}.", field="format")
    audit.add("run log downloaded", f"run {run.id}", actor=actor(), format=kind)
    db.session.commit()
    lines = run_log.lines(run_id, kind, least=least, contents=can("see record contents"))
    return downloads.streamed(lines, f"run-{run_id}-log-{clock.now():%Y-%m-%d-%H%M}.{kind}", run_log.KINDS[kind])


# -- asking for one --------------------------------------------------------------------------------------------------


@page.get("/connections/<int:connection_id>/runs/new")
@may("start runs")
def new(connection_id: int):
    """Choose what to read, with what reading everything would take."""
    connection = connections.find(connection_id)
    only = [name for name in request.args.getlist("only") if name in services.by_key(connection.service).resources]
    return _new_page(connection, only, forms.Form({"kind": request.args.get("kind", "incremental")}))


def _new_page(connection: Connection, only: list[str], form: forms.Form):
    try:
        forecast, impossible = forecasts.of(connection, only), ""
    except InvalidInput as error:
        forecast, impossible = [], str(error)
    service = services.by_key(connection.service)
    off = set(connection.settings.get("resources_off", ()))
    return render_template(
        "runs/new.html", connection=connection, service=service, forecast=forecast, only=only, off=off, form=form,
        impossible=impossible, known=bool(forecast) and all(line.calls is not None for line in forecast),
    )  # fmt: skip


@page.post("/connections/<int:connection_id>/runs")
@may("start runs")
def create(connection_id: int):
    """Ask for a run; a worker picks it up within seconds."""
    connection = connections.find(connection_id)
    only = request.form.getlist("only")
    sent = forms.sent("kind", "only", "release_brake")
    if sent["kind"] not in ("", "full", "incremental"):
        abort(422)
    try:
        run = runs.request(
            connection, kind=sent["kind"] or "incremental", only=only, asked_by=actor(),
            release_brake=sent["release_brake"] == "yes",
        )  # fmt: skip
    except runs.LiveRun as error:
        flash(f"{error} Watch it here.", "warning")
        return redirect(url_for("runs.show", run_id=error.run_id))
    except (InvalidInput, Conflict) as error:
        return _new_page(connection, only, forms.Form(sent, InvalidInput(str(error)))), 422
    flash("The run starts in a moment.", "success")
    return redirect(url_for("runs.show", run_id=run.id))
