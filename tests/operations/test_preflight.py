"""What reading takes is told beforehand, and what cannot fit an account's calls is refused with the sum."""

import pytest

from integration_console import clock, services
from integration_console.errors import Conflict, InvalidInput
from integration_console.models import Checkpoint, db
from integration_console.operations.accounts import connections, preflight, subscriptions
from integration_console.operations.runs import forecasts
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


def says_plan(sandbox, plan: str) -> None:
    workspace = {"id": sandbox.clockify.workspace_id, "featureSubscriptionType": plan}
    sandbox.clockify.put("workspaces", workspace)


def test_a_workspace_says_itself_that_it_is_free(session, sandbox, monkeypatch):
    monkeypatch.delenv("CLOCKIFY_LIMITS")
    says_plan(sandbox, "FREE")
    number = connect(sandbox, "clockify")
    counted(number, users=9, projects=3)
    connection = connections.find(number)
    assert (connection.settings["plan"], connection.facts["Plan"]) == ("free", "Free")
    assert subscriptions.in_words(connection) == "0 of the 3 its plan allows, one for each event"
    with pytest.raises(InvalidInput, match="48 calls an hour; Clockify allows this account 30"):
        connections.set_schedule(connection, "15min", "UTC", by="Ana")
    db.session.rollback()

    says_plan(sandbox, "PRO_2021")
    key = {"api_key": sandbox.described()["clockify"]["api_key"]}
    connections.reconnect(connections.find(number), key, by="Ana")

    connection = connections.find(number)
    assert "plan" not in connection.settings
    assert connection.facts["Plan"] == "Pro 2021"
    connections.set_schedule(connection, "15min", "UTC", by="Ana")


@pytest.mark.one_database
def test_a_plan_that_a_person_chose_stays(session, sandbox):
    says_plan(sandbox, "FREE")
    facts = sandbox.described()["clockify"]
    key, chosen = {"api_key": facts["api_key"]}, {"workspace_id": facts["workspace_id"], "plan": "paid"}
    connection = connections.add("clockify", name="Ours", credentials=key, settings=chosen, by="Ana")
    connections.reconnect(connection, key, by="Ana")

    assert connection.settings["plan"] == "paid"


@pytest.mark.one_database
def test_calls_that_are_counted_apart_have_a_sum_of_their_own(session, sandbox, monkeypatch):
    """Slack: messages take a call for each channel, and apps sold elsewhere than in its Marketplace one a minute."""
    monkeypatch.delenv("SLACK_LIMITS")
    connection = connections.find(connect(sandbox, "slack"))
    counted(connection.id, channels=90)
    connections.set_schedule(connection, "hourly", "UTC", by="Ana")

    connection.settings = {**connection.settings, "app": "distributed"}
    with pytest.raises(InvalidInput) as caught:
        connections.set_schedule(connection, "hourly", "UTC", by="Ana")
    assert str(caught.value) == (
        "Every hour would take 1 × 90 = 90 calls an hour; Slack allows this account 60. "
        "Choose every day at 05:00 or less often, or switch resources off."
    )
    assert not preflight.of(connection).fits
    counted(connection.id, messages=500)
    (messages,) = forecasts.of(connection, ["messages"])
    assert (messages.calls, messages.seconds) == (90, 90 * 60)
    connections.set_resource(connection, "messages", False, by="Ana")
    assert preflight.of(connection).fits


@pytest.mark.one_database
def test_xeros_day_is_kept_to(session, sandbox, monkeypatch):
    """Five lists a read, for expenses are two, and reference lists once an hour."""
    monkeypatch.delenv("XERO_LIMITS")
    connection = connections.find(connect(sandbox, "xero"))
    connections.set_schedule(connection, "*/5 * * * *", "UTC", by="Ana")

    connection.settings = {**connection.settings, "plan": "starter"}
    with pytest.raises(InvalidInput) as caught:
        connections.set_schedule(connection, "*/5 * * * *", "UTC", by="Ana")
    assert str(caught.value) == (
        "By the cron line */5 * * * * would take 288 × 5 + 24 × 3 = 1,512 calls a day; Xero allows this account 950. "
        "Choose every 15 minutes or less often, or switch resources off."
    )


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
