"""Xero's webhooks: one address for the whole app, entered in its portal, signed with the app's webhooks key.

Source: GitHub XeroAPI/Xero-OpenAPI (2026-07-13), webhooks; developer.xero.com, "Configuring your server"
"""

import time
from datetime import UTC, datetime
from uuid import uuid4

from ..hooks import Hooks, Letter, base64_hmac, json_bytes, signed_as_xero

CATEGORIES = {
    "contacts": ("CONTACT", "Contacts"),
    "invoices": ("INVOICE", "Invoices"),
    "bills": ("INVOICE", "Invoices"),
}
TYPES = {"created": "CREATE", "updated": "UPDATE"}
INTENT = (True, False, True, False)  # rightly and wrongly signed


class XeroHooks(Hooks):
    hook_retries_s = (10.0, 60.0, 600.0, 3600.0, 21_600.0)
    webhook_key = "sandbox-xero-webhooks-key"
    remembered: tuple[str, ...] = ("_sequence",)
    tenants: list

    def open_hooks(self) -> None:
        super().open_hooks()
        self._sequence = 0
        for book in self.tenants:
            for resource, shelf in book.shelves.items():
                shelf.told = self._telling(book, resource)

    def _telling(self, book, resource: str):
        return lambda number, what: self.changed(f"{book.tenant_id}/{resource}", number, what)

    def letters(self, resource: str, number: int, what: str):
        tenant, _, name = resource.partition("/")
        if self.hook_url is None or name not in CATEGORIES or what not in TYPES:
            return
        book = next(book for book in self.tenants if book.tenant_id == tenant)
        category, noun = CATEGORIES[name]
        external_id = book.records.id(name, number)
        at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        event = {
            "resourceUrl": f"{self.api_url}/{noun}/{external_id}",
            "resourceId": external_id,
            "tenantId": tenant,
            "tenantType": "ORGANISATION",
            "eventCategory": category,
            "eventType": TYPES[what],
            "eventDateUtc": at,
        }
        yield Letter(self.hook_url, self._body([event]), signed_as_xero(self.webhook_key))

    def _body(self, events: list) -> bytes:
        self._sequence += len(events)
        number = self._sequence if events else 0
        return json_bytes(
            {"events": events, "firstEventSequence": number, "lastEventSequence": number, "entropy": uuid4().hex}
        )

    def intend(self, url: str) -> None:
        """What the portal does when an address is entered: try whether signatures are looked at."""
        for is_right in INTENT:
            key = self.webhook_key if is_right else "another key"
            self.send(Letter(url, self._body([]), _signed(key), retries_s=()))

    def _control_intent(self, request, sent):
        self.hook_url = sent["url"]
        self.intend(sent["url"])
        return {"url": sent["url"]}


def _signed(key: str):
    return lambda body: {"x-xero-signature": base64_hmac(key, body)}
