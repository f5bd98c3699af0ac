"""Limitation dates: what is due, what has none, what rules propose, and the rules themselves."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ...errors import ConsoleError, InvalidInput
from ...models import Connection
from ...models.practice import LIMITATION_UNITS
from ...operations import limitation_fields
from ...operations.matters import due_dates, limitation_rules, limitations, matter_list, matters
from .. import Menu, access, forms
from ..access import may
from ..filters import Asked

page = Blueprint("limitations", __name__, url_prefix="/limitations")
menu = Menu("Limitation dates", icon="calendar-event", order=47, key="l")

PAGE = 50
SPANS = tuple(map(str, due_dates.SPANS))
FIELDS = (
    "name",
    "practice_area",
    "jurisdiction",
    "period",
    "unit",
    "from_field",
    "to_field",
    "mode",
    "source",
    "enabled",
)
MODES = [("propose", "Propose it: a person sets it"), ("set", "Set it in Clio by itself, where there is none")]


@page.get("")
@may("see records")
def index():
    """Open matters whose date has passed or is near, the overdue ones first."""
    asked = Asked({"within": "Within", "connection": "Connection"})
    within = int(asked.one_of("within", SPANS) or SPANS[-1])
    number = asked.number("connection")
    after = asked.named_place("older", due_dates.Place)
    rows = due_dates.due(within, number, after=after, limit=PAGE + 1) if not asked.errors else []
    names = {"within": {days: f"{days} days" for days in SPANS}, "connection": _accounts()}
    return render_template(
        "limitations/index.html", asked=asked, chips=asked.chips(names), rows=rows[:PAGE], within=within,
        accounts=names["connection"], later=_later(asked, rows), **_tabs(number),
    ), asked.status  # fmt: skip


@page.get("/without")
@may("see records")
def without():
    """Open matters that have no limitation date."""
    asked = Asked({"connection": "Connection"})
    number, fields = asked.number("connection"), limitation_fields.targets()
    rows, older = (
        matter_list.without(number, before_id=asked.place("older"), limit=PAGE) if not asked.errors else ([], None)
    )
    return render_template(
        "limitations/without.html", asked=asked, chips=asked.chips({"connection": _accounts()}), rows=rows,
        accounts=_accounts(), older=older and asked.url(older=older), **_tabs(number),
        no_dates=lambda record: limitation_rules.no_dates(record.data, fields),
    ), asked.status  # fmt: skip


@page.post("/work")
@may("change matters")
def work():
    """Work the dates out now instead of within a quarter of an hour."""
    forms.sent()
    new = limitations.work_out_all()
    flash("Nothing new: no rule fits a matter without a date." if not new else f"{new} new dates are proposed."
          if new > 1 else "One new date is proposed.")  # fmt: skip
    return redirect(url_for("limitations.proposals"))


# -- proposals --------------------------------------------------------------------------------------------------------


@page.get("/proposals")
@may("see records")
def proposals():
    """What rules have worked out and nobody has decided."""
    asked, known = Asked({}), limitation_rules.date_fields()
    after = None if asked.errors else asked.named_place("older", due_dates.Place)
    rows = limitations.waiting(after, PAGE + 1)
    return render_template(
        "limitations/proposals.html", rows=rows[:PAGE], later=_later(asked, rows),
        field=lambda name: limitation_rules.field_label(name, known), today=due_dates.today(),
        day_in=limitation_rules.day_in, **_tabs(),
    )  # fmt: skip


@page.post("/proposals/<int:proposal_id>/acceptance")
@may("change matters")
def accept(proposal_id: int):
    """Set the proposed date in Clio."""
    sent = forms.sent("back")
    try:
        record = limitations.accept(proposal_id, by=access.actor())
        flash(f"The limitation date of {record.label} is set in Clio.", "success")
    except ConsoleError as error:
        flash(str(error), "warning")
    return redirect(access.local_path(sent["back"] or url_for("limitations.proposals")))


@page.post("/proposals/<int:proposal_id>/dismissal")
@may("change matters")
def dismiss(proposal_id: int):
    """Say that it is not right."""
    sent = forms.sent("back")
    try:
        limitations.dismiss(proposal_id, by=access.actor())
        flash("Dismissed. This rule proposes no date for this matter again.")
    except ConsoleError as error:
        flash(str(error), "warning")
    return redirect(access.local_path(sent["back"] or url_for("limitations.proposals")))


# -- rules ------------------------------------------------------------------------------------------------------------


@page.get("/rules")
@may("see records")
def rules():
    """The rules, by practice area and jurisdiction."""
    known = limitation_rules.date_fields()
    return render_template(
        "limitations/rules.html", rows=limitation_rules.every(), waiting=limitation_rules.waiting(),
        field=lambda name: limitation_rules.field_label(name, known), in_words=limitation_rules.in_words, **_tabs(),
    )  # fmt: skip


@page.get("/rules/new")
@may("change limitation rules")
def new_rule():
    """The form for a new rule."""
    start = {"unit": "years", "from_field": limitation_rules.OPENED, "to_field": limitation_fields.STATUTE,
             "mode": "propose", "enabled": "on", "practice_area": request.args.get("area", "")[:100]}  # fmt: skip
    return _rule_page(forms.Form(start))


@page.post("/rules")
@may("change limitation rules")
def create_rule():
    """Make a rule."""
    return _save(None)


@page.get("/rules/<int:rule_id>")
@may("change limitation rules")
def rule(rule_id: int):
    """One rule, to change or to remove."""
    found = limitation_rules.find(rule_id)
    values = {name: getattr(found, name) for name in FIELDS} | {"enabled": "on" if found.enabled else ""}
    return _rule_page(forms.Form(values), found)


@page.post("/rules/<int:rule_id>")
@may("change limitation rules")
def change_rule(rule_id: int):
    """Change a rule."""
    return _save(limitation_rules.find(rule_id))


@page.post("/rules/<int:rule_id>/removal")
@may("change limitation rules")
def remove_rule(rule_id: int):
    """Remove a rule; dates that were set stay."""
    forms.sent()
    limitation_rules.remove(limitation_rules.find(rule_id), actor=access.actor())
    flash("The rule is removed. Dates that were set stay.", "success")
    return redirect(url_for("limitations.rules"))


def _save(found):
    sent = forms.sent(*FIELDS)
    try:
        saved = limitation_rules.save(found, sent, actor=access.actor())
    except InvalidInput as error:
        return _rule_page(forms.Form(sent, error), found), 422
    flash(f"Saved: {saved.name}. It counts from the next look on, within a quarter of an hour.", "success")
    return redirect(url_for("limitations.rules"))


def _rule_page(form: forms.Form, found=None):
    fields = limitation_rules.date_fields()
    return render_template(
        "limitations/rule.html", form=form, rule=found, units=LIMITATION_UNITS, modes=MODES, areas=matter_list.areas(),
        from_fields=[(limitation_rules.OPENED, "Opened on"), *fields],
        to_fields=[(limitation_fields.STATUTE, "Statute of limitations"), *fields],
        many=limitation_rules.waiting().get(found.id, 0) if found else 0, **_tabs(),
    )  # fmt: skip


def _later(asked: Asked, rows: Sequence[due_dates.Due] | Sequence[limitations.Shown]) -> str | None:
    """Where the next page begins, when there is a row too many for this one."""
    return asked.url(older=",".join(map(str, rows[PAGE - 1].place))) if len(rows) > PAGE else None


def _accounts() -> dict[str, str]:
    return {str(one.id): one.name for one in matters.connections()}


def _tabs(number: int | None = None) -> dict:
    """What the tabs above every page say, the warnings beneath them, and what an empty list means.

    number: the account whose matters alone are listed.
    """
    accounts = matters.connections()
    unknown = matters.never_read(accounts)
    return {
        "proposed": sum(limitation_rules.waiting().values()), "never_read": unknown,
        "unread": matters.unread(accounts),
        "nothing_known": _nothing_known(accounts, [one for one in unknown if number in (None, one.id)]),
    }  # fmt: skip


def _nothing_known(accounts: Sequence[Connection], unknown: Sequence[Connection]) -> str:
    """Why a list that is empty is no good news."""
    if not accounts:
        return "No Clio account is connected, so no matter and no limitation date is known."
    return "Nothing is known here before matters are read." if unknown else ""
