"""Stripe through the whole house: connected, read, written with the key of its change, told by webhook, linked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from integration_console.models import Change, Checkpoint, Record, RunPart, db
from integration_console.operations import connections

from .conftest import connect, sync
from .mapped import keep_only, make_mapping, push

pytestmark = pytest.mark.one_database


@pytest.fixture
def account(session, app, sandbox):
    return connect(sandbox, "stripe")


def live(resource: str) -> dict[str, dict]:
    rows = db.session.scalars(select(Record).where(Record.resource == resource, Record.deleted_at.is_(None)))
    found = {row.external_id: row.data for row in rows}
    db.session.rollback()
    return found


def mode(run, resource: str) -> str:
    return db.session.scalar(select(RunPart.mode).where(RunPart.run_id == run.id, RunPart.resource == resource))


def test_an_account_is_connected_and_knows_its_mode(account, sandbox):
    connection = connections.find(account)

    assert (connection.account_id, connection.account_name) == (sandbox.stripe.account_id, "Ashby & Okoye LLP")
    assert connection.settings["mode"] == "test"


def test_changes_are_read_by_events_and_everything_when_those_are_forgotten(account, sandbox):
    sync(account, kind="full", only=["customers"])
    first, second = list(live("customers"))[:2]
    sandbox.stripe.put("customers", {"id": first, "name": "Changed Name"})
    sandbox.stripe.delete("customers", second)

    run = sync(account, kind="incremental", only=["customers"])
    assert mode(run, "customers") == "incremental"
    assert live("customers")[first]["name"] == "Changed Name"
    assert second not in live("customers")

    point = db.session.scalar(select(Checkpoint).filter_by(connection_id=account, resource="customers"))
    point.state = {**point.state, "begun": (point.last_read_at - timedelta(days=31)).isoformat()}
    sandbox.stripe.shelves["customers"].delete(1)  # without an event, as far as anybody can tell by now
    db.session.commit()

    run = sync(account, kind="incremental", only=["customers"])
    assert mode(run, "customers") == "full"
    assert len(live("customers")) == sandbox.stripe.ledger()["customers"]


@pytest.mark.settings(CALL_DEADLINE_SECONDS=0.4)
def test_a_lost_answer_is_cleared_up_by_the_same_key_without_looking_for_anything(account, sandbox, clock):
    """W3"""
    clio = connect(sandbox, "clio")
    keep_only(sandbox.clio, "contacts", 1)
    sync(clio, kind="full", only=["contacts"])
    keep_only(sandbox.stripe, "customers", 0)
    mapping = make_mapping(
        clio, account, (("name", "name", "to_right", "copy", {}),), kinds=("contacts", "customers"), keys=(),
        direction="to_right", creates_left=False,
    )  # fmt: skip
    sandbox.stripe.script("/v1/customers", {"method": "POST", "through": True, "delay_s": 1.0, "times": 5})
    push(mapping)
    assert [change.state for change in db.session.scalars(select(Change))] == ["uncertain"]
    db.session.rollback()

    sandbox.stripe.unscript()
    clock.advance(60)
    since = len(sandbox.stripe.requests)
    push(mapping)
    sent = [request.method for request in list(sandbox.stripe.requests)[since:]]
    (change,) = db.session.scalars(select(Change))

    assert change.state == "done"
    assert "GET" not in sent
    assert sandbox.stripe.ledger()["customers"] == 1
    made = sandbox.stripe.record("customers", change.external_id)
    assert made["metadata"] == {"integration_console": change.idempotency_key}
