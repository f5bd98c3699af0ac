"""Events that come late, twice, in no order, or of an account that is gone: none sets back or is left lying."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from integration_console.models import Connection, Delivery, Record, SyncRun, db
from integration_console.operations.accounts import connections, subscriptions
from integration_console.operations.deliveries import deliveries

from ..web.door import address, kept, post, said_by_clio, signed, webhook_runs, with_secret, work
from .conftest import connect, sync


@pytest.fixture
def read(door, sandbox):
    """A Clio account whose contacts were read whole, and its first contact there."""
    number = connect(sandbox, "clio")
    sync(number, kind="full", only=["contacts"])
    with_secret(number, topic="contact")
    return number, next(sandbox.clio.shelves["contacts"].numbers())


def tell(door: str, number: int, contact: int, event: str = "updated", etag: str = "a", times: int = 1) -> None:
    body = said_by_clio(contact, etag, event)
    for _ in range(times):
        assert post(door + address(number), body, signed(body)).status == 200


def copy(contact: int) -> Record:
    db.session.rollback()
    return db.session.scalars(select(Record).filter_by(resource="contacts", external_id=str(contact))).one()


@pytest.mark.one_database
def test_an_update_that_comes_after_the_deletion_brings_nothing_back_and_a_restored_record_does(door, sandbox, read):
    """H4"""
    number, contact = read
    was = sandbox.clio.record("contacts", contact)
    sandbox.clio.delete("contacts", contact)
    tell(door, number, contact, "deleted", "b")
    work()
    assert copy(contact).deleted_at is not None

    tell(door, number, contact, "updated", "a")
    tell(door, number, contact, "created", "0")
    work()
    assert copy(contact).deleted_at is not None
    assert {run.state for run in webhook_runs()} == {"done"}

    sandbox.clio.put("contacts", was)
    tell(door, number, contact, "updated", "c")
    work()
    assert copy(contact).deleted_at is None


@pytest.mark.one_database
def test_late_and_repeated_events_after_a_complete_read_change_nothing_of_it(door, sandbox, read):
    """H3, H4: the newest first, each three times, of a state the read has seen already."""
    number, contact = read
    sandbox.clio.put("contacts", {"id": contact, "title": "Dame"})
    read_whole = sync(number, kind="full", only=["contacts"]).id
    seen, before = copy(contact).content_hash, sandbox.clio.ledger()["contacts"]

    for etag in ("c", "b", "a"):
        tell(door, number, contact, "updated", etag, times=3)
    work()

    assert (copy(contact).content_hash, copy(contact).data["title"]) == (seen, "Dame")
    assert [one.state for one in kept()] == ["done"] * 3
    assert len(webhook_runs()) == 1
    assert sandbox.clio.ledger()["contacts"] == before
    (part,) = db.session.get_one(SyncRun, read_whole).parts
    assert part.complete


@pytest.mark.one_database
def test_what_arrives_while_a_connection_is_removed_is_not_left_waiting(door, sandbox, read, monkeypatch):
    """Its tokens are given back meanwhile, which takes seconds; one that waited for ever kept the overview amber."""
    number, contact = read
    take_away = subscriptions.take_away_all
    key = connections.find(number).key

    def late(connection):
        left = take_away(connection)
        came = Delivery(
            service="clio", connection_id=number, event_key="late", kind="contact.updated", state="waiting",
            records=[["contacts", str(contact), None]], received_at=connection.created_at, tries=0,
            next_try_at=connection.created_at, call_key="late", body_bytes=2, body_hash="0" * 64, headers={},
        )  # fmt: skip
        db.session.add(came)
        db.session.commit()
        return left

    monkeypatch.setattr(subscriptions, "take_away_all", late)
    connections.remove(connections.find(number), by="test")
    work()

    (delivery,) = kept(event_key="late")
    assert (delivery.state, delivery.outcome) == ("ignored", "The connection was removed.")
    assert deliveries.counts() == {}
    assert webhook_runs() == []
    body = said_by_clio(contact, "z")
    assert post(f"{door}/webhooks/clio/{key}", body, signed(body)).status == 401


@pytest.mark.one_database
@pytest.mark.parametrize("gone", [True, False])
def test_an_event_of_a_company_that_is_no_longer_connected_is_not_read_with_another_ones_access(door, sandbox, gone):
    """Both number their customers from 1, and QuickBooks has one address for all companies of an app.

    gone: it was connected and removed; else nobody here has ever heard of it.
    """
    second = connect(sandbox, "quickbooks", "Second")
    db.session.execute(update(Connection).values(account_id="9"))
    db.session.commit()
    subscriptions.enter_secret(connections.find(second), sandbox.quickbooks.verifier, by="test")
    if gone:
        connections.remove(connections.find(connect(sandbox, "quickbooks", "First")), by="test")
    sandbox.quickbooks.hook_url = "http://127.0.0.1:1/"  # where nobody listens: the letter is carried by hand
    letter = next(iter(sandbox.quickbooks.letters("customers", 4, "updated")))
    asked = len(sandbox.quickbooks.requests)

    assert post(door + address(second), letter.body, letter.sign(letter.body)).status == 200
    work()

    (delivery,) = kept()
    assert (delivery.state, delivery.outcome, delivery.records) == (
        "ignored", "It is of another account than this connection's.", [],
    )  # fmt: skip
    assert len(sandbox.quickbooks.requests) == asked
