"""API tokens, for administrators: what programs come in with. A token is shown once, on the page that made it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user

from ... import clock
from ...errors import Conflict, InvalidInput, together
from ...operations.people import tokens, users
from .. import access, forms
from ..access import may
from ..formatting import moment

page = Blueprint("tokens", __name__, url_prefix="/settings/tokens")

SCOPE_WORDS = [
    ("read", "Read: see records, runs and errors"),
    ("write", "Read and write: also change matters, start runs and retry"),
]


@page.get("")
@may("manage API tokens")
def index():
    """Every token, and the form for a new one."""
    return _page(forms.Form({"owner": current_user.user_id, "scope": "read", "days": tokens.DAYS}))


@page.post("")
@may("manage API tokens")
def create():
    """Make one; it is shown on the answer and nowhere else."""
    sent = forms.sent("name", "owner", "scope", "days")
    try:
        name, owner, days = together(
            lambda: _name(sent["name"]), lambda: _owner(sent["owner"]), lambda: _days(sent["days"])
        )
        token, text = tokens.issue(owner, [sent["scope"]], name=name, days=days, actor=access.actor())
    except InvalidInput as error:
        return _page(forms.Form(sent, error)), 422
    except Conflict as error:
        return _page(forms.Form(sent, InvalidInput(str(error), field="owner"))), 409
    return render_template("settings/token_made.html", token=token, text=text)


@page.post("/<int:token_id>/revocation")
@may("manage API tokens")
def revoke(token_id: int):
    """Let one open nothing any more."""
    forms.sent()
    token = tokens.find(token_id)
    tokens.revoke(token, actor=access.actor())
    flash(f"The token {token.name or '…' + token.hint} opens nothing any more.", "success")
    return redirect(url_for("tokens.index"))


@page.post("/<int:token_id>/rotation")
@may("manage API tokens")
def rotate(token_id: int):
    """A new one in its place; the old one ends now, or in a week."""
    overlap = forms.sent("overlap")["overlap"] == "yes"
    try:
        token, text = tokens.rotate(tokens.find(token_id), overlap=overlap, actor=access.actor())
    except Conflict as error:
        flash(str(error), "warning")
        return redirect(url_for("tokens.index"))
    old = (
        f"The old one works until {moment(clock.now() + tokens.OVERLAP)} at most."
        if overlap
        else "The old one is refused now."
    )
    return render_template("settings/token_made.html", token=token, text=text, old=old)


def _name(text: str) -> str:
    """A list of tokens without names tells nobody which of them to revoke."""
    if not text:
        raise InvalidInput("Give the token a name: what it is for.", field="name")
    return text


def _owner(number: str):
    chosen = [user for user in users.every() if str(user.id) == number]
    if not chosen:
        raise InvalidInput("Choose whose rights the token has.", field="owner")
    return chosen[0]


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInput("Enter whole days.", field="days")
    return int(text[:9])


def _page(form: forms.Form):
    owners = [(user.id, f"{user.email}, {user.role}") for user in users.every() if user.active]
    return render_template(
        "settings/tokens.html", tokens=tokens.every(), state=tokens.state, form=form, owners=owners, scopes=SCOPE_WORDS,
        longest=tokens.LONGEST_DAYS,
    )  # fmt: skip
