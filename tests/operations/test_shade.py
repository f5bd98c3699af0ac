"""A write played again in the shade: worked out with today's mapping, compared with what was sent, never sent."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console import clock as house_clock
from integration_console.errors import Conflict
from integration_console.models import Change, FieldMapping, Record, db
from integration_console.operations.support import shade

from .mapped import cycle, make_mapping, pairs, push, small_pair, writes


@pytest.fixture
def pair(session, sandbox):
    return small_pair(sandbox, 4)


@pytest.fixture
def change(sandbox, pair):
    """An update that went through; its number."""
    number = make_mapping(*pair)
    push(number)
    sandbox.ghl.put("contacts", {"id": pairs(number)[0][0], "firstName": "Augusta"})
    cycle(number, pair)
    done = select(Change).where(Change.op == "update", Change.state == "done").order_by(Change.id.desc())
    found = db.session.scalars(done.limit(1)).one()
    db.session.rollback()
    return found.id


@pytest.mark.postgresql_at_length
def test_the_same_mapping_makes_the_same_and_nothing_is_sent(sandbox, change):
    before = len(writes(sandbox.clio)), len(writes(sandbox.ghl)), db.session.query(Change).count()
    found = shade.of(db.session.get_one(Change, change))
    assert found.takes_part
    assert [(one.sent, one.now, one.same) for one in found.fields] == [("Augusta", "Augusta", True)]
    assert not found.differs
    assert (len(writes(sandbox.clio)), len(writes(sandbox.ghl)), db.session.query(Change).count()) == before


def test_another_mapping_shows_the_difference(session, change):
    row = db.session.get_one(Change, change)
    (name,) = row.wanted
    line = next(one for one in db.session.scalars(select(FieldMapping)) if name in (one.left, one.right))
    line.transform = "upper"
    db.session.commit()
    found = shade.of(db.session.get_one(Change, change))
    assert found.differs
    assert [one.sent for one in found.fields] == ["Augusta"]
    assert not found.fields[0].same


@pytest.mark.postgresql_at_length
def test_what_the_mapping_no_longer_writes_is_said(session, change):
    row = db.session.get_one(Change, change)
    (name,) = row.wanted
    for line in db.session.scalars(select(FieldMapping)):
        if name in (line.left, line.right):
            db.session.delete(line)
    db.session.commit()
    (one,) = shade.of(db.session.get_one(Change, change)).fields
    assert (one.would_be_sent, one.same) == (False, False)


def test_without_a_mapping_a_source_or_values_there_is_nothing_to_work_out(session, change):
    row = db.session.get_one(Change, change)
    row.op = "delete"
    with pytest.raises(Conflict, match="deletion"):
        shade.of(row)
    db.session.rollback()
    for record in db.session.scalars(select(Record)):
        record.deleted_at = house_clock.now()
    with pytest.raises(Conflict, match="not there any more"):
        shade.of(db.session.get_one(Change, change))
    db.session.rollback()
    row = db.session.get_one(Change, change)
    row.mapping_id = None
    with pytest.raises(Conflict, match="no active mapping"):
        shade.of(row)
