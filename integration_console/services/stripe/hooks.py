"""How Stripe calls us: one endpoint for everything we read, its secret told once, every event with a number.

Source: https://docs.stripe.com/webhooks
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from ...transport.signatures import StripeSignature
from ..base import Upstream, dig, walk
from ..webhook import Event, Named, Notice, Registered, Registrar, Webhook
from .reading import HOLDER, PAGES, RESOURCES, call_for, named_by

VERSION = "2026-10-28.endive"  # of calls, and of the events an endpoint is sent
ENDPOINTS, ENDPOINT = "/v1/webhook_endpoints", "/v1/webhook_endpoints/{id}"
EVERYTHING = "all"
ENABLED = (
    "customer.created", "customer.updated", "customer.deleted", "customer.subscription.created",
    "customer.subscription.updated", "customer.subscription.deleted", "customer.subscription.paused",
    "customer.subscription.resumed", "invoice.created", "invoice.updated", "invoice.finalized", "invoice.sent",
    "invoice.paid", "invoice.payment_failed", "invoice.marked_uncollectible", "invoice.voided", "invoice.deleted",
    "invoice.overpaid", "invoice_payment.paid",
    "payment_intent.created", "payment_intent.processing", "payment_intent.requires_action",
    "payment_intent.payment_failed", "payment_intent.canceled", "payment_intent.succeeded", "charge.succeeded",
    "charge.pending", "charge.failed", "charge.captured", "charge.expired", "charge.updated",
    "charge.refunded", "refund.updated", "refund.failed", "charge.dispute.created", "charge.dispute.closed",
    "credit_note.created", "credit_note.updated", "credit_note.voided",
)  # fmt: skip


class StripeRegistrar(Registrar):
    """`POST /v1/webhook_endpoints`, one for everything. The key needs to write webhook endpoints."""

    topics: ClassVar[Mapping[str, str]] = {EVERYTHING: ""}

    def create(self, upstream: Upstream, topic: str, url: str, now: dt.datetime) -> Registered:
        form = {"url": url, "api_version": VERSION, **{f"enabled_events[{at}]": one for at, one in enumerate(ENABLED)}}
        return _registered(upstream.send(call_for(upstream, "POST", ENDPOINTS, form=form)).data)

    def left_there(self, upstream: Upstream, topic: str, url: str) -> list[str]:
        pages = walk(upstream.send, call_for(upstream, "GET", ENDPOINTS), PAGES, items_at="data")
        return [str(one["id"]) for page in pages for one in page.items if dig(one, "url") == url]

    def look(self, upstream: Upstream, external_id: str) -> Registered:
        return _registered(upstream.send(_call("GET", upstream, external_id)).data)

    def remove(self, upstream: Upstream, external_id: str) -> None:
        upstream.send(_call("DELETE", upstream, external_id))


def _call(method: str, upstream: Upstream, external_id: str) -> Any:
    return call_for(upstream, method, ENDPOINT.format(id=quote(external_id, safe="")), template=ENDPOINT)


def _registered(endpoint: Any) -> Registered:
    """An endpoint that a person, or days of failed deliveries, switched off is sent nothing."""
    status = str(endpoint.get("status") or "")
    return Registered(str(endpoint["id"]), status in ("", "enabled"), dig(endpoint, "secret") or None, said=status)


def events(notice: Notice) -> Iterator[Event]:
    """One event a delivery. Which record it is about is all that is taken from it; thin events name none of ours."""
    event = notice.data
    kind, about = str(event["type"]), dig(event, "data.object")
    named = str(dig(about, "object"))
    resource = RESOURCES.get(named) or RESOURCES.get(HOLDER.get(named, ""))
    external_id = named_by(event, HOLDER.get(named, named)) if resource else None
    created, account = event.get("created"), event.get("account")
    yield Event(
        key=str(event["id"]), kind=kind, records=(Named(resource, external_id),) if resource and external_id else (),
        account=str(account) if account else None,
        at=dt.datetime.fromtimestamp(created, dt.UTC) if isinstance(created, int) else None,
        access_ended=kind == "account.application.deauthorized",
    )  # fmt: skip


WEBHOOK = Webhook(
    StripeSignature(), events, registrar=StripeRegistrar(),
    retries_for=dt.timedelta(days=3),  # in live mode, with growing pauses; some hours in test mode
    secret="Signing secret",  # noqa: S106 (what it is called there)
    instructions="For a platform's connected accounts: in Stripe, open Developers, then Webhooks, add an endpoint for "
    "events on connected accounts with {address}, and bring its signing secret (whsec_...) here.",
    shared=True,
)  # fmt: skip
