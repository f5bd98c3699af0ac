"""The calls of every hour are counted once, by the clock, and pages only add hours up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import g

from integration_console.models import Setting, Transaction, db
from integration_console.operations.health import tally

from ..storage.rows import NOON


@pytest.fixture
def noon(app, clock):  # an app begins with the time as it is
    clock.travel_to(NOON + timedelta(minutes=30))
    return clock


@pytest.fixture
def called(app, session):
    """called(at, 200, 404, None) keeps a call for each of these answers."""

    def called(at, *statuses) -> None:
        facts = {
            "service": "clio", "call_key": "k", "attempt": 1, "method": "GET", "host": "h", "path_template": "/x",
            "url": "https://h/x", "outcome": "ok", "duration_ms": 1, "waited_ms": 0, "request_bytes": 0,
            "response_bytes": 0,
        }  # fmt: skip
        session.add_all(Transaction(**facts, started_at=at, status=status) for status in statuses)
        session.commit()

    return called


def told(hours: int) -> list[tuple]:
    """What the last hours before one o'clock hold."""
    g.pop("firm_settings", None)  # read once a request
    end = NOON + timedelta(hours=1)
    edges = [end - timedelta(hours=back) for back in range(hours, -1, -1)]
    return [stretch.counts for stretch in tally.stretches(tally.counted(), edges)]


def anew() -> int:
    """Count in a request of its own, as the worker does."""
    db.session.remove()
    return tally.follow()


def test_calls_are_counted_by_hour_and_answer(noon, called, app):
    called(NOON, 200, 201, 304, 404, 429, 503, None)
    called(NOON - timedelta(seconds=1), 200)
    anew()
    assert told(3) == [(0, 0, 0, 0, 0), (1, 0, 0, 0, 0), (2, 1, 2, 1, 1)]
    assert sum(tally.stretches(tally.counted(), [NOON - timedelta(hours=2), NOON + timedelta(hours=1)])[0].counts) == 8


def test_what_comes_late_counts_for_an_hour_and_what_is_done_is_never_looked_at_again(noon, called, app):
    anew()
    called(NOON - timedelta(minutes=5), 200)
    assert anew() <= tally.SETTLED_H + tally.LOT
    assert told(2)[0][0] == 1
    called(NOON - timedelta(hours=5), 200)  # no call comes so late
    anew()
    assert told(6)[0][0] == 0


@pytest.mark.postgresql_at_length
def test_the_past_is_counted_lot_by_lot_until_a_month_is_known(noon, called, app):
    called(NOON - timedelta(days=29), 500)
    turns = 0
    while anew() > tally.SETTLED_H:
        turns += 1
    assert turns == pytest.approx(tally.DAYS * 24 / tally.LOT, abs=1)
    assert sum(counts[3] for counts in told(30 * 24)) == 1


def test_a_worker_that_was_away_counts_what_it_missed_and_lets_the_old_go(noon, called, app):
    called(NOON, 200)
    anew()
    noon.advance(hours=30)
    anew()
    row = db.session.get(Setting, tally.KEPT)
    assert row.value.count('":[1,') == 1
    noon.advance(days=31)
    anew()
    assert tally.counted().hours == {}
