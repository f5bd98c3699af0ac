"""A Slack workspace connected, read and given back, as the engine and the pages do it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.errors import NeedsPerson
from integration_console.models import Record, RunPart, db
from integration_console.operations.accounts import connections

from .conftest import connect, sync
from .test_consent import come_back, decide, leave


def part(run, resource: str) -> RunPart:
    return next(part for part in run.parts if part.resource == resource)


def count(connection: int, resource: str) -> int:
    return len(list(db.session.scalars(select(Record.id).filter_by(connection_id=connection, resource=resource))))


def test_a_workspace_is_read_and_its_receipt_says_what_was_left_out(session, sandbox):
    number = connect(sandbox, "slack")
    run = sync(number)

    assert run.state == "done", run.message
    assert part(run, "messages").note.startswith("4 channels were not read, as the app is not in there")
    assert part(run, "messages").complete
    assert count(number, "channels") == 13
    assert connections.find(number).settings["team_id"] == "T0SBXFIRM"


@pytest.mark.postgresql_at_length
def test_an_increment_costs_a_call_a_channel_and_brings_what_is_new(session, sandbox):
    number = connect(sandbox, "slack")
    before = part(sync(number), "messages").seen
    sandbox.slack.put("messages", {"channel": "C0SBX000001", "text": "Filed today."})

    again = part(sync(number), "messages")

    assert (again.mode, again.seen, again.new) == ("incremental", 1, 1)
    assert count(number, "messages") == before + 1


def test_messages_that_cannot_be_read_any_more_are_not_taken_for_deleted(session, sandbox):
    """The app was taken out of one channel, another was archived, and threads are no longer asked for."""
    number = connect(sandbox, "slack")
    said = sandbox.slack.put("messages", {"channel": "C0SBX000003", "text": "Filed today."})
    before = part(sync(number), "messages").seen
    sandbox.slack.put("channels", {"id": "C0SBX000001", "is_member": False})
    sandbox.slack.put("channels", {"id": "C0SBX000002", "is_member": False, "is_archived": True})
    connection = connections.find(number)
    connection.settings = {**connection.settings, "threads": "no"}
    db.session.commit()
    sandbox.slack.delete("messages", f"C0SBX000003:{said['ts']}")

    run = sync(number, kind="full")

    assert run.state == "done", run.message
    assert part(run, "messages").deleted == 1
    live = select(Record.id).filter_by(connection_id=number, resource="messages", deleted_at=None)
    assert len(list(db.session.scalars(live))) == before - 1


def test_a_workspace_that_took_its_token_back_needs_a_person(session, sandbox):
    number = connect(sandbox, "slack")
    sandbox.slack.revoke()

    run = sync(number)

    assert run.state == "needs_person"
    assert connections.find(number).status == "needs_reconnect"


def test_tokens_of_a_consent_are_given_back_when_the_connection_is_removed(session, sandbox):
    answer = sandbox.slack.token_answer()
    connection = connections.add("slack", name="Firm", credentials=answer, by="test", frequency="manual")

    assert connections.remove(connection, by="test") == "The service took the tokens back."
    assert sandbox.slack.refusal_of(answer["access_token"]) == "token_revoked"


def test_rotating_tokens_are_renewed_and_the_new_refresh_token_kept(session, sandbox, clock):
    sandbox.slack.rotates = True
    answer = sandbox.slack.token_answer()
    connection = connections.add("slack", name="Firm", credentials=answer, by="test", frequency="manual")
    clock.advance(hours=11)

    assert connections.test(connection).id == "T0SBXFIRM"
    db.session.refresh(connection)
    assert connection.renewed_at > connection.created_at
    clock.advance(hours=11)
    assert connections.test(connection).id == "T0SBXFIRM"


def test_the_workspace_comes_with_the_consent(session, sandbox):
    connection = come_back("slack", decide(leave("slack")))

    assert (connection.account_name, connection.settings["team_id"]) == ("Ashby & Okoye LLP", "T0SBXFIRM")
    assert {"channels:history", "chat:write.public"} <= set(connection.scopes)
    assert sync(connection.id, only=["channels"]).state == "done"


def test_a_refresh_token_that_was_spent_elsewhere_needs_a_person(session, sandbox, clock):
    """K3: after that nothing is tried again by itself."""
    sandbox.slack.rotates = True
    answer = sandbox.slack.token_answer()
    number = connections.add("slack", name="Firm", credentials=answer, by="test", frequency="manual").id
    sandbox.slack._refresh.clear()
    clock.advance(hours=11)

    with pytest.raises(NeedsPerson):
        connections.test(connections.find(number))
    db.session.remove()
    assert connections.find(number).status == "needs_reconnect"
