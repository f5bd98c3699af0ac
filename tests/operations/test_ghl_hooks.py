"""HighLevel's webhooks as they come: late, twice, in no order. What they say of a record is not believed (H4)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from integration_console import clock as house_clock
from integration_console.models import Record, db

from ..web.door import address, kept, post, webhook_runs, work
from .conftest import connect, sync


@pytest.fixture
def told(door, sandbox):
    """Posts one event of a location that was read once; what the console answered."""
    number = connect(sandbox, "ghl")
    sync(number, kind="full", only=["contacts", "opportunities"])
    url = door + address(number)

    def post_event(kind: str, record: dict, number: str = "w1", **more) -> int:
        return post(**event(kind, record, number, **more)).status

    def event(kind: str, record: dict, number: str = "w1", age: timedelta = timedelta()) -> dict:
        place = {"locationId": sandbox.ghl.location_id, "timestamp": (house_clock.now() - age).isoformat()}
        body = json.dumps({**record, "type": kind, "webhookId": number, **place}).encode()
        return {"url": url, "body": body, "headers": sandbox.ghl.hook_key.sign(body)}

    post_event.event = event
    return post_event


def ours(resource: str, external_id: str) -> Record:
    db.session.rollback()
    return db.session.scalars(select(Record).filter_by(resource=resource, external_id=external_id)).one()


@pytest.mark.one_database
@pytest.mark.settings(WEBHOOKS_PER_MINUTE=1)
def test_what_comes_again_after_our_429_is_taken_once_h3(told, sandbox, clock):
    """Ten minutes later it comes with the old time in it, and any answer but 2xx is the end of it there."""
    contact = sandbox.ghl.record("contacts", 3)
    first, second = (told.event("ContactUpdate", contact, number) for number in ("w1", "w2"))

    assert [post(**first).status, post(**second).status] == [200, 429]
    for _ in range(2):
        clock.advance(minutes=11)
        assert post(**second).status == 200

    assert [one.event_key for one in kept()] == ["w1", "w2"]


def test_an_update_that_follows_its_deletion_brings_nothing_back_h4(told, sandbox):
    opportunity = sandbox.ghl.record("opportunities", 3)
    sandbox.ghl.delete("opportunities", opportunity["id"])

    for number, kind in enumerate(("OpportunityDelete", "OpportunityUpdate", "OpportunityStatusUpdate")):
        assert told(kind, opportunity, f"w{number}", age=timedelta(minutes=2)) == 200
        work()
        work()

    assert ours("opportunities", opportunity["id"]).deleted_at is not None
    assert {run.state for run in webhook_runs()} == {"done"}


@pytest.mark.one_database
def test_a_payload_that_is_older_than_our_copy_changes_nothing_h4(told, sandbox):
    contact = sandbox.ghl.record("contacts", 3)
    sandbox.ghl.put("contacts", {"id": contact["id"], "firstName": "Newer"})
    assert told("ContactUpdate", {**contact, "firstName": "Newer"}) == 200
    work()

    assert told("ContactUpdate", {**contact, "firstName": "Older"}, "w0", age=timedelta(minutes=4)) == 200
    work()
    work()

    assert ours("contacts", contact["id"]).data["firstName"] == "Newer"
    assert {one.state for one in kept()} == {"done"}
