"""Personal data: erase a person, and legal holds that stop erasing and removing."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ... import services
from ...errors import Conflict, InvalidInput
from ...operations import legal_holds
from ...operations.accounts import connections
from ...operations.keeping import erasures
from .. import forms
from ..access import actor, may

page = Blueprint("privacy", __name__, url_prefix="/settings/privacy")


@page.get("")
@may("erase people")
def index():
    """What was erased, what is held, and the search for somebody to erase."""
    return _page(forms.Form({"q": request.args.get("q", "")}))


@page.post("/erasures")
@may("erase people")
def erase():
    """Ask for it; the clock does it."""
    ticked = [number for number in request.form.getlist("record") if number.isascii() and number.isdecimal()]
    sent = forms.sent("record", "q", "reason", "confirm")
    try:
        if sent["confirm"].strip().lower() != "erase":
            raise InvalidInput("Type the word erase to go on.", field="confirm")
        erasures.request([int(number[:15]) for number in ticked], sent["reason"], by=actor())
    except (InvalidInput, Conflict) as error:
        shown = error if isinstance(error, InvalidInput) else InvalidInput(str(error))
        return _page(forms.Form({**sent, "ticked": ticked}, shown)), 409 if isinstance(error, Conflict) else 422
    flash("The person is being erased. This page says when it is done.", "success")
    return redirect(url_for("privacy.index"))


@page.post("/holds")
@may("erase people")
def place_hold():
    """Keep an account's data, or everybody's."""
    sent = forms.sent("connection", "why")
    number = int(sent["connection"][:15]) if sent["connection"].isascii() and sent["connection"].isdecimal() else None
    try:
        legal_holds.place(number, sent["why"], by=actor())
    except InvalidInput as error:
        field = {"reason": "why"}.get(error.field or "", error.field)
        return _page(hold=forms.Form(sent, InvalidInput(str(error), field=field))), 422
    flash("The hold stands. Nothing of it is removed or erased.", "success")
    return redirect(url_for("privacy.index"))


@page.post("/holds/<int:hold_id>/lifting")
@may("erase people")
def lift_hold(hold_id: int):
    """Let the usual days count again."""
    forms.sent()
    legal_holds.lift(hold_id, by=actor())
    flash("The hold is lifted. The usual days count again.", "success")
    return redirect(url_for("privacy.index"))


def _page(form: forms.Form | None = None, hold: forms.Form | None = None):
    """form: of the erasure; hold: of the hold to be placed. What one was refused for is told there alone."""
    form = form or forms.Form()
    found, text = [], form.value("q")
    if text:
        try:
            found = erasures.candidates(forms.clean(text, "q"))
        except InvalidInput as error:
            form = forms.Form(form.values, error)
    names = {one.id: one for one in connections.every(removed=True)}
    return render_template(
        "settings/privacy.html", form=form, hold=hold or forms.Form(), found=found, erasures=erasures.every(),
        holds=legal_holds.every(), names=names, most=erasures.FOUND_AT_MOST,
        labels={key: one.label for key, one in services.every().items()},
    )  # fmt: skip
