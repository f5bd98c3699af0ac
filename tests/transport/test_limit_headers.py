"""What headers say of our limits: read in every form, and never believed where it is odd."""

from datetime import UTC, datetime, timedelta

import pytest

from integration_console.transport.limit_headers import LimitHeaders

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CLIO = LimitHeaders("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1772452830"}, (50, 7, 30)),
        ({"X-RateLimit-Limit": "50, 50;w=60", "X-RateLimit-Remaining": "7.0"}, (50, 7, None)),
        ({"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "-3"}, (None, 0, None)),
        ({"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "9" * 40}, (None, 1, None)),
        ({"X-RateLimit-Limit": "50", "X-RateLimit-Reset": "1"}, (50, None, None)),
    ],
)
def test_headers_are_read_and_odd_values_left_out(headers, told):
    seen = CLIO.read(headers, NOW)

    reset_in = (seen.reset_at - NOW).total_seconds() if seen.reset_at else None
    assert (seen.limit, seen.remaining, reset_in) == told


def test_headers_that_say_nothing_are_nothing():
    assert CLIO.read({"Date": "x"}, NOW) is None
    assert LimitHeaders().read({"": "5"}, NOW) is None


def test_time_left_may_be_told_in_milliseconds():
    ghl = LimitHeaders("Max", "Left", interval="Interval", daily_remaining="Day", daily_reset="Day-Reset")
    seen = ghl.read({"Max": "100", "Left": "99", "Interval": "10000", "Day": "0", "Day-Reset": "72750000"}, NOW)

    assert (seen.per_s, seen.daily_reset_at - NOW) == (10.0, timedelta(milliseconds=72_750_000))
