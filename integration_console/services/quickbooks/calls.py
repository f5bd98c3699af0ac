"""How QuickBooks is addressed: every call under its company, with the minor version its answers are shaped by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ...errors import BadAnswer, Missing
from ...transport.call import Answer, Call
from ...transport.client import Upstream
from ..base import Resource

COMPANY = "/v3/company/{realm_id}"
COMPANY_INFO = "/companyinfo/{id}"
MINOR_VERSION = "75"  # lower ones are ignored since August 2025


def call(
    upstream: Upstream, method: str, path: str, params: Mapping[str, Any] | None = None, *, id: str = "",
    resource: str | None = None, json: Any = None,
) -> Call:  # fmt: skip
    """A call under the connection's company; `path` may name {id}."""
    template = COMPANY + path
    names = {"realm_id": quote(upstream.settings.get("realm_id", ""), safe=""), "id": quote(id, safe="")}
    asked = {**(params or {}), "minorversion": MINOR_VERSION}
    return Call(method, template.format_map(names), asked, json=json, template=template, resource=resource)


def shown(answer: Answer, entity: str) -> dict[str, Any]:
    """The record in an answer: without it, a write is not known to be done (W2).

    Raises Missing for what is only told to be deleted.
    """
    data = answer.data
    record = data.get(entity) if isinstance(data, dict) else None
    if not isinstance(record, dict) or not record.get("Id"):
        raise BadAnswer(f"QuickBooks' answer holds no {entity}.", status=answer.status, code="lost")
    if record.get("status") == "Deleted":
        raise Missing()
    return record


def entity_of(resource: Resource, external_id: str) -> str:
    """Which of QuickBooks' entities a record is: expenses are of two kinds and say so."""
    entities = [split["entity"] for split in resource.splits]
    named = external_id.partition(":")[0]
    if len(entities) == 1 or named not in entities:
        return entities[0]
    return named


def number_of(external_id: str) -> str:
    """The record's own number at QuickBooks: 12 of "Bill:12"."""
    return external_id.rpartition(":")[2]
