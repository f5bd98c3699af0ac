"""What a person decides about pairs, and what stays of it."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from integration_console import clock
from integration_console.errors import Conflict, InvalidInput, NotFound
from integration_console.models import AuditEvent, Change, Record, RecordLink, db
from integration_console.models import Conflict as ConflictRow
from integration_console.operations.health import waiting
from integration_console.operations.mapping import matches

from ..storage.rows import NOON
from .two_sides import TwoSides, flat

ADA, GRACE = "ada@firm.example", "grace@firm.example"


@pytest.fixture
def two(session, monkeypatch):
    flat(monkeypatch)
    return TwoSides()


def states() -> list[tuple[str, int | None, int | None]]:
    """Every row: state, left, right."""
    db.session.expire_all()
    rows = db.session.scalars(select(RecordLink).order_by(RecordLink.id))
    return [(row.state, row.left_record_id, row.right_record_id) for row in rows]


def audited() -> list[tuple[str, str]]:
    return [(event.action, event.actor) for event in db.session.scalars(select(AuditEvent).order_by(AuditEvent.id))]


# -- looking ----------------------------------------------------------------------------------------------------------


def test_what_waits_is_listed_oldest_first_page_by_page(two):
    numbers = [two.asks(two.lead(f"g{n}"), minutes=n // 2) for n in range(5)]

    first, place = matches.listing(limit=3)
    second, end = matches.listing(after=place, limit=3)

    assert [row.id for row in first + second] == numbers
    assert end is None
    assert first[0].left_record.label == "Ada Lovelace"
    assert matches.listing(mapping_id=two.mapping + 1) == ([], None)
    with pytest.raises(InvalidInput, match="linked, waiting"):
        matches.listing("lost")


def test_pairs_of_several_mappings_are_listed_newest_first(two):
    other = TwoSides(two.left, two.right)
    numbers = [(two if n % 2 else other).pair() for n in range(5)]

    first, place = matches.listing("linked", limit=2)
    second, place = matches.listing("linked", after=place, limit=2)
    third, end = matches.listing("linked", after=place, limit=2)

    assert [row.id for row in first + second + third] == numbers[::-1]
    assert end is None
    assert [row.id for row in matches.listing("linked", two.mapping)[0]] == [numbers[3], numbers[1]]
    assert waiting.framed().waits.matches == 0


def test_a_row_shows_both_sides_value_by_value(two):
    lead = two.lead(email="ada@example.com", phone="4155550132")
    client = two.client(email="ADA@example.com", phone="+1 415-555-0132")
    taken = two.client("c2", "Ada King")
    two.row("linked", two.lead("g2"), taken)
    number = two.asks(lead, client, taken)

    found = matches.detail(number)

    assert (found.held, found.record.id) == ("left", lead)
    one, two_ = found.choices
    assert [(line.left_label, line.right_label, line.verdict) for line in one.lines] == [
        ("E-mail", "Primary e-mail", "same"),
        ("Phone", "Primary phone", "same"),
        ("First name, Last name", "First name, Last name", "same"),
    ]
    assert (two_.lines[2].right, two_.lines[2].verdict, two_.lines[0].verdict) == ("Ada King", "differs", "left")
    assert (one.taken_by, two_.taken_by.state) == (None, "linked")
    assert waiting.framed().waits.matches == 1


# -- deciding ---------------------------------------------------------------------------------------------------------


def test_same_makes_a_pair_that_the_next_run_compares(two):
    lead, client, other = two.lead(), two.client(), two.client("c2")
    number = two.asks(lead, client, other)
    two.row("waiting", right=client)  # the client waited alone

    link = matches.same(number, client, by=ADA)

    assert states() == [("linked", lead, client)]
    assert (link.how, link.decided_by) == (f"decided by {ADA}: same e-mail ada@example.com", ADA)
    assert (link.candidates, link.base, link.left_hash, link.reason) == ([], {}, None, "")
    assert audited() == [("pair decided", ADA)]


def test_a_row_that_holds_the_right_record_is_decided_alike(two):
    lead, client = two.lead(), two.client()
    number = two.row("ambiguous", right=client, candidates=[{"record_id": lead, "score": 80, "why": "names alike"}])

    assert matches.detail(number).choices[0].record.id == lead
    matches.same(number, lead, by=ADA)

    assert states() == [("linked", lead, client)]


def test_whoever_comes_second_is_told_and_changes_nothing(two):
    lead, one, other = two.lead(), two.client(), two.client("c2")
    number = two.asks(lead, one, other)
    matches.same(number, one, by=ADA)

    for late in (
        lambda: matches.same(number, other, by=GRACE),
        lambda: matches.different(number, one, by=GRACE),
        lambda: matches.later(number, by=GRACE),
    ):
        with pytest.raises(Conflict, match=r"ada@firm\.example was faster: they are a pair now"):
            late()
        db.session.rollback()

    assert states() == [("linked", lead, one)]


def test_a_record_with_a_pair_is_not_taken_away(two):
    client = two.client()
    two.row("linked", two.lead("g0"), client)
    number = two.asks(two.lead(), client)

    with pytest.raises(Conflict, match="paired already, with the record g0"):
        matches.same(number, client, by=ADA)


def test_what_is_no_candidate_or_is_gone_cannot_be_the_same(session, two):
    lead, client, stranger = two.lead(), two.client(), two.client("c2")
    number = two.asks(lead, client)
    with pytest.raises(InvalidInput, match="not one of the candidates"):
        matches.same(number, stranger, by=ADA)
    with pytest.raises(InvalidInput, match="not one of the candidates"):
        matches.different(number, stranger, by=ADA)
    session.get(Record, client).deleted_at = NOON
    session.commit()

    with pytest.raises(Conflict, match="deleted at its service"):
        matches.same(number, client, by=ADA)
    session.rollback()
    assert matches.detail(number).choices == []


def test_different_is_remembered_and_without_candidates_the_record_is_free(two):
    lead, one, other = two.lead(), two.client(), two.client("c2")
    number = two.asks(lead, one, other)

    left = matches.different(number, one, by=ADA)
    assert [c["record_id"] for c in left.candidates] == [other]
    assert matches.different(number, other, by=GRACE) is None

    assert states() == [("different", lead, one), ("different", lead, other)]
    assert audited() == [("records are different", ADA), ("records are different", GRACE)]
    with pytest.raises(NotFound, match="meanwhile"):
        matches.later(number, by=ADA)


def test_different_from_all_frees_it_at_once(two):
    lead, one, other = two.lead(), two.client(), two.client("c2")

    assert matches.different(two.asks(lead, one, other), None, by=ADA) is None

    assert sorted(states()) == [("different", lead, one), ("different", lead, other)]


def test_later_goes_behind_the_others_and_still_waits(two, clock):
    first, second, third = (two.asks(two.lead(f"g{n}"), minutes=n) for n in range(3))

    matches.later(first, by=ADA)
    clock.advance(60)
    matches.later(second, by=ADA)

    assert [row.id for row in matches.listing()[0]] == [third, first, second]
    assert [row.id for row in matches.listing(after=matches.Place(*_place(third)))[0]] == [first, second]
    assert audited() == [("decision put off", ADA)] * 2


def _place(number):
    link = db.session.get(RecordLink, number)
    return link.created_at, link.id


# -- by hand ----------------------------------------------------------------------------------------------------------


def _change(link: int, state: str, two: TwoSides, connection: int) -> int:
    row = Change(
        connection_id=connection, resource="contacts", op="update", link_id=link, state=state,
        idempotency_key=f"{link}-{connection}", created_at=NOON,
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return row.id


def test_a_cut_leaves_both_alone_and_drops_what_waited(session, two):
    pair = two.pair()
    waiting, sent = _change(pair, "pending", two, two.left), _change(pair, "uncertain", two, two.right)
    conflict = two.conflict(pair)

    link = matches.cut(pair, by=ADA, why=" They are cousins. ")

    assert (link.state, link.reason, link.decided_by) == ("cut", "They are cousins.", ADA)
    session.expire_all()
    assert [session.get(Change, n).state for n in (waiting, sent)] == ["dropped", "uncertain"]
    closed = session.get(ConflictRow, conflict)
    assert (closed.state, closed.winner, closed.held["left"]) == ("settled", None, "+14155550132")
    with pytest.raises(Conflict, match="the pair was cut"):
        matches.cut(pair, by=GRACE, why="again")
    session.rollback()
    with pytest.raises(InvalidInput, match="Say why"):
        matches.cut(pair, by=ADA, why=" ")
    assert audited() == [("pair cut", ADA)]


def test_a_cut_pair_linked_by_hand_goes_on_from_what_was_agreed(session, two):
    pair = two.pair(base={"phone|phone": ["1", "2"]})
    link = matches.cut(pair, by=ADA, why="cousins")
    left, right = link.left_record_id, link.right_record_id

    again = matches.link_by_hand(two.mapping, left, right, by=GRACE)

    assert (again.id, again.state, again.base) == (pair, "linked", {"phone|phone": ["1", "2"]})
    assert (again.how, again.left_hash, again.reason) == (f"linked by hand by {GRACE}", None, "")


def test_linking_by_hand_overrules_what_was_said_and_what_waited(two):
    lead, client = two.lead(), two.client()
    two.row("different", lead, client)
    two.asks(lead, two.client("c2"))
    two.row("aside", right=client, reason="an employee")

    link = matches.link_by_hand(two.mapping, lead, client, by=ADA)

    assert states() == [("linked", lead, client)]
    assert matches.detail(link.id).lines[0].left == "Ada Lovelace"


def test_only_records_of_the_mapping_that_are_free_can_be_linked(session, two):
    lead, client = two.lead(), two.client()
    pair = session.get(RecordLink, two.pair())

    with pytest.raises(NotFound):
        matches.link_by_hand(99, lead, client, by=ADA)
    for wrong in ((client, client), (lead, lead), (lead, 999)):
        with pytest.raises(InvalidInput, match="does not belong"):
            matches.link_by_hand(two.mapping, *wrong, by=ADA)
    with pytest.raises(Conflict, match="Cut that pair first"):
        matches.link_by_hand(two.mapping, lead, pair.right_record_id, by=ADA)
    session.rollback()
    session.get(Record, client).deleted_at = clock.now()
    session.commit()
    with pytest.raises(InvalidInput, match="was deleted"):
        matches.link_by_hand(two.mapping, lead, client, by=ADA)
    assert matches.record_named(pair, "left", "g1").id == lead
    with pytest.raises(InvalidInput, match="no record with that id"):
        matches.record_named(pair, "left", "c1")


def test_two_people_at_once_make_one_pair(app, session, two):
    """The second one waits for the first and is then told."""
    lead, one, other = two.lead(), two.client(), two.client("c2")
    number = two.asks(lead, one, other)
    session.commit()
    session.remove()
    said, ready = [], threading.Barrier(2)

    def decide(client: int) -> None:
        with app.app_context():
            ready.wait(10)
            try:
                matches.same(number, client, by=f"{client}@firm.example")
                said.append("paired")
            except Conflict as error:
                said.append(str(error))
            db.session.remove()

    threads = [threading.Thread(target=decide, args=(client,)) for client in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(s == "paired" for s in said) == [False, True]
    assert any("was faster: they are a pair now" in s for s in said)
    with Session(db.engine) as fresh:
        assert fresh.scalars(select(RecordLink.state)).all() == ["linked"]
