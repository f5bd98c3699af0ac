"""Somebody who writes to Clio in the tests, and what they write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_console import services
from integration_console.services.writing import Write

CLIO = services.by_key("clio")
WRITING = CLIO.writing
RESOURCES = ("contacts", "matters", "activities")
CASE, LOSS, SOURCE, LIMIT, PASSENGERS, CHECKED, ADJUSTER, RELATED = (f"custom:{number}" for number in range(1, 9))
PERSON = {"type": "Person", "first_name": "Ada", "last_name": "Lee"}
MATTER = {"client.id": "7", "description": "Lease dispute"}
TIME = {"type": "TimeEntry", "date": "2026-03-02", "quantity": 5400, "matter.id": "7", "user.id": "5", "note": "Call"}
UNBILLED = 2_002


class Desk:
    """Somebody who writes to Clio, with the firm's field definitions at hand."""

    def __init__(self, clio: Any) -> None:
        self.clio, self.sandbox, self.custom = clio, clio.sandbox, clio.records("custom_fields")

    def read(self, resource: str, number: Any) -> dict:
        return self.clio.one(resource, number)

    def plain(self, resource: str, number: Any) -> dict:
        return WRITING.plain(resource, self.read(resource, number))

    def write(self, op: str, resource: str, number: Any, values: Mapping[str, Any], **more: Any) -> Write:
        external_id = None if number is None else str(number)
        return Write(op, resource, values, external_id, **{"custom": self.custom, **more})

    def create(self, resource: str, values: Mapping[str, Any], **more: Any):
        return WRITING.send(self.clio.upstream, self.write("create", resource, None, values, **more))

    def update(self, resource: str, number: Any, values: Mapping[str, Any], **more: Any):
        current = more.pop("current", None) or self.read(resource, number)
        return WRITING.send(self.clio.upstream, self.write("update", resource, number, values, current=current, **more))

    def delete(self, resource: str, number: Any, **more: Any):
        current = more.pop("current", None) or self.read(resource, number)
        return WRITING.send(self.clio.upstream, self.write("delete", resource, number, {}, current=current, **more))

    def find(self, resource: str, values: Mapping[str, Any], **more: Any) -> list[str]:
        found = WRITING.find(self.clio.upstream, self.write("create", resource, None, values, **more))
        return [str(record["id"]) for record in found]
