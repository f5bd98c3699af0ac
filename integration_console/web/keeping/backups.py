"""Backups, for administrators: what there is and whether it is good. Making and checking is the worker's; restoring is
done at the command line, for a page cannot replace the database it reads."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, send_file, url_for

from ...errors import BackupRefused, Conflict, InvalidInput
from ...models import db
from ...operations import audit, outbound
from ...operations.health import health
from ...operations.keeping import backup_clock, rehearsals
from ...operations.keeping import backup_files as files
from ...operations.keeping import backups as operations
from .. import access, forms
from ..access import may

page = Blueprint("backups", __name__, url_prefix="/backups")

_ASKED = {"create": "A new backup", "verify": "Checking", "rehearse": "A rehearsal"}


@page.get("")
@may("manage backups")
def index():
    """Every backup, the last good one first of all."""
    found = files.every()
    return render_template(
        "backups/index.html",
        backups=found,
        newest=next((backup for backup in found if backup.good), None),
        rehearsal=rehearsals.last(),
        asked=[(_ASKED.get(one["what"], one["what"]), one) for one in backup_clock.asked()],
        failure=backup_clock.last_failure(),
        held=outbound.held(),
        worker=any(map(health.is_alive, health.workers())),
        folder=files.folder(),
        settings=current_app.config["SETTINGS"],
        flask=files.flask(),
    )


@page.post("")
@may("manage backups")
def create():
    """Ask the worker for one."""
    forms.sent()
    backup_clock.ask("create", by=access.actor())
    flash("A worker makes the backup within a minute; it shows here when it is whole.")
    return redirect(url_for("backups.index"))


@page.post("/<name>/verification")
@may("manage backups")
def verify(name: str):
    """Ask the worker to read one to its end and open it."""
    forms.sent()
    backup_clock.ask("verify", files.find(name).name, by=access.actor())
    flash("A worker reads it to its end; the result shows here.")
    return redirect(url_for("backups.index"))


@page.post("/<name>/rehearsal")
@may("manage backups")
def rehearse(name: str):
    """Ask the worker to restore one beside the database."""
    forms.sent()
    backup_clock.ask("rehearse", files.find(name).name, by=access.actor())
    flash("A worker restores it into a scratch database and counts the rows; the result shows here.")
    return redirect(url_for("backups.index"))


@page.post("/<name>/download")
@may("manage backups")
def download(name: str):
    """The file, sealed as it lies there. A POST, for it is remembered who took one."""
    forms.sent()
    backup = files.find(name)
    audit.add("backup downloaded", backup.name, actor=access.actor())
    db.session.commit()
    return send_file(backup.file, mimetype="application/octet-stream", as_attachment=True, download_name=backup.name)


@page.post("/<name>/removal")
@may("manage backups")
def remove(name: str):
    """Delete one, after its name was typed."""
    sent = forms.sent("confirm")
    backup = files.find(name)
    if sent["confirm"] != backup.name:
        raise InvalidInput("Type the name of the backup to delete it. Nothing was deleted.", field="confirm")
    try:
        operations.remove(backup, by=access.actor())
        flash(f"{backup.name} is deleted.", "success")
    except BackupRefused as error:
        flash(str(error), "error")
    return redirect(url_for("backups.index"))


@page.post("/resumption")
@may("manage backups")
def resume():
    """Send again after a restore."""
    sent = forms.sent("anyway")
    try:
        outbound.resume(by=access.actor(), anyway=bool(sent["anyway"]))
        flash("What is to be sent is sent again; what waited is looked up at the other side first.", "success")
    except Conflict as error:
        flash(str(error), "error")
    return redirect(url_for("backups.index"))
