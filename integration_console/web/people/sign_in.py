"""Sign in, sign out, and the first administrator's way in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user
from flask_login.mixins import UserMixin

from ...errors import ConsoleError, InvalidInput, TooMany
from ...operations.accounts import connections
from ...operations.people import first_administrator, users
from .. import access, forms
from ..access import may

page = Blueprint("sign_in", __name__)


@page.get("/sign-in")
@may("anyone")
def form():
    """The door. Whoever is inside already goes on; before there is anybody, the first administrator is made."""
    if current_user.is_authenticated:
        return redirect(access.local_path(request.args.get("next")))
    if not users.has_anybody():
        return redirect(url_for("sign_in.set_up_form"))
    return _sign_in_page(forms.Form({"next": request.args.get("next", "/")}))


@page.post("/sign-in")
@access.limiter.limit("60 per minute")
@may("anyone")
def sign_in():
    """Check the password and go on to the page that was asked for."""
    sent = forms.sent("email", "next", "code", raw=("password",))
    try:
        token = users.sign_in(
            sent["email"], sent["password"], address=request.remote_addr or "", browser=request.user_agent.string,
            code=sent["code"],
        )  # fmt: skip
    except (InvalidInput, TooMany) as error:
        return _refused(error, sent)
    _enter(token)
    return redirect(access.local_path(sent["next"]))


@page.post("/sign-out")
@may("keep own profile")
def sign_out():
    """End this session, here and on the server."""
    users.sign_out(current_user)
    access.forget_browser()
    flash("You are signed out.", "success")
    return redirect(url_for("sign_in.form"))


@page.get("/setup")
@may("anyone")
def set_up_form():
    """The first administrator's form; gone once there is one."""
    if users.has_administrator():
        return redirect(url_for("sign_in.form"))
    return _set_up_page(forms.Form())


@page.post("/setup")
@access.limiter.limit("30 per minute")
@may("anyone")
def set_up():
    """Make the first administrator, with the code printed in the terminal."""
    sent = forms.sent("code", "email", "name", raw=("password",))
    address = request.remote_addr or ""
    try:
        first_administrator.make(sent["code"], sent["email"], sent["password"], sent["name"], address=address)
    except InvalidInput as error:
        return _set_up_page(forms.Form(sent, error)), 422
    _enter(users.sign_in(sent["email"], sent["password"], address=address, browser=request.user_agent.string))
    next_step = "Look around." if connections.every() else "Next: connect an account."
    flash(f"You are the administrator. {next_step}", "success")
    return redirect("/")


class _Token(UserMixin):
    """What Flask-Login keeps in the cookie: the secret id of the session row, nothing about the person."""

    def __init__(self, token: str) -> None:
        self.id = token


def _enter(token: str) -> None:
    access.forget_browser()  # nothing planted in the cookie before survives (X4)
    login_user(_Token(token))
    session.modified = True


def _refused(error: ConsoleError, sent: dict):
    if isinstance(error, TooMany):
        return _sign_in_page(forms.Form(sent), wait_s=error.wait_s), 429, {"Retry-After": str(int(error.wait_s) + 1)}
    place = "code" if isinstance(error, InvalidInput) and error.field == "code" else None
    return _sign_in_page(forms.Form({**sent, "code": ""}, InvalidInput(str(error), field=place))), 422


def _sign_in_page(form: forms.Form, wait_s: float | None = None):
    return render_template("sign_in/index.html", form=form, wait_s=wait_s)


def _set_up_page(form: forms.Form):
    return render_template("setup/index.html", form=form)
