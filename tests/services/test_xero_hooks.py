"""Xero's webhooks: what they name, how they are signed, and the intent to receive."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from integration_console import clock
from integration_console.errors import Unproved
from integration_console.services.webhook import Named, Notice
from integration_console.services.xero import SERVICE


class Ear:
    """Somebody who listens on loopback and answers as the console would."""

    def __init__(self, secret: str) -> None:
        self.heard: list[tuple[bytes, dict, int]] = []
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    SERVICE.webhook.signature.prove(body, dict(self.headers), [secret], clock.now())
                    status = 200
                except Unproved:
                    status = 401
                ear.heard.append((body, dict(self.headers), status))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/xero/k"

    def wait(self, count: int) -> list[tuple[bytes, dict, int]]:
        ends = time.monotonic() + 10
        while len(self.heard) < count and time.monotonic() < ends:
            time.sleep(0.02)
        return self.heard

    def events(self, count: int) -> list:
        return [
            event
            for body, headers, _ in self.wait(count)
            for event in SERVICE.webhook.events(Notice(body, headers, json.loads(body)))
        ]


@pytest.fixture
def ear(fresh_upstreams):
    ear = Ear(fresh_upstreams.xero.webhook_key)
    yield ear
    ear.server.shutdown()
    ear.server.server_close()


def test_every_change_of_a_contact_or_document_is_told_and_of_the_bank_nothing(fresh_upstreams, ear):
    xero = fresh_upstreams.xero
    xero.hook_url = ear.url
    contact = xero.record("contacts", 1)["ContactID"]
    xero.put("bank_transactions", {"Type": "SPEND"})
    xero.put("contacts", {"ContactID": contact, "AccountNumber": "A-1"})
    made = xero.put("invoices", {"InvoiceNumber": "T-1", "Status": "DRAFT"})["InvoiceID"]

    found = {event.kind: event for event in ear.events(2)}

    assert set(found) == {"contact.update", "invoice.create"}
    assert found["contact.update"].records == (Named("contacts", contact),)
    assert found["invoice.create"].records == (Named("invoices", made), Named("expenses", made))
    assert {event.account for event in found.values()} == {xero.tenant_id}
    assert len({event.key for event in found.values()}) == 2
    assert all(status == 200 for *_, status in ear.heard)


def test_another_organisations_changes_say_whose_they_are(fresh_upstreams, ear):
    xero = fresh_upstreams.xero
    xero.hook_url = ear.url
    second = xero.tenants[1]

    xero.keep(second, "contacts", 1, {**second.shelves["contacts"].get(1), "AccountNumber": "x"})

    (event,) = ear.events(1)
    assert event.account == second.tenant_id


def test_the_intent_to_receive_is_answered_by_signature_and_holds_no_event(fresh_upstreams, ear):
    fresh_upstreams.xero.intend(ear.url)

    heard = ear.wait(4)

    assert sorted(status for *_, status in heard) == [200, 200, 401, 401]
    assert ear.events(4) == []


def test_what_has_no_events_at_all_is_malformed():
    with pytest.raises(KeyError):
        list(SERVICE.webhook.events(Notice(b"{}", {}, {})))


def test_an_invoice_is_read_again_once_for_each_kind_it_may_be(fresh_xero):
    """The day's calls are few: a sale that changed costs two."""
    number = fresh_xero.records("invoices")[0]["InvoiceID"]
    before = fresh_xero.calls()

    assert fresh_xero.one("invoices", number)["InvoiceID"] == number
    with pytest.raises(Exception, match="no such"):
        fresh_xero.one("expenses", number)

    assert fresh_xero.calls() - before == 2
