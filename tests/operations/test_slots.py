"""When a connection is due, by its own local clock, also in the nights when the clocks change (D6)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from integration_console.errors import InvalidInput
from integration_console.operations.accounts import slots


def due(frequency: str, zone: str, start: datetime, days: float) -> list[datetime]:
    """Every slot within so many days, as a clock that never sleeps meets them."""
    found, moment = [], start
    while (moment := slots.next_due(frequency, zone, moment)) and moment <= start + timedelta(days=days):
        found.append(moment)
    return found


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)


@pytest.mark.parametrize(
    ("frequency", "a_week"),
    [("manual", 0), ("15min", 7 * 96), ("hourly", 7 * 24), ("daily", 7), ("weekly", 1), ("30 6 * * 1-5", 5)],
)
def test_each_frequency_has_its_number_of_slots_a_week(frequency, a_week):
    assert len(due(frequency, "UTC", utc(2026, 6, 1, 0, 1), 7)) == a_week
    assert slots.in_words(frequency)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"])
@pytest.mark.parametrize("frequency", ["daily", "30 2 * * *", "0 0 * * *", "15 1 * * *", "30 1 * * *"])
def test_a_daily_slot_comes_once_on_every_local_day_of_a_year(zone, frequency):
    """D6: also when its hour is skipped in spring or comes twice in autumn."""
    found = due(frequency, zone, utc(2026, 1, 1, 12), 365)
    days = Counter((moment - timedelta(hours=0)).astimezone(ZoneInfo(zone)).date() for moment in found)

    assert set(days.values()) == {1}
    assert len(days) >= 364
    assert all(later > earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize(("frequency", "minutes"), [("15min", 15), ("hourly", 60)])
@pytest.mark.parametrize("night", [utc(2026, 3, 28, 20), utc(2026, 10, 24, 20)], ids=["spring", "autumn"])
def test_frequent_slots_go_on_through_the_night_and_no_local_time_comes_twice(frequency, minutes, night):
    """D6"""
    zone = ZoneInfo("Europe/Berlin")
    found = due(frequency, "Europe/Berlin", night, 0.5)
    local = [moment.astimezone(zone).strftime("%d %H:%M") for moment in found]

    assert len(local) == len(set(local))
    assert max(later - earlier for earlier, later in pairwise(found)) <= timedelta(minutes=60 + minutes)
    assert all(later > earlier for earlier, later in pairwise(found))


def test_a_slot_that_was_met_late_leads_to_the_next_one_not_to_itself():
    """D6: half past two comes twice; a clock that looks in the second round does not run it again."""
    second_round = utc(2026, 10, 25, 1, 10)  # 02:10 in Berlin, for the second time

    assert slots.next_due("30 2 * * *", "Europe/Berlin", second_round) == utc(2026, 10, 26, 1, 30)


def test_the_zone_decides_when_a_day_begins():
    at = utc(2026, 6, 1, 12)

    assert slots.next_due("daily", "Asia/Kolkata", at) == utc(2026, 6, 1, 23, 30)
    assert slots.next_due("daily", "America/Los_Angeles", at) == utc(2026, 6, 2, 12)


def test_a_new_connection_is_due_at_once_unless_it_is_manual():
    at = utc(2026, 6, 1, 12, 7)

    assert slots.next_due("daily", "UTC", at, first=True) == at
    assert slots.next_due("manual", "UTC", at, first=True) is None


@pytest.mark.parametrize(
    ("frequency", "zone"),
    [
        ("", "UTC"), ("sometimes", "UTC"), ("* * * *", "UTC"), ("* * * * * *", "UTC"), ("61 * * * *", "UTC"),
        ("0 0 30 2 *", "UTC"), ("@daily", "UTC"), ("hourly", ""), ("hourly", "Mars/Olympus"), ("hourly", "../etc"),
        ("hourly", "Europe/Berlin\0"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_a_sentence(frequency, zone):
    with pytest.raises(InvalidInput) as refused:
        slots.check(frequency, zone)
    assert refused.value.field in ("frequency", "time_zone")
    assert str(refused.value).endswith(".")


def test_the_next_times_are_shown_in_order():
    assert slots.next_times("manual", "UTC") == []
    times = slots.next_times("hourly", "Europe/Berlin")
    assert len(times) == 3
    assert times == sorted(times)
