"""A lease has one holder at a time, however many ask."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from integration_console.models import db
from integration_console.storage import leases


@pytest.fixture
def ask(session):
    """Each asker in a transaction of its own, as another process would be."""
    engine = db.engine

    def ask(what, *args):
        with Session(engine) as own, own.begin():
            return what(own, *args)

    return ask


def test_only_one_of_two_holds_a_lease_and_its_epoch_rises_with_each_holding(ask):
    """D2"""
    assert ask(leases.take, "clock", "A", 30) == 1
    assert ask(leases.take, "clock", "B", 30) is None
    ask(leases.release, "clock", "A")
    assert ask(leases.take, "clock", "B", 30) == 2
    assert ask(leases.take, "other", "A", 30) == 1


def test_a_holder_that_asks_again_prolongs_its_own_holding(ask):
    """D2"""
    assert [ask(leases.take, "clock", "A", 30) for _ in range(3)] == [1, 1, 1]


def test_a_lease_that_ran_out_is_taken_over_and_its_old_holder_is_told(ask):
    """D2"""
    old = ask(leases.take, "clock", "A", -1)
    assert ask(leases.keep, "clock", "A", old, -1)  # nobody wanted it meanwhile

    new = ask(leases.take, "clock", "B", 30)

    assert new == old + 1
    assert not ask(leases.keep, "clock", "A", old, 30)
    assert ask(leases.keep, "clock", "B", new, 30)


def test_a_lease_of_its_own_that_ran_out_is_a_new_holding(ask):
    assert [ask(leases.take, "clock", "A", -1), ask(leases.take, "clock", "A", 30)] == [1, 2]


def test_releasing_what_is_no_longer_ours_changes_nothing(ask):
    ask(leases.take, "clock", "A", 30)

    ask(leases.release, "clock", "B")

    assert ask(leases.take, "clock", "B", 30) is None


def test_of_many_askers_at_once_exactly_one_is_told_yes(ask):
    """K1 D2"""
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: ask(leases.take, "refresh:1", f"asker {n}", 30), range(24)))

    assert [answer for answer in answers if answer is not None] == [1]
