"""Matters: found by either number, written through the outbox, listed over all Clio accounts."""

import pytest

from integration_console import clock as house_clock
from integration_console.errors import BadRecord, Conflict, NotFound
from integration_console.models import Change, Record, SyncRun, Transaction, db
from integration_console.operations.accounts import connections
from integration_console.operations.matters import matter_list, matters
from integration_console.operations.matters.matter_fields import LIMITATION
from integration_console.operations.matters.matter_list import Wanted
from integration_console.operations.runs import pushes

from .conftest import carry_out, connect, sync


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


def on_its_way(record: Record) -> int:
    """A write of this matter that another process began to send; its number."""
    row = Change(
        connection_id=record.connection_id, resource="matters", op="update", external_id=record.external_id,
        record_id=record.id, wanted={"description": "Theirs"}, before={"description": record.data["description"]},
        expected=record.data["etag"], idempotency_key="theirs", state="sending", sent_at=house_clock.now(),
        created_at=house_clock.now(),
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return row.id


def test_a_date_that_could_not_leave_is_never_said_to_be_saved(clio, sandbox):
    """W7: another write of the matter is on its way, so this one stands back, and whoever asked is told."""
    record = some()
    on_its_way(record)
    with pytest.raises(Conflict, match="Nothing was saved"):
        matters.change(record, {LIMITATION: "2028-05-04"}, by="Ana")
    assert [row.state for row in db.session.query(Change).order_by(Change.id)] == ["sending", "dropped"]


def test_a_write_left_by_a_process_that_died_holds_its_matter_back_for_minutes_and_not_for_ever(clio, sandbox, clock):
    """W2: found in the middle of being sent, it is looked up and brought to its end by the worker itself."""
    record = some()
    number, external_id = on_its_way(record), int(record.external_id)
    assert pushes.due() == 0
    clock.advance(120)
    assert pushes.due() == 1
    (run,) = db.session.query(SyncRun).filter_by(kind="push")
    carry_out(run)
    assert db.session.get_one(Change, number).state == "done"
    assert sandbox.clio.get("matters", external_id)["description"] == "Theirs"
    changed = matters.change(some(external_id=str(external_id)), {LIMITATION: "2028-05-04"}, by="Ana")
    assert matters.plain(changed)[LIMITATION] == "2028-05-04"


@pytest.mark.postgresql_at_length
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
