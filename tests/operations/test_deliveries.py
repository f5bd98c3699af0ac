"""What becomes of a delivery: its records are read again: once, fairly, and none is lost (H3 to H5)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from integration_console.models import Record, SyncRun, WebhookSubscription, db
from integration_console.operations.accounts import connections, subscriptions
from integration_console.operations.deliveries import bundles, deliveries
from integration_console.operations.runs import runs

from ..forgery import OTHER, SECRET
from ..web.door import address, hooked, kept, post, said_by_clio, signed, until, webhook_runs, with_secret, work
from .conftest import connect, sync
from .mapped import cycle, pairs, push

# -- a change, from there to here -------------------------------------------------------------------------------------


def test_a_change_at_clio_arrives_by_webhook_and_is_read_again_h4(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["contacts"])
    hooked(number)
    contact = next(sandbox.clio.shelves["contacts"].numbers())

    db.session.commit()
    sandbox.clio.put("contacts", {"id": contact, "title": "Dame"})
    (delivery,) = until(lambda: kept(kind="contact.updated"))
    assert delivery.state == "waiting"
    work()
    work()

    (delivery,) = kept(kind="contact.updated")
    assert (delivery.state, delivery.tries) == ("done", 0)
    assert "1 changed" in delivery.outcome
    record = db.session.scalars(select(Record).filter_by(resource="contacts", external_id=str(contact))).one()
    assert record.data["title"] == "Dame"
    assert db.session.scalar(select(WebhookSubscription.last_delivery_at).filter_by(topic="contact"))


def test_what_is_deleted_there_is_gone_here_only_when_the_service_says_so_h4(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["contacts"])
    first, second = [n for n, _ in zip(sandbox.clio.shelves["contacts"].numbers(), range(2), strict=False)]
    with_secret(number, topic="contact")
    sandbox.clio.delete("contacts", first)

    for contact in (first, second):  # the second is a lie, or was brought back
        body = said_by_clio(contact, event="deleted")
        assert post(door + address(number), body, signed(body)).status == 200
    work()

    gone = {r.external_id: r.deleted_at for r in db.session.scalars(select(Record).filter_by(resource="contacts"))}
    assert gone[str(first)]
    assert gone[str(second)] is None


@pytest.mark.one_database
def test_a_webhook_about_what_is_no_longer_there_is_no_trouble_of_its_run(door, sandbox):
    number = connect(sandbox, "clio")
    with_secret(number, topic="contact")
    body = said_by_clio(999_999)
    assert post(door + address(number), body, signed(body)).status == 200
    work()

    assert [run.state for run in webhook_runs()] == ["done"]


@pytest.mark.one_database
def test_changes_at_highlevel_and_clockify_arrive_too(door, sandbox):
    ghl, clockify = connect(sandbox, "ghl"), connect(sandbox, "clockify")
    sandbox.ghl.hook_url = door + address(ghl)
    hooked(clockify)

    sandbox.ghl.put("contacts", {"firstName": "Ana", "lastName": "Walk-in", "name": "Ana Walk-in", "type": "lead"})
    client = sandbox.clockify.put("clients", {"name": "New client"})
    until(lambda: kept(kind="ContactCreate") and kept(kind="NEW_CLIENT"))
    work()
    work()

    assert db.session.scalar(select(Record.id).filter_by(resource="clients", external_id=client["id"]))
    names = [one.data.get("lastName") for one in db.session.scalars(select(Record).filter_by(resource="contacts"))]
    assert names == ["Walk-in"]
    assert {one.state for one in kept()} == {"done"}


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
    until(lambda: {one.kind for one in kept()} >= {"customer.created", "customer.updated", "contact.create"})
    work()
    work()

    assert {one.state for one in kept()} == {"done"}
    records = {(one.connection_id, one.external_id): one.data for one in db.session.scalars(select(Record))}
    assert records[stripe, customer]["name"] == "Ana Quist"
    assert records[quickbooks, "4"]["Notes"] == "called"
    assert records[xero, contact]["Name"] == "Quist and Partners"
    assert {row.state for row in subscriptions.of(connections.find(stripe))} == {"active"}


@pytest.mark.one_database
def test_a_note_nobody_has_met_is_read_under_the_contact_the_event_names(door, sandbox):
    ghl = connect(sandbox, "ghl")
    sandbox.ghl.hook_url = door + address(ghl)
    contact = sandbox.ghl.put("contacts", {"firstName": "Ana", "name": "Ana"})["id"]
    note = sandbox.ghl.put("notes", {"contactId": contact, "body": "called", "bodyText": "called"})["id"]
    until(lambda: kept(kind="NoteCreate"))
    work()
    work()

    record = db.session.scalars(select(Record).filter_by(resource="notes", external_id=note)).one()
    assert record.owner_id == contact


# -- H3: once ---------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_a_hundred_repeats_at_once_are_one_delivery_and_one_read_h3(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["matters"])
    with_secret(number)
    path, body = door + address(number), said_by_clio(3)

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: post(path, body, signed(body)).status, range(100)))
    work()
    work()

    assert set(statuses) == {200}
    (delivery,) = kept()
    assert delivery.state == "done"
    assert len(webhook_runs()) == 1


@pytest.mark.one_database
def test_a_repeat_after_the_read_is_not_read_again_h3(door, sandbox):
    number = connect(sandbox, "clio")
    with_secret(number)
    body = said_by_clio(3)
    for _ in range(2):
        assert post(door + address(number), body, signed(body)).status == 200
        work()
        work()

    assert len(webhook_runs()) == 1


@pytest.mark.one_database
def test_where_nothing_tells_a_repeat_from_a_change_it_is_read_once_more_h3(door, sandbox):
    number = connect(sandbox, "clio")
    with_secret(number)
    body = json.dumps({"data": {"id": 3}, "meta": {"event": "updated", "webhook_id": 7}}).encode()
    for _ in range(2):
        for _ in range(5):
            assert post(door + address(number), body, signed(body)).status == 200
        work()
        work()

    assert len(kept()) == 1
    assert len(webhook_runs()) == 2


# -- H4, H5: many, in any order, fairly -------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_twenty_events_of_one_record_cost_one_read_h5(door, sandbox):
    number = connect(sandbox, "clio")
    sync(number, only=["matters"])
    with_secret(number)
    before = len([one for one in sandbox.clio.requests if "/matters/3" in one.path])

    for etag in range(20):
        body = said_by_clio(3, f"etag-{etag}")
        post(door + address(number), body, signed(body))
    work()
    work()

    assert [one.state for one in kept()] == ["done"] * 20
    assert len([one for one in sandbox.clio.requests if "/matters/3" in one.path]) == before + 1


@pytest.mark.one_database
def test_a_busy_connection_does_not_keep_another_waiting_h5(door, sandbox):
    busy, quiet = connect(sandbox, "clio", "busy"), connect(sandbox, "clio", "quiet")
    with_secret(busy, SECRET)
    with_secret(quiet, OTHER)
    for record in range(1, 121):
        body = said_by_clio(record)
        post(door + address(busy), body, signed(body))
    post(door + address(quiet), said_by_clio(1), signed(said_by_clio(1), OTHER))

    deliveries.dispatch()

    reading = {one.connection_id for one in kept(state="reading")}
    assert reading == {busy, quiet}
    assert len(kept(state="reading", connection_id=busy)) == bundles.RECORDS_A_RUN
    work()
    work()
    assert {one.state for one in kept()} == {"done"}


def test_what_cannot_be_read_is_tried_five_times_and_set_aside_and_replayed_h5(door, sandbox, clock):
    number = connect(sandbox, "clio")
    with_secret(number)
    sandbox.clio.script("/matters/3", {"status": 422, "body": {"error": {"message": "not today"}}, "times": 100})
    for record in (3, 4):
        post(door + address(number), said_by_clio(record), signed(said_by_clio(record)))
    for _ in range(5):
        work()
        work()
        clock.advance(hours=2)

    dead, fine = kept()
    assert (dead.state, dead.tries) == ("dead", 5)
    assert "not today" in dead.outcome
    assert fine.state == "done"

    sandbox.clio.unscript()
    deliveries.replay(deliveries.find(dead.id), by="test")
    work()
    work()
    assert kept()[0].state == "done"


def test_killed_between_the_commit_and_the_dispatch_nothing_is_lost_h1(door, sandbox):
    number = connect(sandbox, "clio")
    with_secret(number)
    post(door + address(number), said_by_clio(3), signed(said_by_clio(3)))

    deliveries.dispatch()  # and then this worker dies, before the run began
    (delivery,) = kept()
    run = runs.find(delivery.run_id)
    assert (delivery.state, run.state) == ("reading", "queued")
    deliveries.dispatch()  # another one's look changes nothing
    assert len(webhook_runs()) == 1
    work()
    work()

    assert kept()[0].state == "done"


@pytest.mark.one_database
def test_a_run_that_was_stopped_leaves_its_deliveries_waiting(door, sandbox, clock):
    number = connect(sandbox, "clio")
    with_secret(number)
    post(door + address(number), said_by_clio(3), signed(said_by_clio(3)))
    deliveries.dispatch()
    connections.pause(connections.find(number), by="test")
    deliveries.dispatch()
    (delivery,) = kept()
    assert (delivery.state, delivery.tries) == ("waiting", 0)

    connections.resume(connections.find(number), by="test")
    clock.advance(60)
    work()
    work()
    assert kept()[0].state == "done"


def test_what_stopped_at_its_brake_is_not_tried_again_with_every_delivery(door, sandbox, pair, mapping):
    """P7: each try looked at every pair, gathered its writes anew and told of the brake once more."""
    for left, _ in pairs(mapping):
        sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere"})
    assert cycle(mapping, pair).state == "needs_person"
    asked = select(SyncRun.id).filter_by(mapping_id=mapping)
    before = len(db.session.scalars(asked).all())
    _, contact = pairs(mapping)[0]
    with_secret(pair[1], topic="contact")

    def retitled(title: str) -> None:
        sandbox.clio.put("contacts", {"id": contact, "title": title})
        body = said_by_clio(contact, etag=title)
        assert post(door + address(pair[1]), body, signed(body)).status == 200
        work()

    retitled("Dame")
    retitled("Dr")

    assert "1 changed" in kept(state="done")[-1].outcome
    assert len(db.session.scalars(asked).all()) == before
    assert push(mapping, release_brake=True).state == "done"
    retitled("Prof")
    assert len(db.session.scalars(asked).all()) == before + 2
