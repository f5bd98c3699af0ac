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
def test_a_record_that_is_kept_from_the_account_is_not_said_to_be_gone_and_the_list_is_read(
    session, sandbox, meanwhile
):
    connection = connect(sandbox, "clockify")
    sync(connection, kind="full", only=["projects"])
    all_there = live("projects")
    meanwhile("projects", all_there[3])
    sandbox.clockify.script("*/projects/*", {"status": 403, "body": {"message": "Access denied"}})

    (part,) = sync(connection, kind="full", only=["projects"]).parts

    assert (part.state, part.deleted) == ("done", 0)
    assert live("projects") == all_there


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


LATELY = timedelta(days=2900)


def with_a_long_stretch(sandbox) -> int:
    """A Clockify account of which an increment compares all that took place in years, read whole."""
    connection = connect(sandbox, "clockify")
    row = connections.find(connection)
    row.settings = {**row.settings, "entity_changes": "no", "trailing_days": "3000"}
    db.session.commit()
    sync(connection, kind="full", only=["users", "time_entries"])
    return connection


@pytest.mark.one_database
def test_an_entry_that_slipped_out_of_a_compared_stretch_is_not_lost(session, sandbox, meanwhile):
    connection = with_a_long_stretch(sandbox)
    before = live("time_entries")
    lately = Record.starts_at.between(clock.now() - LATELY, clock.now())
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


def owner_of_few() -> str:
    """Who wrote down the fewest entries, and some."""
    query = select(Record.owner_id).filter_by(resource="time_entries").group_by(Record.owner_id)
    found = db.session.scalar(query.order_by(func.count(), Record.owner_id).limit(1))
    db.session.rollback()
    return str(found)


@pytest.mark.settings(BRAKE_PERCENT=90)
def test_whoever_leaves_the_workspace_takes_no_hours_along(session, sandbox):
    """Clockify lists entries under people; one who was removed is listed no more, and what they worked is there."""
    connection = connect(sandbox, "clockify")
    sync(connection, kind="full", only=["users", "time_entries"])
    before, left = live("time_entries"), owner_of_few()
    sandbox.clockify.delete("users", left)

    parts = {part.resource: part for part in sync(connection, kind="full", only=["users", "time_entries"]).parts}

    assert (parts["users"].deleted, parts["time_entries"].deleted) == (1, 0)
    assert live("time_entries") == before
    assert "no longer lists 1 of the users" in parts["time_entries"].note


@pytest.mark.one_database
@pytest.mark.settings(BRAKE_PERCENT=90)
def test_whoever_leaves_between_two_reads_of_people_takes_no_hours_along(session, sandbox):
    """Their list is a refusal then, not an empty list."""
    connection = connect(sandbox, "clockify")
    row = connections.find(connection)
    row.settings = {**row.settings, "entity_changes": "no", "trailing_days": "3000"}
    db.session.commit()
    sync(connection, kind="full", only=["users", "time_entries"])
    before, left = live("time_entries"), owner_of_few()
    sandbox.clockify.delete("users", left)

    for kind in ("incremental", "full"):
        (part,) = sync(connection, kind=kind, only=["time_entries"]).parts
        assert (part.mode, part.state, part.deleted) == (kind, "done", 0)
    assert live("time_entries") == before


@pytest.mark.one_database
def test_an_entry_that_was_moved_out_of_the_compared_stretch_is_not_gone(session, sandbox, monkeypatch):
    monkeypatch.setattr(CLOCKIFY.time_entries, "paging", PageNumber(last_header="Last-Page"))  # a page a person
    connection = with_a_long_stretch(sandbox)
    before = live("time_entries")
    lately = Record.starts_at.between(clock.now() - LATELY, clock.now())
    moved, dropped = db.session.scalars(
        select(Record.external_id).where(lately).order_by(Record.starts_at.desc()).offset(40).limit(2)
    )
    times = {"start": "2010-03-02T14:00:00Z", "end": "2010-03-02T15:30:00Z", "duration": "PT1H30M"}
    sandbox.clockify.put("time_entries", {"id": moved, "timeInterval": times})
    sandbox.clockify.delete("time_entries", dropped)

    (part,) = sync(connection, kind="incremental", only=["time_entries"]).parts

    assert (part.mode, part.deleted) == ("incremental", 1)
    assert live("time_entries") == [one for one in before if one != dropped]


@pytest.mark.one_database
def test_an_opportunity_that_moved_to_a_page_already_read_is_not_lost(session, sandbox, monkeypatch):
    """Another one is deleted meanwhile, so that HighLevel's own count does not tell."""
    connection, ghl = connect(sandbox, "ghl"), sandbox.ghl
    sync(connection, kind="full", only=["opportunities"])
    before, order = live("opportunities"), ghl._opportunities
    first, *_, last = order("added_desc")
    dropped, moved = (ghl.existing("opportunities", number)["id"] for number in (first, last))
    answers = []

    def ordered(by):
        answers.append(by)
        if len(answers) == 2:
            ghl.delete("opportunities", dropped)
        found = order(by)
        return found if len(answers) == 1 else [last, *[number for number in found if number != last]]

    monkeypatch.setattr(ghl, "_opportunities", ordered)

    (part,) = sync(connection, kind="full", only=["opportunities"]).parts

    assert part.state == "done"
    assert live("opportunities") == before  # the dropped one was met before it was dropped
    assert moved in live("opportunities")


@pytest.mark.postgresql_at_length
@pytest.mark.settings(BRAKE_RECORDS=2, BRAKE_PERCENT=0)
def test_what_is_known_to_be_deleted_is_not_weighed_again(session, sandbox):
    """Clockify's list of deleted entries tells those of a whole day each time: a person was asked each time, too."""
    sandbox.clockify.has_entities = True
    connection = connect(sandbox, "clockify")
    sync(connection, kind="full", only=["users", "time_entries"])
    before = live("time_entries")

    for dropped in before[:3]:
        sandbox.clockify.delete("time_entries", dropped)
        (part,) = sync(connection, only=["time_entries"]).parts
        assert (part.mode, part.state, part.deleted) == ("incremental", "done", 1), part.message

    assert live("time_entries") == before[3:]
