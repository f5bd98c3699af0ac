"""Lists that hang on another: while that one was never read whole, nobody knows that theirs are whole."""

from __future__ import annotations

from sqlalchemy import select

from integration_console.models import Checkpoint, RunPart, db

from .conftest import connect, sync


def part(run, resource: str) -> RunPart:
    return db.session.scalar(select(RunPart).filter_by(run_id=run.id, resource=resource))


def point(connection: int, resource: str) -> Checkpoint:
    db.session.rollback()
    return db.session.scalar(select(Checkpoint).filter_by(connection_id=connection, resource=resource))


def test_time_of_people_who_could_not_be_listed_at_first_is_read_once_they_can_p7(session, sandbox):
    """Taken for whole, the first read would be followed by increments, and their older hours never come."""
    connection = connect(sandbox, "clockify")
    refused = {"status": 403, "body": {"message": "Access Denied", "code": 403}, "method": "GET", "times": 50}
    sandbox.clockify.script("/workspaces/*/users", refused)

    first = sync(connection)

    assert part(first, "users").state == "failed"
    told = part(first, "time_entries")
    assert not told.complete
    assert "Not all users could be read" in told.message
    assert point(connection, "time_entries").last_complete_at is None

    sandbox.clockify.unscript()
    second = sync(connection)

    assert second.state == "done"
    assert part(second, "time_entries").complete
    assert point(connection, "time_entries").record_count == sandbox.clockify.ledger()["time_entries"]
