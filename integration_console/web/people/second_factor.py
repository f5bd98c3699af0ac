"""One's own second factor: added with a picture and a first code, its recovery codes, and its removal."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user

from ...errors import Conflict, InvalidInput
from ...operations.people import second_factor, users
from .. import access, forms
from ..access import may

page = Blueprint("second_factor", __name__, url_prefix="/settings/profile/second-factor")


@page.get("")
@may("keep own profile")
def show():
    """Whether there is one, and what can be done."""
    return _page()


@page.post("")
@may("keep own profile")
def begin():
    """A key for the app, as a picture and to type."""
    forms.sent()
    return _page(enrolment=second_factor.begin(_me()))


@page.post("/confirmation")
@access.limiter.limit("30 per minute")
@may("keep own profile")
def confirm():
    """The first code; then the recovery codes, once."""
    sent = forms.sent("code")
    try:
        codes = second_factor.confirm(_me(), sent["code"], keep_session=current_user.session_id)
    except InvalidInput as error:
        return _page(enrolment=second_factor.enrolment(_me()), form=forms.Form({}, error)), 422
    return render_template("settings/recovery_codes.html", codes=codes)


@page.post("/codes")
@access.limiter.limit("30 per minute")
@may("keep own profile")
def renew_codes():
    """Ten new recovery codes."""
    sent = forms.sent(raw=("password",))
    try:
        codes = second_factor.renew_codes(_me(), sent["password"])
    except InvalidInput as error:
        return _page(codes_form=forms.Form({}, error)), 422
    return render_template("settings/recovery_codes.html", codes=codes)


@page.post("/removal")
@access.limiter.limit("30 per minute")
@may("keep own profile")
def remove():
    """The password alone again."""
    sent = forms.sent(raw=("present_password",))
    if second_factor.required_of(current_user.role):
        raise Conflict("The firm asks everyone of your role for a second factor.")
    try:
        second_factor.remove(_me(), sent["present_password"], keep_session=current_user.session_id)
    except InvalidInput as error:
        return _page(removal=forms.Form({}, InvalidInput(str(error), field="present_password"))), 422
    flash("Your second factor is removed. Every other browser is signed out.", "success")
    return redirect(url_for("second_factor.show"))


def _me():
    return users.by_id(current_user.user_id)


def _page(enrolment=None, form=None, codes_form=None, removal=None):
    there = second_factor.has(current_user.user_id)
    return render_template(
        "settings/second_factor.html", there=there, enrolment=enrolment, form=form or forms.Form(),
        codes_form=codes_form or forms.Form(), removal=removal or forms.Form(),
        left=second_factor.codes_left(current_user.user_id), required=second_factor.required_of(current_user.role),
    )  # fmt: skip
