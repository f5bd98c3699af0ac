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
LEGACY = {"created": "Create", "updated": "Update", "deleted": "Delete"}


class QuickBooksHooks(Hooks):
    hook_retries_s = (10.0, 20.0, 30.0, 300.0, 1200.0, 7200.0)
    hook_form = "cloudevents"  # or "legacy"
    verifier = "sandbox-quickbooks-verifier-token"
    realm_id: str

    def letters(self, resource: str, number: int, what: str):
        if self.hook_url is None:
            return
        said = self._legacy if self.hook_form == "legacy" else self._event
        body = json_bytes(said(NOUNS[resource], str(number), what))
        yield Letter(self.hook_url, body, signed_as_quickbooks(self.verifier))

    def _event(self, entity: str, number: str, what: str) -> list:
        event = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "intuit.c2FuZGJveA==",
            "type": f"qbo.{entity.lower()}.{what}.v1",
            "datacontenttype": "application/json",
            "time": utc(time.time(), millis=True).replace("Z", "179851Z"),  # to the nanosecond, as Intuit writes it
            "intuitentityid": number,
            "intuitaccountid": self.realm_id,
            "data": {},
        }
        return [event]

    def _legacy(self, entity: str, number: str, what: str) -> dict:
        at = utc(time.time()).replace("Z", "+0000")
        told = {"name": entity, "id": number, "operation": LEGACY[what], "lastUpdated": at}
        return {"eventNotifications": [{"realmId": self.realm_id, "dataChangeEvent": {"entities": [told]}}]}

    def _control_hook_form(self, request, sent):
        self.hook_form = sent["form"]
        return {"form": self.hook_form}
