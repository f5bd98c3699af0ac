"""What people do about a problem beside mending it: give it to somebody, let it sleep, and write notes on it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for

from ...errors import InvalidInput
from ...operations.support import issue_notes, issues
from .. import forms
from ..access import actor, may
from ..formatting import moment, number
from .issue_acts import SLEEP, snoozed

page = Blueprint("issue_care", __name__, url_prefix="/errors/<int:issue_id>")


@page.post("/assignee")
@may("handle errors")
def assign(issue_id: int):
    """Give it to a person, or to nobody."""
    email = forms.sent("email")["email"]
    try:
        issue = issues.assign(issue_id, email, by=actor())
    except InvalidInput as error:
        return _back(issue_id, str(error), "error")
    return _back(issue_id, f"{issue.assignee} looks after it." if issue.assignee else "It is nobody's now.")


@page.post("/snooze")
@may("handle errors")
def snooze(issue_id: int):
    """Out of sight until a time, so many more events, or twice as many."""
    sent = forms.sent(*SLEEP)
    try:
        issue = snoozed(issue_id, sent)
    except InvalidInput as error:
        return _back(issue_id, str(error), "error")
    until = (
        f"until {moment(issue.snoozed_until)}"
        if issue.snoozed_until
        else f"until it has happened {number(issue.snoozed_count)} times"
    )
    return _back(issue_id, f"The problem is snoozed {until}. Then it is open again by itself.")


@page.post("/mentions")
@may("handle errors")
def mention_read(issue_id: int):
    """What was asked of the reader here is read."""
    forms.sent()
    issue_notes.mark_read(issue_id, by=actor())
    return _back(issue_id, "Marked as read.")


def _back(issue_id: int, said: str, tone: str = "success", part: str | None = None):
    flash(said, tone)
    return redirect(url_for("errors.show", issue_id=issue_id, _anchor=part))
