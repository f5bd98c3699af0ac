"""HighLevel (GoHighLevel, LeadConnector): a sales team's contacts and opportunities, one location at a time.

Source: https://marketplace.gohighlevel.com/docs and GitHub GoHighLevel/highlevel-api-docs (2026-06-19), API 2.0

The contact search is in no official schema; its shape is known from recorded traffic. No list names its fields, and
there is no mark for deletion: what a full read no longer shows is gone.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...errors import BadAnswer, NeedsPerson
from ..base import (
    Account,
    Answer,
    ApiKey,
    Call,
    Credential,
    Limit,
    LimitHeaders,
    OAuth,
    Page,
    Reading,
    Resource,
    Service,
    Upstream,
    body_of,
    dig,
    replace,
)
from .hooks import WEBHOOK
from .records import Calendar, Contact, CustomField, Note, Opportunity, Pipeline, Tag, Task, User, as_by_id
from .scopes import NEEDED, SCOPES, STOPS_WITHOUT, WITHOUT_SCOPE, lacking
from .writing import GHLWriting

PAGE = 100
SEARCH_LAGS = dt.timedelta(minutes=1)  # "may take a few seconds"
FOR_AGENCY = (
    "This sign-in was for a whole agency, whose token names no location. Sign in again and choose the sub-account that "
    "is to be read."
)

# -- paging -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LastSeen:
    """The next page begins behind the last record of this one, which carries its own place in the order.

    A page that is not full is the last. Numbered pages would end at the 10 000th record; the `nextPageUrl` some
    answers hold points to a host nobody outside can reach.
    """

    mark: str  # the field of a record that holds its place
    shifts: bool = False  # by what they are ordered is told nowhere: a record may move to a page that was read already

    def apply(self, call: Call, cursor: Any | None) -> Call:
        """The searches take the place in their body; the older GET takes it in two parameters."""
        if call.method == "GET":
            return replace(call, params={**call.params, **(cursor or {})})
        return replace(call, json={**call.json, **({"searchAfter": cursor} if cursor else {})})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        """The place of the last record; the GET tells it beside the list."""
        if len(items) < PAGE:
            return None
        if call.method == "GET":
            place = {name: dig(answer.data, f"meta.{name}") for name in ("startAfter", "startAfterId")}
            return place if place["startAfterId"] else None
        place = dig(items[-1], self.mark)
        if not place:
            raise BadAnswer(f"The last record of the page has no {self.mark}: the next page cannot be asked for.")
        return place


# -- HighLevel --------------------------------------------------------------------------------------------------------


class GHLService(Service):
    """HighLevel API 2.0, one location (sub-account).

    Opportunities have no filter for what changed: every read lists them all, and equal ones cost no write. Notes and
    tasks exist only under their contact; an increment asks for those of contacts that changed, so a note on an
    otherwise untouched contact waits for the next full read where HighLevel does not count it as a change.

    A connection setting `opportunity_search = post` picks the other form of the opportunity search.
    """

    key = "ghl"
    label = "GoHighLevel"
    description = "Contacts, opportunities, notes and tasks of a location."
    category = "Sales"
    source = "https://marketplace.gohighlevel.com/docs"
    source_read = dt.date(2026, 6, 19)
    base_url = "https://services.leadconnectorhq.com"

    ways = (
        ApiKey("Authorization", prefix="Bearer "),
        OAuth(
            authorize_url="https://marketplace.gohighlevel.com/oauth/chooselocation",
            token_url="https://services.leadconnectorhq.com/oauth/token",  # noqa: S106 (an address, not a token)
            scopes=SCOPES,
            stops_without=STOPS_WITHOUT,
            needed=NEEDED,
            rotates=True,
            idle=dt.timedelta(days=365),
            body_extra={"user_type": "Location"},
        ),
    )
    credentials = (
        Credential(
            "api_key", "Private Integration Token", secret=True,
            hint="Settings, then Private Integrations; it begins with pit- and needs leave to view contacts, "
            "opportunities, users, locations, custom fields, tags and calendars; to edit contacts and opportunities "
            "too, where a mapping is to write them",
        ),
        Credential("location_id", "Location ID", hint="Settings, then Business Profile"),
    )  # fmt: skip
    switches = (
        Credential(
            "opportunity_search", "How opportunities are listed", required=False, choices=("get", "post"),
            hint="Both bring the same; take the other way where opportunities cannot be read",
            words={"get": "The usual way", "post": "The other way"},
        ),
    )  # fmt: skip
    token_settings: ClassVar = {"locationId": "location_id"}

    # Per app and location. Source: docs, "Rate limits". The headers are missing on some answers.
    limits = (Limit(100, 10), Limit(200_000, 86_400))
    limit_headers = LimitHeaders(
        limit="X-RateLimit-Max", remaining="X-RateLimit-Remaining", daily_limit="X-RateLimit-Limit-Daily",
        daily_remaining="X-RateLimit-Daily-Remaining", daily_reset="X-RateLimit-Daily-Reset",
    )  # fmt: skip
    headers: ClassVar = {"Version": "2021-07-28", "Accept": "application/json"}  # calendars want an older one
    writing = GHLWriting()
    webhook = WEBHOOK

    # What it holds.
    contacts = Resource(
        "/contacts/search", Contact, LastSeen("searchAfter"), title="name|firstName lastName|companyName|email|phone",
        changed="dateUpdated", since="dateUpdated", one="/contacts/{id}", items_at="contacts", item_at="contact",
        count_at="total", lag=SEARCH_LAGS,
    )  # fmt: skip
    opportunities = Resource(
        "/opportunities/search", Opportunity, LastSeen("sort", shifts=True), changed="updatedAt",
        one="/opportunities/{id}", items_at="opportunities", item_at="opportunity", count_at="meta.total|total",
        lag=SEARCH_LAGS,
    )  # fmt: skip
    notes = Resource(
        "/contacts/{owner}/notes", Note, title="title|body", changed=None, items_at="notes", item_at="note",
        per="contacts", per_changed=True,
    )  # fmt: skip
    tasks = Resource(
        "/contacts/{owner}/tasks", Task, title="title", changed=None, items_at="tasks", item_at="task",
        per="contacts", per_changed=True,
    )  # fmt: skip
    pipelines = Resource(
        "/opportunities/pipelines", Pipeline, changed=None, one="", items_at="pipelines", reference=True
    )
    # Named deprecated in favour of /users/search, which only a whole agency's key may ask.
    users = Resource(
        "/users/", User, title="name|email", changed=None, one="/users/{id}", items_at="users", reference=True
    )
    custom_fields = Resource(
        "/locations/{location_id}/customFields", CustomField, changed=None, items_at="customFields",
        item_at="customField", params={"model": "all"}, reference=True,
    )  # fmt: skip
    tags = Resource("/locations/{location_id}/tags", Tag, changed=None, items_at="tags", item_at="tag", reference=True)
    calendars = Resource(
        "/calendars/", Calendar, changed=None, one="/calendars/{id}", items_at="calendars", item_at="calendar",
        headers={"Version": "2021-04-15"}, reference=True,
    )  # fmt: skip

    def account(self, upstream: Upstream) -> Account:
        """The location the token was made for. A sign-in for an agency names none: its token opens no list we read."""
        location_id = upstream.settings.get("location_id")
        if not location_id:
            raise NeedsPerson(FOR_AGENCY)
        call = Call("GET", f"/locations/{location_id}", template="/locations/{location_id}")
        location = dig(upstream.send(call).data, "location")
        if not dig(location, "id"):
            raise BadAnswer("HighLevel did not say which location this is.")
        told = {"Zone": location.get("timezone"), "Country": location.get("country")}
        facts = {name: str(value) for name, value in told.items() if value}
        return Account(str(location["id"]), str(location.get("name") or ""), facts)

    def read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """Records of a search come with their place in it and under other names than by id; see `as_by_id`."""
        for page in super().read(upstream, resource, reading):
            yield replace(page, items=[as_by_id(item) for item in page.items])

    def list_call(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> Call:
        """Which location, said the way each list wants to hear it."""
        call = super().list_call(resource, reading, settings)
        location = settings["location_id"]
        if resource is self.contacts:
            return replace(call, method="POST", params={}, json=_contact_search(location, reading), safe=True)
        if resource is self.opportunities:
            return _opportunity_search(call, location, settings.get("opportunity_search") == "post")
        if "{" not in resource.path:
            return replace(call, params={"locationId": location, **call.params})
        return call

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """`message` is a sentence, or a list of them when properties are at fault: "property x should not exist".

        A contact that is there already is a "duplicate", and the field it is known by is told beside its id. A scope
        that is missing is not named by HighLevel: we say which, and where it is given.
        """
        body = body_of(answer)
        said = body.get("message")
        if answer.status == 401 and "scope" in str(said).lower():
            return f"{said} {lacking(answer.asked)}".strip(), WITHOUT_SCOPE, None
        if dig(body, "meta.contactId"):
            known_by = dig(body, "meta.matchingField")
            return str(said or ""), "duplicate", known_by if known_by in ("email", "phone") else None
        sentences = [str(one) for one in said] if isinstance(said, list) else [str(said or "")]
        at_fault = re.match(r"(?:property )?([\w.]+) (?:should|must)\b", sentences[0]) if sentences else None
        return "; ".join(sentences), str(body.get("error") or ""), at_fault[1] if at_fault else None

    def decide(self, answer: Answer) -> str | None:
        """Three answers mean something else than their status: a strange id, a missing scope, another location."""
        message, code, _ = self.explain(answer) if answer.status in (400, 401, 403) else ("", "", None)
        message = message.lower()
        if answer.status == 400 and ("not found" in message or "id is invalid" in message):
            return "missing"
        if code == WITHOUT_SCOPE:
            return "not allowed"
        if answer.status == 403 and "access to this location" in message:
            return "needs a person"
        return super().decide(answer)


def _contact_search(location: str, reading: Reading) -> dict:
    """Oldest change first, so that what changes meanwhile moves ahead of us and is met, never missed."""
    asked: dict[str, Any] = {
        "locationId": location, "pageLimit": PAGE, "sort": [{"field": "dateUpdated", "direction": "asc"}],
    }  # fmt: skip
    if reading.since and not reading.full:
        since = reading.since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        asked["filters"] = [{"field": "dateUpdated", "operator": "range", "value": {"gte": since}}]
    return asked


def _opportunity_search(call: Call, location: str, by_post: bool) -> Call:
    """The two searches agree on nothing but the address: names with underscores here, camels and a body there."""
    if not by_post:
        return replace(call, params={"location_id": location, "status": "all", "limit": PAGE})
    asked = {
        "locationId": location, "query": "", "limit": PAGE, "page": 1, "searchAfter": [],
        "additionalDetails": dict.fromkeys(("notes", "tasks", "calendarEvents", "unReadConversations"), False),
    }  # fmt: skip
    return replace(call, method="POST", params={}, json=asked, safe=True)


SERVICE = GHLService()
