"""The scopes of HighLevel's tokens: what we ask for, what stops without, and which one a call takes.

A Private Integration Token has them ticked in the location's settings, an application in the marketplace.
"""

from __future__ import annotations

import re

from ..base import Call

SCOPES = (
    "contacts.readonly", "contacts.write", "opportunities.readonly", "opportunities.write", "users.readonly",
    "locations.readonly", "locations/customFields.readonly", "locations/tags.readonly", "calendars.readonly",
)  # fmt: skip
STOPS_WITHOUT = {
    "contacts.readonly": "contacts, their notes and their tasks cannot be read",
    "contacts.write": "no mapping can write contacts",
    "opportunities.readonly": "opportunities and pipelines cannot be read",
    "opportunities.write": "no mapping can write opportunities",
    "users.readonly": "users cannot be read, so owners stay numbers",
    "locations.readonly": "the location cannot be told, and nothing can be connected",
    "locations/customFields.readonly": "custom fields have no names",
    "locations/tags.readonly": "the list of tags cannot be read",
    "calendars.readonly": "calendars cannot be read",
}
NEEDED = ("locations.readonly",)
WITHOUT_SCOPE = "missing scope"
_UNDER_LOCATION = re.compile(r"/locations/[^/]+/(customFields|tags)\b")


def scope_of(call: Call) -> str:
    """The scope a call takes; a search by POST only reads.

    >>> scope_of(Call("POST", "/contacts/search", safe=True)), scope_of(Call("GET", "/locations/l1/tags"))
    ('contacts.readonly', 'locations/tags.readonly')
    """
    under = _UNDER_LOCATION.match(call.path)
    area = f"locations/{under[1]}" if under else call.path.strip("/").partition("/")[0]
    return f"{area}.{'readonly' if call.method == 'GET' or call.safe else 'write'}"


def lacking(call: Call | None) -> str:
    """What is missing, and where a person gives it; nothing where nobody knows what was asked."""
    if call is None:
        return ""
    scope = scope_of(call)
    stops = f": without it {STOPS_WITHOUT[scope]}" if scope in STOPS_WITHOUT else ""
    return (
        f"Its token lacks the scope {scope}{stops}. In GoHighLevel tick it under Settings, Private Integrations, or, "
        "where you signed in by consent, among the scopes of the application in the marketplace; then reconnect."
    )
