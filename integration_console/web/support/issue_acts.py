"""What can be done with several problems at once, and how long a problem sleeps as its form says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ... import clock
from ...errors import InvalidInput
from ...models import Issue
from ...operations.several import Outcome, each
from ...operations.support import issue_list, issue_notes, issues
from ..access import actor
from ..filters import Asked, instant
from ..several import Act, Several, one_by_one

FILTERS = {"state": "State", "sort": "Order"}
TABS = {
    "open": "Open", "snoozed": "Snoozed", "acknowledged": "Acknowledged", "resolved": "Resolved",
    issue_list.MINE: "Mine",
}  # fmt: skip
FITTING = {  # what makes sense on which tab
    "open": ("acknowledge", "assign", "snooze", "resolve"), "snoozed": ("acknowledge", "assign", "reopen", "resolve"),
    "acknowledged": ("assign", "snooze", "reopen", "resolve"), "resolved": ("reopen",),
    issue_list.MINE: ("acknowledge", "assign", "snooze", "resolve"),
}  # fmt: skip
SPANS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7)}
SLEEP = ("for", "until", "events")  # the fields that say how long


def snoozed(issue_id: int, sent: Mapping[str, str]) -> Issue:
    """Put it to sleep as the form says. Raises as issues.snooze."""
    how = sent["for"]
    if how in SPANS:
        return issues.snooze(issue_id, by=actor(), until=clock.now() + SPANS[how])
    if how == "worse":
        return issues.snooze_until_worse(issue_id, by=actor())
    if how == "events":
        text = sent["events"]
        more = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        return issues.snooze(issue_id, by=actor(), events=more)
    if how == "time":
        return issues.snooze(issue_id, by=actor(), until=instant(sent["until"]))
    raise InvalidInput("Choose for how long it is snoozed.", field="for")


def _assign(numbers, sent) -> Outcome:
    if sent["email"]:
        issue_notes.active_email(sent["email"])  # somebody who is not there is told before anything is done
    return each(numbers, lambda number: issues.assign(number, sent["email"], by=actor()))


def _find(asked: Asked):
    return issue_list.found(asked.one_of("state", TABS) or "open", reader=actor())


SEVERAL = Several(
    "Errors", "errors", "problem", "problems", FILTERS, _find, issue_list.titles,
    (
        Act("acknowledge", "Acknowledge", "handle errors",
            "Each says that you look after it, and is not among the open ones.",
            "acknowledged", one_by_one(issues.acknowledge)),
        Act("assign", "Assign", "handle errors", "Whoever is chosen finds each on their tab Mine.", "assigned", _assign,
            ("email",), "errors/_assign.html", lambda: {"people": issues.people(), "me": actor()}),
        Act("snooze", "Snooze", "handle errors", "Each is out of sight until then, and opens again by itself.",
            "snoozed", lambda numbers, sent: each(numbers, lambda number: snoozed(number, sent)), SLEEP,
            "errors/_snooze.html"),
        Act("reopen", "Reopen", "handle errors", "Each is among the open ones again.", "open again",
            one_by_one(issues.reopen)),
        Act("resolve", "Resolve", "close dead letters", "Records that wait because of one are no longer waited for. "
            "What happens again opens by itself.", "resolved", one_by_one(issues.resolve)),
    ),
    "errors.show", "issue_id",
)  # fmt: skip
