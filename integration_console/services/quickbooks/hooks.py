"""How QuickBooks calls us: one address and one verifier token for every company that connected the app.

Only ids come, in one of two forms: CloudEvents since 2026, `eventNotifications` before. One delivery may hold events of
several companies.

Source: Intuit's manual, "Webhooks" and "Understanding the data object", and its developer blog of 2025-11-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ... import clock
from ...transport.signatures import HmacHeader
from ..base import dig
from ..webhook import Event, Named, Notice, Webhook

RESOURCES = {
    "customer": "customers", "vendor": "vendors", "invoice": "invoices", "item": "items",
    "account": "chart_of_accounts", "purchase": "expenses", "bill": "expenses",
}  # fmt: skip


def events(notice: Notice) -> Iterator[Event]:
    """Every event of a delivery, whichever form it has; who was merged into another has one of their own."""
    if isinstance(notice.data, list):
        for said in notice.data:
            yield _cloud_event(said)
            if gone := dig(said, "data.deletedid"):
                yield _cloud_event({**said, "id": f"{said['id']}:{gone}", "intuitentityid": gone})
        return
    for company in notice.data["eventNotifications"]:
        for said in (company.get("dataChangeEvent") or {}).get("entities") or ():
            yield _legacy(str(company["realmId"]), said)
            if gone := said.get("deletedId"):
                yield _legacy(str(company["realmId"]), {**said, "id": gone})


def _cloud_event(said: dict[str, Any]) -> Event:
    """type: qbo.invoice.updated.v1"""
    entity, what = str(said["type"]).split(".")[1:3]
    return Event(
        key=str(said["id"]), kind=f"{entity}.{what}", records=_named(entity, str(said["intuitentityid"])),
        account=str(said["intuitaccountid"]), at=clock.parse(said.get("time")),
    )  # fmt: skip


def _legacy(realm_id: str, said: dict[str, Any]) -> Event:
    """Its time is told to the second, so a second change within one is not told from a repeat by it."""
    entity, what, number, at = str(said["name"]), str(said["operation"]), str(said["id"]), str(said["lastUpdated"])
    return Event(
        key=f"{realm_id}:{entity}:{number}:{what}:{at}", kind=f"{entity.lower()}.{what.lower()}",
        records=_named(entity, number), account=realm_id, at=clock.parse(at), may_recur=True,
    )  # fmt: skip


def _named(entity: str, number: str) -> tuple[Named, ...]:
    resource = RESOURCES.get(entity.lower())
    if resource is None or not number:
        return ()
    return (Named(resource, f"{entity.capitalize()}:{number}" if resource == "expenses" else number),)


WEBHOOK = Webhook(
    HmacHeader("intuit-signature", "base64"),
    events,
    shared=True,
    secret="Verifier token",  # noqa: S106 (its name)
    retries_for=timedelta(hours=24),  # after 10 s, 20 s ... 6 hours, and every 6 hours then
    instructions="In Intuit's developer portal, open your app, then Webhooks. Enter {address} as the endpoint, choose "
    "Customer, Vendor, Invoice, Purchase, Bill, Item and Account with all their operations, and save. Then show the "
    "verifier token and bring it here. Development and production have an endpoint and a token each; one address "
    "serves every company that connected the app.",
)
