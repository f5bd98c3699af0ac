"""The webhook door: what is proved is kept before it is answered and read again; nothing else comes in (H1 to H6)."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from integration_console import clock as house_clock
from integration_console import services
from integration_console.models import Delivery, Record, Transaction, WebhookSubscription, db
from integration_console.operations import connections, deliveries, runs, subscriptions, tending
from integration_console.operations.hook_secrets import secret_of, set_secret
from integration_console.sandbox import hooks
from integration_console.web import webhooks as webhooks_door
from integration_console.web.access import limiter

from ..cases import together
from ..forgery import OTHER, SECRET, forgeries, signer_of
from ..operations.conftest import connect, point_at, sync
from .door import address, hooked, listening, post, webhook_runs, work

CALLING = [service for service in services.every().values() if service.webhook]


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    point_at(monkeypatch, fresh_upstreams)
    return fresh_upstreams


@pytest.fixture
def door(app, sandbox, session):
    """The console, listening where the sandbox can reach it; the address it has."""
    with listening(app) as url:
        yield url


def _until(true, within_s: float = 10):
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        db.session.rollback()
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def _kept(**facts) -> list[Delivery]:
    db.session.rollback()
    return list(db.session.scalars(select(Delivery).filter_by(**facts).order_by(Delivery.id)))


def _with_secret(connection_id: int, secret: str = SECRET, topic: str = "matter") -> WebhookSubscription:
    """A hook whose secret the test knows."""
    row = WebhookSubscription(
        connection_id=connection_id, topic=topic, external_id="7", url="x", state="active",
        asked_at=house_clock.now(), looked_at=house_clock.now(),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    set_secret(row, secret)
    db.session.commit()
    return row


def _clio(record: int, etag: str = "a", event: str = "updated") -> bytes:
    said = {"data": {"id": record, "etag": etag}, "meta": {"event": event, "webhook_id": 7}}
    return json.dumps(said).encode()


def _signed(body: bytes, secret: str = SECRET) -> dict:
    return hooks.signed_as_clio(secret)(body)


# -- a change, from there to here -------------------------------------------------------------------------------------


def test_a_change_at_clio_arrives_by_webhook_and_is_read_again_h4(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["contacts"])
    hooked(number)
    contact = next(sandbox.clio.shelves["contacts"].numbers())

    db.session.commit()
    sandbox.clio.put("contacts", {"id": contact, "title": "Dame"})
    (delivery,) = _until(lambda: _kept(kind="contact.updated"))
    assert delivery.state == "waiting"
    work()
    work()

    (delivery,) = _kept(kind="contact.updated")
    assert (delivery.state, delivery.tries) == ("done", 0)
    assert "1 changed" in delivery.outcome
    record = db.session.scalars(select(Record).filter_by(resource="contacts", external_id=str(contact))).one()
    assert record.data["title"] == "Dame"
    assert db.session.scalar(select(WebhookSubscription.last_delivery_at).filter_by(topic="contact"))


def test_what_is_deleted_there_is_gone_here_only_when_the_service_says_so_h4(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["contacts"])
    first, second = [n for n, _ in zip(sandbox.clio.shelves["contacts"].numbers(), range(2), strict=False)]
    _with_secret(number, topic="contact")
    sandbox.clio.delete("contacts", first)

    for contact in (first, second):  # the second is a lie, or was brought back
        body = _clio(contact, event="deleted")
        assert post(door + address(number), body, _signed(body)).status == 200
    work()

    gone = {r.external_id: r.deleted_at for r in db.session.scalars(select(Record).filter_by(resource="contacts"))}
    assert gone[str(first)]
    assert gone[str(second)] is None


@pytest.mark.one_database
def test_changes_at_highlevel_and_clockify_arrive_too(door, sandbox):
    ghl, clockify = connect(sandbox, "ghl"), connect(sandbox, "clockify")
    sandbox.ghl.hook_url = door + address(ghl)
    hooked(clockify)

    sandbox.ghl.put("contacts", {"firstName": "Ana", "lastName": "Walk-in", "name": "Ana Walk-in", "type": "lead"})
    client = sandbox.clockify.put("clients", {"name": "New client"})
    _until(lambda: _kept(kind="ContactCreate") and _kept(kind="NEW_CLIENT"))
    work()
    work()

    assert db.session.scalar(select(Record.id).filter_by(resource="clients", external_id=client["id"]))
    names = [one.data.get("lastName") for one in db.session.scalars(select(Record).filter_by(resource="contacts"))]
    assert names == ["Walk-in"]
    assert {one.state for one in _kept()} == {"done"}


@pytest.mark.one_database
def test_changes_at_stripe_quickbooks_and_xero_arrive_too(door, sandbox):
    """Stripe's endpoint is made by its API; at the other two a person enters the address and brings the secret."""
    stripe, quickbooks, xero = (connect(sandbox, key) for key in ("stripe", "quickbooks", "xero"))
    hooked(stripe)
    for number, upstream, secret in (
        (quickbooks, sandbox.quickbooks, sandbox.quickbooks.verifier), (xero, sandbox.xero, sandbox.xero.webhook_key),
    ):  # fmt: skip
        subscriptions.enter_secret(connections.find(number), secret, by="test")
        upstream.hook_url = door + address(number)

    customer = sandbox.stripe.put("customers", {"name": "Ana Quist"})["id"]
    sandbox.quickbooks.put("customers", {"Id": "4", "Notes": "called"})
    contact = sandbox.xero.put("contacts", {"Name": "Quist and Partners"})["ContactID"]
    _until(lambda: {one.kind for one in _kept()} >= {"customer.created", "customer.updated", "contact.create"})
    work()
    work()

    assert {one.state for one in _kept()} == {"done"}
    records = {(one.connection_id, one.external_id): one.data for one in db.session.scalars(select(Record))}
    assert records[stripe, customer]["name"] == "Ana Quist"
    assert records[quickbooks, "4"]["Notes"] == "called"
    assert records[xero, contact]["Name"] == "Quist and Partners"
    assert {row.state for row in subscriptions.of(connections.find(stripe))} == {"active"}


@pytest.mark.one_database
def test_xeros_intent_to_receive_is_answered_by_its_signature_alone(door, sandbox):
    number = connect(sandbox, "xero")
    subscriptions.enter_secret(connections.find(number), sandbox.xero.webhook_key, by="test")
    calls = select(Transaction.status).filter_by(direction="in")
    url = door + address(number)

    sandbox.xero.intend(url)

    _until(lambda: len(list(db.session.scalars(calls))) == 4)
    assert sorted(db.session.scalars(calls)) == [200, 200, 401, 401]
    assert not _kept()
    body = b'{"events": []}'
    answered = post(url, body, hooks.signed_as_xero(sandbox.xero.webhook_key)(body))
    assert (answered.status, answered.body) == (200, b"")


@pytest.mark.one_database
def test_a_note_nobody_has_met_is_read_under_the_contact_the_event_names(door, sandbox):
    ghl = connect(sandbox, "ghl")
    sandbox.ghl.hook_url = door + address(ghl)
    contact = sandbox.ghl.put("contacts", {"firstName": "Ana", "name": "Ana"})["id"]
    note = sandbox.ghl.put("notes", {"contactId": contact, "body": "called", "bodyText": "called"})["id"]
    _until(lambda: _kept(kind="NoteCreate"))
    work()
    work()

    record = db.session.scalars(select(Record).filter_by(resource="notes", external_id=note)).one()
    assert record.owner_id == contact


# -- H1: kept, then answered ------------------------------------------------------------------------------------------


def test_a_delivery_is_committed_with_its_call_before_the_answer_h1(door, sandbox):
    number = connect(sandbox, "clio")
    _with_secret(number)
    body = _clio(1)

    answered = post(door + address(number), body, {**_signed(body), "User-Agent": "Clio"})

    assert (answered.status, answered.body) == (200, b"")
    assert "set-cookie" not in answered.headers
    (delivery,) = _kept()
    assert delivery.records == [["matters", "1", None]]
    assert json.loads(delivery.body)["data"]["id"] == 1
    call = db.session.scalars(select(Transaction).filter_by(direction="in")).one()
    assert (call.status, call.outcome, call.call_key) == (200, "ok", delivery.call_key)
    assert SECRET not in (call.request_headers or "") + delivery.body + str(delivery.headers)


def test_without_a_commit_the_answer_is_503_h1(door, sandbox):
    number = connect(sandbox, "clio")
    _with_secret(number)
    path, body = address(number), _clio(1)
    db.session.execute(text("ALTER TABLE delivery RENAME TO delivery_away"))
    db.session.commit()

    answered = post(door + path, body, _signed(body))

    assert answered.status == 503
    assert int(answered.headers["retry-after"]) > 0
    db.session.execute(text("ALTER TABLE delivery_away RENAME TO delivery"))
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(Transaction).filter_by(direction="in")) == 0
    assert post(door + path, body, _signed(body)).status == 200


@pytest.mark.one_database
def test_a_mistake_of_ours_is_503_so_that_the_sender_comes_again_h1(door, sandbox, monkeypatch):
    number = connect(sandbox, "clio")
    _with_secret(number)
    clio = services.by_key("clio")

    def mistaken(notice):
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as wrong:
        wrong.setattr(type(clio), "webhook", replace(clio.webhook, events=mistaken))
        answered = post(door + address(number), _clio(1), _signed(_clio(1)))
    assert (answered.status, answered.body) == (503, b"")
    assert int(answered.headers["retry-after"]) > 0
    assert not _kept()

    assert post(door + address(number), _clio(1), _signed(_clio(1))).status == 200


@pytest.fixture
def clio_door(door, sandbox):
    """Where an account at Clio is called, which proves itself with _signed()."""
    number = connect(sandbox, "clio")
    _with_secret(number)
    return door + address(number)


@pytest.mark.one_database
@together(
    "body",
    [b"", b"{", b"[]x", b"null", b"7", b'"text"', b"{}", b"[]", b'{"data": 7, "meta": {}}', b"[" * 5000, b"\xff\xfe",
     b'{"data": {"id": null}, "meta": {"event": "updated"}}', b'{"data": [], "meta": []}', b'{"a": NaN}',
     b'{"data": {"id": "\\u0000"}, "meta": {"event": "updated", "webhook_id": 7}}'],
)  # fmt: skip
def test_what_is_proved_but_malformed_is_400_and_nothing_is_kept_h1(clio_door, body):
    assert post(clio_door, body, _signed(body)).status == 400
    assert not _kept()


@pytest.mark.one_database
def test_a_body_over_one_mebibyte_is_refused_before_it_is_read_h1(door, sandbox):
    number = connect(sandbox, "clio")
    _with_secret(number)
    large = _clio(1).replace(b"}}", b'}, "x": "' + b"a" * (1 << 20) + b'"}')

    assert post(door + address(number), large, _signed(large)).status == 413
    fits = json.dumps({**json.loads(_clio(1)), "x": "a" * 1_000_000}).encode()
    assert post(door + address(number), fits, _signed(fits)).status == 200


# -- H2: proof --------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.settings(WEBHOOKS_PER_MINUTE=100_000)
@pytest.mark.parametrize("service", CALLING, ids=lambda service: service.key)
def test_no_forgery_comes_in_and_none_breaks_the_door_h2(app, sandbox, session, monkeypatch, service):
    monkeypatch.setattr(app.config["SETTINGS"], "BASE_URL", "http://localhost")
    if service.webhook.published_keys:
        monkeypatch.setenv(f"{service.key}_WEBHOOK_KEY".upper(), hooks.HighLevelKey(SECRET).public)
        app.config["SETTINGS"].__dict__.pop("_everything", None)
    number = _stored(service.key)
    if not service.webhook.published_keys:
        _with_secret(number)
    path, client = address(number), app.test_client()
    statuses: dict[str, int] = {}
    for forged in forgeries(service.webhook.signature, house_clock.now()):
        headers = {k: v.encode("utf-8").decode("latin-1") for k, v in forged.headers.items()}
        if any(len(text.splitlines()) > 1 for text in headers.values()):
            continue  # no request can carry that
        limiter.reset()
        statuses[forged.kind] = client.post(path, data=forged.body, headers=headers).status_code

    assert {kind: status for kind, status in statuses.items() if status != 401} == {}
    assert len(statuses) >= 40
    assert not _kept()
    genuine = json.dumps({"id": "x"}).encode()
    headers = signer_of(service.webhook.signature).sign(SECRET, genuine, house_clock.now())
    assert client.post(path, data=genuine, headers=headers).status_code in (200, 400)


def _stored(service_key: str) -> int:
    """A connection row of any service, as it lies in the database."""
    from integration_console.models import Connection

    now = house_clock.now()
    row = Connection(
        key=f"key-of-{service_key}", service=service_key, name=service_key, account_id="acct", account_name="A",
        scopes=[], status="connected", status_since=now, settings={}, created_at=now, budget={}, frequency="manual",
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return row.id


@pytest.mark.one_database
def test_an_unknown_connection_is_answered_like_a_wrong_signature_h1(door, sandbox):
    number = connect(sandbox, "clio")
    _with_secret(number)
    body = _clio(1)
    wrong = post(door + address(number), body, _signed(body, OTHER))

    for path in ("/webhooks/clio/nobody", "/webhooks/nothing/nobody", "/webhooks/ghl/nobody", "/webhook/matter"):
        other = post(door + path, body, _signed(body, OTHER))
        same = ("date", "x-request-id")
        assert (other.status, other.body) == (401, b"") == (wrong.status, wrong.body)
        assert {k: v for k, v in other.headers.items() if k not in same} == {
            k: v for k, v in wrong.headers.items() if k not in same
        }


@pytest.mark.one_database
def test_without_a_secret_and_after_removal_everything_is_refused_h2(door, sandbox):
    number = connect(sandbox, "clio")
    path, body = address(number), _clio(1)
    assert post(door + path, body, _signed(body, "")).status == 401

    _with_secret(number)
    assert post(door + path, body, _signed(body)).status == 200
    connections.remove(connections.find(number), by="test")
    assert post(door + path, body, _signed(body)).status == 401


@pytest.mark.one_database
def test_two_secrets_are_good_while_one_is_rolled_and_then_one_h2(door, sandbox, clock):
    number = connect(sandbox, "clio")
    row = _with_secret(number)
    set_secret(row, OTHER, old_until=house_clock.now() + timedelta(hours=24))
    db.session.commit()

    for record, secret in ((1, SECRET), (2, OTHER)):
        body = _clio(record)
        assert post(door + address(number), body, _signed(body, secret)).status == 200
    clock.advance(hours=25)
    assert post(door + address(number), _clio(3), _signed(_clio(3), SECRET)).status == 401
    assert post(door + address(number), _clio(3), _signed(_clio(3), OTHER)).status == 200


@pytest.mark.one_database
def test_the_older_addresses_are_clio_s_and_the_secret_tells_whose(door, sandbox):
    first, second = connect(sandbox, "clio", "one"), connect(sandbox, "clio", "two")
    _with_secret(first, SECRET)
    _with_secret(second, OTHER)
    body = _clio(5)

    assert post(door + "/webhook/matter", body, _signed(body, OTHER)).status == 200
    assert post(door + "/webhook/matter_created", _clio(6), _signed(_clio(6), SECRET)).status == 200

    assert [one.connection_id for one in _kept()] == [second, first]


# -- H3: once ---------------------------------------------------------------------------------------------------------


def test_a_hundred_repeats_at_once_are_one_delivery_and_one_read_h3(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["matters"])
    _with_secret(number)
    path, body = door + address(number), _clio(3)

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: post(path, body, _signed(body)).status, range(100)))
    work()
    work()

    assert set(statuses) == {200}
    (delivery,) = _kept()
    assert delivery.state == "done"
    assert len(webhook_runs()) == 1


@pytest.mark.one_database
def test_a_repeat_after_the_read_is_not_read_again_h3(door, sandbox):
    number = connect(sandbox, "clio")
    _with_secret(number)
    body = _clio(3)
    for _ in range(2):
        assert post(door + address(number), body, _signed(body)).status == 200
        work()
        work()

    assert len(webhook_runs()) == 1


@pytest.mark.one_database
def test_where_nothing_tells_a_repeat_from_a_change_it_is_read_once_more_h3(door, sandbox):
    number = connect(sandbox, "clio")
    _with_secret(number)
    body = json.dumps({"data": {"id": 3}, "meta": {"event": "updated", "webhook_id": 7}}).encode()
    for _ in range(2):
        for _ in range(5):
            assert post(door + address(number), body, _signed(body)).status == 200
        work()
        work()

    assert len(_kept()) == 1
    assert len(webhook_runs()) == 2


# -- H4, H5: many, in any order, fairly -------------------------------------------------------------------------------


def test_twenty_events_of_one_record_cost_one_read_h5(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["matters"])
    _with_secret(number)
    before = len([one for one in sandbox.clio.requests if "/matters/3" in one.path])

    for etag in range(20):
        body = _clio(3, f"etag-{etag}")
        post(door + address(number), body, _signed(body))
    work()
    work()

    assert [one.state for one in _kept()] == ["done"] * 20
    assert len([one for one in sandbox.clio.requests if "/matters/3" in one.path]) == before + 1


@pytest.mark.one_database
def test_a_busy_connection_does_not_keep_another_waiting_h5(door, sandbox):
    busy, quiet = connect(sandbox, "clio", "busy"), connect(sandbox, "clio", "quiet")
    _with_secret(busy, SECRET)
    _with_secret(quiet, OTHER)
    for record in range(1, 121):
        body = _clio(record)
        post(door + address(busy), body, _signed(body))
    post(door + address(quiet), _clio(1), _signed(_clio(1), OTHER))

    deliveries.dispatch()

    reading = {one.connection_id for one in _kept(state="reading")}
    assert reading == {busy, quiet}
    assert len(_kept(state="reading", connection_id=busy)) == deliveries.RECORDS_A_RUN
    work()
    work()
    assert {one.state for one in _kept()} == {"done"}


def test_what_cannot_be_read_is_tried_five_times_and_set_aside_and_replayed_h5(door, sandbox, clock):
    number = connect(sandbox, "clio")
    _with_secret(number)
    sandbox.clio.script("/matters/3", {"status": 422, "body": {"error": {"message": "not today"}}, "times": 100})
    for record in (3, 4):
        post(door + address(number), _clio(record), _signed(_clio(record)))
    for _ in range(5):
        work()
        work()
        clock.advance(hours=2)

    dead, fine = _kept()
    assert (dead.state, dead.tries) == ("dead", 5)
    assert "not today" in dead.outcome
    assert fine.state == "done"

    sandbox.clio.unscript()
    deliveries.replay(deliveries.find(dead.id), by="test")
    work()
    work()
    assert _kept()[0].state == "done"


def test_killed_between_the_commit_and_the_dispatch_nothing_is_lost_h1(door, sandbox):
    number = connect(sandbox, "clio")
    _with_secret(number)
    post(door + address(number), _clio(3), _signed(_clio(3)))

    deliveries.dispatch()  # and then this worker dies, before the run began
    (delivery,) = _kept()
    run = runs.find(delivery.run_id)
    assert (delivery.state, run.state) == ("reading", "queued")
    deliveries.dispatch()  # another one's look changes nothing
    assert len(webhook_runs()) == 1
    work()
    work()

    assert _kept()[0].state == "done"


@pytest.mark.one_database
def test_a_run_that_was_stopped_leaves_its_deliveries_waiting(door, sandbox, clock):
    number = connect(sandbox, "clio")
    _with_secret(number)
    post(door + address(number), _clio(3), _signed(_clio(3)))
    deliveries.dispatch()
    connections.pause(connections.find(number), by="test")
    deliveries.dispatch()
    (delivery,) = _kept()
    assert (delivery.state, delivery.tries) == ("waiting", 0)

    connections.resume(connections.find(number), by="test")
    clock.advance(60)
    work()
    work()
    assert _kept()[0].state == "done"


@pytest.mark.one_database
def test_an_event_of_another_account_is_never_read_with_this_one_s_access(door, sandbox):
    ghl = connect(sandbox, "ghl")
    body = json.dumps({"type": "ContactUpdate", "locationId": "elsewhere", "id": "x", "webhookId": "w1"}).encode()
    signed = sandbox.ghl.hook_key.sign(body)

    assert post(door + address(ghl), body, signed).status == 200
    (delivery,) = _kept()
    assert (delivery.state, delivery.body, delivery.records) == ("ignored", None, [])
    assert deliveries.dispatch() == 0


@pytest.mark.one_database
@pytest.mark.settings(WEBHOOKS_PER_MINUTE=5)
def test_a_storm_is_told_to_come_again_x11(door, sandbox, clock):
    first, second = connect(sandbox, "clio", "one"), connect(sandbox, "clio", "two")
    _with_secret(first, SECRET)
    _with_secret(second, OTHER)

    answers = [post(door + address(first), _clio(n), _signed(_clio(n))) for n in range(1, 8)]

    assert [one.status for one in answers] == [200] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert post(door + address(second), _clio(1), _signed(_clio(1), OTHER)).status == 200
    clock.advance(61)
    assert post(door + address(first), _clio(6), _signed(_clio(6))).status == 200


@pytest.mark.one_database
@pytest.mark.settings(WEBHOOKS_PER_MINUTE=5)
def test_accounts_that_share_an_address_have_a_number_of_their_own_x11(door, sandbox):
    """HighLevel knows one address for every location of an app."""
    busy, quiet = connect(sandbox, "ghl"), _stored("ghl")
    url = door + address(busy)

    def told(location: str, number: int) -> int:
        said = {"type": "UserUpdate", "locationId": location, "id": "x", "webhookId": f"{location}-{number}"}
        body = json.dumps(said).encode()
        return post(url, body, sandbox.ghl.hook_key.sign(body)).status

    assert [told(sandbox.ghl.location_id, number) for number in range(7)] == [200] * 5 + [429] * 2
    assert [told("acct", number) for number in range(3)] == [200] * 3
    assert [told("a stranger's", number) for number in range(2)] == [429] * 2
    assert len(_kept(connection_id=quiet)) == 3


@pytest.mark.one_database
def test_who_tries_secrets_is_stopped_and_nobody_else_x11(app, sandbox, session, monkeypatch):
    monkeypatch.setattr(webhooks_door, "REFUSED_PER_MINUTE", 3)
    number = _stored("clio")
    _with_secret(number)
    path, client = address(number), app.test_client()

    def knock(sender: str, at: str, secret: str):
        return client.post(
            at, data=_clio(1), headers=_signed(_clio(1), secret), environ_overrides={"REMOTE_ADDR": sender}
        )

    for at in (path, "/webhook/matter"):
        tries = [knock("203.0.113.9", at, OTHER) for _ in range(5)]
        assert [one.status_code for one in tries] == [401] * 3 + [429] * 2
        assert int(tries[-1].headers["retry-after"]) > 0
        assert knock("198.51.100.4", at, SECRET).status_code == 200


# -- H6: secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_a_secret_is_taken_only_in_an_exchange_we_began_h6(door, sandbox, clock):
    number = connect(sandbox, "clio")
    row = _with_secret(number)
    brought = {"X-Hook-Secret": "an-attackers-own-secret"}
    body = b'{"data": {"id": 7}}'

    assert post(door + address(number), body, brought).status == 401  # nothing is asked for

    row.state, row.external_id, row.secret, row.asked_at = "asked", "8", None, house_clock.now()
    db.session.commit()
    assert post(door + address(number), body, brought).status == 401  # another hook's number
    mine = post(door + address(number), b'{"data": {"id": 8}}', {"X-Hook-Secret": "clio-s-own-secret"})
    assert (mine.status, mine.headers["x-hook-secret"]) == (200, "clio-s-own-secret")
    assert post(door + address(number), b'{"data": {"id": 8}}', brought).status == 401  # it is over

    db.session.rollback()
    row = db.session.get(WebhookSubscription, row.id)
    assert (row.state, secret_of(row)) == ("active", "clio-s-own-secret")
    row.state, row.secret, row.asked_at = "asked", None, house_clock.now()
    db.session.commit()
    clock.advance(minutes=11)
    assert post(door + address(number), b'{"data": {"id": 8}}', brought).status == 401  # too late


def test_hooks_are_made_renewed_and_taken_away_by_the_worker_h5(door, sandbox, clock):
    number = connect(sandbox, "clio")
    hooked(number)
    _until(lambda: all(one["status"] == "enabled" for one in sandbox.clio.hooks.values()))
    rows = subscriptions.of(connections.find(number))
    assert {row.topic: row.state for row in rows} == dict.fromkeys(
        ("matter", "contact", "activity", "bill", "task"), "active"
    )
    began = {row.topic: row.expires_at for row in rows}
    assert min(began.values()) > house_clock.now() + timedelta(days=30)

    subscriptions.unregister(connections.find(number), by="test")
    tending.tend()
    assert not subscriptions.of(connections.find(number))
    assert not sandbox.clio.hooks


@pytest.mark.one_database
def test_a_hook_is_renewed_when_two_thirds_of_its_life_are_over_h5(door, sandbox, clock):
    number = connect(sandbox, "clio")
    hooked(number)
    row = subscriptions.of(connections.find(number))[0]
    row.expires_at = house_clock.now() + timedelta(days=11)  # more than a third of 31 days
    row.looked_at = house_clock.now()
    db.session.commit()
    tending.tend()
    assert db.session.get(WebhookSubscription, row.id).expires_at < house_clock.now() + timedelta(days=12)

    row = db.session.get(WebhookSubscription, row.id)
    row.expires_at = house_clock.now() + timedelta(days=10)
    db.session.commit()
    tending.tend()
    assert db.session.get(WebhookSubscription, row.id).expires_at > house_clock.now() + timedelta(days=30)


@pytest.mark.one_database
def test_a_hook_that_was_switched_off_there_is_made_anew_and_what_was_missed_is_read_h5(door, sandbox, clock):
    number = connect(sandbox, "clockify")
    hooked(number)
    hook = next(iter(sandbox.clockify.hooks.values()))
    hook["deliveryEnabled"] = False
    clock.advance(hours=2)

    tending.tend()

    db.session.rollback()
    assert {row.state for row in subscriptions.of(connections.find(number))} == {"active"}
    assert hook["id"] not in sandbox.clockify.hooks
    kinds = [run.kind for run in db.session.scalars(select(runs.SyncRun).filter_by(cause="webhook"))]
    assert "incremental" in kinds


@pytest.mark.one_database
def test_after_a_silence_longer_than_the_sender_s_retries_what_changed_is_read_h5(door, sandbox, clock):
    number = connect(sandbox, "clio")
    hooked(number)
    clock.advance(minutes=50)  # Clio tries for an hour
    tending.tend()
    assert not [run for run in db.session.scalars(select(runs.SyncRun)) if run.kind == "incremental"]

    clock.advance(minutes=70)
    tending.tend()
    (run,) = [run for run in db.session.scalars(select(runs.SyncRun)) if run.kind == "incremental"]
    assert (run.cause, run.connection_id) == ("webhook", number)


@pytest.mark.one_database
def test_a_silence_is_made_up_for_also_where_no_hook_is_entered_with_us_h5(door, sandbox, clock):
    number, never_told = connect(sandbox, "ghl"), connect(sandbox, "clockify")
    said = {"type": "UserUpdate", "locationId": sandbox.ghl.location_id, "id": "x", "webhookId": "w"}
    body = json.dumps(said).encode()
    assert post(door + address(number), body, sandbox.ghl.hook_key.sign(body)).status == 200
    tending.tend()
    clock.advance(minutes=60)  # HighLevel tries for seventy minutes
    tending.tend()
    assert not [run for run in db.session.scalars(select(runs.SyncRun)) if run.kind == "incremental"]

    clock.advance(minutes=75)
    tending.tend()
    (run,) = [run for run in db.session.scalars(select(runs.SyncRun)) if run.kind == "incremental"]
    assert (run.cause, run.connection_id) == ("webhook", number)
    assert run.connection_id != never_told  # nothing ever came from there


@pytest.mark.one_database
def test_removing_a_connection_takes_its_hooks_away_there(door, sandbox):
    number = connect(sandbox, "clockify")
    hooked(number)
    assert len(sandbox.clockify.hooks) == 10

    connections.remove(connections.find(number), by="test")

    assert not sandbox.clockify.hooks
    assert not db.session.scalar(select(func.count()).select_from(WebhookSubscription))


@pytest.mark.one_database
def test_a_clockify_hook_gets_a_new_secret_and_deliveries_go_on(door, sandbox):
    number = connect(sandbox, "clockify")
    hooked(number)
    row = subscriptions.of(connections.find(number))[0]
    before = secret_of(row)

    subscriptions.rotate(row, by="test")

    after = secret_of(db.session.get(WebhookSubscription, row.id))
    assert after != before
    assert after == sandbox.clockify.hooks[row.external_id]["authToken"]


@pytest.mark.one_database
def test_a_free_clockify_workspace_gets_three_hooks(door, sandbox):
    number = connect(sandbox, "clockify")
    connection = connections.find(number)
    connection.settings = {**connection.settings, "plan": "free"}
    db.session.commit()
    hooked(number)

    events = {hook["webhookEvent"] for hook in sandbox.clockify.hooks.values()}
    assert events == {"NEW_TIME_ENTRY", "TIME_ENTRY_UPDATED", "TIME_ENTRY_DELETED"}
