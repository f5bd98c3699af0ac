"""The page behind an invitation: choose a password, once."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import InvalidInput
from ...operations.people import invitations
from .. import access, forms
from ..access import may

page = Blueprint("invitations", __name__, url_prefix="/invitation")


@page.get("/<token>")
@access.limiter.limit("30 per minute")
@may("anyone")
def show(token: str):
    """Whose it is, and the form; or that the link is spent."""
    try:
        user = invitations.of(token)
    except InvalidInput:
        return _spent()
    return _page(token, forms.Form({"name": user.name}))


@page.post("/<token>")
@access.limiter.limit("30 per minute")
@may("anyone")
def accept(token: str):
    """Keep the password; then they sign in with it."""
    sent = forms.sent("name", raw=("password",))
    try:
        invitations.accept(token, sent["password"], sent["name"])
    except InvalidInput as error:
        if error.field == "link":
            return _spent()
        return _page(token, forms.Form(sent, error)), 422
    access.forget_browser()
    flash("Your password is set. Sign in with it.", "success")
    return redirect(url_for("sign_in.form"))


def _spent():
    return render_template("sign_in/invitation_spent.html"), 422


def _page(token: str, form: forms.Form):
    return render_template("sign_in/invitation.html", user=invitations.of(token), token=token, form=form)
