"""A matter as the API and the command line show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...models import Record
from ...services.base import dig

_NAMED = {
    "client": "client", "practiceArea": "practice_area", "matterStage": "matter_stage",
    "responsibleAttorney": "responsible_attorney", "originatingAttorney": "originating_attorney",
    "responsibleStaff": "responsible_staff", "group": "group",
}  # fmt: skip
_FLAT = {
    "displayNumber": "display_number", "number": "number", "customNumber": "custom_number",
    "description": "description", "openDate": "open_date", "pendingDate": "pending_date", "closeDate": "close_date",
    "clientReference": "client_reference", "billable": "billable", "billingMethod": "billing_method",
}  # fmt: skip


def document(record: Record, as_of: datetime | None) -> dict[str, Any]:
    """A matter as the API shows it.

    as_of: when our copy was last known to be what Clio had.
    """
    data = record.data
    limitation = data.get("statute_of_limitations") or {}
    return {
        "id": record.id,
        "clioId": record.external_id,
        "connection": record.connection_id,
        "displayName": record.label,
        **{name: data.get(key) for name, key in _FLAT.items()},
        "status": (data.get("status") or "").lower() or None,
        **{name: _shown(data.get(key)) for name, key in _NAMED.items()},
        "statuteOfLimitations": {"dueAt": limitation["due_at"], "status": limitation.get("status")}
        if limitation.get("due_at") else None,
        "customFieldValues": [_custom(one) for one in data.get("custom_field_values") or ()],
        "createdAt": _instant(data.get("created_at")),
        "updatedAt": _instant(data.get("updated_at")),
        "asOf": _instant(as_of),
    }  # fmt: skip


def _shown(value: Any) -> dict[str, Any] | None:
    return {"id": value.get("id"), "name": value.get("name")} if isinstance(value, dict) and value.get("id") else None


def _custom(one: Mapping[str, Any]) -> dict[str, Any]:
    """One value by its definition's id, as it is written; a choice by its text."""
    value = dig(one, "picklist_option.option") or one.get("value")
    return {"id": dig(one, "custom_field.id"), "fieldName": one.get("field_name"), "value": value}


def _instant(value: Any) -> str | None:
    """RFC 3339 in UTC with Z."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    there = value if value.tzinfo else value.replace(tzinfo=UTC)
    return there.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
