"""Deliveries whose sender is proved and whose content is nonsense: kept or refused, never a failure of ours (H1)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from integration_console import clock
from integration_console.operations.deliveries import deliveries
from integration_console.sandbox import hooks

from ..forgery import SECRET, signer_of
from .door import address, with_secret
from .test_webhooks import CALLING, _stored

SEED = 20261127
SOME, ALL = 50, None  # of the deliveries of each service
GENUINE = {
    "clio": {"data": {"id": 152, "etag": "a"}, "meta": {"event": "updated", "webhook_id": 7}},
    "ghl": {"type": "ContactUpdate", "webhookId": "w1", "locationId": "acct", "timestamp": "{now}", "id": "c1",
            "appId": "a", "contactId": "c2"},
    "clockify": {"id": "e1", "workspaceId": "acct", "projectId": "p", "webhookEvent": "TIMER_STOPPED",
                 "payload": [{"id": "e2", "workspaceId": "acct"}]},
    "stripe": {"id": "evt_1", "type": "invoice.paid", "created": 1772452800, "account": "acct",
               "data": {"object": {"object": "invoice", "id": "in_1"}}},
    "slack": {"type": "event_callback", "team_id": "acct", "event_id": "Ev1", "event_time": 1772452800,
              "event": {"type": "message", "channel": "C1", "ts": "1772452800.0001", "user": {"id": "U1"}}},
    "quickbooks": {"eventNotifications": [{"realmId": "acct", "dataChangeEvent": {"entities": [
        {"name": "Invoice", "id": "1", "operation": "Update", "lastUpdated": "2026-03-02T12:00:00Z"}]}}]},
    "xero": {"events": [{"resourceId": "r1", "tenantId": "acct", "eventCategory": "INVOICE", "eventType": "UPDATE",
                         "eventDateUtc": "2026-03-02T12:00:00.000"}]},
}  # fmt: skip
ODD = (
    None, True, False, 0, -1, 1.5, 1e308, 2**31, 2**63, 10**40, "", " ", "x" * 5000, "a\x00b", "\ud800", "\u202eabc",
    "<i data-fuzz>", "../../etc", "%00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30",
    [], {}, [[]], [None], {"id": {"id": []}}, ["a"] * 300, {"a": "b\x00"}, "👩‍👩‍👧",
)  # fmt: skip


def spoilt(said: object) -> Iterator[object]:
    """The same with one part of it missing, or replaced by something odd; each once."""
    parts = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for name, part in parts:
        others = list(said) if isinstance(said, list) else dict(said)
        for odd in (*ODD, *spoilt(part)):
            changed = others.copy()
            changed[name] = odd
            yield changed
        if isinstance(others, dict):
            yield {key: value for key, value in others.items() if key != name}
            yield {**others, "\x00": 1, "x" * 3000: {}}


@pytest.mark.settings(WEBHOOKS_PER_MINUTE=100_000)
@pytest.mark.parametrize("service", CALLING, ids=lambda service: service.key)
@pytest.mark.parametrize("most", [SOME, pytest.param(ALL, marks=pytest.mark.faults)], ids=["some", "all"])
def test_nonsense_from_a_proved_sender_is_kept_or_refused(app, session, monkeypatch, service, most):
    if service.webhook.published_keys:
        monkeypatch.setenv(f"{service.key}_WEBHOOK_KEY".upper(), hooks.HighLevelKey(SECRET).public)
    number = _stored(service.key)
    if not service.webhook.published_keys:
        with_secret(number)
    path, client, signer = address(number), app.test_client(), signer_of(service.webhook.signature)
    wrong, kept = [], 0
    chosen = list(spoilt(GENUINE[service.key]))
    random.Random(SEED).shuffle(chosen)
    for said in [GENUINE[service.key], *chosen[:most]]:
        text = json.dumps(said).replace("{now}", clock.now().isoformat())
        headers = signer.sign(SECRET, text.encode(), clock.now())
        answer = client.post(path, data=text.encode(), headers=headers)
        kept += answer.status_code == 200
        stale = service.key == "ghl" and said.get("timestamp") != GENUINE["ghl"]["timestamp"]  # its age is no proof
        if answer.status_code not in ((200, 400, 401) if stale else (200, 400)):
            wrong.append(f"{answer.status}: {text[:300]}")
    deliveries.dispatch()
    assert not wrong, "\n".join(wrong)
    assert kept
