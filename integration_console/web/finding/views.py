"""Saved views: kept from the list they filter, and shown above it."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, request
from flask_login import current_user

from ...errors import InvalidInput
from ...operations.finding import views
from .. import forms
from ..access import actor, local_path, may

BUILT_IN = {  # what everybody looks for first, by list: name and filter
    "/transactions": (
        ("Refused in the last 24 hours", "status=4xx&range=24h"), ("Their failures in the last 24 hours",
        "status=5xx&range=24h"), ("Slow: over 5 s", "took=5"),
    ),
    "/runs": (
        ("Failed in the last 24 hours", "state=failed&range=24h"), ("Needs attention", "state=problems"),
        ("By schedule in the last 24 hours", "cause=schedule&range=24h"),
    ),
    "/errors/log": (("Failures of the last 24 hours", "range=24h"),),
    "/writes": (("Refused", "state=refused"), ("Fate unknown", "state=uncertain")),
    "/deliveries": (("Set aside", "state=dead"),),
}  # fmt: skip
page = Blueprint("views", __name__, url_prefix="/views")


@page.record_once
def _tell_templates(state) -> None:
    app: Flask = state.app
    app.jinja_env.globals["saved_views"] = lambda: views.of(request.path, current_user.user_id)
    app.jinja_env.globals["built_in_views"] = lambda: BUILT_IN.get(request.path, ())


@page.post("")
@may("keep own profile")
def save():
    """Keep the filter of the list the form stands on."""
    sent = forms.sent("path", "query", "name", "shared")
    path = local_path(sent["path"]).partition("?")[0]
    back = f"{path}?{sent['query']}" if sent["query"] else path
    try:
        view = views.save(
            path, sent["query"], sent["name"], shared=bool(sent["shared"]), user_id=current_user.user_id, actor=actor()
        )
    except InvalidInput as error:
        flash(f"{error} Nothing was saved.", "error")
        return redirect(local_path(back))
    flash(f"The view {view.name} is saved.", "success")
    return redirect(f"{path}?{view.query}")


@page.post("/<int:view_id>/removal")
@may("keep own profile")
def remove(view_id: int):
    """Forget one."""
    forms.sent()
    view = views.remove(view_id, user_id=current_user.user_id, role=current_user.role, actor=actor())
    flash(f"The view {view.name} is removed.", "success")
    return redirect(local_path(view.path))
