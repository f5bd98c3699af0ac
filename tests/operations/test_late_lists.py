"""Lists that do not show yet what was written a moment ago: what is newer here stays, and nothing is taken for gone."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.models import Record, db

from .conftest import connect, sync
from .mapped import cycle, keep_only, of_clio, of_ghl, pairs, push, read


def live(connection: int, resource: str) -> set[str]:
    db.session.rollback()
    query = select(Record.external_id).filter_by(connection_id=connection, resource=resource, deleted_at=None)
    return set(db.session.scalars(query))


def read_by_id(connection: int, resource: str, external_id: str) -> None:
    """As a webhook, or somebody on the record's page, has it read."""
    assert sync(connection, kind="record", records=[f"{resource}:{external_id}"]).state == "done"


@pytest.mark.parametrize("kind", ["incremental", "full"])
def test_a_search_that_does_not_know_our_write_yet_does_not_undo_it(session, sandbox, pair, mapping, kind):
    """HighLevel's: the old value looked like somebody's edit there, and travelled back to Clio over the new one."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere"})
    cycle(mapping, pair)  # so that an increment would see it still
    sandbox.ghl.hold_index()
    sandbox.clio.put("contacts", {"id": right, "first_name": "Augusta"})
    read(pair[1:])
    push(mapping)
    assert of_ghl(sandbox.ghl, left)["first"] == "Augusta"

    sync(pair[0], kind=kind, only=["contacts"])
    push(mapping)

    assert of_clio(sandbox.clio, right)["first"] == of_ghl(sandbox.ghl, left)["first"] == "Augusta"
    sandbox.ghl.catch_up()
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Countess"})
    cycle(mapping, pair)
    assert of_clio(sandbox.clio, right)["first"] == "Countess"


def test_what_we_made_is_not_gone_where_the_search_does_not_know_it_yet(session, sandbox, pair, mapping):
    """The pair would be none any more, and its other half made a second time or left alone."""
    sandbox.ghl.hold_index()
    address = {"name": "Work", "address": "nova@example.org", "primary": True}
    person = {"type": "Person", "first_name": "Nova", "last_name": "Ravn", "email_addresses": [address]}
    made = sandbox.clio.put("contacts", person)
    read(pair[1:])
    push(mapping)
    nova = next(left for left, right in pairs(mapping) if right == made["id"])

    (part,) = sync(pair[0], kind="full", only=["contacts"]).parts

    assert part.deleted == 0
    assert nova in live(pair[0], "contacts")
    sandbox.ghl.catch_up()
    sandbox.ghl.delete("contacts", nova)
    assert sync(pair[0], kind="full", only=["contacts"]).parts[0].deleted == 1


def test_an_opportunity_a_webhook_brought_is_not_gone_with_the_next_read(session, sandbox):
    keep_only(sandbox.ghl, "opportunities", 5)
    connection = connect(sandbox, "ghl")
    sync(connection, kind="full", only=["contacts", "opportunities"])
    sandbox.ghl.hold_index()
    found = sandbox.ghl.record("opportunities", 1)
    new = sandbox.ghl.put("opportunities", {**found, "id": None, "name": "Lease"})["id"]
    read_by_id(connection, "opportunities", new)

    (part,) = sync(connection, only=["opportunities"]).parts

    assert part.deleted == 0
    assert new in live(connection, "opportunities")


def test_what_only_the_answer_to_a_write_told_is_carried_too(session, sandbox, pair, mapping):
    """Nothing was agreed on a number both sides were without; after the answer no read found the record changed."""
    person = {"type": "Person", "first_name": "Nova", "last_name": "Ravn", "email_addresses": [], "phone_numbers": []}
    made = sandbox.clio.put("contacts", person)["id"]
    read(pair[1:])
    push(mapping)
    nova = next(left for left, right in pairs(mapping) if right == made)
    sandbox.ghl.put("contacts", {"id": nova, "phone": "+15105550123"})  # which nobody has read yet
    sandbox.clio.put("contacts", {"id": made, "first_name": "Augusta"})
    read(pair[1:])
    push(mapping)

    cycle(mapping, pair)

    told = [one["number"] for one in sandbox.clio.record("contacts", made)["phone_numbers"]]
    assert [one[-4:] for one in told] == ["0123"]
