"""The support packet: everything a helper needs in one file, and no secret in any of it."""

from __future__ import annotations

import io
import json
import zipfile
from itertools import product

import pytest

from integration_console import clock
from integration_console.models import (
    AuditEvent,
    Change,
    Connection,
    ErrorLog,
    Issue,
    RecordLink,
    SyncRun,
    Transaction,
    db,
)
from integration_console.operations import sealed
from integration_console.operations.support import support_packet

from ..cases import together
from ..operations.mapped import make_mapping

SECRET = "canary-4f1d9c77b2e85a60"  # nothing that looks like a secret: known only because it is one of ours
TOKEN = "canary-token-91"
CLIENT = "Ana Canary of Lisbon"


@pytest.fixture
def scene(firm):
    """A connection whose secret leaked into everything that is kept, and a client's name beside it."""
    number = firm.connect()
    run = firm.past_run(number, message=f"It said {SECRET}.")
    firm.refuse(number, "9001")
    with firm.app.app_context():
        row = db.session.get_one(Connection, number)
        sealed.seal(row, sealed.unseal(row) | {"access_token": SECRET})
        leak = json.dumps({"who": CLIENT, "n": SECRET, "access_token": TOKEN})
        call = Transaction(
            connection_id=number, run_id=run, service="clio", resource="matters", call_key="k1", attempt=1,
            method="GET", host="app.clio.com", path_template="/matters", status=502,
            url=f"https://app.clio.com/matters?q={SECRET}",
            outcome="retry", error=f"answered {SECRET}", duration_ms=3.0, waited_ms=0.0, request_bytes=9,
            response_bytes=9, request_headers=json.dumps({"X-Request-Id": SECRET}), started_at=clock.now(),
            response_headers="{}", request_body=leak, response_body=leak,
        )  # fmt: skip
        db.session.add(call)
        for error in db.session.query(ErrorLog):
            error.transaction_key, error.run_id, error.raw_message, error.message = (
                "k1",
                run,
                leak,
                f"{CLIENT}: {SECRET}",
            )
        issue = db.session.query(Issue).one()
        db.session.add(
            Change(
                connection_id=number, resource="matters", op="update", external_id="9001", issue_id=issue.id,
                sent_run_id=run, wanted={"description": f"{CLIENT} {SECRET}", "api_key": TOKEN}, idempotency_key="i1",
                cause="test", state="dead", message=f"No, {SECRET}", call_key="k1", created_at=clock.now(),
            )
        )  # fmt: skip
        db.session.commit()
        return {"errors": issue.id, "runs": run, "transactions": call.id}


@pytest.fixture
def signed_in(enter):
    return {role: enter(role) for role in ("admin", "support")}


def packet(browser, kind, number) -> dict[str, str]:
    answer = browser.send(f"/{kind}/{number}/packet", f"/{kind}/{number}")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@together("kind, role", product(["errors", "runs", "transactions"], ["admin", "support"]))
def test_no_secret_is_in_a_packet_and_contents_only_for_those_who_may_see_them(signed_in, scene, kind, role):
    """X2, X12"""
    found = packet(signed_in[role], kind, scene[kind])
    text = "".join(found.values())
    assert SECRET not in text
    assert TOKEN not in text
    assert "[redacted]" in text
    assert (CLIENT in text) == (role == "admin")
    assert set(found) == {"README.txt", "packet.json", "calls.json", "failures.json", "writes.json"}
    assert all(json.loads(found[name]) for name in found if name.endswith(".json"))
    (call,) = json.loads(found["calls.json"])
    assert ("response_body" in call) == (role == "admin")


@pytest.mark.one_database
def test_what_a_service_said_of_a_refused_write_is_for_those_who_may_see_records(signed_in, scene, firm):
    """X12: "E-mail ana@example.org is taken" is what is in a record, whichever side of the pair said it."""

    def say(message: str) -> None:
        with firm.app.app_context():
            db.session.query(ErrorLog).update({"kind": "refused", "message": message, "raw_message": f"No, {CLIENT}"})
            db.session.query(Issue).update({"kind": "refused"})
            db.session.commit()

    say("It was refused.")
    for role, browser in signed_in.items():
        assert (CLIENT in browser.open(f"/errors/{scene['errors']}").text) == (role == "admin")
    say(f"{CLIENT} is there already.")
    for role, browser in signed_in.items():
        assert (CLIENT in "".join(packet(browser, "errors", scene["errors"]).values())) == (role == "admin")


@pytest.mark.one_database
def test_why_a_pair_stands_as_it_does_is_for_those_who_may_see_records(signed_in, scene, firm):
    """X12: on the pages of pairs it is hidden from support, too."""
    left, right = firm.connect("ghl"), firm.connect("clio")
    with firm.app.app_context():
        reason = f"The mapping's filter leaves out {CLIENT}, its other half."
        link = RecordLink(
            mapping_id=make_mapping(left, right), state="aside", reason=reason, base={}, writes={}, candidates=[],
            how="", created_at=clock.now(), updated_at=clock.now(),
        )  # fmt: skip
        db.session.add(link)
        db.session.flush()
        db.session.query(Change).filter_by(issue_id=scene["errors"]).update({"link_id": link.id})
        db.session.commit()
    for role, browser in signed_in.items():
        (told,) = json.loads(packet(browser, "errors", scene["errors"])["packet.json"])["pairs"]
        assert (CLIENT in str(told), told["state"]) == (role == "admin", "aside")


def test_a_packet_says_what_to_do_how_the_service_answers_and_what_last_went_well(enter, scene, firm):
    facts = json.loads(packet(enter("support"), "errors", scene["errors"])["packet.json"])
    (advice,), (connection,) = facts["advice"], facts["connections"]
    assert advice["who_must_act"] == "Whoever entered the data"
    assert advice["suggested_fix"].startswith("Correct the value")
    assert connection["status"] == "connected"
    assert connection["answers_in_the_last_hour"]["502"] == 1
    assert connection["last_good_run"][0].startswith(f"Run {scene['runs']}: full read")
    assert facts["console"]["version"]
    with firm.app.app_context():
        event = db.session.query(AuditEvent).filter_by(action="support packet made").one()
        assert (event.target, event.details) == (f"issue {scene['errors']}", {"contents": False})


@pytest.mark.one_database
def test_the_packet_of_a_long_run_begins_with_what_failed(enter, scene, firm, monkeypatch):
    """The latest calls and writes were in it, and of eight that were refused none."""
    monkeypatch.setattr(support_packet, "MOST", 1)
    with firm.app.app_context():
        bad = db.session.get_one(Transaction, scene["transactions"])
        facts = {c.name: getattr(bad, c.name) for c in Transaction.__table__.columns if c.name != "id"}
        db.session.add(Transaction(**facts | {"outcome": "ok", "status": 200, "call_key": "k2"}))
        told = {"connection_id": bad.connection_id, "sent_run_id": bad.run_id, "created_at": clock.now()}
        db.session.add(Change(
            **told, resource="matters", op="update", wanted={}, idempotency_key="i2", cause="test", state="done",
        ))  # fmt: skip
        db.session.commit()
    found = packet(enter("admin"), "runs", scene["runs"])
    assert [call["status"] for call in json.loads(found["calls.json"])] == [502]
    assert [write["state"] for write in json.loads(found["writes.json"])] == ["dead"]
    assert "names and data of clients" in found["README.txt"]


@pytest.mark.one_database
def test_what_is_not_there_has_no_packet(enter, scene, firm):
    admin = enter("admin")
    for kind in scene:
        assert admin.send(f"/{kind}/999/packet", f"/{kind}/{scene[kind]}").status_code == 404
    with firm.app.app_context():
        assert db.session.query(SyncRun).count() == 1
