"""How HighLevel calls us: one address for every location that installed the app, signed with HighLevel's own key.

The key is the same for all apps of the marketplace, so a good signature says only "HighLevel": which app and which
location an event is of stands in its body. One change comes as several events, an Update may follow its Delete.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ... import clock
from ...transport.signatures import PublishedKey
from ..webhook import Event, Named, Notice, Webhook

KEYS = ("MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=",)  # published in HighLevel's webhook guide

# How an event's name begins -> the resource.
OF = {"Contact": "contacts", "Opportunity": "opportunities", "Note": "notes", "Task": "tasks", "User": "users"}
UNDER_CONTACTS = ("notes", "tasks")
UNINSTALLED = ("UNINSTALL", "AppUninstall")
A_DAY_S = 86_400  # how late a repeat may be; numbers are remembered for a day at least


def events(notice: Notice) -> Iterator[Event]:
    """One event a delivery: flat, or inside `data` as one guide has it."""
    inner = notice.data.get("data")
    said = {**notice.data, **inner} if isinstance(inner, dict) else notice.data
    kind = str(said["type"])
    number = str(said.get("webhookId") or "")
    yield Event(
        key=number or f"{kind}:{notice.digest}", kind=kind, records=tuple(_named(kind, said)),
        account=str(said.get("locationId") or ""), at=clock.parse(said.get("timestamp")), may_recur=not number,
        app=str(said.get("appId") or "") or None, access_ended=kind in UNINSTALLED,
    )  # fmt: skip


def _named(kind: str, said: dict) -> Iterator[Named]:
    resource = next((resource for begins, resource in OF.items() if kind.startswith(begins)), None)
    external_id = said.get("id")
    if resource is None or not external_id:
        return
    owner = str(said.get("contactId") or "") or None if resource in UNDER_CONTACTS else None
    yield Named(resource, str(external_id), owner)


WEBHOOK = Webhook(
    PublishedKey("X-GHL-Signature", time_at="timestamp", number_at="webhookId", late_s=A_DAY_S), events,
    published_keys=KEYS, shared=True,
    retries_for=timedelta(minutes=70),  # only after a 429: every ten minutes, six times
    instructions="In the HighLevel marketplace, open your app, then Advanced settings, Webhooks. Enter {address} as "
    "the default webhook address and switch on the events of contacts, opportunities, notes, tasks and users. One "
    "address serves every location that installed the app. A Private Integration Token has no webhooks: its location "
    "is read on schedule only.",
)  # fmt: skip
