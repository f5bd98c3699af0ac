"""The columns of the list of calls: which there are, and which of them its reader wants to see."""

from __future__ import annotations

from flask_login import current_user

from ...errors import InvalidInput
from ...operations.finding import views

PATH = "/transactions"
COLUMNS = {
    "call": "Call", "where": "Where", "connection": "Connection", "outcome": "Outcome", "status": "Status",
    "took": "Took", "waited": "Waited for our turn", "try": "Try", "sent": "Sent", "received": "Received", "run": "Run",
    "theirs": "Their request id",
}  # fmt: skip
USUAL = ("call", "where", "outcome", "status", "took", "run")
_FIGURES = ("status", "took", "waited", "try", "sent", "received")  # stand at the right


def chosen() -> list[str]:
    """What this reader sees beside the time."""
    wanted = views.columns(PATH, current_user.user_id) or USUAL
    return [name for name in COLUMNS if name in wanted]


def heads(names: list[str]) -> list[dict[str, str]]:
    """Their headings, for the table."""
    return [{"label": COLUMNS[name], "class": "text-end" if name in _FIGURES else ""} for name in names]


def choose(names: list[str]) -> None:
    """Keep which columns this reader sees. Raises InvalidInput for one there is none of."""
    if any(name not in COLUMNS for name in names):
        raise InvalidInput("The list of calls has no such column. Nothing was saved.", field="columns")
    ordered = [name for name in COLUMNS if name in names]
    views.choose_columns(PATH, [] if ordered == list(USUAL) else ordered, user_id=current_user.user_id)
