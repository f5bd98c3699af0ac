"""What becomes of runs and waiting writes of a mapping that is another by now."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from integration_console import clock as house_clock
from integration_console.models import DataMapping, FieldMapping, MappingVersion, SyncRun, db
from integration_console.operations.runs import pushes

from .conftest import carry_out, sync
from .mapped import CONTACTS, changes, cycle, make_mapping, of_clio, pairs, push
from .test_undo import undo_now


def switch_on(number: int, lines, **options) -> None:
    """A new version of a mapping, with these lines."""
    mapping = db.session.get_one(DataMapping, number)
    old = mapping.versions[-1]
    fields = [
        FieldMapping(position=n, left=one, right=other, direction=way, transform=name, options=more)
        for n, (one, other, way, name, more) in enumerate(lines)
    ]
    new = MappingVersion(
        number=old.number + 1, state="active", direction=old.direction, rule=old.rule, keys=old.keys, filters=[],
        options={**old.options, **options}, changed_at=old.changed_at, fields=fields,
    )  # fmt: skip
    old.state, mapping.active_version = "retired", new.number
    mapping.versions.append(new)
    db.session.commit()


def test_what_is_taken_back_is_not_carried_over_its_source_by_a_newer_line(session, sandbox, pair, mapping):
    """The firm keeps the town in another field since: the run before is taken back at Clio, and only there."""
    left, right = pairs(mapping)[0]
    was = of_clio(sandbox.clio, right)
    sandbox.ghl.put("contacts", {"id": left, "city": "Elsewhere", "state": "Elsewhere"})
    run = cycle(mapping, pair).id
    switch_on(mapping, [("state", *line[1:]) if line[0] == "city" else line for line in CONTACTS])
    cycle(mapping, pair)  # the two agree under the new line

    undo_now(db.session.get_one(SyncRun, run))

    assert of_clio(sandbox.clio, right) == was
    cycle(mapping, pair)
    assert sandbox.ghl.get("contacts", left)["state"] == "Elsewhere"
    assert of_clio(sandbox.clio, right) == was


def test_half_of_a_line_taken_back_is_not_carried_over_its_source(session, sandbox, pair):
    """The first name is taken back; the last one was carried by a later run, and stays."""
    mapping = make_mapping(*pair, [("companyName", "first_name,last_name", "both", "split_name", {}), *CONTACTS[2:4]])
    push(mapping, release_brake=True)  # every contact of the location gets a company's name
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "companyName": "Ada Lovelace"})
    cycle(mapping, pair)
    sandbox.ghl.put("contacts", {"id": left, "companyName": "Augusta Lovelace"})
    run = cycle(mapping, pair).id
    sandbox.ghl.put("contacts", {"id": left, "companyName": "Augusta King"})
    cycle(mapping, pair)

    undo_now(db.session.get_one(SyncRun, run))

    assert (of_clio(sandbox.clio, right)["first"], of_clio(sandbox.clio, right)["last"]) == ("Ada", "King")
    cycle(mapping, pair)
    assert sandbox.ghl.get("contacts", left)["companyName"] == "Augusta King"


def test_what_waits_is_not_sent_once_the_line_that_wanted_it_is_taken_out(session, sandbox, pair, mapping):
    """Somebody saw the first wrong town at Clio, and took the line out before the others were written."""
    (one, _), (other, right), *_ = pairs(mapping)
    was = of_clio(sandbox.clio, right)
    switch_on(mapping, CONTACTS, write_cap=1)
    for number in (one, other):
        sandbox.ghl.put("contacts", {"id": number, "firstName": "Augusta", "city": "Elsewhere"})
    assert cycle(mapping, pair).changed == 1
    switch_on(mapping, [line for line in CONTACTS if line[0] != "city"], write_cap=10)

    run = cycle(mapping, pair)

    assert (run.state, run.changed) == ("done", 1)
    assert of_clio(sandbox.clio, right) == {**was, "first": "Augusta"}
    assert [change.state for change in changes(external_id=str(right))][-2:] == ["dropped", "done"]


def test_what_waits_to_be_deleted_stays_once_the_mapping_deletes_nothing(session, sandbox, pair, mapping):
    row = db.session.get_one(DataMapping, mapping)
    row.versions[0].options = {**row.versions[0].options, "deletes_left": True, "write_cap": 1}
    db.session.commit()
    (_, first), (other, second), *_ = pairs(mapping)
    for number in (first, second):
        sandbox.clio.delete("contacts", number)
    sync(pair[1], kind="full", only=["contacts"])
    assert push(mapping).deleted == 1
    switch_on(mapping, CONTACTS, deletes_left=False, write_cap=10)

    assert push(mapping).deleted == 0

    assert sandbox.ghl.record("contacts", other)
    assert push(mapping).message == "Nothing had changed."


@pytest.mark.parametrize("noticed", [True, False])
def test_a_run_that_waits_for_a_limit_does_not_go_on_in_a_version_that_is_off(
    session, sandbox, pair, mapping, clock, noticed
):
    """Somebody mends the mapping meanwhile: the rest would have been written as it was before, hours later."""
    (_, one), (_, other), *_ = pairs(mapping)
    was = of_clio(sandbox.clio, other)
    for left, _ in pairs(mapping)[:2]:
        sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta", "city": "Elsewhere"})
    sandbox.clio.script(
        "/contacts/*", {"method": "PATCH", "status": 429, "headers": {"Retry-After": "3000"}, "after": 1, "times": 9}
    )
    waits = cycle(mapping, pair)
    assert waits.state == "waiting"
    sandbox.clio.unscript()
    switch_on(mapping, [line for line in CONTACTS if line[0] != "city"])

    clock.advance(hours=1)
    if not noticed:  # it is taken up again before the clock looks
        long_ago = house_clock.now() - timedelta(days=9)
        db.session.execute(update(SyncRun).where(SyncRun.id == waits.id).values(retry_at=long_ago))
        db.session.commit()
        assert carry_out(db.session.get_one(SyncRun, waits.id)).state == "interrupted"

    assert pushes.due() == 1

    old, new = db.session.scalars(select(SyncRun).where(SyncRun.id >= waits.id).order_by(SyncRun.id)).all()
    assert (old.state, "Version 2" in old.message) == ("interrupted", True)
    assert carry_out(new).state == "done"
    assert of_clio(sandbox.clio, one)["city"] == "Elsewhere"  # what was done stays done
    assert of_clio(sandbox.clio, other) == {**was, "first": "Augusta"}


def test_an_earlier_version_that_was_asked_for_once_more_goes_on(session, sandbox, pair, mapping):
    switch_on(mapping, CONTACTS[:4])
    asked = pushes.request(db.session.get_one(DataMapping, mapping), version=1)
    asked.state, asked.attempts, asked.retry_at = "waiting", 1, house_clock.now() - timedelta(days=9)
    db.session.commit()

    pushes.due()

    assert carry_out(asked).state == "done"
