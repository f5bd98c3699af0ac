"""What outlives a restart of the stand-ins: what was changed there, whom they let in, and the day they tell from."""

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import urllib3

from integration_console.sandbox import KEYS, Sandbox
from integration_console.sandbox.memory import WRITE_EVERY_S

ROOT = Path(__file__).resolve().parents[2]
http = urllib3.PoolManager(retries=False)


def renewed(sandbox, token):
    asked = {"grant_type": "refresh_token", "refresh_token": token, "user_type": "Location",
             "client_id": sandbox.ghl.client_id, "client_secret": sandbox.ghl.client_secret}  # fmt: skip
    return http.request("POST", sandbox.ghl.token_url, fields=asked, encode_multipart=False)


def everything(sandbox):
    """What each stand-in's shelves hold that was not made from a number, and how much there is."""
    return {
        key: (one.ledger(), {name: shelf.changes() for name, shelf in one.every_shelf().items()})
        for key, one in sandbox.upstreams.items()
    }


def test_tokens_given_out_open_the_next_sandbox_too(tmp_path):
    with Sandbox(memory=tmp_path) as first:
        given = renewed(first, first.ghl.refresh_token).json()
    with Sandbox(memory=tmp_path) as second:
        assert second.ghl.is_alive(given["access_token"])
        assert renewed(second, given["refresh_token"]).status == 200
    (tmp_path / "ghl").write_text("{'_access': {")  # cut off in the middle
    with Sandbox(memory=tmp_path) as third:
        assert renewed(third, third.ghl.refresh_token).status == 200


def test_what_was_changed_at_any_of_them_is_so_in_the_next_sandbox(tmp_path):
    with Sandbox(memory=tmp_path) as first:
        for upstream in first.upstreams.values():
            for _ in range(12):
                upstream.stir()
        first.clio.delete("contacts", 3)
        made = first.clio.put("contacts", {"type": "Person", "first_name": "Ada", "last_name": "Quill"})
        there, dated = everything(first), first.clio.record("contacts", 5)
    with Sandbox(memory=tmp_path) as second:
        assert everything(second) == there
        assert all(any(shelf["edited"] for shelf in shelves.values()) for _, shelves in there.values()), list(KEYS)
        assert second.clio.record("contacts", 3) is None
        assert second.clio.record("contacts", 5) == dated  # of nobody's hand: it hangs on the day
        assert second.clio.record("contacts", made["id"]) == made
        newer = second.clio.put("contacts", {"type": "Person", "first_name": "Bo", "last_name": "Quill"})
        assert newer["id"] == made["id"] + 1


def test_the_second_organisation_and_counters_and_webhooks_are_remembered(tmp_path):
    with Sandbox(memory=tmp_path) as first:
        book = first.xero.tenants[1]
        first.xero.keep(book, "contacts", 4, {**book.shelves["contacts"].get(4), "Name": "Quill & Sons"})
        line = first.xero.next_line()
        first.clio.hooks[1], first.clio.hooks_made = {"id": 1, "url": "http://127.0.0.1:9/hook"}, 1
        first.quickbooks.pay(3)
        version = first.quickbooks.record("invoices", 3)["SyncToken"]
    with Sandbox(memory=tmp_path) as second:
        assert second.xero.tenants[1].shelves["contacts"].get(4)["Name"] == "Quill & Sons"
        assert second.xero.next_line() == line + 1
        assert (second.clio.hooks[1]["url"], second.clio.hooks_made) == ("http://127.0.0.1:9/hook", 1)
        assert second.quickbooks.record("invoices", 3)["SyncToken"] == version


def test_the_day_of_the_first_start_stays(tmp_path):
    with Sandbox(memory=tmp_path) as first:
        assert (tmp_path / "day").read_text() == first.firm.today.isoformat()
    (tmp_path / "day").write_text("2026-05-04")
    with Sandbox(memory=tmp_path) as second:
        assert second.firm.today == date(2026, 5, 4)


def test_a_killed_one_had_written_down_what_was_done_before(tmp_path):
    command = [sys.executable, "-m", "integration_console.sandbox", "--memory", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            told = json.loads(process.stdout.readline())
            url = told["clio"]["api_url"].removesuffix("/api/v4") + "/__sandbox__/put"
            put = {"resource": "contacts", "record": {"id": 7, "title": "Dr."}}
            assert http.request("POST", url, json=put).json()["title"] == "Dr."
            until = time.monotonic() + 10 * WRITE_EVERY_S
            while time.monotonic() < until and '"Dr."' not in _text(tmp_path / "clio"):
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGKILL)
    with Sandbox(memory=tmp_path) as second:
        assert second.clio.record("contacts", 7)["title"] == "Dr."


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
