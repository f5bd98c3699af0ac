"""P7: absence is proved. What is deleted while numbered pages are read shifts them, and nothing else is lost by it."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from integration_console import clock, services
from integration_console.models import Record, db
from integration_console.operations.accounts import connections
from integration_console.services.base import PageNumber
from tests.operations.conftest import connect, point_at, sync

CLOCKIFY = services.by_key("clockify")


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    point_at(monkeypatch, fresh_upstreams)
    for resource in (CLOCKIFY.projects, CLOCKIFY.time_entries):
        monkeypatch.setattr(resource, "paging", PageNumber(size=20, last_header="Last-Page"))
    return fresh_upstreams


@pytest.fixture
def meanwhile(sandbox, monkeypatch):
    """Delete these records of the first page just before the second page is asked for."""
    clockify = sandbox.clockify
    gate, waiting = clockify.gate, {}

    def gated(request):
        if request.one("page") == "2":
            for path in [one for one in waiting if request.path.endswith(f"/{one}")]:
                for one in waiting.pop(path):
                    clockify.delete(path.rpartition("/")[2].replace("-", "_"), one)
        return gate(request)

    monkeypatch.setattr(clockify, "gate", gated)
    return lambda path, *ids: waiting.update({path: ids})


def live(resource: str) -> list[str]:
    db.session.rollback()
    query = select(Record.external_id).filter_by(resource=resource, deleted_at=None)
    return list(db.session.scalars(query.order_by(Record.external_id)))


def asked(sandbox, since: int, path: str) -> list[str]:
    return [one.path for one in list(sandbox.clockify.requests)[since:] if path in one.path]


def test_a_record_that_slipped_to_a_page_already_read_is_not_lost(session, sandbox, meanwhile):
    connection = connect(sandbox, "clockify")
    sync(connection, kind="full", only=["projects"])
    all_there = live("projects")
    meanwhile("projects", all_there[3])
    before = len(sandbox.clockify.requests)

    (shifted,) = sync(connection, kind="full", only=["projects"]).parts

    assert (shifted.state, shifted.deleted) == ("done", 0)
    assert live("projects") == all_there
    assert len(asked(sandbox, before, "/projects/")) == 1  # by its id, the one that was not met

    (settled,) = sync(connection, kind="full", only=["projects"]).parts
    assert settled.deleted == 1
    assert live("projects") == [one for one in all_there if one != all_there[3]]


@pytest.mark.one_database
@pytest.mark.settings(BRAKE_PERCENT=90)
def test_many_that_were_not_met_are_looked_for_in_the_list_once_more(session, sandbox, meanwhile):
    connection = connect(sandbox, "clockify")
    sync(connection, kind="full", only=["projects"])
    all_there = live("projects")
    meanwhile("projects", *all_there[:12])
    before = len(sandbox.clockify.requests)

    (shifted,) = sync(connection, kind="full", only=["projects"]).parts

    assert shifted.deleted == 0
    assert live("projects") == all_there
    assert not asked(sandbox, before, "/projects/")
    assert len(asked(sandbox, before, "/projects")) == 2 * 3


@pytest.mark.one_database
def test_an_entry_that_slipped_out_of_a_compared_stretch_is_not_lost(session, sandbox, meanwhile):
    connection = connect(sandbox, "clockify")
    row = connections.find(connection)
    row.settings = {**row.settings, "entity_changes": "no", "trailing_days": "3000"}
    db.session.commit()
    sync(connection, kind="full", only=["users", "time_entries"])
    before = live("time_entries")
    lately = Record.starts_at.between(clock.now() - timedelta(days=2900), clock.now())
    owner = db.session.scalar(
        select(Record.owner_id).where(lately).group_by(Record.owner_id).order_by(func.count().desc()).limit(1)
    )
    mine = select(Record.external_id).where(lately, Record.owner_id == owner).order_by(Record.starts_at.desc())
    theirs = list(db.session.scalars(mine))
    assert len(theirs) > 20
    meanwhile(f"user/{owner}/time-entries", theirs[3])

    (part,) = sync(connection, kind="incremental", only=["time_entries"]).parts

    assert (part.mode, part.deleted) == ("incremental", 0)
    assert live("time_entries") == before
