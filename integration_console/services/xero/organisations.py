"""Whose a consent is: the organisations it was given for, what each says of itself, and how one leaves it.

The list of them is at the host itself, beside the API. Source: developer.xero.com, "OAuth 2.0", "Tenants"; GitHub
XeroAPI/Xero-OpenAPI (2026-07-13), identity and accounting
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

from ...errors import BadAnswer, Missing, UpstreamError
from ..base import Call, Upstream, dig

FACTS = {"Legal name": "LegalName", "Country": "CountryCode", "Currency": "BaseCurrency", "Plan": "Class"}


def connected(upstream: Upstream) -> list[dict[str, Any]]:
    """Every organisation of the consent, with `tenantId`, `tenantName`, and the `id` it leaves by."""
    told = upstream.send(Call("GET", upstream.root + "/connections", template="/connections")).data
    if not isinstance(told, list):
        raise BadAnswer("Xero did not say which organisations are connected.")
    rows = (one for one in told if isinstance(one, dict) and one.get("tenantId"))
    return [one for one in rows if one.get("tenantType", "ORGANISATION") == "ORGANISATION"]


def facts(upstream: Upstream, tenant_id: str) -> dict[str, str]:
    """What one says of itself, for its page; nothing where it may not be asked."""
    try:
        told = upstream.send(Call("GET", "/Organisation", headers={"xero-tenant-id": tenant_id})).data
    except UpstreamError:
        return {}
    rows = dig(told, "Organisations")
    row = rows[0] if isinstance(rows, list) and rows else {}
    found = {label: str(dig(row, name) or "") for label, name in FACTS.items()}
    return {label: value.capitalize() if label == "Plan" else value for label, value in found.items() if value}


def leave(upstream: Upstream, tenant_id: str | None) -> tuple[str, ...]:
    """Take one out of a consent, for to revoke its tokens would end all of them; the ids of the others."""
    there = connected(upstream)
    for one in there:
        if one["tenantId"] == tenant_id and one.get("id"):
            path = f"{upstream.root}/connections/{quote(str(one['id']), safe='')}"
            with suppress(Missing):
                upstream.send(Call("DELETE", path, template="/connections/{id}"))
    return tuple(str(one["tenantId"]) for one in there if one["tenantId"] != tenant_id)
