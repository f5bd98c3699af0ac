"""How Stripe's lists are read: page by page, and what changed by the events that tell of it.

No list can be narrowed to changes. What is new since is listed by `created`; what else changed is named by an event,
which is read for the id only, for it shows the record in the API version of its day. Events are kept for 30 days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ... import clock
from ...errors import BadAnswer, Missing
from ..base import Answer, Call, Page, Reading, Resource, Upstream, dig, walk

PAGE = 100
EVENTS_KEPT = dt.timedelta(days=30)
EVENTS_LATE = dt.timedelta(minutes=10)  # an event may be there a little after its change

# Resource -> the object it holds, and what of the event list is about it, each question of its own.
OBJECTS = {
    "payments": "payment_intent", "charges": "charge", "invoices": "invoice", "customers": "customer",
    "subscriptions": "subscription",
}  # fmt: skip
ABOUT: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "payments": ({"type": "payment_intent.*"},),
    # That a refund failed changes its charge, and for most ways to pay the refund's own event alone tells of it.
    "charges": ({"types[]": [
        "charge.succeeded", "charge.pending", "charge.failed", "charge.captured", "charge.expired", "charge.updated",
        "charge.refunded", "charge.refund.updated", "charge.dispute.created", "charge.dispute.updated",
        "charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
        "refund.updated", "refund.failed",
    ]},),
    # What was credited or paid in part is due no longer, and the note's or the payment's own event may be all that
    # tells of it.
    "invoices": ({"type": "invoice.*"}, {"types[]": [
        "credit_note.created", "credit_note.updated", "credit_note.voided", "invoice_payment.paid",
    ]}),
    "customers": ({"types[]": [
        "customer.created", "customer.updated", "customer.deleted", "customer.discount.created",
        "customer.discount.updated", "customer.discount.deleted",
    ]},),
    "subscriptions": ({"type": "customer.subscription.*"},),
}  # fmt: skip
RESOURCES = {kind: resource for resource, kind in OBJECTS.items()}
HOLDER = {
    "dispute": "charge",
    "refund": "charge",
    "discount": "customer",
    "credit_note": "invoice",
    "invoice_payment": "invoice",
}  # object -> whose field names what changed
INSIDE = {"invoices": "lines", "subscriptions": "items"}  # lists within a record, of which it shows the first few


@dataclass(frozen=True)
class StartingAfter:
    """The next page begins after the last record of this one; `has_more` says whether there is one."""

    size: int = PAGE

    def apply(self, call: Call, cursor: Any | None) -> Call:
        """The page at `cursor`, the id it begins after."""
        extra = {"limit": self.size} | ({"starting_after": cursor} if cursor else {})
        return replace(call, params={**call.params, **extra})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        """The id of the last record."""
        more = dig(answer.data, "has_more")
        if more is None and len(items) >= self.size:
            raise BadAnswer("The answer does not say whether there is more.")
        if not more:
            return None
        last = dig(items[-1], "id") if items else None
        if not last:
            raise BadAnswer("The answer says that there is more, and does not say behind what.")
        return str(last)


PAGES = StartingAfter()


def acting(settings: Mapping[str, Any]) -> dict[str, str]:
    """The header with which a platform's key acts for a connected account."""
    return {"Stripe-Account": str(settings["acts_for"])} if settings.get("acts_for") else {}


def call_for(upstream: Upstream, method: str, path: str, params: Mapping[str, Any] | None = None, **more: Any) -> Call:
    """A call for this account."""
    headers = {**acting(upstream.settings), **more.pop("headers", {})}
    return Call(method, path, params or {}, headers=headers, **more)


def changed_after(reading: Reading) -> dt.datetime | None:
    """From when on changes are asked for; None where the last read is unknown."""
    begun = clock.parse(reading.state.get("begun"))
    return begun - EVENTS_LATE if begun else None


def changes(upstream: Upstream, resource: Resource, listed: Call, reading: Reading) -> Iterator[Page]:
    """What is new since, as the list shows it, then what events say has changed, each read again once."""
    since = int((changed_after(reading) or reading.now - EVENTS_KEPT).timestamp())
    begun, met = reading.cursor or {"step": "new", "next": None}, set[str]()
    if begun["step"] == "new":
        call = replace(listed, params={**listed.params, "created[gte]": since})
        for page in walk(upstream.send, call, PAGES, items_at="data", cursor=begun["next"]):
            items = [whole(upstream, resource.key, item) for item in page.items]
            met.update(str(dig(item, "id")) for item in items)
            step = "new" if page.cursor else "changed"
            yield replace(page, items=items, cursor={"step": step, "next": page.cursor})
    questions, first = ABOUT[resource.key], begun.get("question", 0)
    for at, asked in enumerate(questions[first:], start=first):
        call = call_for(upstream, "GET", "/v1/events", {**asked, "created[gte]": since}, resource=resource.key)
        start = begun["next"] if begun["step"] == "changed" and at == first else None
        for page in walk(upstream.send, call, PAGES, items_at="data", cursor=start):
            items, gone = _again(upstream, resource, page.items, met)
            question = at if page.cursor else at + 1
            cursor = {"step": "changed", "next": page.cursor, "question": question}
            yield replace(page, items=items, cursor=cursor if question < len(questions) else None, gone=gone)


def _again(upstream: Upstream, resource: Resource, events: list, met: set[str]) -> tuple[list[Any], tuple[str, ...]]:
    """The records these events name as they are now, and the ids of those that are gone. Newest events come first."""
    records, gone = [], []
    for event in events:
        external_id = named_by(event, OBJECTS[resource.key])
        if external_id is None or external_id in met:
            continue
        met.add(external_id)
        try:
            path, template = f"{resource.path}/{external_id}", resource.path + "/{id}"
            call = call_for(upstream, "GET", path, template=template, resource=resource.key)
            records.append(whole(upstream, resource.key, alive(upstream.send(call).data)))
        except Missing:
            gone.append(external_id)
    return records, tuple(gone)


def named_by(event: Any, kind: str) -> str | None:
    """The id of the record of this kind that an event is about; None where it is about something else.

    >>> named_by({"data": {"object": {"object": "dispute", "id": "dp_1", "charge": "ch_1"}}}, "charge")
    'ch_1'
    """
    about = dig(event, "data.object")
    if dig(about, "object") == kind:
        found = dig(about, "id")  # none in invoice.upcoming: there is no such invoice yet
    else:
        found = dig(about, kind) if HOLDER.get(str(dig(about, "object"))) == kind else None
    found = dig(found, "id") if isinstance(found, dict) else found
    return str(found) if found else None


def alive(record: Any) -> Any:
    """What a read of one record brought. Raises Missing for the stub that is left of a deleted one."""
    if dig(record, "deleted") is True:
        raise Missing("Stripe says that this record was deleted.")
    return record


def whole(upstream: Upstream, resource: str, record: Any) -> Any:
    """A record with all of its lines or items, and without the secret with which its payment could be confirmed."""
    if not isinstance(record, dict):
        return record
    record = {name: value for name, value in record.items() if name != "client_secret"}
    name = INSIDE.get(resource, "")
    inside = record.get(name)
    if not isinstance(inside, dict) or not inside.get("has_more"):
        return record
    parts = urlsplit(str(inside.get("url") or ""))
    if not parts.path.startswith("/v1/"):
        raise BadAnswer("The answer does not say where the rest of a record's list is.")
    call = call_for(upstream, "GET", parts.path, dict(parse_qsl(parts.query)), template=f"{resource}/{name}")
    rest = [item for page in walk(upstream.send, call, PAGES, items_at="data") for item in page.items]
    return {**record, name: {**inside, "data": rest, "has_more": False}}
