"""One's own profile, and for administrators the people who may come in."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask_login import current_user

from ... import clock
from ...errors import Conflict, InvalidInput
from ...models import User
from ...models.user import ROLES
from ...operations.people import invitations, second_factor, sessions, users
from .. import access, forms, shell
from ..access import may
from ..formatting import zones

page = Blueprint("users", __name__, url_prefix="/settings")

_YEAR_S = 365 * 24 * 3600
CHOICES = {
    "theme": shell.THEMES, "times": ("relative", "full"), "rows": ("roomy", "dense"), "keys": ("on", "off"),
}  # fmt: skip
ROLE_WORDS = {
    "admin": "Admin: everything, also people and settings",
    "staff": "Staff: start runs, pause, see records and export",
    "support": "Support: see what happened; record contents are masked",
}


# -- one's own profile -----------------------------------------------------------------------------------------------


@page.get("/profile")
@may("keep own profile")
def profile():
    """Name, zone, look, password, sessions."""
    return _profile_page()


@page.post("/profile")
@may("keep own profile")
def save_profile():
    """Keep name and zone."""
    sent = forms.sent("name", "time_zone")
    try:
        users.save_profile(users.by_id(current_user.user_id), name=sent["name"], time_zone=sent["time_zone"])
    except InvalidInput as error:
        error.field = {"firm.time_zone": "time_zone"}.get(error.field or "", error.field)
        return _profile_page(about=forms.Form(sent, error)), 422
    flash("Your profile is saved.", "success")
    return redirect(url_for("users.profile"))


@page.post("/profile/look")
@may("keep own profile")
def save_look():
    """Keep, in this browser, the theme, how close rows stand, and how times and keys work."""
    sent = forms.sent(*CHOICES)
    answer = make_response(redirect(url_for("users.profile")))
    for name in CHOICES:
        _keep(answer, name, sent[name])
    flash("Saved for this browser.", "success")
    return answer


@page.post("/profile/theme")
@may("keep own profile")
def save_theme():
    """Keep the theme alone, chosen in the top bar of any page, and go back to that page."""
    sent = forms.sent("theme", "back")
    answer = make_response(redirect(access.local_path(sent["back"])))
    _keep(answer, "theme", sent["theme"])
    return answer


def _keep(answer: Response, name: str, chosen: str) -> None:
    """Remember a choice in this browser. Raises InvalidInput when there is none such."""
    if chosen not in CHOICES[name]:
        raise InvalidInput(f"Choose one of {', '.join(CHOICES[name])}.", field=name)
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    answer.set_cookie(name, chosen, max_age=_YEAR_S, httponly=True, samesite="Lax", secure=secure)


@page.post("/profile/password")
@access.limiter.limit("30 per minute")
@may("keep own profile")
def change_password():
    """Change one's own password; other browsers are signed out."""
    sent = forms.sent(raw=("old_password", "new_password"))
    user = users.by_id(current_user.user_id)
    try:
        users.change_password(user, sent["old_password"], sent["new_password"], keep_session=current_user.session_id)
    except InvalidInput as error:
        return _profile_page(password=forms.Form({}, error)), 422
    flash("Your password is changed. Every other browser is signed out.", "success")
    return redirect(url_for("users.profile"))


@page.post("/profile/sessions/end")
@may("keep own profile")
def end_other_sessions():
    """Sign out every other browser."""
    forms.sent()
    users.end_sessions(users.by_id(current_user.user_id), actor=access.actor(), but=current_user.session_id)
    flash("Every other browser is signed out.", "success")
    return redirect(url_for("users.profile"))


def _profile_page(about: forms.Form | None = None, password: forms.Form | None = None):
    user = users.by_id(current_user.user_id)
    look = {
        "theme": shell.theme(),
        **{name: request.cookies.get(name, CHOICES[name][0]) for name in CHOICES if name != "theme"},
    }
    return render_template(
        "settings/profile.html",
        about=about or forms.Form({"name": user.name, "time_zone": user.time_zone}),
        has_second_factor=second_factor.has(user.id), password=password or forms.Form(), look=forms.Form(look),
        zones=zones(), sessions=sessions.of_user(user.id),
    )  # fmt: skip


# -- people ----------------------------------------------------------------------------------------------------------


@page.get("/people")
@may("manage people")
def people():
    """Everybody who may come in, or could."""
    return _people_page(forms.Form({"role": "staff"}))


@page.post("/people")
@may("manage people")
def add_person():
    """Add somebody; the link by which they choose a password is shown on the answer and nowhere else."""
    sent = forms.sent("email", "name", "role")
    try:
        user, _ = users.add(sent["email"], sent["role"], name=sent["name"], actor=access.actor())
    except InvalidInput as error:
        return _people_page(forms.Form(sent, error)), 422
    except Conflict as error:
        return _people_page(forms.Form(sent, InvalidInput(str(error), field="email"))), 409
    return _link_page(user, is_new=True)


@page.get("/people/<int:user_id>")
@may("manage people")
def person(user_id: int):
    """One person: role, sessions, and whether they may come in."""
    user = users.by_id(user_id)
    return render_template(
        "settings/person.html", user=user, sessions=sessions.of_user(user.id), roles=ROLE_WORDS.items(),
        has_second_factor=second_factor.has(user.id),
    )  # fmt: skip


@page.post("/people/<int:user_id>/role")
@may("manage people")
def set_role(user_id: int):
    """Give another role; it counts at once."""
    sent = forms.sent("role")
    user = users.by_id(user_id)
    users.set_role(user, sent["role"], actor=access.actor())
    flash(f"{user.email} now has the role {sent['role']} and signs in again.", "success")
    return redirect(url_for("users.people"))


@page.post("/people/<int:user_id>/disable")
@may("manage people")
def disable(user_id: int):
    """Keep somebody out, at once."""
    forms.sent()
    user = users.by_id(user_id)
    users.disable(user, actor=access.actor())
    flash(f"{user.email} is disabled and signed out everywhere.", "success")
    return redirect(url_for("users.people"))


@page.post("/people/<int:user_id>/enable")
@may("manage people")
def enable(user_id: int):
    """Let somebody in again."""
    forms.sent()
    user = users.by_id(user_id)
    users.enable(user, actor=access.actor())
    flash(f"{user.email} may sign in again.", "success")
    return redirect(url_for("users.people"))


@page.post("/people/<int:user_id>/password")
@may("manage people")
def reset_password(user_id: int):
    """A forgotten password stops working; the link to choose a new one is shown once."""
    forms.sent()
    user = users.by_id(user_id)
    users.reset_password(user, actor=access.actor())
    return _link_page(user, is_new=False)


@page.post("/people/<int:user_id>/second-factor/removal")
@may("manage people")
def reset_second_factor(user_id: int):
    """For somebody who lost their phone and their codes."""
    forms.sent()
    user = users.by_id(user_id)
    second_factor.reset(user, actor=access.actor())
    flash(f"{user.email} signs in with the password alone, and was signed out everywhere.", "success")
    return redirect(url_for("users.person", user_id=user_id))


def _link_page(user: User, *, is_new: bool):
    link = invitations.make(user, actor=access.actor())
    hours = int(invitations.GOOD_FOR.total_seconds() // 3600)
    return render_template("settings/person_link.html", user=user, link=link, hours=hours, is_new=is_new)


@page.post("/people/<int:user_id>/sessions/end")
@may("manage people")
def end_sessions(user_id: int):
    """Sign somebody out everywhere."""
    forms.sent()
    user = users.by_id(user_id)
    users.end_sessions(user, actor=access.actor())
    flash(f"{user.email} is signed out everywhere.", "success")
    return redirect(url_for("users.person", user_id=user_id))


def _people_page(form: forms.Form):
    roles = [(role, ROLE_WORDS[role]) for role in ROLES]
    return render_template(
        "settings/people.html", people=users.every(), form=form, roles=roles, invited=invitations.waiting(),
        now=clock.now(),
    )  # fmt: skip
