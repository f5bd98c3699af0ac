"""Is everything all right? The dashboard never shows green over missing data."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import insert

from integration_console import clock
from integration_console.models import DataMapping, SyncRun, db
from integration_console.operations.health import tally, waiting

from ..operations.two_sides import TwoSides
from .two_sides import contacts


@pytest.fixture
def admin(enter):
    return enter("admin")


def verdict(browser) -> str:
    return browser.open("/").one("section", class_="verdict").text


def first_steps(browser) -> dict[str, str]:
    """What the list of first steps says, each with whether it is done."""
    return {
        line.text: line.one("svg").attrs["aria-label"] for line in browser.open("/").one("ol", class_="steps").all("li")
    }


@pytest.mark.one_database
def test_a_new_console_says_what_to_do_first(admin, enter):
    page = admin.open("/")
    assert page.headings == ["Dashboard"]
    assert "Nothing is connected yet." in verdict(admin)
    assert page.links["Connect an account"] == "/connections/new"
    assert "An administrator can connect one." in verdict(enter("support"))


def test_a_connection_that_was_read_is_healthy_and_every_figure_is_a_link(admin, firm):
    number = firm.connect()
    firm.worker()
    run = firm.read(number, "users", "matters", kind="full")
    page = admin.open("/")
    assert "The connection is healthy" in verdict(admin)
    moved = next(a for a in page.all("a", class_="number-card") if "moved" in a.text)
    assert "912" in moved.text  # 900 matters and 12 users
    assert f"/runs/{run}" in admin.open(moved.attrs["href"]).html
    assert f"/records?connection={number}" in page.html
    assert page.all("svg", class_="strip")[0].all("a")[0].attrs["href"].startswith("/runs?connection=")


@pytest.mark.one_database
def test_nothing_is_green_over_a_limitation_date_that_has_passed(admin, firm):
    number = firm.connect()
    firm.worker()
    firm.read(number, "users", kind="full")
    assert admin.open("/").all("section", class_="verdict-ok")

    firm.read(number, "matters", kind="full")

    said = admin.open("/").one("section", class_="verdict-attention").text
    assert re.search(r"Limitation dates of open matters\s*: \d+ passed", said)
    assert said.startswith("The connection is healthy, but limitation dates have passed")


def test_a_silent_worker_is_said_although_every_run_went_well(admin, firm):
    firm.past_run(firm.connect())
    assert "No worker is running" in verdict(admin)
    firm.worker()
    assert "No worker is running" not in verdict(admin)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("failed", "could not be read"), ("done_with_problems", "was not read completely"),
        ("interrupted", "was stopped before everything was read"), ("needs_person", "stopped and needs you"),
    ],
)  # fmt: skip
def test_a_run_that_did_not_end_well_is_named_with_its_reason(admin, firm, state, said):
    firm.worker()
    run = firm.past_run(firm.connect(name="Ruiz"), state, "This is why.")
    assert f"Ruiz {said}" in verdict(admin)
    assert "This is why." in verdict(admin)
    assert admin.open("/").links["See the run"] == f"/runs/{run}"


@pytest.mark.one_database
def test_a_connection_that_lost_its_sign_in_has_its_button(admin, enter, firm):
    number = firm.connect(name="Ruiz")
    firm.change(number, status="needs_reconnect", status_reason="The token was revoked.")
    assert "Ruiz needs to be reconnected. The token was revoked." in verdict(admin)
    firm.change(number, status_reason="It says: the token is invalid")
    assert "It says: the token is invalid. Cause:" in verdict(admin)
    assert admin.open("/").links["Reconnect"] == f"/connections/{number}/reconnect"
    assert "Reconnect" not in enter("support").open("/").links


@pytest.mark.one_database
def test_a_connection_whose_sign_in_is_there_again_no_longer_needs_anybody_but_is_not_green_yet(admin, firm):
    """It "stopped and needs you" beside the words that it is connected again."""
    firm.worker()
    number = firm.connect(name="Ruiz")
    run = firm.past_run(number, "needs_person", "Please reconnect.")
    with firm.app.app_context():
        db.session.get_one(SyncRun, run).failure_kind = "connection"
        db.session.commit()
    assert "Ruiz stopped and needs you. Please reconnect." in verdict(admin)
    firm.change(number, status_since=clock.now() + timedelta(seconds=1))
    assert "Ruiz was connected again. What it missed comes with the next read." in verdict(admin)
    assert "needs you. Please" not in verdict(admin)
    firm.past_run(number)
    assert "Ruiz" not in verdict(admin)


@pytest.mark.one_database
def test_late_and_never_read_are_not_green(admin, firm):
    firm.worker()
    hours_ago = clock.now() - timedelta(hours=3)
    number = firm.connect(name="Ruiz")
    firm.change(number, created_at=hours_ago)
    assert "Ruiz was never read." in verdict(admin)
    firm.past_run(number)
    firm.change(number, frequency="hourly", next_due_at=hours_ago)
    assert "Ruiz is late" in verdict(admin)


@pytest.mark.one_database
def test_paused_is_said_but_asks_for_nothing(admin, firm):
    firm.worker()
    number = firm.connect(name="Ruiz")
    firm.past_run(number)
    firm.change(number, status="paused")
    assert "Paused, so nothing new is read: Ruiz ." in verdict(admin)
    assert "need" not in verdict(admin)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("kind", "resource", "options"),
    [
        ("webhook", "matters", {}), ("push", "mapping:1", {}), ("incremental", "users", {"asked": True}),
        ("incremental", "users", {"left_out": ["matters"]}),
    ],
)  # fmt: skip
def test_what_a_read_left_out_stays_said_until_it_was_read_well(admin, firm, kind, resource, options):
    """A webhook, a mapping that was carried, and a read of another list prove nothing of the list that failed."""
    firm.worker()
    number = firm.connect(name="Ruiz")
    firm.past_run(number, "done_with_problems", "Clio counts 900 but sent 899.", complete=False)
    firm.past_run(number, kind=kind, options=options, resource=resource)
    assert "Ruiz was not read completely. Clio counts 900 but sent 899." in verdict(admin)
    firm.live_run(number, "running")
    assert "Ruiz was not read completely." in verdict(admin)
    firm.past_run(number, kind="incremental", options={"asked": True})
    assert "healthy" in verdict(admin)


@pytest.mark.one_database
@pytest.mark.parametrize("again", [None, "users"])
def test_what_failed_and_is_switched_off_now_is_missing_to_nobody(admin, firm, again):
    """Nobody will read it again, so nothing would ever end what it says."""
    firm.worker()
    number = firm.connect(name="Ruiz")
    firm.past_run(number, "failed", "Clio refuses it.", state="failed", complete=False, options={"asked": True})
    if again:
        firm.past_run(number, kind="incremental", options={"asked": True}, resource=again)
    firm.change(number, settings={"resources_off": ["notes"]})
    assert "Ruiz could not be read. Clio refuses it." in verdict(admin)
    firm.change(number, settings={"resources_off": ["notes", "matters"]})
    assert "healthy" in verdict(admin)


def test_a_mapping_that_was_not_carried_stays_said_until_it_was(admin, firm):
    """Another mapping of the account, a write of no mapping, and a run under way prove nothing of it."""
    firm.worker()
    with firm.app.app_context():
        two = TwoSides()
        other = TwoSides(two.left, two.right)
    for connection in (two.left, two.right):
        firm.past_run(connection, resource="contacts")

    def carry(mapping: int | None, *ended) -> None:
        run = firm.past_run(two.left, *ended, kind="push", resource=f"mapping:{mapping}" if mapping else "outbox")
        with firm.app.app_context():
            db.session.get_one(SyncRun, run).mapping_id = mapping
            db.session.commit()

    said = "Our leads has a mapping that could not be carried. The console made a mistake."
    carry(two.mapping, "failed", "The console made a mistake.")
    assert said in verdict(admin)
    carry(other.mapping)
    assert said in verdict(admin)
    carry(None)
    assert said in verdict(admin)
    firm.live_run(two.left, "running")
    assert said in verdict(admin)
    carry(two.mapping)
    assert "All 2 connections are healthy" in verdict(admin)
    carry(None, "failed", "One was refused.")
    assert "One was refused." in verdict(admin)


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize("alone", [False, True])
def test_what_was_not_carried_stays_said_behind_thousands_of_other_runs(admin, firm, alone):
    """They were sought among the newest 2,000 runs: a busy account that tells of every change has as many in a day."""
    firm.worker()
    with firm.app.app_context():
        two = TwoSides()
    for connection in (two.left, two.right):
        firm.past_run(connection, resource="contacts")
    resource = "outbox" if alone else f"mapping:{two.mapping}"
    run = firm.past_run(two.left, "failed", "It stood still.", kind="push", resource=resource)
    with firm.app.app_context():
        db.session.get_one(SyncRun, run).mapping_id = None if alone else two.mapping
        facts = {"connection_id": two.right, "kind": "webhook", "state": "done", "cause": "webhook", "options": {}}
        facts |= {"epoch": 0, "attempts": 1, "cancel_requested": False, "queued_at": clock.now()}
        db.session.execute(insert(SyncRun), [facts] * 2_100)
        db.session.commit()

    assert "Our leads has a mapping that could not be carried. It stood still." in verdict(admin)


@pytest.mark.one_database
def test_what_a_mapping_that_is_off_left_undone_asks_for_nobody(admin, firm):
    firm.worker()
    with firm.app.app_context():
        two = TwoSides()
    for connection in (two.left, two.right):
        firm.past_run(connection, resource="contacts")
    run = firm.past_run(two.left, "failed", "Switched off.", kind="push", resource=f"mapping:{two.mapping}")
    with firm.app.app_context():
        db.session.get_one(SyncRun, run).mapping_id = two.mapping
        db.session.commit()
    assert "Switched off." in verdict(admin)
    with firm.app.app_context():
        db.session.get_one(DataMapping, two.mapping).state = "paused"
        db.session.commit()
    assert "All 2 connections are healthy" in verdict(admin)


@pytest.mark.one_database
def test_a_read_that_waits_for_its_service_is_late_and_not_green(admin, firm):
    firm.worker()
    number = firm.connect(name="Ruiz")
    firm.past_run(number)
    firm.live_run(number, "waiting", queued_at=clock.now() - timedelta(hours=1), message="Clio does not answer.")
    assert "Ruiz is late: its read waits. Clio does not answer." in verdict(admin)


@pytest.mark.one_database
@pytest.mark.parametrize("change", [{"settings": {"resources_off": ["matters"]}}, {"status": "paused"}])
def test_limitation_dates_that_grow_old_are_said(admin, firm, change):
    number = firm.connect(name="Ruiz")
    firm.past_run(number)
    places = ("/limitations", "/limitations/without", "/limitations/proposals")
    assert not [place for place in places if "are not read now" in admin.open(place).text]
    firm.change(number, **change)
    assert [place for place in places if "Matters of Ruiz are not read now." in admin.open(place).text] == [*places]
    said = "limitation dates grow old: Ruiz" if "settings" in change else "Paused, so nothing new is read: Ruiz"
    assert said in verdict(admin)


@pytest.mark.one_database
def test_open_problems_keep_the_light_from_being_green(admin, firm):
    firm.worker()
    number = firm.connect()
    firm.past_run(number)
    firm.refuse(number, "1", "2")
    assert "One problem is open under Errors." in verdict(admin)


@pytest.mark.postgresql_at_length
def test_the_chart_leads_to_the_calls_it_counts_and_says_them_in_figures(admin, firm):
    firm.read(firm.connect(), "users", kind="full")
    assert "Not counted yet." in admin.open("/").text
    with firm.app.app_context():
        tally.follow()
        db.session.remove()
    for span in ("24h", "7d", "30d", "odd"):
        page = admin.open(f"/?calls={span}")
        bar = page.one("svg", class_="chart").all("a")[-1]
        count = int(bar.attrs["aria-label"].split(": ")[1].split()[0])
        calls = admin.open(bar.attrs["href"])
        assert len(calls.rows) == count
        assert f"{count} answered well" in bar.attrs["aria-label"]
        assert any(row.startswith(bar.attrs["aria-label"].split(": ")[0]) for row in page.rows)


@pytest.mark.one_database
def test_a_silent_worker_and_a_late_count_are_said(admin, enter, firm, clock):
    firm.past_run(firm.connect())
    firm.worker()
    with firm.app.app_context():
        tally.follow()
        db.session.remove()
    clock.advance(minutes=20)
    assert "Not counted since" in admin.open("/").text
    assert admin.open("/").links["See the workers"] == "/settings/system#workers"
    assert "Ask an administrator to start one." in verdict(enter("support"))


@pytest.mark.one_database
def test_the_cause_is_named_beside_what_needs_a_person(admin, firm):
    firm.worker()
    number = firm.connect(name="Ruiz")
    run = firm.past_run(number, "failed", "Clio has a problem of its own just now (status 503).")
    with firm.app.app_context():
        db.session.get_one(SyncRun, run).failure_kind = "upstream"
        db.session.commit()
    assert "Cause: Outage at the service." in verdict(admin)


@pytest.mark.one_database
def test_limitation_dates_stand_above_everything_else_that_needs_somebody(admin, firm):
    number = firm.connect()
    firm.worker()
    firm.read(number, "users", "matters", kind="full")
    firm.past_run(number, "failed", "This is why.")
    said = verdict(admin)
    assert said.index("Limitation dates of open matters") < said.index("This is why.")


@pytest.mark.one_database
def test_the_first_steps_tick_themselves_and_go_after_two_weeks(admin, enter, firm, clock):
    number = firm.connect()
    steps = first_steps(admin)
    assert steps["Connect an account"] == "Done:"
    assert steps["Connect where it goes to"] == steps["Switch it on"] == "To do:"
    assert enter("staff").open("/").all("ol", class_="steps") == []  # they are an administrator's
    firm.change(number, created_at=clock.now() - timedelta(days=15))
    assert admin.open("/").all("ol", class_="steps") == []


def test_a_ready_draft_does_not_tick_its_own_preview(admin, own_firm):
    """A draft that was written and never previewed holds JSON's null, which is a value to a database."""
    contacts(own_firm, active=False)
    steps = first_steps(admin)
    assert steps["Choose a mapping and preview it"] == "To do:"


def test_the_verdict_names_what_waits_for_a_decision(app, admin):
    """The menu counts it too, but is folded away on a phone."""
    with app.app_context():
        two = TwoSides()
        linked = two.pair()
    assert "For a person to decide" not in verdict(admin)
    with app.app_context():
        two.conflict(linked)
    assert "For a person to decide: 1 conflict . Nothing of it is carried until then." in verdict(admin)
    with app.app_context():
        two.asks(two.lead("g8"), two.client("c8"))
        two.asks(two.lead("g9"), two.client("c9"))
    assert "For a person to decide: 2 matches and 1 conflict . Nothing" in verdict(admin)


def test_what_waits_is_counted_so_far_and_said_to_be_more(app, admin, monkeypatch):
    monkeypatch.setattr(waiting, "MOST_COUNTED", 1)
    with app.app_context():
        two = TwoSides()
        two.asks(two.lead("g1"), two.client("c1"))
    assert "For a person to decide: 1 match ." in verdict(admin)
    with app.app_context():
        two.asks(two.lead("g8"), two.client("c8"))
        two.asks(two.lead("g9"), two.client("c9"))
    assert "For a person to decide: over 1 matches ." in verdict(admin)
    assert "1+ matches to decide" in admin.open("/").one("div", id="menu").text


@pytest.mark.postgresql_at_length
def test_no_list_counts_a_table(admin, firm):
    """Issue 2: no count over a whole table anywhere."""
    number = firm.connect()
    firm.read(number, "matters", kind="full")
    firm.refuse(number, "1")
    for path in ("/", "/connections", "/runs", "/records", f"/records/{number}/matters", "/transactions", "/errors"):
        with firm.statements() as said:
            assert admin.open(path).status == 200
        counts = [one for one in said if "count(*)" in one.lower()]
        assert not [one for one in counts if "where" not in one.lower()], path
        assert not [one for one in counts if re.search(r'FROM (record|"?transaction"?)\b', one)], path
        assert len(said) < 40, path
