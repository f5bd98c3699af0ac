"""A matter that Clio no longer shows takes its limitation date along; people are told of it, once."""

import pytest
from sqlalchemy import select

from integration_console.models import ErrorLog, Issue, Record, db
from integration_console.operations.matters import vanished

from .conftest import connect, sync


@pytest.fixture
def clio(session, sandbox):
    """An account whose matters were read whole."""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["matters"])
    return connection


def matters(*, dated: bool, is_open: bool = True, settled: bool = False) -> list[int]:
    """Those of this kind, by their ids at Clio."""
    found = [
        int(record.external_id)
        for record in db.session.scalars(select(Record).filter_by(resource="matters", deleted_at=None))
        if bool(date := record.data["statute_of_limitations"]) is dated
        and (record.data["status"] != "Closed") is is_open
        and (not dated or (date["status"] == "complete") is settled)
    ]
    db.session.rollback()
    return found


def told() -> list[str | None]:
    """Of which matters was told, in order."""
    query = select(ErrorLog.external_id).filter_by(kind="missing", resource="matters").order_by(ErrorLog.id)
    found = list(db.session.scalars(query))
    db.session.rollback()
    return found


def test_an_open_matter_with_a_limitation_date_that_is_gone_is_told_once(clio, sandbox):
    (gone, *_), (plain, *_) = matters(dated=True), matters(dated=False)
    for number in (gone, plain):
        sandbox.clio.delete("matters", number)
    sync(clio, kind="full", only=["matters"])

    assert [vanished.tell(), vanished.tell()] == [1, 0]

    assert told() == [str(gone)]
    (issue,) = db.session.scalars(select(Issue).filter_by(kind="missing")).all()
    assert (issue.title, issue.state, issue.count) == (vanished.TITLE, "open", 1)


@pytest.mark.one_database
@pytest.mark.parametrize("kind", [{"is_open": False}, {"settled": True}])
def test_a_date_nobody_watched_is_not_missed(clio, sandbox, kind):
    (gone, *_) = matters(dated=True, **kind)
    sandbox.clio.delete("matters", gone)
    sync(clio, kind="full", only=["matters"])

    assert vanished.tell() == 0


@pytest.mark.one_database
def test_one_that_came_back_and_is_gone_again_is_told_again(clio, sandbox):
    (gone, *_) = matters(dated=True)
    record = db.session.scalars(select(Record).filter_by(resource="matters", external_id=str(gone))).one()
    task = record.data["statute_of_limitations"]["id"]
    db.session.rollback()
    for _ in range(2):
        sandbox.clio.delete("matters", gone)
        sync(clio, kind="full", only=["matters"])
        assert vanished.tell() == 1
        sandbox.clio.put("matters", {"id": gone, "statute_of_limitations": {"id": task}})
        sync(clio, kind="full", only=["matters"])

    assert told() == [str(gone)] * 2
