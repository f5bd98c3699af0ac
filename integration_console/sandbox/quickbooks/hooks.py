"""QuickBooks' webhooks: one address for the whole app, entered in Intuit's portal, signed with its verifier token.

Source: Intuit's developer blog of 2025-11-12 (the CloudEvents form) and its manual (the form before it). Bodies
hold ids only.
"""

import time
from uuid import uuid4

from ..firm import utc
from ..hooks import Hooks, Letter, json_bytes, signed_as_quickbooks
from .writes import ENTITIES

NOUNS = {resource: entity for entity, resource in ENTITIES.items()}
LEGACY = {"created": "Create", "updated": "Update", "deleted": "Delete", "merged": "Merge"}


class QuickBooksHooks(Hooks):
    hook_retries_s = (10.0, 20.0, 30.0, 300.0, 1200.0, 7200.0)
    hook_form = "cloudevents"  # or "legacy"
    verifier = "sandbox-quickbooks-verifier-token"
    realm_id: str

    def merge(self, resource: str, gone: int, into: int) -> None:
        """A bookkeeper makes one of two: of the one that goes, only this event tells."""
        with self.lock:
            self.shelves[resource].delete(gone)
            for letter in self.letters(resource, into, "merged", gone=str(gone)):
                self.send(letter)

    def letters(self, resource: str, number: int, what: str, gone: str | None = None):
        if self.hook_url is None:
            return
        said = self._legacy if self.hook_form == "legacy" else self._event
        body = json_bytes(said(NOUNS[resource], str(number), what, gone))
        yield Letter(self.hook_url, body, signed_as_quickbooks(self.verifier))

    def _event(self, entity: str, number: str, what: str, gone: str | None) -> list:
        event = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "intuit.c2FuZGJveA==",
            "type": f"qbo.{entity.lower()}.{what}.v1",
            "datacontenttype": "application/json",
            "time": utc(time.time(), millis=True).replace("Z", "179851Z"),  # to the nanosecond, as Intuit writes it
            "intuitentityid": number,
            "intuitaccountid": self.realm_id,
            "data": {"deletedid": gone} if gone else {},
        }
        return [event]

    def _legacy(self, entity: str, number: str, what: str, gone: str | None) -> dict:
        at = utc(time.time()).replace("Z", "+0000")
        told = {"name": entity, "id": number, "operation": LEGACY[what], "lastUpdated": at}
        told |= {"deletedId": gone} if gone else {}
        return {"eventNotifications": [{"realmId": self.realm_id, "dataChangeEvent": {"entities": [told]}}]}

    def _control_hook_form(self, request, sent):
        self.hook_form = sent["form"]
        return {"form": self.hook_form}
