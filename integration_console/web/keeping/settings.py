"""Settings of the firm, its services and this installation. One's own account and people are in users.py."""

from __future__ import annotations

import platform
import shutil
from datetime import datetime
from importlib.metadata import version as version_of

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, url_for
from sqlalchemy import text

from ... import __version__, clock, services
from ...errors import BackupRefused, InvalidInput
from ...models import AuditEvent, db
from ...operations import audit as audit_log
from ...operations import legal_holds
from ...operations import settings as firm_settings
from ...operations.accounts import applications
from ...operations.finding.exports import Sheet, paged
from ...operations.health import health
from ...operations.keeping import backups
from ...operations.keeping.backup_files import Backup
from ...operations.mapping import mappings, versions
from ...services.writing import CUSTOM
from .. import Menu, access, downloads, forms
from ..access import may
from ..filters import Asked
from ..formatting import iso, moment, size, zones
from ..newer import above, tell_above

page = Blueprint("settings", __name__, url_prefix="/settings")
menu = Menu("Settings", icon="gear", order=90, key="s")

AUDIT_FILTERS = {"q": "Who or what", "action": "What was done"}
AUDIT_EXPORTED = ("id", "at", "actor", "action", "target", "details", "address")
FIRM = ("name", "time_zone", "jurisdiction", "redirect_uris", "second_factor")


@page.get("/")
@may("keep own profile")
def index():
    """The sections this person may open."""
    return render_template("settings/index.html", newest=_newest() if access.can("manage backups") else None)


def _newest() -> Backup | None:
    """The backup to go back to; none where their folder cannot be used, which its own page says."""
    try:
        return backups.newest_good()
    except BackupRefused:
        return None


# -- the firm --------------------------------------------------------------------------------------------------------


@page.get("/firm")
@may("change settings")
def firm():
    """The firm's name, zone and jurisdiction."""
    return _firm_page(forms.Form({name: firm_settings.get(f"firm.{name}") for name in FIRM}))


@page.post("/firm")
@may("change settings")
def save_firm():
    """Keep them."""
    sent = forms.sent(*FIRM)
    try:
        firm_settings.save({f"firm.{name}": value for name, value in sent.items()}, actor=access.actor())
    except InvalidInput as error:
        return _firm_page(forms.Form(sent, _short(error))), 422
    flash("The firm's settings are saved and count from now on.", "success")
    return redirect(url_for("settings.firm"))


def _firm_page(form: forms.Form):
    return render_template("settings/firm.html", form=form, zones=zones())


def _short(error: InvalidInput) -> InvalidInput:
    """The same message, at the field as the form names it: "firm.name" is "name"."""
    return InvalidInput(str(error), field=(error.field or "").rpartition(".")[2])


# -- how long things are kept ----------------------------------------------------------------------------------------


@page.get("/retention")
@may("change settings")
def retention():
    """Days by table."""
    return _retention_page(forms.Form({table: firm_settings.days_kept(table) for table in firm_settings.RETENTION}))


@page.post("/retention")
@may("change settings")
def save_retention():
    """Keep them. What is older goes with the next purge."""
    sent = forms.sent(*firm_settings.RETENTION)
    try:
        firm_settings.save({f"retention.{table}": days for table, days in sent.items()}, actor=access.actor())
    except InvalidInput as error:
        return _retention_page(forms.Form(sent, _short(error))), 422
    flash("Saved. What is older is removed within a day.", "success")
    return redirect(url_for("settings.retention"))


def _retention_page(form: forms.Form):
    held = legal_holds.any_in_force()
    return render_template("settings/retention.html", form=form, tables=firm_settings.RETENTION, held=held)


# -- services --------------------------------------------------------------------------------------------------------


@page.get("/services")
@may("change settings")
def service_list():
    """Every service and whether its application is set up."""
    every = services.every().values()
    rows = [(service, applications.has_consent(service), applications.in_force(service)) for service in every]
    return render_template("settings/services.html", rows=rows)


@page.get("/services/<key>")
@may("change settings")
def service(key: str):
    """One service's application settings."""
    chosen = access.known_service(key)
    row = applications.of(chosen)
    return _service_page(chosen, forms.Form({name: getattr(row, name) or "" for name in applications.fields(chosen)}))


@page.post("/services/<key>")
@may("change settings")
def save_service(key: str):
    """Keep them; the secret only when a new one was typed."""
    chosen = access.known_service(key)
    sent = forms.sent(*applications.fields(chosen), raw=("client_secret",) if applications.has_consent(chosen) else ())
    secret = sent.pop("client_secret", "").strip()
    try:
        changed = applications.save(key, sent, secret=secret, actor=access.actor())
    except InvalidInput as error:
        return _service_page(chosen, forms.Form(sent, error)), 422
    flash(f"{chosen.label}: saved; the next call uses it." if changed else "Nothing was changed.", "success")
    return redirect(url_for("settings.service", key=key))


@page.post("/services/<key>/secret/removal")
@may("change settings")
def remove_secret(key: str):
    """Forget the stored client secret."""
    forms.sent()
    applications.remove_secret(access.known_service(key).key, actor=access.actor())
    flash("The client secret is removed.", "success")
    return redirect(url_for("settings.service", key=key))


def _service_page(chosen, form: forms.Form):
    row = applications.of(chosen)
    return render_template(
        "settings/service.html",
        service=chosen,
        form=form,
        row=row,
        fields=applications.fields(chosen),
        has_consent=applications.has_consent(chosen),
        in_environment=current_app.config["SETTINGS"].of_service(chosen.key),
        declared=",".join(f"{limit.calls}/{limit.per_s:g}" for limit in chosen.limits),
        redirect_uri=applications.in_force(chosen).client(chosen).redirect_uri,
    )


# -- this installation -----------------------------------------------------------------------------------------------


@page.get("/system")
@may("change settings")
def system():
    """What runs here, in words that can be copied for support."""
    parts, workers = health.parts(), health.workers()
    facts = _facts() | _waiting()
    report = "\n".join(
        [*(f"{name}: {value}" for name, value in facts.items()), *(f"{part.name}: {part.word}" for part in parts)]
        + [f"worker {worker.owner}: last heard {moment(worker.seen_at)}" for worker in workers]
    )
    return render_template(
        "settings/system.html", shown=facts, parts=parts, workers=workers, is_alive=health.is_alive, report=report
    )


@page.get("/system/status")
@may("change settings")
def status():
    """The same for programs an administrator uses (S5)."""
    parts = {part.name: part.word for part in health.parts()}
    return jsonify(version=__version__, parts=parts, **{name: _plain(v) for name, v in health.backlog().items()})


def _plain(value):
    return iso(value) if isinstance(value, datetime) else value


def _facts() -> dict[str, str]:
    settings = current_app.config["SETTINGS"]
    dialect = db.engine.dialect
    asked = "select sqlite_version()" if dialect.name == "sqlite" else "show server_version"
    product = "SQLite" if dialect.name == "sqlite" else "PostgreSQL"
    return {
        "Console": __version__,
        "Environment": settings.APP_ENV + (", sandbox" if settings.SANDBOX else ""),
        "Address": settings.BASE_URL,
        "Database": f"{product} {db.session.scalar(text(asked))}",
        "Engine": settings.ENGINE,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "Flask, SQLAlchemy": f"{version_of('flask')}, {version_of('sqlalchemy')}",
        "Last good backup": moment(newest.at) if (newest := _newest()) else "none yet",
        "Free disk": size(shutil.disk_usage(settings.INSTANCE_DIR).free),
        "Time here": moment(clock.now()),
    }


def _waiting() -> dict[str, str]:
    """What waits, in a line each."""
    work = health.backlog()
    waiting = sum(work["runs"][state] for state in ("queued", "waiting"))
    oldest = f", the oldest since {moment(work['oldest_queued_at'])}" if work["oldest_queued_at"] else ""
    return {
        "Runs under way": f"{work['runs']['running']:,}",
        "Runs waiting": f"{waiting:,}{oldest}",
        "Records not kept": f"{work['dead_letters']:,}",
        "The clock": f"{work['leader']}, turn {work['leader_epoch']:,}" if work["leader"] else "nobody has had it yet",
    }


@page.get("/audit")
@may("see audit log")
def audit():
    """Who did what, newest first."""
    asked = Asked(AUDIT_FILTERS)
    wanted, place = _audit_wanted(asked), asked.place("older")
    events, older = ([], None) if asked.errors else audit_log.browse(wanted, before=place)
    return render_template(
        "settings/audit.html", asked=asked, chips=asked.chips(), events=events, details=_details,
        actions=audit_log.actions(),
        older=older and asked.url(older=older), first=asked.url() if place else None,
        matches=asked.matches(len(events), not (older or asked.cursor), lambda: audit_log.count(wanted)),
        came=above(asked, "settings.newer_audit", AuditEvent),
    ), asked.status  # fmt: skip


@page.get("/audit/newer")
@may("see audit log")
def newer_audit():
    """How many lines came since the first page was shown."""
    asked = Asked(AUDIT_FILTERS)
    wanted = _audit_wanted(asked)
    return tell_above(asked, "settings.audit", lambda last: audit_log.count(wanted, above=last).found)


@page.post("/audit/export")
@may("see audit log")
def export_audit():
    """The lines of this filter as a file, with what they say of before and after."""
    asked = Asked(AUDIT_FILTERS)
    wanted = _audit_wanted(asked)
    rows = paged(
        lambda place: audit_log.browse(wanted, before=place, limit=500),
        lambda event: [getattr(event, name) for name in AUDIT_EXPORTED],
    )
    return downloads.export(asked, Sheet("audit-log", AUDIT_EXPORTED, rows))


def _details(event: AuditEvent) -> dict[str, str]:
    """What a line says besides, in words; the export has it as it was kept."""
    told = {name: _told(name, value) for name, value in event.details.items() if value is not None}
    number = event.details.get("mapping") if any(CUSTOM in one for one in told.values()) else None
    mapping = mappings.find_or_none(number if isinstance(number, int) else None)
    return {name: versions.in_words(mapping, said) for name, said in told.items()} if mapping else told


def _told(name: str, value: object) -> str:
    if isinstance(value, dict):
        return "kept with this line, see the export"
    if isinstance(value, list):
        return (" " if name == "changes" else ", ").join(map(str, value))
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _audit_wanted(asked: Asked) -> audit_log.Wanted:
    since, until = asked.span()
    return audit_log.Wanted(asked.value("q"), asked.value("action"), since, until)
