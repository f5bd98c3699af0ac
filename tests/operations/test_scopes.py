"""A HighLevel token that lacks a scope: what needs it stops, all else is read, and a person is told what to tick."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from integration_console.models import Checkpoint, Connection, ErrorLog, Record, db
from integration_console.services.ghl.scopes import STOPS_WITHOUT

from .conftest import connect, sync
from .mapped import keep_only

LOST = {
    "users.readonly": {"users"},
    "locations/customFields.readonly": {"custom_fields"},
    "opportunities.readonly": {"opportunities", "pipelines"},
    "contacts.readonly": {"contacts", "notes", "tasks"},
}


def read(connection: int) -> set[str]:
    points = select(Checkpoint.resource).where(
        Checkpoint.connection_id == connection, Checkpoint.last_read_at.is_not(None)
    )
    return set(db.session.scalars(points))


@pytest.mark.parametrize("scope", LOST)
def test_a_missing_scope_stops_only_what_needs_it_and_is_told_by_name(session, sandbox, scope):
    keep_only(sandbox.ghl, "contacts", 12)  # notes and tasks are asked for contact by contact
    keep_only(sandbox.ghl, "opportunities", 12)
    connection = connect(sandbox, "ghl")
    sandbox.ghl.withhold(scope)

    run = sync(connection)

    db.session.rollback()
    every = {*LOST["contacts.readonly"], *LOST["opportunities.readonly"], "users", "custom_fields", "tags", "calendars"}
    assert run.state == "done_with_problems"
    assert read(connection) == every - LOST[scope]
    told = [error.message for error in db.session.scalars(select(ErrorLog))]
    assert any(f"lacks the scope {scope}: without it {STOPS_WITHOUT[scope]}" in text for text in told), told
    assert db.session.get(Connection, connection).status == "connected"

    sandbox.ghl.withhold()
    assert sync(connection, kind="full").state == "done"
    db.session.rollback()
    assert read(connection) == every
    kept = select(func.count()).select_from(Record).where(Record.resource == "users")
    assert db.session.scalar(kept) == sandbox.ghl.ledger()["users"]
