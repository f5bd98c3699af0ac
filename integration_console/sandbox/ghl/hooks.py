"""HighLevel's webhooks: one address for the whole app, entered in the marketplace, signed with HighLevel's key.

Source: GitHub GoHighLevel/highlevel-api-docs (2026-06-19), "webhook events"; the fan-out of opportunities is issue 27.
"""

import time
from uuid import uuid4

from ..firm import utc
from ..hooks import HighLevelKey, Hooks, Letter, json_bytes
from .records import id_of

NOUNS = {"contacts": "Contact", "opportunities": "Opportunity", "notes": "Note", "tasks": "Task"}
VERBS = {"created": "Create", "updated": "Update", "deleted": "Delete"}
FANNED = {"created": "Update", "deleted": "Update"}  # opportunities: an Update after the Create, and after the Delete
SHORT_OF = ("tasks", "updated")  # there is no TaskUpdate: a task tells only that it was completed


class GhlHooks(Hooks):
    hook_retries_s = (600.0,) * 6
    client_id: str
    location_id: str

    def open_hooks(self) -> None:
        super().open_hooks()
        self.hook_key = HighLevelKey()

    def retried(self, status: int | None) -> bool:
        return status == 429

    def letters(self, resource: str, number: int, what: str):
        if self.hook_url is None or resource not in NOUNS:
            return
        verb = "Complete" if (resource, what) == SHORT_OF else VERBS[what]
        yield self._letter(NOUNS[resource] + verb, resource, number)
        if resource == "opportunities" and what in FANNED:
            yield self._letter("OpportunityUpdate", resource, number)

    def _letter(self, kind: str, resource: str, number: int) -> Letter:
        name = id_of(resource, number)
        record = self.get(resource, name) or {"id": name}
        known = {key: value for key, value in record.items() if value is not None}
        body = {
            **known,
            "type": kind,  # a contact has a type of its own, which an event does not tell
            "locationId": self.location_id,
            "appId": self.client_id,
            "timestamp": utc(time.time(), millis=True),
            "webhookId": str(uuid4()),
        }
        return Letter(str(self.hook_url), json_bytes(body), self.hook_key.sign)
