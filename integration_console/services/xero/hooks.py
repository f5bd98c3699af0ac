"""How Xero calls us: one address and one key for every organisation that connected the app, contacts and invoices only.

Only ids come. Bank transactions tell nothing: they are read on schedule. When the address is entered Xero tries it with
deliveries without events, some of them wrongly signed on purpose (the intent to receive): the right ones are answered
200 and the wrong ones 401 like any other, and the webhook is on.

Source: developer.xero.com, "Webhooks"; GitHub XeroAPI/Xero-OpenAPI (2026-07-13), webhooks
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ... import clock
from ...transport.signatures import HmacHeader
from ..webhook import Event, Named, Notice, Webhook

# An invoice of Xero's is one of ours, or a supplier's bill: which, only reading it tells.
RESOURCES = {"CONTACT": ("contacts",), "INVOICE": ("invoices", "expenses")}


def events(notice: Notice) -> Iterator[Event]:
    """Every event of a delivery; none, when Xero only tries whether we look at its signature."""
    for said in notice.data["events"]:
        yield _event(said)


def _event(said: dict[str, Any]) -> Event:
    number, tenant = str(said["resourceId"]), str(said["tenantId"])
    category, what, at = str(said["eventCategory"]), str(said["eventType"]), str(said["eventDateUtc"])
    return Event(
        key=f"{tenant}:{number}:{what}:{at}", kind=f"{category}.{what}".lower(),
        records=tuple(Named(resource, number) for resource in RESOURCES.get(category, ())), account=tenant,
        at=clock.parse(at),
    )  # fmt: skip


WEBHOOK = Webhook(
    HmacHeader("x-xero-signature", "base64"),
    events,
    shared=True,
    secret="Webhooks key",  # noqa: S106 (its name)
    retries_for=timedelta(hours=24),  # ever more seldom; then it is switched off until a person switches it on
    instructions="At developer.xero.com, open your app, then Webhooks. Choose Contacts and Invoices, enter {address} "
    "as the delivery address and save. Bring the webhooks key it shows here first, then press Send intent to receive "
    "there. One address serves every organisation that connected the app. Bank transactions have no webhooks and are "
    "read on schedule.",
)
