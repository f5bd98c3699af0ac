"""Slack's events from its own address to our records: signed, kept once, read again."""

from __future__ import annotations

import json
import time

import pytest
import urllib3
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import func, select

from integration_console.models import Delivery, Record, SyncRun, db
from integration_console.operations import holds
from integration_console.operations.accounts import connections, subscriptions
from integration_console.operations.deliveries import deliveries
from integration_console.operations.runs import runs

from ..web.serving import served
from .conftest import connect, sync

http = urllib3.PoolManager(retries=False)
GENERAL = "C0SBX000001"


@pytest.fixture
def door(app, session, sandbox):
    """A workspace that was read, and the console behind a real address that Slack has tried."""
    number = connect(sandbox, "slack")
    sync(number)
    connection = connections.find(number)
    subscriptions.enter_secret(connection, sandbox.slack.signing_secret, by="Ana")
    path = f"/webhooks/slack/{connection.key}"
    db.session.remove()
    with served(app) as base:
        sandbox.slack.enter_hook(base + path)
        until(lambda: sandbox.slack.hook_is_verified)
        yield number, base + path


def until(is_so, within_s: float = 40) -> None:
    ends = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.05)
        db.session.remove()


def arrived(kind: str, count: int = 1) -> bool:
    return db.session.scalar(select(func.count()).select_from(Delivery).where(Delivery.kind == kind)) >= count


def work() -> None:
    """What the worker does with deliveries."""
    deliveries.dispatch()
    db.session.remove()
    for hold in holds.claim(db.engine, owner="test:1", lease_s=30, most=10):
        runs.execute(hold, foreground=True)
    deliveries.dispatch()
    db.session.remove()


def record(connection: int, name: str) -> Record | None:
    facts = {"connection_id": connection, "resource": "messages", "external_id": name}
    return db.session.scalar(select(Record).filter_by(**facts))


def send(url: str, body: dict, secret: str, **headers) -> int:
    return answer_to(url, body, secret, **headers).status


def answer_to(url: str, body: dict, secret: str, **headers) -> urllib3.BaseHTTPResponse:
    """Signed as Slack's own library does it."""
    raw, stamp = json.dumps(body), str(int(time.time()))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=raw)
    signed = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": str(signature), **headers}
    return http.request("POST", url, body=raw.encode(), headers={"Content-Type": "application/json", **signed})


@pytest.mark.one_database
def test_the_question_is_answered_only_where_it_is_signed(door, sandbox):
    """H2: the secret decides before anything in the body does."""
    _, url = door
    asked = {"token": "x", "challenge": "say-this", "type": "url_verification"}

    answer = answer_to(url, asked, sandbox.slack.signing_secret)
    assert (answer.status, answer.json()) == (200, {"challenge": "say-this"})
    assert send(url, asked, "another-secret-9") == 401
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 0


def test_what_is_said_changed_and_deleted_there_is_so_here(door, sandbox):
    number, _ = door
    said = sandbox.slack.put("messages", {"channel": GENERAL, "text": "The judge agrees."})
    name = f"{GENERAL}:{said['ts']}"
    until(lambda: arrived("message"))
    work()
    assert record(number, name).data["text"] == "The judge agrees."

    sandbox.slack.put("messages", {"channel": GENERAL, "ts": said["ts"], "text": "The judge agreed."})
    until(lambda: arrived("message.message_changed"))
    work()
    assert record(number, name).data["text"] == "The judge agreed."

    sandbox.slack.delete("messages", name)
    until(lambda: arrived("message.message_deleted"))
    work()
    assert record(number, name).deleted_at is not None


@pytest.mark.one_database
def test_an_answer_to_an_old_thread_comes_by_its_event(door, sandbox):
    """No increment would show it."""
    number, _ = door
    parent = next(one for one in db.session.scalars(select(Record).filter_by(resource="messages")) if
                  one.data.get("reply_count"))  # fmt: skip
    channel, ts = parent.external_id.split(":")
    said = sandbox.slack.put("messages", {"channel": channel, "text": "Done.", "thread_ts": ts})
    until(lambda: arrived("message"))
    work()

    assert record(number, f"{channel}:{said['ts']}").data["thread_ts"] == ts


@pytest.mark.one_database
def test_the_same_event_sent_three_times_is_one(door, sandbox):
    """H3"""
    _, url = door
    body = {
        "token": "x", "team_id": "T0SBXFIRM", "api_app_id": "A1", "type": "event_callback", "event_id": "Ev1",
        "event_time": int(time.time()),
        "event": {"type": "message", "channel": GENERAL, "ts": "1512085950.000216", "text": "x", "event_ts": "1.2"},
    }  # fmt: skip
    secret = sandbox.slack.signing_secret

    assert [send(url, body, secret, **{"X-Slack-Retry-Num": str(n)}) for n in (0, 1, 2)] == [200, 200, 200]
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 1


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        {"type": "event_callback", "team_id": "T0SBXFIRM", "event_id": "Ev2"},
        {"type": "event_callback", "team_id": "T0SBXFIRM", "event_id": "Ev2", "event": []},
        {"type": "event_callback", "event": {"type": "message"}},
        {"no": "type"},
        [1],
        {"type": "url_verification"},
    ],
)
def test_a_body_slack_would_not_send_is_refused_and_kept_nowhere(door, sandbox, body):
    _, url = door

    assert send(url, body, sandbox.slack.signing_secret) == 400
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 0


@pytest.mark.one_database
def test_another_workspaces_event_is_not_read_here(door, sandbox):
    """One address serves every workspace of an app."""
    _, url = door
    before = len(sandbox.slack.requests)
    body = {
        "token": "x", "team_id": "T0ELSEWHERE", "type": "event_callback", "event_id": "Ev3", "event_time": 1,
        "event": {"type": "message", "channel": GENERAL, "ts": "1512085950.000216", "event_ts": "1.2"},
    }  # fmt: skip
    assert send(url, body, sandbox.slack.signing_secret) == 200
    work()

    assert len(sandbox.slack.requests) == before


@pytest.mark.one_database
def test_people_and_channels_come_by_events_too(door, sandbox):

    sandbox.slack.put("channels", {"id": "C0SBX000002", "name": "new-intake"})
    sandbox.slack.put("users", {"id": "U0SBX000003", "deleted": True})
    until(lambda: arrived("channel_rename") and arrived("user_change"))
    work()

    found = {
        row.external_id: row.data
        for row in db.session.scalars(select(Record).where(Record.resource.in_(("channels", "users"))))
    }
    assert found["C0SBX000002"]["name"] == "new-intake"
    assert found["U0SBX000003"]["deleted"] is True


@pytest.mark.one_database
def test_an_app_that_was_thrown_out_is_told_to_people(door, sandbox):
    number, _ = door
    sandbox.slack.revoke()
    sandbox.slack.send(sandbox.slack.event_letter({"type": "app_uninstalled", "event_ts": "1.2"}))
    until(lambda: arrived("app_uninstalled"))
    work()

    assert connections.find(number).status == "needs_reconnect"
    assert db.session.scalar(select(func.count()).select_from(SyncRun).where(SyncRun.kind == "webhook")) == 0


@pytest.mark.one_database
def test_what_slack_held_back_in_a_busy_minute_is_read_whole_once(door, sandbox, clock):
    """H5: an edit of an old message shows in no increment; two such minutes cost one read."""
    number, url = door
    old = db.session.scalars(select(Record).filter_by(connection_id=number, resource="messages")).first()
    channel, ts = old.external_id.split(":")
    name = old.external_id
    db.session.remove()
    sandbox.slack.hook_is_verified = False  # nothing is sent
    sandbox.slack.put("messages", {"channel": channel, "ts": ts, "text": "The judge agreed."})
    for minute in (1518467820, 1518467880):
        told = {"token": "x", "type": "app_rate_limited", "team_id": "T0SBXFIRM", "api_app_id": "A1",
                "minute_rate_limited": minute}  # fmt: skip
        assert send(url, told, sandbox.slack.signing_secret) == 200
    before = db.session.scalar(select(func.count()).select_from(SyncRun))
    work()
    assert record(number, name).data["text"] != "The judge agreed."

    clock.advance(minutes=16)
    work()
    work()

    assert record(number, name).data["text"] == "The judge agreed."
    assert db.session.scalar(select(func.count()).select_from(SyncRun)) == before + 1
    assert set(db.session.scalars(select(Delivery.state).filter_by(kind="app_rate_limited"))) == {"done"}
