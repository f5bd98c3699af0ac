"""Hooks at the services: made, renewed, made anew, taken away; a silence is made up for (H5)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from integration_console import clock as house_clock
from integration_console.models import WebhookSubscription, db
from integration_console.operations.accounts import connections, subscriptions
from integration_console.operations.accounts.hook_secrets import secret_of
from integration_console.operations.deliveries import tending
from integration_console.operations.runs import runs

from ..web.door import address, hooked, post, until
from .conftest import connect


def test_hooks_are_made_renewed_and_taken_away_by_the_worker_h5(door, sandbox, clock):
    number = connect(sandbox, "clio")
    hooked(number)
    until(lambda: all(one["status"] == "enabled" for one in sandbox.clio.hooks.values()))
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
@pytest.mark.parametrize("found", ["suspended", "gone"])
def test_a_hook_that_is_found_dead_at_its_renewal_is_made_anew_at_once_h5(door, sandbox, clock, found):
    """A renewal moves only the end of a hook's life: a suspended one stays silent with a month before it."""
    number = connect(sandbox, "clio")
    hooked(number)
    row = subscriptions.of(connections.find(number))[0]
    topic, old = row.topic, int(row.external_id)
    row.expires_at, row.looked_at = house_clock.now() + timedelta(days=10), house_clock.now()
    db.session.commit()
    if found == "gone":
        del sandbox.clio.hooks[old]
    else:
        sandbox.clio.hooks[old]["status"] = "suspended"

    tending.tend()

    assert old not in sandbox.clio.hooks
    (anew,) = [hook for hook in sandbox.clio.hooks.values() if hook["model"] == topic]
    until(lambda: anew["status"] == "enabled")
    db.session.rollback()
    assert {row.state for row in subscriptions.of(connections.find(number))} == {"active"}
    kinds = [run.kind for run in db.session.scalars(select(runs.SyncRun).filter_by(cause="webhook"))]
    assert "incremental" in kinds  # what was missed is read


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
def test_a_service_that_does_not_answer_keeps_the_clock_from_nothing_else_h5(door, sandbox, clock, monkeypatch):
    """Every chore waits while hooks are seen to: no run of any account would be asked for."""
    number = connect(sandbox, "clio")
    hooked(number)
    clock.advance(hours=2)
    for name in ("A_TURN_S", "CALL_S"):
        monkeypatch.setattr(tending, name, 0.5)
    sandbox.clio.script("*", {"delay_s": 2, "times": 100, "through": True})

    for tried in (1, 2):
        began = house_clock.monotonic()
        tending.tend()
        assert house_clock.monotonic() - began < 3
        db.session.rollback()
        waiting = [row for row in subscriptions.of(connections.find(number)) if row.next_try_at]
        assert len(waiting) == tried, "another one each time"
        assert "did not answer" in waiting[0].message

    sandbox.clio.unscript()
    clock.advance(minutes=20)
    for name in ("A_TURN_S", "CALL_S"):
        monkeypatch.setattr(tending, name, 10)
    tending.tend()
    db.session.rollback()
    assert {row.message for row in subscriptions.of(connections.find(number))} == {None}


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
