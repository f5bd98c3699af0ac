"""Notifications: the rules of who is told what and where, a test of each, and what was told last."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, url_for

from ... import services
from ...errors import InvalidInput
from ...models.notification import EVENTS, NotificationRule
from ...operations import settings as firm_settings
from ...operations.accounts import connections
from ...operations.notices import notices
from ...operations.notices import notification_rules as rules
from ...operations.notices.notice_words import EVENT_WORDS, SHORT_WORDS
from ...operations.notices.notification_rules import Wanted
from .. import access, forms
from ..access import may
from ..formatting import zones

page = Blueprint("notifications", __name__, url_prefix="/settings/notifications")

TEXTS = ("by", "place", "about_id", "quiet_from", "quiet_to", "digest_at", "time_zone")
CHECKS = ("names_records", "enabled")
HELP = {
    "run_failed": "Reading or carrying over failed after it had gone well. Further failures are not told.",
    "needs_person": "A sign-in was lost or ends soon, or a run stopped for somebody to decide.",
    "recovered": "What had failed, or waited, goes well again.",
    "issue": "An error of a kind nobody had seen, or one that was thought to be over.",
    "digest": "Once a day: how every connection stands, and the limitation dates that are near.",
}
_FIELD_OF = {"kind": "by", "connection_id": "by"}  # two facts, one choice on the page


@page.get("")
@may("see notifications")
def index():
    """The rules, and the last notices with what came of them."""
    return render_template(
        "settings/notifications.html", rules=rules.every(), where=rules.where, short=SHORT_WORDS,
        notices=notices.latest(), by=_by, has_way=_has_mail() or bool(rules.speakers()),
    )  # fmt: skip


@page.get("/new")
@may("change settings")
def new():
    """The form for a new rule."""
    usual = {
        "time_zone": firm_settings.get("firm.time_zone") or "UTC", "digest_at": "08:00", "enabled": "on",
        **{f"event_{event}": "on" for event in ("run_failed", "needs_person", "recovered")},
    }  # fmt: skip
    return _form_page(forms.Form(usual))


@page.post("")
@may("change settings")
def create():
    """Make a rule."""
    sent = _sent()
    try:
        rule = rules.add(_wanted(sent), actor=access.actor())
    except InvalidInput as error:
        return _form_page(forms.Form(sent, _placed(error))), 422
    flash(f"The rule is made: {rules.where(rule)} is told from now on. Send a test to see that it arrives.", "success")
    return redirect(url_for("notifications.index"))


@page.get("/<int:rule_id>")
@may("change settings")
def show(rule_id: int):
    """The form of a rule."""
    rule = rules.find(rule_id)
    return _form_page(forms.Form(_values(rule)), rule)


@page.post("/<int:rule_id>")
@may("change settings")
def change(rule_id: int):
    """Keep what was changed."""
    rule, sent = rules.find(rule_id), _sent()
    try:
        rules.change(rule, _wanted(sent), actor=access.actor())
    except InvalidInput as error:
        return _form_page(forms.Form(sent, _placed(error)), rules.find(rule_id)), 422
    flash("The rule is saved and counts from now on.", "success")
    return redirect(url_for("notifications.index"))


@page.post("/<int:rule_id>/removal")
@may("change settings")
def remove(rule_id: int):
    """Take a rule away."""
    forms.sent()
    rule = rules.find(rule_id)
    told = rules.where(rule)
    rules.remove(rule, actor=access.actor())
    flash(f"The rule is gone: {told} is told nothing by it any more.", "success")
    return redirect(url_for("notifications.index"))


@page.post("/<int:rule_id>/tests")
@may("change settings")
def send_test(rule_id: int):
    """Send a message now, and say what came of it."""
    forms.sent()
    notice = notices.send_test(rules.find(rule_id), by=access.actor())
    if notice.state == "sent":
        flash(f"The test was sent. {notice.said}", "success")
    else:
        flash(f"The test did not arrive. {notice.said}", "danger")
    return redirect(url_for("notifications.index"))


# -- the form ---------------------------------------------------------------------------------------------------------


def _form_page(form: forms.Form, rule: NotificationRule | None = None):
    speakers, has_mail = rules.speakers(), _has_mail()
    by = [(f"slack:{one.id}", f"{services.by_key(one.service).label}: {one.name}") for one in speakers]
    about = [("", "All connections"), *((one.id, one.name) for one in connections.every())]
    return render_template(
        "settings/notification.html", form=form, rule=rule, by=[*by, *([("email", "E-mail")] if has_mail else [])],
        has_mail=has_mail, about=about, events=[(event, EVENT_WORDS[event], HELP[event]) for event in EVENTS],
        channels=sorted({name for one in speakers for _, name in rules.channels(one.id)}), zones=zones(),
    )  # fmt: skip


def _has_mail() -> bool:
    return bool(current_app.config["SETTINGS"].SMTP_URL.get_secret_value())


def _sent() -> dict[str, str]:
    return forms.sent(*TEXTS, *CHECKS, *(f"event_{event}" for event in EVENTS))


def _wanted(sent: dict[str, str]) -> Wanted:
    kind, _, through = sent["by"].partition(":")
    return Wanted(
        kind=kind, connection_id=_number(through, "connection_id"), place=sent["place"],
        events=tuple(event for event in EVENTS if sent[f"event_{event}"]),
        about_id=_number(sent["about_id"], "about_id"),
        names_records=bool(sent["names_records"]), quiet_from=sent["quiet_from"], quiet_to=sent["quiet_to"],
        digest_at=sent["digest_at"], time_zone=sent["time_zone"], enabled=bool(sent["enabled"]),
    )  # fmt: skip


def _number(text: str, field: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInput("Choose one of the list.", field=field)
    return int(text[:9])


def _values(rule: NotificationRule) -> dict[str, object]:
    return {
        "by": f"slack:{rule.connection_id}" if rule.kind == "slack" else rule.kind, "place": rules.where(rule),
        "about_id": rule.about_id or "", "quiet_from": rule.quiet_from, "quiet_to": rule.quiet_to,
        "digest_at": rule.digest_at, "time_zone": rule.time_zone, "names_records": "on" if rule.names_records else "",
        "enabled": "on" if rule.enabled else "", **{f"event_{event}": "on" for event in rule.events},
    }  # fmt: skip


def _placed(error: InvalidInput) -> InvalidInput:
    return InvalidInput(str(error), fields={_FIELD_OF.get(name, name): said for name, said in error.fields.items()})


def _by(rule: NotificationRule) -> str:
    return rule.connection.name if rule.connection else "E-mail"
