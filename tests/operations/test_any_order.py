"""Two accounts in which people, runs and faults come in any order, and what holds once nothing more happens: W2 to W6.

A list of steps that fails is cut down by leaving steps out: see tests/any_order.py.
"""

from __future__ import annotations

import time

import pytest

from integration_console import clock as house_clock
from tests.any_order import Walk, steps

from .mapped import make_mapping, push, small_pair

RULES = ("ask", "left", "right", "newest")


@pytest.fixture
def walk(session, sandbox, clock, monkeypatch):
    """Go a walk between a location and a firm with two contacts each."""
    monkeypatch.setattr(time, "time", lambda: house_clock.now().timestamp())  # the sandbox lives on our days

    def go(seed: int, count: int) -> None:
        pair = small_pair(sandbox, 2)
        deletes = seed % 3 == 0
        mapping = make_mapping(*pair, rule=RULES[seed % 4], deletes_left=deletes, deletes_right=deletes)
        push(mapping)
        Walk(sandbox, pair, mapping, clock).take(steps(seed, count))

    return go


@pytest.mark.one_database
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_doubled_or_left_unequal_in_whatever_order_things_happen(walk, seed):
    walk(seed, 40)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 140))
def test_nothing_is_lost_doubled_or_left_unequal_on_a_long_way(walk, seed):
    walk(seed, 120)
