"""Matters of the connected Clio accounts: listed, and one to read and to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import (
    BadRecord,
    Conflict,
    ConsoleError,
    InvalidInput,
    NotFound,
    Parked,
    RateLimited,
    TryLater,
    UpstreamError,
)
from ...models import Connection, Record, db
from ...operations import limitation_fields
from ...operations.finding.exports import Sheet, paged
from ...operations.mapping import writes
from ...operations.matters import due_dates, limitation_rules, limitations, matter_list, matters
from ...operations.matters.matter_fields import LIMITATION, REMINDERS, STATUSES, label_of
from ...services.base import dig
from ...storage import pages
from .. import Menu, access, downloads, forms
from ..access import can, may
from ..filters import Asked
from .matter_form import WAS, MatterForm

page = Blueprint("matters", __name__, url_prefix="/matters")
menu = Menu("Matters", icon="journal-text", order=46, key="o")

PAGE, LOT = 50, 500  # matters of a page, and read at once for a file
FILTERS = {"q": "Search", "status": "Status", "area": "Practice area", "connection": "Connection"}
EXPORTED = {
    "display_number": "display_number", "description": "description", "client": "client.name", "status": "status",
    "practice_area": "practice_area.name", "stage": "matter_stage.name", "open_date": "open_date",
    "close_date": "close_date", "responsible_attorney": "responsible_attorney.name",
}  # fmt: skip


@page.get("")
@may("see records")
def index():
    """Every matter, the newest in our books first."""
    asked = Asked(FILTERS)
    if asked.value("q") and not can("see record contents"):
        asked.refuse("q", "Your role may not search in matters: what is found would tell what is in them.")
    wanted = _wanted(asked)
    rows, older, newer = _page(wanted, asked) if not asked.errors else ([], None, None)
    accounts = {str(one.id): one.name for one in matters.connections()}
    return render_template(
        "matters/index.html", asked=asked, chips=asked.chips({"connection": accounts}), rows=rows, accounts=accounts,
        areas=matter_list.areas(wanted.connection_id), **_limitation_words(limitation_fields.targets()),
        older=older and asked.url(older=older), newer=newer and asked.url(newer=newer),
        matches=asked.matches(len(rows), not (older or newer or asked.cursor), lambda: matter_list.count(wanted)),
    ), asked.status  # fmt: skip


@page.post("/export")
@may("export")
def export():
    """The matters of this filter as a file."""
    asked = Asked(FILTERS)
    wanted, fields = _wanted(asked), limitation_fields.targets()

    def page_after(place):
        rows = matter_list.browse(wanted, before_id=place, limit=LOT)
        return rows, rows[-1].id if len(rows) == LOT else None

    def row(record):
        told = [dig(record.data, path) for path in EXPORTED.values()]
        return [record.external_id, *told, limitation_rules.limitation_of(record.data, fields), record.updated_at]

    names = ("external_id", *EXPORTED, "limitation_date", "updated_at")
    return downloads.export(asked, Sheet("matters", names, paged(page_after, row)))


def _wanted(asked: Asked) -> matter_list.Wanted:
    return matter_list.Wanted(
        asked.number("connection"), asked.value("q"), asked.one_of("status", STATUSES), asked.value("area")
    )


def _page(wanted: matter_list.Wanted, asked: Asked) -> tuple[list[Record], int | None, int | None]:
    older, newer = (asked.place(name) for name in ("older", "newer"))
    rows = matter_list.browse(wanted, before_id=older, after_id=newer, limit=PAGE + 1)
    return pages.cut(rows, PAGE, older=older, newer=newer)


def _limitation_words(fields: list[str]) -> dict[str, Callable[[Record], Any]]:
    """What tells the limitation date of any matter, and what stands in its place and is none."""
    return {
        "limitation": lambda record: limitation_rules.limitation_of(record.data, fields),
        "no_dates": lambda record: limitation_rules.no_dates(record.data, fields),
    }


# -- one matter -------------------------------------------------------------------------------------------------------


@page.get("/<int:record_id>")
@may("see records")
def show(record_id: int):
    """One matter: its limitation date, its fields, and what was written to it."""
    record = matters.find(str(record_id), gone=True)
    return _show(record, MatterForm(record))


@page.post("/<int:record_id>")
@may("change matters")
def change(record_id: int):
    """Write to Clio what was changed in the form."""
    record = matters.find(str(record_id), gone=True)
    form = MatterForm(record)
    sent = forms.sent(*form.names, REMINDERS, WAS)
    try:
        touched = form.touched(sent)
        wanted = form.wanted(touched)
        if clashes := form.clashes(sent, touched):
            return _show(record, form, sent, clashes=clashes), 409
        if not wanted:
            flash("Nothing was changed.")
        else:
            matters.change(record, wanted, by=access.actor(), cause="the matter's page")
            flash(
                f"Saved in Clio: {', '.join(label_of(name, form.definitions).lower() for name in wanted)}.", "success"
            )
    except InvalidInput as error:
        return _show(record, form, sent, error), 422
    except BadRecord as error:
        at = error.field if error.field in (*form.names, REMINDERS) else None
        return _show(_now(record_id), form, sent, InvalidInput(str(error), field=at)), 422
    except matters.MatterChanged:
        record = _now(record_id)
        form = MatterForm(record)
        return _show(record, form, sent, clashes=form.clashes(sent, touched)), 409
    except (Parked, RateLimited) as error:  # it stays in the outbox
        flash(str(error), "warning")
    except TryLater as error:
        flash(f"{error} Whether it was saved is not known: read the matter again in a moment.", "warning")
    except (Conflict, NotFound, UpstreamError) as error:
        return _show(_now(record_id), form, sent, InvalidInput(str(error))), 409
    return redirect(url_for("matters.show", record_id=record_id))


@page.post("/<int:record_id>/reading")
@may("change matters")
def read_again(record_id: int):
    """Read it from Clio now."""
    forms.sent()
    try:
        matters.refresh(matters.find(str(record_id), gone=True))
        flash("This is what Clio has now.", "success")
    except ConsoleError as error:
        flash(str(error), "warning")
    return redirect(url_for("matters.show", record_id=record_id))


def _now(record_id: int) -> Record:
    return matters.find(str(record_id), gone=True)


def _show(
    record: Record, form: MatterForm, sent: dict[str, str] | None = None, error: InvalidInput | None = None,
    clashes: list[tuple[str, str, str]] | None = None,
) -> str:  # fmt: skip
    """The page; with the form as it was sent when it could not be saved."""
    open_ = can("see record contents")
    connection = db.session.get_one(Connection, record.connection_id)
    changeable = can("change matters") and record.deleted_at is None and connection.status == "connected"
    fields = limitation_fields.targets()
    due = limitation_rules.limitation_of(record.data, fields)
    written = matters.changes_of(record) if open_ else []
    return render_template(
        "matters/show.html", record=record, connection=connection, data=record.data, may_see=open_, due=due,
        today=due_dates.today(), no_dates=limitation_rules.no_dates(record.data, fields),
        days=(due - due_dates.today()).days if due else None, settled=limitation_rules.is_settled(record.data),
        proposals=limitations.of_record(record), changes=written,
        words=writes.Words(written), as_of=matters.as_of(record), changeable=changeable,
        lines=form.lines() if changeable else [], custom_lines=form.custom_lines() if changeable else [],
        form=forms.Form(sent if sent is not None else form.texts, error), was=form.was, clashes=clashes or [],
        limitation_field=LIMITATION, reminders_field=REMINDERS, title=record.label if open_ else f"Matter {record.id}",
    )  # fmt: skip
