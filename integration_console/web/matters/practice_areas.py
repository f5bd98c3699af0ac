"""Practice areas: try a text, say what it is really about, and keep the rules."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import Conflict, InvalidInput
from ...models.practice import RULE_KINDS
from ...operations import settings as firm_settings
from ...operations.mapping import practice_area_rules as rules
from ...operations.mapping import practice_areas
from ...sync.practice_areas import NO_AREA
from .. import Menu, forms
from ..access import actor, can, may
from ..filters import Asked

page = Blueprint("practice_areas", __name__, url_prefix="/practice-areas")
menu = Menu("Practice areas", icon="list-ul", order=80, key="a")

KIND_WORDS = {
    "word": "Word",
    "phrase": "Phrase",
    "pattern": "Pattern",
    "hint": "Hint",
    "not": "Speaks against",
}
NONE = "none"  # what the form sends for "none of these"
RULE_FIELDS = ("area", "kind", "text", "weight")


@page.get("")
@may("see practice areas")
def index():
    """Try a text; every area with its rules."""
    return _index(forms.Form())


@page.post("")
@may("see practice areas")
def try_text():
    """What a text is about. Sent as a form, so that a client's words are in no address and no log; keeps nothing."""
    sent = forms.sent("text")
    try:
        detected = practice_areas.try_text(sent["text"])
    except InvalidInput as error:
        return _index(forms.Form(sent, error)), 422
    return _index(forms.Form(sent), detected)


@page.post("/corrections")
@may("correct practice areas")
def correct():
    """Keep what a person says a text is about."""
    sent = forms.sent("text", "corrected")
    try:
        if not sent["corrected"]:
            raise InvalidInput("Choose what the text is about.", field="corrected")
        said = "" if sent["corrected"] == NONE else sent["corrected"]
        kept = practice_areas.correct(sent["text"], said, by=actor())
    except InvalidInput as error:
        tried = practice_areas.try_text(sent["text"]) if error.field != "text" else None
        return _index(forms.Form(sent, error), tried), 422
    agreed = "You agreed" if (kept.detected or "") == kept.corrected else "You corrected the answer"
    counted = f"; that is counted for {len(kept.rule_ids)} rules." if kept.rule_ids else "."
    flash(f"Thank you. {agreed}{counted}", "success")
    return redirect(url_for("practice_areas.index"))


def _index(form: forms.Form, detected=None):
    likeliest = detected.likeliest if detected else None
    return render_template(
        "practice_areas/index.html", form=form, detected=detected, areas=rules.areas(), names=rules.names(),
        answered=forms.Form({"text": form.value("text"), "corrected": form.value("corrected") or likeliest or NONE}),
        firm_name=practice_areas.firm_name(detected.area) if detected and detected.area else None, no_area=NONE,
        said=practice_areas.corrections() if can("see record contents") else [], threshold=practice_areas.THRESHOLD,
        days=firm_settings.days_kept("corrections"),
    )  # fmt: skip


# -- the rules -------------------------------------------------------------------------------------------------------


@page.get("/rules")
@may("see practice areas")
def rule_list():
    """Rules, the weightiest first."""
    asked = Asked({"area": "Area", "kind": "Kind", "q": "With"})
    every, kind = _names(), asked.one_of("kind", RULE_KINDS)
    area = asked.one_of("area", every)
    after = _place(asked.cursor.get("older", ""))
    found, further = ([], None) if asked.errors else rules.listing(area, kind, asked.value("q"), after=after)
    return render_template(
        "practice_areas/rules.html", asked=asked, chips=asked.chips({"kind": KIND_WORDS}), rows=found, kinds=KIND_WORDS,
        area=area, names=every, older=asked.url(older=f"{further[0]!r},{further[1]}") if further else None,
        first=asked.url() if after else None,
    ), asked.status  # fmt: skip


def _names() -> list[str]:
    """Every area that a rule may be of."""
    return [*rules.names(), NO_AREA]


def _place(text: str) -> tuple[float, int] | None:
    """Where a page of rules ended: "2.0,17"."""
    weight, _, number = text.partition(",")
    try:
        return (float(weight), int(number)) if len(number) < 16 and number.isascii() else None
    except ValueError:
        return None


@page.get("/rules/new")
@may("change settings")
def new_rule():
    """A rule of the firm's own."""
    asked = Asked({"area": "Area"})
    return _rule_page(forms.Form({"area": asked.value("area"), "kind": "word", "weight": "2"}))


@page.post("/rules")
@may("change settings")
def add_rule():
    """Keep it; it counts from the next text on."""
    sent = forms.sent(*RULE_FIELDS)
    try:
        rule = rules.add(**sent, by=actor())
    except InvalidInput as error:
        return _rule_page(forms.Form(sent, error)), 422
    except Conflict as error:
        return _rule_page(forms.Form(sent, InvalidInput(str(error), field="text"))), 409
    flash(f"The rule for {rule.area} is added and counts from now on.", "success")
    return redirect(url_for("practice_areas.rule_list", area=rule.area))


@page.get("/rules/<int:rule_id>")
@may("change settings")
def show_rule(rule_id: int):
    """One rule, to change, switch off or delete."""
    rule = rules.by_id(rule_id)
    return _rule_page(forms.Form(_known(rule)), rule)


@page.post("/rules/<int:rule_id>")
@may("change settings")
def save_rule(rule_id: int):
    """Keep the change."""
    rule, sent = rules.by_id(rule_id), forms.sent(*RULE_FIELDS)
    try:
        rules.edit(rule_id, **sent, by=actor())
    except InvalidInput as error:
        return _rule_page(forms.Form(_known(rule) | _told(sent), error), rule), 422
    except Conflict as error:
        return _rule_page(forms.Form(sent, InvalidInput(str(error), field="text")), rule), 409
    flash("The rule is saved and counts from now on.", "success")
    return redirect(url_for("practice_areas.rule_list", area=rule.area))


def _known(rule) -> dict[str, object]:
    return {name: getattr(rule, name) for name in RULE_FIELDS} | {"weight": f"{rule.weight:g}"}


def _told(sent: dict[str, str]) -> dict[str, str]:
    """What the form sent; of a rule that came with the console it sends the weight alone."""
    return {name: value for name, value in sent.items() if value or name == "weight"}


@page.post("/rules/<int:rule_id>/<any(on, off):state>")
@may("change settings")
def switch_rule(rule_id: int, state: str):
    """Let a rule count, or not."""
    forms.sent()
    rule = rules.switch(rule_id, state == "on", by=actor())
    flash(f"The rule “{rule.text}” is switched {state}.", "success")
    return redirect(url_for("practice_areas.rule_list", area=rule.area))


@page.post("/rules/<int:rule_id>/removal")
@may("change settings")
def remove_rule(rule_id: int):
    """Delete a rule of the firm's own."""
    forms.sent()
    area = rules.by_id(rule_id).area
    rules.remove(rule_id, by=actor())
    flash("The rule is deleted.", "success")
    left = area if area in _names() else None
    return redirect(url_for("practice_areas.rule_list", area=left))


@page.post("/shipped")
@may("change settings")
def ensure():
    """Put the rules that come with the console in place now, where no worker did it yet."""
    forms.sent()
    changed = rules.ensure(by=actor())
    flash(f"{changed:,} rules are in place." if changed else "All rules are in place.", "success")
    return redirect(url_for("practice_areas.index"))


def _rule_page(form: forms.Form, rule=None):
    return render_template("practice_areas/rule.html", form=form, rule=rule, kinds=KIND_WORDS, names=_names())
