"""Both sides changed the same field: who wins is said once, and can be turned round."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.errors import Conflict as Refused
from integration_console.errors import InvalidInput, NotFound
from integration_console.models import AuditEvent, Conflict, RecordLink
from integration_console.operations.health import waiting
from integration_console.operations.mapping import conflicts, matches

from .two_sides import TwoSides, flat

ADA, GRACE = "ada@firm.example", "grace@firm.example"


@pytest.fixture
def two(session, monkeypatch):
    flat(monkeypatch)
    return TwoSides()


def test_conflicts_are_listed_by_state_newest_first_page_by_page(two):
    pair = two.pair()
    numbers = [two.conflict(pair, line=f"a{n}|b{n}") for n in range(5)]

    first, place = conflicts.listing(limit=3)
    second, end = conflicts.listing(after=place, limit=3)

    assert [row.conflict.id for row in first + second] == numbers[::-1]
    assert end is None
    assert (first[0].left_label, first[0].right_label, first[0].mapping.name) == ("Phone", "Primary phone", "Contacts")
    assert conflicts.listing("settled") == ([], None)
    assert conflicts.listing(mapping_id=two.mapping + 1) == ([], None)
    assert waiting.framed().waits.conflicts == 5
    with pytest.raises(InvalidInput, match="open, settled, flipped"):
        conflicts.listing("lost")


def test_settling_says_who_wins_and_has_the_pair_compared_anew(session, two):
    pair = two.pair()
    number = two.conflict(pair)

    settled = conflicts.settle(number, "right", by=ADA)

    assert (settled.winner, settled.state, settled.settled_by, settled.change_id) == ("right", "settled", ADA, None)
    assert settled.settled_at is not None
    assert settled.held["left"] == "+14155550132"  # the value that lost is kept
    link = session.get(RecordLink, pair)
    assert (link.left_hash, link.right_hash, link.state) == (None, None, "linked")
    (event,) = session.scalars(select(AuditEvent))
    assert (event.action, event.actor, event.details["winner"]) == ("conflict settled", ADA, "right")


def test_a_conflict_is_settled_once(two):
    number = two.conflict(two.pair())
    conflicts.settle(number, "right", by=ADA)

    with pytest.raises(Refused, match=r"ada@firm\.example settled this already"):
        conflicts.settle(number, "left", by=GRACE)
    with pytest.raises(InvalidInput, match="Choose one"):
        conflicts.settle(number, "middle", by=GRACE)
    with pytest.raises(NotFound):
        conflicts.settle(99, "left", by=GRACE)


def test_a_flip_lets_the_value_that_lost_win_and_can_be_flipped_back(session, two):
    pair = two.pair()
    number = two.conflict(pair, "settled", "left", rule="left", change_id=17)

    flipped = conflicts.flip(number, by=ADA, winner="right")
    assert (flipped.winner, flipped.state, flipped.change_id) == ("right", "flipped", None)
    assert session.get(RecordLink, pair).left_hash is None
    with pytest.raises(Refused, match="flipped this already"):
        conflicts.flip(number, by=GRACE, winner="right")  # a second click
    session.rollback()

    assert conflicts.flip(number, by=GRACE).winner == "left"


def test_only_the_latest_conflict_of_a_field_can_be_flipped(session, two):
    pair = two.pair()
    old, new = (two.conflict(pair, "settled", "left") for _ in range(2))
    other = two.conflict(pair, "settled", "left", line="email|email")

    assert conflicts.detail(old).newer == new
    with pytest.raises(Refused, match="again later"):
        conflicts.flip(old, by=ADA)
    session.rollback()
    conflicts.flip(new, by=ADA)
    conflicts.flip(other, by=ADA)


def test_an_open_conflict_is_not_flipped_and_a_cut_pair_carries_nothing(session, two):
    pair = two.pair()
    waiting = two.conflict(pair)
    with pytest.raises(Refused, match="Nobody has won"):
        conflicts.flip(waiting, by=ADA)
    session.rollback()
    done = two.conflict(pair, "settled", "left", line="email|email")
    matches.cut(pair, by=ADA, why="cousins")

    with pytest.raises(Refused, match="no pair any more"):
        conflicts.flip(done, by=ADA)
    session.rollback()
    assert session.get(Conflict, done).winner == "left"
    with pytest.raises(Refused, match="settled this already"):
        conflicts.settle(waiting, "left", by=GRACE)


def test_the_page_gets_both_values_and_what_the_records_say_now(two):
    pair = two.pair()
    number = two.conflict(pair)

    found = conflicts.detail(number)

    assert conflicts.held_words(found.conflict, "left") == "+14155550132"
    assert conflicts.held_words(found.conflict, "base_right") == ""
    assert (found.now, found.change, found.newer) == (None, None, None)  # neither record says a phone now
    with pytest.raises(NotFound):
        conflicts.detail(99)
