"""What reading takes is told beforehand, and what cannot fit an account's calls is refused with the sum."""

import pytest

from integration_console import clock, services
from integration_console.errors import Conflict, InvalidInput
from integration_console.models import Checkpoint, db
from integration_console.operations import connections, preflight
from integration_console.services.base import Limit

from .conftest import connect

FREE = "30/3600"


def counted(connection: int, **counts: int) -> None:
    """As if so many records of each resource had been read."""
    for resource, count in counts.items():
        db.session.add(Checkpoint(
            connection_id=connection, resource=resource, record_count=count, last_read_at=clock.now(),
        ))  # fmt: skip
    db.session.commit()


@pytest.fixture
def free_workspace(session, sandbox, monkeypatch):
    """A free Clockify workspace of twelve people: 30 calls an hour."""
    monkeypatch.setenv("CLOCKIFY_LIMITS", FREE)
    number = connect(sandbox, "clockify")
    counted(number, users=9, projects=3)
    return number


def test_a_schedule_that_cannot_fit_is_refused_with_the_sum(free_workspace):
    """Each read: clients, nine people's entries and the like; reference lists once an hour."""
    connection = connections.find(free_workspace)
    with pytest.raises(InvalidInput) as caught:
        connections.set_schedule(connection, "15min", "UTC", by="Ana")

    assert str(caught.value) == (
        "Every 15 minutes would take 4 × 10 + 1 × 8 = 48 calls an hour; Clockify allows this account 30. "
        "Choose every hour or less often, or switch resources off."
    )
    assert caught.value.field == "frequency"
    db.session.rollback()
    assert connections.find(free_workspace).frequency == "manual"


def test_a_rarer_one_or_fewer_resources_fit(free_workspace):
    connection = connections.find(free_workspace)
    connections.set_schedule(connection, "hourly", "UTC", by="Ana")

    connections.set_resource(connection, "time_entries", False, by="Ana")
    connections.set_schedule(connection, "15min", "UTC", by="Ana")
    assert connections.find(free_workspace).frequency == "15min"


def test_a_new_account_whose_schedule_cannot_fit_is_not_connected(session, sandbox, monkeypatch):
    monkeypatch.setenv("CLOCKIFY_LIMITS", "5/3600")
    facts = sandbox.described()["clockify"]
    with pytest.raises(InvalidInput, match="Every hour would take"):
        connections.add(
            "clockify", name="Ours", credentials={"api_key": facts["api_key"]}, by="Ana", frequency="hourly",
            settings={"workspace_id": facts["workspace_id"]},
        )  # fmt: skip
    assert connections.every() == []


@pytest.mark.parametrize(
    ("frequency", "day", "fits"),
    [("15min", 1000, False), ("15min", 5000, True), ("hourly", 1000, True), ("manual", 1, True), ("daily", 12, True)],
)
@pytest.mark.one_database
def test_the_day_of_an_organisation_is_counted_too(session, frequency, day, fits):
    """Xero's day: 1,000 calls, or 5,000."""
    cost = preflight.Cost(often=11, seldom=1)
    demand = preflight._demand(cost, frequency, Limit(day, preflight.DAY))
    assert (demand is None or demand.fits) is fits


@pytest.mark.parametrize(
    ("line", "span_s", "reads"),
    [
        ("*/10 * * * *", 3600, 6), ("0 9-17 * * 1-5", 86_400, 9), ("*/20 8 * * *", 3600, 3), ("0 0 1 * *", 3600, 1),
        ("* * * * *", 86_400, 1440), ("*/15 * * * *", 3600, 4),
    ],
)  # fmt: skip
@pytest.mark.one_database
def test_a_cron_line_is_counted_where_it_is_densest(session, line, span_s, reads):
    assert preflight._most_reads(line, span_s) == reads


@pytest.mark.one_database
def test_a_list_that_can_be_narrowed_costs_a_page_and_one_that_cannot_costs_all_of_them(session):
    clio, clockify = services.by_key("clio"), services.by_key("clockify")
    assert preflight._cost([clio.resources["matters"]], {"matters": 100_000}).together == 1
    assert preflight._cost([clockify.resources["clients"]], {"clients": 900}).together > 1


def test_the_page_is_told_what_a_full_read_and_the_schedule_take(free_workspace):
    connection = connections.find(free_workspace)
    connections.set_schedule(connection, "hourly", "UTC", by="Ana")
    seen = preflight.of(connection)

    (demand,) = seen.demands
    assert (demand.sum, demand.span, demand.allowed, seen.fits) == ("1 × 18 = 18", "an hour", 30, True)
    assert seen.known
    assert seen.full == 18
    assert seen.full_s == pytest.approx(18 / 30 * 3600)


class Pair:
    """A mapping's sides, as far as the sum goes."""

    name = "Clients"

    def __init__(self, connection) -> None:
        self.left_connection = self.right_connection = connection


def test_more_writes_than_a_week_allows_are_refused_with_the_sum(free_workspace):
    pair = Pair(connections.find(free_workspace))
    preflight.check_mapping(pair, {"left": {"create": 2000, "update": 520}, "right": {}})

    with pytest.raises(Conflict) as caught:
        preflight.check_mapping(pair, {"left": {"create": 2001, "update": 520}, "right": {}})
    assert str(caught.value) == (
        "Clients would write 2,521 records at Clockify: 2,521 × 2 = 5,042 calls. clockify is allowed 5,040 a week. "
        "Narrow the filter so that fewer records are carried, or read it less often."
    )
