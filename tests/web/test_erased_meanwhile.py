"""A person is erased while runs and writes of theirs are under way: nothing of them is left or sent (X15)."""

from __future__ import annotations

from functools import partial
from threading import Thread

import pytest
from sqlalchemy import select

from integration_console import services
from integration_console.errors import Conflict as Refused
from integration_console.errors import TryLater
from integration_console.models import Change, Conflict, Erasure, Record, RecordLink, db
from integration_console.operations.accounts import connections
from integration_console.operations.keeping import erasures
from integration_console.operations.mapping import conflicts
from integration_console.operations.runs import outbox
from integration_console.operations.support import refused_writes
from integration_console.storage import bulk, records
from integration_console.sync.carrying.carry import Carrier

from ..operations import mapped
from ..operations.test_refused_writes import NO
from .test_privacy import MAIL, NAME, everything
from .two_sides import contacts

BY = "ada@firm.example"
FIRST, LAST = NAME.split()


@pytest.fixture
def firm(own_firm):
    return own_firm


@pytest.fixture
def sides(firm):
    """Two accounts that agree."""
    sides = contacts(firm)
    sides.run()
    return sides


def newcomer(firm) -> str:
    """The person as a lead; their id."""
    return firm.upstreams.ghl.put("contacts", {"firstName": FIRST, "lastName": LAST, "email": MAIL})["id"]


def at_clio(firm) -> list[dict]:
    clio = firm.upstreams.clio
    found = (clio.record("contacts", number) for number in list(clio.shelves["contacts"].numbers()))
    return [one for one in found if LAST in str(one)]


def ask(firm) -> None:
    """Have everything erased that is known of the person."""
    with firm.app.app_context():
        erasures.request([one.id for one in erasures.candidates(MAIL)], "by letter", by=BY)


def work(firm) -> int:
    with firm.app.app_context():
        done = erasures.work()
        db.session.remove()
    return done


def elsewhere(do, *given) -> None:
    """Do it as another process would."""
    worker = Thread(target=do, args=given)
    worker.start()
    worker.join(60)
    assert not worker.is_alive()


def meanwhile(monkeypatch, firm, *, lost: bool = False) -> None:
    """Erase the person while the next write to Clio is on its way. lost: its answer never comes."""
    writing = services.by_key("clio").writing
    send, begun = writing.send, []

    def slow(upstream, write):
        if not begun:
            begun.append(write)
            elsewhere(ask, firm)
            elsewhere(work, firm)
            written = send(upstream, write)
            if lost:
                raise TryLater("No answer came.")
            return written
        return send(upstream, write)

    monkeypatch.setattr(writing, "send", slow)


def nothing_left(firm) -> None:
    left = everything(firm.app).lower()
    for word in (MAIL, LAST):
        at = left.find(word.lower())
        assert at < 0, left[max(0, at - 600) : at + 200]


@pytest.mark.parametrize("lost", [False, True])
def test_a_create_on_its_way_ends_first_and_what_it_made_is_erased_too(sides, firm, clock, monkeypatch, lost):
    newcomer(firm)
    with firm.app.app_context():
        mapped.read((sides.left, sides.right))
    meanwhile(monkeypatch, firm, lost=lost)
    sides.run()
    clock.advance(60)
    sides.run()
    clock.advance(60)

    assert work(firm) == 1
    nothing_left(firm)
    assert len(at_clio(firm)) == 1
    sides.run()
    nothing_left_but_calls(firm)
    assert len(at_clio(firm)) == 1


def nothing_left_but_calls(firm) -> None:
    with firm.app.app_context():
        for model in (Record, RecordLink, Change, Conflict):
            for row in db.session.scalars(select(model)):
                assert LAST not in str(vars(row)), vars(row)
        db.session.rollback()


def test_an_update_on_its_way_leaves_nothing_in_its_pair(sides, firm, clock, monkeypatch):
    number = newcomer(firm)
    sides.run()
    firm.upstreams.ghl.put("contacts", {"id": number, "lastName": f"{LAST}-Lee"})
    with firm.app.app_context():
        mapped.read((sides.left, sides.right))
    meanwhile(monkeypatch, firm)
    sides.run()
    clock.advance(60)

    assert work(firm) == 1
    nothing_left(firm)


def after_a_look(monkeypatch, firm, kind: str) -> list:
    """Erase the person right after a run has looked at them, before it writes down what follows."""
    steps, begun = Carrier.steps, []

    def slow(self):
        for batch in steps(self):
            if not begun and any(step.kind == kind for step in batch):
                begun.append(kind)
                elsewhere(ask, firm)
                elsewhere(work, firm)
            yield batch

    monkeypatch.setattr(Carrier, "steps", slow)
    return begun


def test_what_a_run_had_looked_at_before_is_not_sent_and_not_left(sides, firm, clock, monkeypatch):
    """It wrote its values down over the emptied pair, and sent them."""
    number = newcomer(firm)
    sides.run()
    firm.upstreams.ghl.put("contacts", {"id": number, "city": "Quackville"})
    with firm.app.app_context():
        mapped.read((sides.left, sides.right))
    begun = after_a_look(monkeypatch, firm, "update")
    sides.run()
    assert begun
    assert "Quackville" not in str(at_clio(firm))
    clock.advance(60)
    assert work(firm) == 1
    nothing_left(firm)


def test_a_newcomer_whom_a_run_had_looked_at_before_is_not_made(sides, firm, clock, monkeypatch):
    newcomer(firm)
    with firm.app.app_context():
        mapped.read((sides.left, sides.right))
    begun = after_a_look(monkeypatch, firm, "create")
    sides.run()
    assert begun
    assert at_clio(firm) == []
    with firm.app.app_context():
        assert "A run that began before" in db.session.query(Erasure).one().message
    clock.advance(60)
    assert work(firm) == 1
    nothing_left(firm)


def test_what_somebody_takes_back_at_that_moment_is_not_sent(sides, firm, clock):
    """Whoever had looked at the run before puts a write into the outbox afterwards."""
    newcomer(firm)
    sides.run()
    with firm.app.app_context():
        made = db.session.scalars(select(Change).where(Change.op == "create", Change.state == "done")).all()[-1]
        numbers = {"record_id": made.record_id, "link_id": made.link_id, "external_id": made.external_id}
        undone = made.id
        db.session.rollback()
    ask(firm)
    assert work(firm) == 1
    with firm.app.app_context():
        change = Change(
            connection_id=sides.right, resource="contacts", op="update", **numbers, wanted={"first_name": "Old"},
            before={"first_name": FIRST}, undoes_id=undone, idempotency_key="k", state="pending",
            created_at=clock.now(), tries=0,
        )  # fmt: skip
        db.session.add(change)
        db.session.commit()
        number = change.id
        outbox.push(connections.find(sides.right))
        change = db.session.get_one(Change, number, populate_existing=True)
        assert (change.state, change.message) == ("dropped", "It is of somebody who was erased here.")
    assert [one["first_name"] for one in at_clio(firm)] == [FIRST]


def test_a_create_that_nobody_ever_answered_is_told_of(sides, firm, clock, enter):
    """It may be there: a person looks, for the console knows no name any more to look for."""
    newcomer(firm)
    with firm.app.app_context():
        mapped.read((sides.left, sides.right))
    firm.upstreams.clio.script("/contacts", {"method": "POST", "status": 503, "times": 99})
    sides.run()
    with firm.app.app_context():
        change = db.session.scalars(select(Change).where(Change.op == "create", Change.state != "done")).one()
        number, change.state = change.id, "uncertain"
        db.session.commit()
    ask(firm)
    assert work(firm) == 0
    with firm.app.app_context():
        assert "is on its way. Nothing is erased before" in db.session.query(Erasure).one().message
    clock.advance(25 * 3600)
    assert work(firm) == 1
    nothing_left(firm)
    assert "look at the service" in enter("staff").open("/errors").text
    with firm.app.app_context():
        with pytest.raises(Refused, match="was erased"):
            outbox.retry(db.session.get_one(Change, number), by=BY)
        db.session.rollback()


def test_a_refused_write_of_the_person_is_sent_by_no_button_and_says_why(sides, firm, enter):
    newcomer(firm)
    firm.upstreams.clio.script("/contacts", NO | {"method": "POST"})
    sides.run()
    with firm.app.app_context():
        (number,) = db.session.scalars(select(Change.id).where(Change.state == "dead"))
    ask(firm)
    assert work(firm) == 1
    with firm.app.app_context():
        change = db.session.get_one(Change, number)
        for again in (outbox.retry, refused_writes.send_anew):
            with pytest.raises(Refused, match="was erased"):
                again(change, by=BY)
        db.session.rollback()
    nothing_left(firm)
    assert at_clio(firm) == []


def test_nobody_is_asked_about_the_person_any_more(sides, firm, enter):
    number = newcomer(firm)
    sides.run()
    (at,) = at_clio(firm)
    firm.upstreams.ghl.put("contacts", {"id": number, "lastName": "Quackenbush-Lee"})
    firm.upstreams.clio.put("contacts", {"id": at["id"], "last_name": "Quackenbush-Mo"})
    asked = len(sides.ids(Conflict, state="open"))
    sides.run()
    assert len(sides.ids(Conflict, state="open")) == asked + 1
    ask(firm)
    assert work(firm) == 1
    assert len(sides.ids(Conflict, state="open")) == asked


def test_a_conflict_of_others_that_named_the_person_brings_nothing_back_as_nothing(sides, firm):
    """Its values went with the person: to let the other one win emptied the field on both sides."""
    sides.run()
    newcomer(firm)
    pair, left, right = sides.agreeing()
    firm.upstreams.ghl.put("contacts", {"id": left, "city": f"c/o {NAME}"})
    with firm.app.app_context():
        asked = db.session.query(Conflict).filter_by(link_id=pair).count()
    address = [{"name": "Work", "city": "Reno", "primary": True}]
    firm.upstreams.clio.put("contacts", {"id": right, "addresses": address})
    sides.run()
    with firm.app.app_context():
        (one,) = db.session.query(Conflict).filter_by(link_id=pair, state="open")
        number = one.id
        assert asked == 0
        db.session.rollback()
    ask(firm)
    assert work(firm) == 1
    with firm.app.app_context():
        for decide in (partial(conflicts.settle, winner="left"), partial(conflicts.flip, winner="right")):
            with pytest.raises(Refused, match=r"somebody who was erased|won this yet"):
                decide(number, by=BY)
            db.session.rollback()
        one = db.session.get_one(Conflict, number)
        one.state, one.winner, one.settled_by, one.settled_at = "flipped", "left", BY, one.created_at
        db.session.get_one(RecordLink, pair).left_hash = None
        db.session.commit()
    sides.run()
    assert firm.upstreams.ghl.record("contacts", left)["city"] == f"c/o {NAME}"
    assert mapped.of_clio(firm.upstreams.clio, right)["city"] == "Reno"


def test_a_page_read_before_brings_the_person_not_back(firm, sides, clock):
    """On PostgreSQL another process may erase between a page's look at what is known and its write."""
    newcomer(firm)
    sides.run()
    with firm.app.app_context():
        row = db.session.scalars(select(Record).where(Record.label == NAME, Record.connection_id == sides.left)).one()
        number, external_id = row.id, row.external_id
        db.session.rollback()
    ask(firm)
    assert work(firm) == 1
    with firm.app.app_context():
        one = bulk.Incoming(external_id, f'{{"name": "{NAME}"}}'.encode(), b"1" * 16, NAME)
        target = bulk.Target(sides.left, "contacts", None, clock.now())
        bulk.replace(db.session.connection(), target, [one])
        db.session.commit()
        row = db.session.get_one(Record, number, populate_existing=True)
        assert (row.label, row.data, row.content_hash) == ("erased", {}, records.ERASED)
