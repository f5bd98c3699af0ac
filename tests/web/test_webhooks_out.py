"""Webhooks out: what happened is told once, signed, until somebody takes it; the address is guarded (X3)."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode

import pytest
from cryptography.fernet import Fernet

from integration_console.models import Issue, Transaction, WebhookMessage, WebhookTarget, db
from integration_console.operations.accounts import connections
from integration_console.operations.api import webhook_messages, webhook_sending, webhook_targets
from integration_console.storage import errors, outbound
from integration_console.storage.vault import Vault
from integration_console.transport import standard_webhooks

from .serving import listening


@pytest.fixture
def hook():
    with listening() as told:
        yield told


@pytest.fixture
def told(app, firm, hook, clock):
    """A connection whose events go to `hook`; told() does what the worker does."""
    number = firm.connect("clio", name="Ruiz")
    with app.app_context():
        secret = webhook_targets.set_url(connections.find(number), webhook_targets.checked(hook.url), by="Ana")
        db.session.commit()

    def told() -> int:
        with app.app_context():
            webhook_messages.find()
            return webhook_sending.send_due()

    told.number, told.secret = number, secret
    return told


def messages(app) -> list[WebhookMessage]:
    with app.app_context():
        found = db.session.query(WebhookMessage).order_by(WebhookMessage.id).all()
        db.session.expunge_all()
        return found


def signed_by(secret: str, headers: dict, body: bytes) -> bool:
    """Whether one of the signatures is the one that OpenSSL makes."""
    key = b64decode(secret.removeprefix("whsec_")).hex()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-binary"],
        input=signed, capture_output=True, check=True,
    ).stdout  # fmt: skip
    sent = [one.partition(",") for one in headers["webhook-signature"].split()]
    return any(version == "v1" and b64decode(text) == made for version, _, text in sent)


def test_a_finished_run_is_told_once_and_signed(app, firm, hook, told, clock):
    run = firm.past_run(told.number, seen=12, same=12)
    assert told() == 1
    assert told() == 0
    (headers, body), event = hook.heard[0], json.loads(hook.heard[0][1])
    assert len(hook.heard) == 1
    assert (event["type"], event["data"]["service"]) == ("run.finished", "clio")
    assert event["timestamp"].endswith("Z")
    assert event["data"]["connectionId"].startswith("conn_")
    assert event["data"]["sync"]["status"] == "success"
    assert event["data"]["sync"]["recordsProcessed"] == 12
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"].startswith("msg_")
    assert abs(int(headers["webhook-timestamp"]) - clock.now().timestamp()) < 60
    assert signed_by(told.secret, headers, body)
    assert not signed_by(told.secret, headers, body + b" ")
    assert not signed_by(standard_webhooks.new_secret(), headers, body)
    assert messages(app)[0].event == f"run.finished:{run}"


def test_a_lost_sign_in_and_an_opened_issue_are_told_and_again_when_they_come_back(app, firm, hook, told, clock):
    firm.change(told.number, status="needs_reconnect", status_reason="The key was withdrawn.", status_since=clock.now())
    firm.refuse(told.number, "9001")
    assert told() == 2
    kinds = {json.loads(body)["type"]: json.loads(body)["data"] for _, body in hook.heard}
    assert kinds["connection.needs_reconnect"]["reason"] == "The key was withdrawn."
    assert kinds["issue.opened"]["issue"]["kind"] == "value"
    assert kinds["issue.opened"]["issue"]["url"].startswith("http://127.0.0.1:8000/errors/")
    clock.advance(60)
    with app.app_context():
        db.session.query(Issue).one().state = "resolved"
        db.session.commit()
        errors.log_failure(
            db.session(), connection_id=told.number, run_id=None, service="clio", resource="matters", kind="value",
            message="Again.", raw="", code="refused", field="open_date", now=clock.now(),
        )  # fmt: skip
        db.session.commit()
    assert told() == 1


def test_what_happened_before_the_address_was_set_is_not_told(app, firm, hook, clock):
    number = firm.connect("clio")
    firm.past_run(number)
    clock.advance(1)
    with app.app_context():
        webhook_targets.set_url(connections.find(number), hook.url, by="Ana")
        db.session.commit()
        assert webhook_messages.find() == 0
        assert webhook_sending.send_due() == 0


def test_what_nobody_takes_is_tried_for_a_day_and_then_shown(app, firm, hook, told, clock, enter):
    hook.status = 500
    firm.past_run(told.number)
    began, tries = clock.now(), 0
    for _ in range(40):
        told()
        (one,) = messages(app)
        if one.state == "dead":
            break
        assert one.message == "The address answered with status 500."
        clock.advance((one.due_at - clock.now()).total_seconds() + 1)
    tries = len(hook.heard)
    assert (one.state, tries, one.tries) == ("dead", 8, 8)
    assert 20 * 3600 < (clock.now() - began).total_seconds() < 28 * 3600
    assert len({headers["webhook-id"] for headers, _ in hook.heard}) == 1
    with app.app_context():
        calls = db.session.query(Transaction).filter_by(path_template="webhook to a program").all()
        assert [(call.attempt, call.status, call.connection_id) for call in calls] == [
            (number, 500, told.number) for number in range(1, 9)
        ]
        assert told.secret not in "".join(str(vars(call)) for call in calls)
    browser = enter("admin")
    assert "A program is not told what happens here" in browser.open(f"/connections/{told.number}").text
    page = browser.open(f"/connections/{told.number}/events")
    assert "Given up" in page.text
    hook.status = 200
    browser.send(f"/connections/{told.number}/events/again", f"/connections/{told.number}/events")
    assert told() == 1
    assert "A program is not told" not in browser.open(f"/connections/{told.number}").text


@pytest.mark.one_database
def test_the_call_log_says_where_a_message_went_and_not_the_whole_address(app, firm, hook, told):
    """Who knows the path of such an address may write to it; support reads the call log."""
    with app.app_context():
        webhook_targets.set_url(connections.find(told.number), hook.url.rstrip("/") + "/catch/7f3a9c?key=b81", by="Ana")
        db.session.commit()
    firm.past_run(told.number)

    assert told() == 1
    with app.app_context():
        (call,) = db.session.query(Transaction).filter_by(path_template="webhook to a program")
        assert "7f3a9c" not in str(vars(call))
        assert "b81" not in call.url
        assert call.url.startswith("http://")


@pytest.mark.one_database
def test_a_receiver_that_answers_at_length_was_told_once(app, firm, hook, told, clock):
    """Its status says that it heard; what it says besides is not read to the end."""
    hook.status, hook.answer = 200, b"Thank you. " * 7_000
    firm.past_run(told.number)

    assert told() == 1
    clock.advance(days=1)
    assert told() == 0
    assert len(hook.heard) == 1


def test_an_address_that_says_gone_is_not_tried_again(app, firm, hook, told):
    hook.status = 410
    firm.past_run(told.number)
    assert told() == 0
    assert messages(app)[0].state == "dead"


def test_the_address_is_looked_at_again_before_every_try(app, firm, hook, told):
    """X3: a name may lead elsewhere by then"""
    firm.past_run(told.number)
    with app.app_context():
        db.session.query(WebhookTarget).one().url = "https://10.0.0.1/hook"
        db.session.commit()
    assert told() == 0
    (one,) = messages(app)
    assert (one.state, "private network" in one.message) == ("pending", True)


def test_two_workers_send_a_message_once(app, firm, hook, told):
    for _ in range(5):
        firm.past_run(told.number)
    with app.app_context():
        webhook_messages.find()
        first = webhook_sending._claim()
        second = webhook_sending._claim()
        assert len(first) == len(second) == 1
        assert first[0].message_id != second[0].message_id


def test_a_secret_is_shown_once_and_the_old_one_signs_for_a_day_more(app, firm, hook, clock, enter):
    number = firm.connect("clio")
    browser, path = enter("admin"), f"/connections/{number}/events"
    answer = browser.send(path, path, {"url": hook.url})
    first = answer.text.split('class="secret-once">')[1].split("<")[0]
    assert first.startswith("whsec_")
    assert first not in browser.open(path).text
    second = browser.send(f"{path}/secret", path).text.split('class="secret-once">')[1].split("<")[0]
    with app.app_context():
        assert first not in db.session.query(WebhookTarget).one().secret  # sealed
    firm.past_run(number)
    with app.app_context():
        webhook_messages.find()
        webhook_sending.send_due()
    clock.advance(days=1, seconds=1)
    firm.past_run(number)
    with app.app_context():
        webhook_messages.find()
        webhook_sending.send_due()
    (before, after) = hook.heard
    assert [signed_by(secret, *before) for secret in (first, second)] == [True, True]
    assert [signed_by(secret, *after) for secret in (first, second)] == [False, True]


@pytest.mark.one_database
def test_only_an_administrator_sees_and_sets_it_and_a_bad_address_comes_back(firm, enter):
    number = firm.connect("clio")
    path = f"/connections/{number}/events"
    for role in ("staff", "support"):
        assert enter(role).open(path).status == 403
    browser = enter("admin")
    answer = browser.send(path, path, {"url": "https://169.254.169.254/latest"})
    assert answer.status_code == 422
    assert "private network" in answer.text
    assert "https://169.254.169.254/latest" in answer.text
    browser.send(path, path, {"url": ""})
    assert "Set an address" in browser.open(f"/connections/{number}/settings").text


def test_a_restored_copy_tells_nobody_until_an_admin_lets_it(app, firm, hook, told, clock):
    """W10"""
    firm.past_run(told.number)
    with app.app_context():
        outbound.pause(db.session.connection(), {"at": clock.now().isoformat(), "backup_at": "", "by": "Ana"})
        db.session.commit()
    assert told() == 0
    with app.app_context():
        outbound.resume(db.session())
        db.session.commit()
    assert told() == 1


@pytest.mark.one_database
def test_a_removed_address_is_told_nothing_more(app, firm, hook, told):
    firm.past_run(told.number)
    with app.app_context():
        webhook_messages.find()
        webhook_targets.set_url(connections.find(told.number), None, by="Ana")
        db.session.commit()
        assert webhook_sending.send_due() == 0
    assert hook.heard == []


def test_a_removed_connection_tells_nobody_and_keeps_no_secret(app, firm, hook):
    """No page leads to its address any more, so nobody could have taken that away."""
    number = firm.connect("stripe", name="Stripe")  # by a key, which its service does not take back from others here
    with app.app_context():
        webhook_targets.set_url(connections.find(number), webhook_targets.checked(hook.url), by="Ana")
        db.session.commit()
    firm.past_run(number)
    with app.app_context():
        assert webhook_messages.find() == 1
        connections.remove(connections.find(number), by="Ana")
        assert db.session.query(WebhookTarget).count() == 0
        webhook_messages.find()
        assert webhook_sending.send_due() == 0
    assert hook.heard == []


def test_one_secret_no_key_opens_keeps_no_other_message_back(app, firm, hook, told, clock, enter):
    """Its own messages are given up in the end and shown, and a new secret can be made."""
    other = firm.connect("stripe", name="Stripe")
    with app.app_context():
        webhook_targets.set_url(connections.find(other), webhook_targets.checked(hook.url), by="Ana")
        target = webhook_targets.of(told.number)
        target.secret = Vault(Fernet.generate_key().decode()).seal(f"webhook_target:{told.number}", told.secret)
        db.session.commit()
    firm.past_run(told.number)
    firm.past_run(other)

    assert told() == 1
    assert {one.state for one in messages(app)} == {"done", "pending"}
    assert "cannot be opened" in next(one.message for one in messages(app) if one.state == "pending")
    enter("admin").send(f"/connections/{told.number}/events/secret", f"/connections/{told.number}/events")
    clock.advance(10)
    assert told() == 1
