"""Mappings that lead in a ring, with keys that find nobody: what comes round is not made again."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from integration_console.models import DataMapping, Record, RecordLink, db
from integration_console.operations.mapping import mappings

from .conftest import connect, sync
from .mapped import keep_only, make_mapping, push

LISTS = {"ghl": "contacts", "clio": "contacts", "clockify": "clients"}
ONCE = {"only_create": True}  # what a value becomes on its way round is not what this is about
AHEAD = {"direction": "to_right", "creates_left": False}


@pytest.fixture
def ring(session, sandbox):
    """Three accounts with two, one and one people, and three mappings that each make what the one before has made."""
    for (key, resource), most in zip(LISTS.items(), (2, 1, 1), strict=True):
        keep_only(getattr(sandbox, key), resource, most)
    keep_only(sandbox.clio, "matters", 1)
    keep_only(sandbox.clockify, "projects", 1)
    for number, name in zip(sandbox.ghl.shelves["contacts"].numbers(), ("Ana", "Bo"), strict=True):
        sandbox.ghl.put("contacts", {"id": number, "firstName": name, "lastName": "Quist", "companyName": ""})
    ends = {key: connect(sandbox, key) for key in LISTS}
    for key, number in ends.items():
        sync(number, kind="full", only=[LISTS[key]])
    names = (("firstName", "first_name"), ("lastName", "last_name"))
    to_clio = [(one, other, "to_right", "copy", ONCE) for one, other in names]
    to_clio.append(("firstName,lastName,companyName", "type", "to_right", "person_or_company", ONCE))
    first = make_mapping(ends["ghl"], ends["clio"], to_clio, keys=(), **AHEAD)
    to_clockify = [("name", "name", "to_right", "copy", ONCE)]
    second = make_mapping(ends["clio"], ends["clockify"], to_clockify, kinds=("contacts", "clients"), keys=(), **AHEAD)
    back = [("name", name, "to_right", "copy", ONCE) for name in ("firstName", "lastName")]
    third = make_mapping(ends["clockify"], ends["ghl"], back, kinds=("clients", "contacts"), keys=(), **AHEAD)
    return ends, (first, second, third)


def turn(ends, numbers) -> None:
    for number in numbers:
        run = push(number, release_brake=True)
        assert run.state == "done", run.message
    for key, number in ends.items():
        sync(number, kind="full", only=[LISTS[key]])


def counts(ends) -> list[int]:
    db.session.rollback()
    found = []
    for key, number in ends.items():
        live = select(func.count()).select_from(Record).filter_by(connection_id=number, resource=LISTS[key])
        found.append(db.session.scalar(live.where(Record.deleted_at.is_(None))))
    return found


def test_what_comes_round_a_ring_of_mappings_is_not_made_again(sandbox, ring):
    ends, numbers = ring
    turn(ends, numbers)
    turn(ends, numbers)
    held = counts(ends)

    turn(ends, numbers)
    turn(ends, numbers)

    assert held == counts(ends) == [4, 4, 4]
    made = db.session.scalars(select(RecordLink.how).filter_by(state="linked", mapping_id=numbers[2])).all()
    assert "Pairs of other mappings lead from one to the other." in made


def test_two_mappings_of_the_same_lists_that_make_records_both_ways_make_each_once(sandbox, ring):
    ends, (first, second, third) = ring
    back = [("first_name", "firstName", "to_right", "copy", ONCE), ("last_name", "lastName", "to_right", "copy", ONCE)]
    fourth = make_mapping(ends["clio"], ends["ghl"], back, keys=(), **AHEAD)
    for number in (second, third):
        db.session.get_one(DataMapping, number).state = "paused"
    db.session.commit()

    for _ in range(3):
        turn(ends, (first, fourth))

    assert counts(ends) == [3, 3, 1]


def test_a_ring_is_told_on_the_page_of_each_mapping_in_it_and_a_chain_is_none(sandbox, ring):
    _, numbers = ring

    def told(number: int) -> list[str]:
        problems = mappings.check(db.session.get_one(DataMapping, number))
        return [one.message for one in problems if "in a circle" in one.message]

    for number in numbers:
        (said,) = told(number)
        assert "paired with the record it began as" in said
    assert "GoHighLevel contacts to Clio contacts to Clockify clients to " in told(numbers[0])[0]
    db.session.get_one(DataMapping, numbers[2]).state = "paused"
    db.session.commit()
    assert told(numbers[0]) == told(numbers[1]) == []
