"""Matters: found by either number, written through the outbox, listed over all Clio accounts."""

import pytest

from integration_console.errors import BadRecord, Conflict, NotFound
from integration_console.models import Change, Record, Transaction, db
from integration_console.operations import connections, matter_list, matters
from integration_console.operations.matter_fields import LIMITATION
from integration_console.operations.matter_list import Wanted

from .conftest import connect, sync


@pytest.fixture
def clio(app, session, sandbox):
    number = connect(sandbox, "clio", "Ruiz")
    sync(number, only=["matters", "practice_areas"], kind="full")
    return number


def some(status: str = "Open", **where) -> Record:
    rows = db.session.query(Record).filter_by(resource="matters", **where).order_by(Record.id)
    return next(row for row in rows if row.data["status"] == status)


def test_a_write_is_in_the_outbox_and_its_call_in_the_log(clio, sandbox):
    """W1, W2"""
    record = some()
    number, external_id = record.id, record.external_id
    changed = matters.change(record, {"description": "Anew", LIMITATION: "2028-05-04"}, by="Ana")
    assert (changed.id, matters.plain(changed)["description"]) == (number, "Anew")
    (row,) = matters.changes_of(changed)
    assert (row.state, row.cause, row.asked_by, row.external_id) == ("done", "changed by Ana", "Ana", external_id)
    assert row.after == {"description": "Anew", LIMITATION: "2028-05-04"}
    assert db.session.query(Transaction).filter_by(method="PATCH").one().call_key == row.call_key
    assert sandbox.clio.get("matters", int(external_id))["description"] == "Anew"


def test_a_refusal_stays_in_the_outbox_with_its_reason(clio):
    """W4"""
    with pytest.raises(BadRecord) as refused:
        matters.change(some(), {"practice_area.id": "99999"}, by="Ana")
    assert refused.value.field == "practice_area.id"
    row = db.session.query(Change).one()
    assert (row.state, row.error_field) == ("dead", "practice_area.id")
    assert "could not be found" in row.message


def test_nothing_is_written_while_the_connection_is_paused_or_removed(clio):
    """W9"""
    connections.pause(connections.find(clio), by="Ana")
    with pytest.raises(Conflict, match="paused"):
        matters.change(some(), {"description": "x"}, by="Ana")
    connections.remove(connections.find(clio), by="Ana")
    with pytest.raises(Conflict, match="removed"):
        matters.change(some(), {"description": "x"}, by="Ana")
    assert db.session.query(Change).count() == 0
    with pytest.raises(NotFound):
        matters.find("clio:1")


def test_the_list_is_searched_filtered_and_walked(clio):
    every = matter_list.browse(Wanted(), limit=1000)
    assert len(every) == 900
    page = matter_list.browse(Wanted(), before_id=every[49].id, limit=50)
    assert [row.id for row in page] == [row.id for row in every[50:100]]
    assert [r.id for r in matter_list.browse(Wanted(), after_id=page[0].id, limit=50)] == [r.id for r in every[:50]]
    one = every[7]
    assert one in matter_list.browse(Wanted(text=one.data["client"]["name"]), limit=900)
    assert one in matter_list.browse(Wanted(text=one.data["display_number"].upper()), limit=900)
    assert matter_list.browse(Wanted(text="100%_nobody")) == []
    for status in ("open", "pending", "closed"):
        found = matter_list.browse(Wanted(status=status), limit=900)
        assert {row.data["status"].lower() for row in found} == {status}
    area = one.data["practice_area"]["name"]
    assert area in matter_list.areas()
    assert {r.data["practice_area"]["name"] for r in matter_list.browse(Wanted(area=area), limit=900)} == {area}
    assert matter_list.browse(Wanted(connection_id=77)) == []
