"""The webhook door: what is proved is kept before it is answered; nothing else comes in (H1, H2, H6)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from integration_console import clock as house_clock
from integration_console import services
from integration_console.models import Transaction, WebhookSubscription, db
from integration_console.operations.accounts import connections, subscriptions
from integration_console.operations.accounts.hook_secrets import secret_of, set_secret
from integration_console.operations.deliveries import deliveries
from integration_console.sandbox import hooks
from integration_console.web.access import limiter
from integration_console.web.deliveries import webhooks as webhooks_door

from ..cases import together
from ..forgery import OTHER, SECRET, forgeries, signer_of
from ..operations.conftest import connect
from .door import address, kept, post, said_by_clio, signed, until, with_secret

CALLING = [service for service in services.every().values() if service.webhook]


@pytest.mark.one_database
def test_xeros_intent_to_receive_is_answered_by_its_signature_alone(door, sandbox):
    number = connect(sandbox, "xero")
    subscriptions.enter_secret(connections.find(number), sandbox.xero.webhook_key, by="test")
    calls = select(Transaction.status).filter_by(direction="in")
    url = door + address(number)

    sandbox.xero.intend(url)

    until(lambda: len(list(db.session.scalars(calls))) == 4)
    assert sorted(db.session.scalars(calls)) == [200, 200, 401, 401]
    assert not kept()
    body = b'{"events": []}'
    answered = post(url, body, hooks.signed_as_xero(sandbox.xero.webhook_key)(body))
    assert (answered.status, answered.body) == (200, b"")


# -- H1: kept, then answered ------------------------------------------------------------------------------------------


def test_a_delivery_is_committed_with_its_call_before_the_answer_h1(door, sandbox):
    number = connect(sandbox, "clio")
    with_secret(number)
    body = said_by_clio(1)

    answered = post(door + address(number), body, {**signed(body), "User-Agent": "Clio"})

    assert (answered.status, answered.body) == (200, b"")
    assert "set-cookie" not in answered.headers
    (delivery,) = kept()
    assert delivery.records == [["matters", "1", None]]
    assert json.loads(delivery.body)["data"]["id"] == 1
    call = db.session.scalars(select(Transaction).filter_by(direction="in")).one()
    assert (call.status, call.outcome, call.call_key) == (200, "ok", delivery.call_key)
    assert SECRET not in (call.request_headers or "") + delivery.body + str(delivery.headers)


def test_without_a_commit_the_answer_is_503_h1(door, sandbox):
    number = connect(sandbox, "clio")
    with_secret(number)
    path, body = address(number), said_by_clio(1)
    db.session.execute(text("ALTER TABLE delivery RENAME TO delivery_away"))
    db.session.commit()

    answered = post(door + path, body, signed(body))

    assert answered.status == 503
    assert int(answered.headers["retry-after"]) > 0
    db.session.execute(text("ALTER TABLE delivery_away RENAME TO delivery"))
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(Transaction).filter_by(direction="in")) == 0
    assert post(door + path, body, signed(body)).status == 200


@pytest.mark.one_database
def test_a_mistake_of_ours_is_503_so_that_the_sender_comes_again_h1(door, sandbox, monkeypatch):
    number = connect(sandbox, "clio")
    with_secret(number)
    clio = services.by_key("clio")

    def mistaken(notice):
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as wrong:
        wrong.setattr(type(clio), "webhook", replace(clio.webhook, events=mistaken))
        answered = post(door + address(number), said_by_clio(1), signed(said_by_clio(1)))
    assert (answered.status, answered.body) == (503, b"")
    assert int(answered.headers["retry-after"]) > 0
    assert not kept()

    assert post(door + address(number), said_by_clio(1), signed(said_by_clio(1))).status == 200


@pytest.fixture
def clio_door(door, sandbox):
    """Where an account at Clio is called, which proves itself with signed()."""
    number = connect(sandbox, "clio")
    with_secret(number)
    return door + address(number)


@pytest.mark.one_database
@together(
    "body",
    [b"", b"{", b"[]x", b"null", b"7", b'"text"', b"{}", b"[]", b'{"data": 7, "meta": {}}', b"[" * 5000, b"\xff\xfe",
     b'{"data": {"id": null}, "meta": {"event": "updated"}}', b'{"data": [], "meta": []}', b'{"a": NaN}',
     b'{"data": {"id": "\\u0000"}, "meta": {"event": "updated", "webhook_id": 7}}'],
)  # fmt: skip
def test_what_is_proved_but_malformed_is_400_and_nothing_is_kept_h1(clio_door, body):
    assert post(clio_door, body, signed(body)).status == 400
    assert not kept()


@pytest.mark.one_database
def test_a_body_over_one_mebibyte_is_refused_before_it_is_read_h1(door, sandbox):
    number = connect(sandbox, "clio")
    with_secret(number)
    large = said_by_clio(1).replace(b"}}", b'}, "x": "' + b"a" * (1 << 20) + b'"}')

    assert post(door + address(number), large, signed(large)).status == 413
    fits = json.dumps({**json.loads(said_by_clio(1)), "x": "a" * 1_000_000}).encode()
    assert post(door + address(number), fits, signed(fits)).status == 200


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
        with_secret(number)
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
    assert not kept()
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
    with_secret(number)
    body = said_by_clio(1)
    wrong = post(door + address(number), body, signed(body, OTHER))

    for path in ("/webhooks/clio/nobody", "/webhooks/nothing/nobody", "/webhooks/ghl/nobody", "/webhook/matter"):
        other = post(door + path, body, signed(body, OTHER))
        same = ("date", "x-request-id")
        assert (other.status, other.body) == (401, b"") == (wrong.status, wrong.body)
        assert {k: v for k, v in other.headers.items() if k not in same} == {
            k: v for k, v in wrong.headers.items() if k not in same
        }


@pytest.mark.one_database
def test_without_a_secret_and_after_removal_everything_is_refused_h2(door, sandbox):
    number = connect(sandbox, "clio")
    path, body = address(number), said_by_clio(1)
    assert post(door + path, body, signed(body, "")).status == 401

    with_secret(number)
    assert post(door + path, body, signed(body)).status == 200
    connections.remove(connections.find(number), by="test")
    assert post(door + path, body, signed(body)).status == 401


@pytest.mark.one_database
def test_two_secrets_are_good_while_one_is_rolled_and_then_one_h2(door, sandbox, clock):
    number = connect(sandbox, "clio")
    row = with_secret(number)
    set_secret(row, OTHER, old_until=house_clock.now() + timedelta(hours=24))
    db.session.commit()

    for record, secret in ((1, SECRET), (2, OTHER)):
        body = said_by_clio(record)
        assert post(door + address(number), body, signed(body, secret)).status == 200
    clock.advance(hours=25)
    assert post(door + address(number), said_by_clio(3), signed(said_by_clio(3), SECRET)).status == 401
    assert post(door + address(number), said_by_clio(3), signed(said_by_clio(3), OTHER)).status == 200


@pytest.mark.one_database
def test_the_older_addresses_are_clio_s_and_the_secret_tells_whose(door, sandbox):
    first, second = connect(sandbox, "clio", "one"), connect(sandbox, "clio", "two")
    with_secret(first, SECRET)
    with_secret(second, OTHER)
    body = said_by_clio(5)

    assert post(door + "/webhook/matter", body, signed(body, OTHER)).status == 200
    assert post(door + "/webhook/matter_created", said_by_clio(6), signed(said_by_clio(6), SECRET)).status == 200

    assert [one.connection_id for one in kept()] == [second, first]


# -- X11: of others, and too many ------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_an_event_of_another_account_is_never_read_with_this_one_s_access(door, sandbox):
    ghl = connect(sandbox, "ghl")
    body = json.dumps({"type": "ContactUpdate", "locationId": "elsewhere", "id": "x", "webhookId": "w1"}).encode()
    signed = sandbox.ghl.hook_key.sign(body)

    assert post(door + address(ghl), body, signed).status == 200
    (delivery,) = kept()
    assert (delivery.state, delivery.body, delivery.records) == ("ignored", None, [])
    assert deliveries.dispatch() == 0


@pytest.mark.one_database
@pytest.mark.settings(WEBHOOKS_PER_MINUTE=5)
def test_a_storm_is_told_to_come_again_x11(door, sandbox, clock):
    first, second = connect(sandbox, "clio", "one"), connect(sandbox, "clio", "two")
    with_secret(first, SECRET)
    with_secret(second, OTHER)

    answers = [post(door + address(first), said_by_clio(n), signed(said_by_clio(n))) for n in range(1, 8)]

    assert [one.status for one in answers] == [200] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert post(door + address(second), said_by_clio(1), signed(said_by_clio(1), OTHER)).status == 200
    clock.advance(61)
    assert post(door + address(first), said_by_clio(6), signed(said_by_clio(6))).status == 200


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
    assert len(kept(connection_id=quiet)) == 3


@pytest.mark.one_database
def test_who_tries_secrets_is_stopped_and_nobody_else_x11(app, sandbox, session, monkeypatch):
    monkeypatch.setattr(webhooks_door, "REFUSED_PER_MINUTE", 3)
    number = _stored("clio")
    with_secret(number)
    path, client = address(number), app.test_client()

    def knock(sender: str, at: str, secret: str):
        return client.post(
            at, data=said_by_clio(1), headers=signed(said_by_clio(1), secret), environ_overrides={"REMOTE_ADDR": sender}
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
    row = with_secret(number)
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
