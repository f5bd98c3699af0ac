"""Clockify: hours worked, on which project and for which client.

Source: https://docs.clockify.me (OpenAPI document of 2026-07-22, API v1), corrected by what live answers were seen
to hold: nulls while a timer runs, windows read in the account's own time zone, 400 where others say 404.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping

from ...errors import BadAnswer, BadRecord, Missing, NotAllowed
from ..base import (
    NO_SETTINGS,
    Account,
    Answer,
    ApiKey,
    Call,
    Credential,
    Limit,
    Page,
    Reading,
    Resource,
    Service,
    Span,
    Upstream,
    body_of,
    dig,
    replace,
)
from . import changes
from .changes import A_DAY, stamp
from .hooks import WEBHOOK
from .records import PAGES, Client, CustomField, Project, Tag, Task, TimeEntry, User, W, Workspace
from .writing import ClockifyWriting

BY_ID: Mapping[str, str] = {"sort-column": "ID", "sort-order": "ASCENDING"}  # so that pages do not shift by name
EVERY_ACCOUNT = "ACTIVE,PENDING_EMAIL_VERIFICATION,NOT_REGISTERED,LIMITED,LIMITED_DELETED,DELETED"

TRAILING = dt.timedelta(days=35)

# -- Clockify ---------------------------------------------------------------------------------------------------------


class ClockifyService(Service):
    """Clockify API v1, one workspace.

    No record says when it changed, and no list can be narrowed to changes. Every list is read whole each time, equal
    records costing no write; only time entries are too many. An increment of those asks the lists of created, updated
    and deleted entities where the workspace has them (an experiment of Clockify's), else it re-reads each person's
    entries that begin from 35 days back to 35 days ahead and compares. What was changed further back, such as an old
    timer stopped only now, shows at the next full read.

    Connection settings: `plan` (free: 30 calls an hour; found out when connecting), `trailing_days`, `entity_changes`
    (auto, yes, no).
    """

    key = "clockify"
    label = "Clockify"
    description = "Time entries, projects, clients and people of a workspace."
    category = "Time tracking"
    source = "https://docs.clockify.me"
    source_read = dt.date(2026, 7, 22)
    base_url = "https://api.clockify.me/api/v1"  # serves the workspaces of every region

    ways = (ApiKey("X-Api-Key"),)
    credentials = (
        Credential("api_key", "API key", secret=True, hint="Preferences, then Advanced; it sees what its owner sees"),
        Credential("workspace_id", "Workspace ID", required=False, hint="Empty: the workspace its owner works in"),
        Credential(
            "plan", "Plan", required=False, choices=("", "paid", "free"),
            hint="Newly made free workspaces get 30 calls an hour for everybody together",
        ),
    )  # fmt: skip

    switches = (
        Credential(
            "trailing_days", "Days compared", required=False,
            hint="How many days back and ahead an increment compares time entries; 35 when empty",
        ),
        Credential(
            "entity_changes", "Lists of changes", required=False, choices=("auto", "yes", "no"),
            hint="Experimental at Clockify; auto finds out whether the workspace has them",
        ),
    )  # fmt: skip

    # No number is published for keys; the vendor allows add-ons and paid workspaces 50 a second. No header says what
    # is left, and a 429 does not say how long to wait.
    limits = (Limit(10, 1),)
    free_limits = (Limit(30, 3600),)
    writing = ClockifyWriting()
    webhook = WEBHOOK

    # What it holds; owners before what is listed under them.
    users = Resource(
        W + "/users", User, PAGES, title="name|email", changed=None, one="", reference=True,
        params={**BY_ID, "status": "ALL", "account-statuses": EVERY_ACCOUNT, "include-roles": "false"},
    )  # fmt: skip
    clients = Resource(W + "/clients", Client, PAGES, changed=None)
    # Without the parameter `archived`: both kinds.
    projects = Resource(W + "/projects", Project, PAGES, changed=None, params=BY_ID, reference=True)
    tasks = Resource(
        W + "/projects/{owner}/tasks", Task, PAGES, changed=None, params=BY_ID, per="projects", reference=True
    )
    time_entries = Resource(
        W + "/user/{owner}/time-entries", TimeEntry, PAGES, title="description|timeInterval.start", changed=None,
        one=W + "/time-entries/{id}", per="users", owner_at="userId", outlives=True, starts="timeInterval.start",
        trailing=TRAILING,
    )  # fmt: skip
    tags = Resource(W + "/tags", Tag, PAGES, changed=None, params=BY_ID, reference=True)
    custom_fields = Resource(W + "/custom-fields", CustomField, changed=None, one="", reference=True)
    workspaces = Resource("/workspaces", Workspace, changed=None, reference=True)

    def account(self, upstream: Upstream) -> Account:
        """The workspace: the one that was named, else the one the key's owner works in."""
        me = upstream.send(Call("GET", "/user")).data
        workspace_id = upstream.settings.get("workspace_id") or dig(me, "activeWorkspace")
        if not workspace_id:
            raise BadAnswer("Clockify did not say which workspace this is.")
        call = Call("GET", f"/workspaces/{workspace_id}", template=W)
        workspace = upstream.send(call).data
        plan = str(dig(workspace, "featureSubscriptionType") or "")
        told = {
            "workspace_id": workspace_id, "Signed in as": dig(me, "name"), "E-mail": dig(me, "email"),
            "Zone": dig(me, "settings.timeZone"), "Plan": plan.replace("_", " ").capitalize(),
            "plan": "free" if plan == "FREE" else None,
        }  # fmt: skip
        facts = {name: str(value) for name, value in told.items() if value}
        return Account(str(workspace_id), str(dig(workspace, "name") or ""), facts)

    def limits_for(self, settings: Mapping[str, str]) -> tuple[Limit, ...]:
        """A free workspace has its 30 calls an hour for everybody who uses it."""
        return self.free_limits if settings.get("plan") == "free" else self.limits

    def list_call(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> Call:
        """An increment of one person's time entries asks for a day more on each side than is compared.

        Clockify reads the clock face of start and end in the zone of the key's owner, whatever zone they name.
        """
        call = super().list_call(resource, reading, settings)
        if resource is not self.time_entries or reading.full:
            return call
        span = _span(reading, settings)
        return replace(call, params={**call.params, "start": stamp(span.start - A_DAY), "end": stamp(span.end + A_DAY)})

    def compared(self, resource: Resource, reading: Reading, settings: Mapping[str, str] = NO_SETTINGS) -> Span | None:
        """The window an increment re-reads, without the day on each side that may be cut by the zone."""
        return _span(reading, settings) if resource is self.time_entries and not reading.full else None

    # -- what changed, in one go --------------------------------------------------------------------------------------

    def by_owner(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> bool:
        """Person by person, except for an increment of time entries that can ask for all changes at once."""
        if resource is not self.time_entries or reading.full:
            return super().by_owner(resource, reading, settings)
        wanted = settings.get("entity_changes") or "auto"
        refused = wanted == "auto" and reading.state.get("entity_changes") is False
        return wanted == "no" or refused or changes.after(reading) is None

    def read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """Time entries of nobody in particular are the changes of everybody's.

        Where the workspace refuses to tell them, this read falls back on everybody's window, and later ones are told.
        """
        if resource is not self.time_entries or reading.owner:
            yield from super().read(upstream, resource, reading)
            return
        try:
            yield from changes.pages(self, upstream, reading)
        except (BadAnswer, BadRecord, Missing, NotAllowed):
            if upstream.settings.get("entity_changes") == "yes":
                raise
            yield from self._everybodys_window(upstream, reading)

    def _everybodys_window(self, upstream: Upstream, reading: Reading) -> Iterator[Page]:
        """Person after person; their list is asked for, as nobody has handed one over."""
        for users in super().read(upstream, self.users, Reading(full=True, now=reading.now)):
            for user in users.items:
                one = replace(reading, owner=dig(user, "id"), cursor=None)
                for page in super().read(upstream, self.time_entries, one):
                    yield replace(page, cursor=None, remember={"entity_changes": False})

    # -- failures -----------------------------------------------------------------------------------------------------

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """{"message": sentence, "code": number}; a 429 is bare text."""
        body = body_of(answer)
        message = str(body.get("message") or "")
        at_fault = re.search(r"for field: \[(\w+)\]", message)
        field = at_fault[1] if at_fault else "name" if "already exists" in message else None
        return message, str(body.get("code") or ""), field

    def decide(self, answer: Answer) -> str | None:
        """An id that is unknown, deleted or another workspace's answers 400, as other mistakes do."""
        if answer.status == 400 and "doesn't belong to" in self.explain(answer)[0]:
            return "missing"
        return super().decide(answer)


def _span(reading: Reading, settings: Mapping[str, str]) -> Span:
    days = str(settings.get("trailing_days") or "")
    trailing = dt.timedelta(days=int(days)) if days.isdigit() and 0 < int(days) <= 3660 else TRAILING
    return Span(reading.now - trailing, reading.now + trailing)


SERVICE = ClockifyService()
