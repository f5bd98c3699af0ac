"""Runs: asked for, watched, stopped, and found again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from integration_console import clock
from integration_console.models import RunPart, SyncRun, Transaction, db
from integration_console.operations.support import run_log

from ..cases import together
from ..html_page import Page


@pytest.fixture
def admin(enter):
    return enter("admin")


def run_of(firm, number: int) -> SyncRun:
    with firm.app.app_context():
        run = db.session.get_one(SyncRun, number)
        _ = run.parts
        return run


@pytest.mark.one_database
def test_sync_now_makes_a_run_and_leads_to_it(enter, firm):
    number, staff = firm.connect(), enter("staff")
    answer = staff.send(f"/connections/{number}/runs", "/")
    assert answer.status_code == 302
    page = staff.open(answer.location)
    assert page.headings == ["Run 1"]
    assert "Waiting for a worker" in page.text
    assert run_of(firm, 1).asked_by == "staff@example.com"


@pytest.mark.one_database
def test_whoever_asks_for_runs_the_pages_carry_none_out_and_call_nobody(admin, firm):
    """D1: a page that waited for a service would keep a place from everybody else."""
    number = firm.connect()
    firm.ask(number, "matters")
    called = len(firm.upstreams.clio.requests)

    asked = admin.send(f"/connections/{number}/runs", "/", {"only": "contacts"})
    for address in (asked.location, "/", "/runs", f"/connections/{number}", "/matters", "/runs/1"):
        assert admin.open(address).status == 200, address

    assert [run_of(firm, one).state for one in (1, 2)] == ["queued", "queued"]
    assert [run_of(firm, one).started_at for one in (1, 2)] == [None, None]
    assert len(firm.upstreams.clio.requests) == called


@pytest.mark.one_database
def test_a_second_run_of_the_same_resource_leads_to_the_first(admin, firm):
    number = firm.connect()
    first = firm.ask(number)
    answer = admin.send(f"/connections/{number}/runs", "/")
    assert answer.location == f"/runs/{first}"
    assert "is already reading" in admin.open(answer.location).text


@pytest.mark.one_database
def test_a_live_run_is_sent_again_only_when_something_changed(admin, firm):
    run = firm.ask(firm.connect(), "matters")
    live = admin.open(f"/runs/{run}").one("div", id="run").attrs["hx-get"]
    assert admin.part(live).status == 204
    admin.send(f"/runs/{run}/cancel", f"/runs/{run}")
    assert admin.part(live).status == 200
    assert "hx-get" not in admin.open(f"/runs/{run}").one("div", id="run").attrs  # an ended run is not asked about


@pytest.mark.one_database
def test_a_run_at_a_silent_service_says_what_it_waits_for_and_since_when(app, admin, firm):
    run = firm.ask(firm.connect(), "matters", "contacts")
    begun = datetime(2026, 11, 28, 9, 15, tzinfo=UTC)
    with app.app_context():
        waits = db.session.get_one(SyncRun, run)
        waits.state, waits.started_at = "running", begun
        db.session.commit()
    assert "Waiting for the first answer of Clio, since 28 Nov 2026, 09:15:00 UTC." in admin.open(f"/runs/{run}").text
    with app.app_context():
        first = db.session.get_one(SyncRun, run).parts[0]
        first.state, first.ended_at = "done", begun + timedelta(minutes=2)
        db.session.commit()
    assert "Waiting for the next answer of Clio, since 28 Nov 2026, 09:17:00 UTC." in admin.open(f"/runs/{run}").text


@pytest.mark.one_database
def test_a_part_of_a_run_that_is_opened_by_hand_leads_to_its_page(admin, firm):
    run = firm.ask(firm.connect(), "matters")
    assert admin.client.get(f"/runs/{run}/live").location == f"/runs/{run}"
    assert admin.client.get(f"/runs/{run}/live?seen=older").location == f"/runs/{run}"
    assert admin.client.get(f"/runs/{run}/log?level=error").location == f"/runs/{run}?level=error#log"


@pytest.mark.one_database
def test_a_receipt_leads_to_its_records_calls_and_failures(admin, firm):
    number = firm.connect()
    run = firm.read(number, "matters", kind="full")
    page = admin.open(f"/runs/{run}")
    row = next(row for row in page.rows if row.startswith("Matters"))
    assert "everything" in row
    assert row.split()[-1] == "900"  # Clio's own count
    assert f"/transactions?run={run}&resource=matters" in page.links.values()
    assert len(admin.open(f"/transactions?run={run}&resource=matters").rows) == 5
    assert f"/errors/log?run={run}" in page.links.values()
    assert "0 records; every failure of this run" in page.text
    assert admin.open(f"/errors/log?run={run}").status == 200


@pytest.mark.one_database
def test_the_summary_for_support_names_nobody(admin, firm):
    run = firm.ask(firm.connect(name="Ruiz & Partner"), "matters", asked_by="ana@example.com")
    summary = admin.open(f"/runs/{run}").all("pre")[0].text
    assert "matters: queued" in summary
    assert "Ruiz" not in summary
    assert "@" not in summary


@pytest.mark.one_database
def test_only_staff_and_administrators_start_and_stop(enter, firm):
    """X12"""
    number, support = firm.connect(), enter("support")
    run = firm.ask(number)
    assert support.send(f"/connections/{number}/runs", "/settings/profile").status_code == 403
    assert support.send(f"/runs/{run}/cancel", "/settings/profile").status_code == 403
    assert support.open(f"/connections/{number}/runs/new").status == 403
    assert "Cancel" not in support.open(f"/runs/{run}").text


@pytest.mark.one_database
def test_support_stops_a_read_it_asked_for_and_no_other(enter, firm):
    """X12: who may read failed records again may also take that back."""
    number, support = firm.connect(), enter("support")
    firm.refuse(number, "9001")
    own = support.send("/errors/1/retry", "/errors/1").location
    assert "Cancel" in support.open(own).text
    assert support.send(f"{own}/cancel", own).status_code == 302
    assert run_of(firm, 1).state == "interrupted"

    other = firm.ask(number, "users", asked_by="staff@example.com")
    assert "Cancel" not in support.open(f"/runs/{other}").text
    assert support.send(f"/runs/{other}/cancel", own).status_code == 403
    assert run_of(firm, other).state == "queued"


@pytest.mark.one_database
def test_a_run_that_stopped_at_the_brake_offers_to_release_it_for_those_resources_only(admin, firm):
    """P7"""
    number = firm.connect()
    run = firm.past_run(
        number, "failed", "412 of 800 matters are gone.", state="failed", failure_kind="conflict", complete=False
    )
    page = admin.open(f"/runs/{run}")
    assert "The brake stopped matters." in page.text
    form = next(form for form in page.all("form") if form.all("input", name="release_brake"))
    values = {i.attrs["name"]: i.attrs["value"] for i in form.all("input") if i.attrs["name"] != "csrf_token"}
    admin.send(form.attrs["action"], f"/runs/{run}", values)
    released = run_of(firm, run + 1)
    assert released.options["released"] == ["matters"]
    assert [part.resource for part in released.parts] == ["matters"]


@pytest.mark.one_database
def test_a_full_read_is_forecast_before_it_starts(admin, firm):
    number = firm.connect()
    assert "not known before the first read" in admin.open(f"/connections/{number}/runs/new").text
    firm.read(number, "matters", kind="full")
    page = admin.open(f"/connections/{number}/runs/new?only=matters")
    assert "About 5 calls" in page.text
    assert page.row(1).startswith("Matters 900 5")


@pytest.mark.one_database
def test_an_unknown_resource_is_said_and_nothing_starts(admin, firm):
    number = firm.connect()
    answer = admin.send(f"/connections/{number}/runs", "/", {"only": "unicorns"})
    assert answer.status_code == 422
    assert "has no resource" in answer.text
    assert admin.open("/runs/1").status == 404


def test_runs_are_found_by_connection_state_time_and_paged_by_keyset(admin, firm):
    number, other = firm.connect(), firm.connect("ghl")
    numbers = [firm.past_run(number) for _ in range(53)]
    failed = firm.past_run(other, "failed", "No answer.")
    assert len(admin.open(f"/runs?connection={number}").rows) == 50
    older = admin.open(admin.open(f"/runs?connection={number}").links["Older"])
    assert [row.split()[0] for row in older.rows] == [str(n) for n in reversed(numbers[:3])]
    newer = admin.open(older.links["Newer"])
    assert newer.row(1).split()[0] == str(numbers[-1])
    assert [row.split()[0] for row in admin.open("/runs?state=failed&service=ghl").rows] == [str(failed)]
    assert len(admin.open("/runs?range=1h&connection=" + str(other)).rows) == 1
    assert "No run matches these filters." in admin.open("/runs?until=2020-01-01").text


@pytest.mark.one_database
@pytest.mark.parametrize("query", ["state=odd", "connection=seven", "since=yesterday", "colour=red", "range=9y"])
def test_a_filter_that_is_none_is_explained_and_shows_no_rows(admin, firm, query):
    firm.past_run(firm.connect())
    page = admin.open(f"/runs?{query}")
    assert page.status == 422
    assert "These filters cannot be used." in page.text
    assert page.one("button", class_="filters-more").attrs["aria-expanded"] == "true"
    assert page.rows == []


@pytest.mark.one_database
def test_active_filters_are_chips_that_can_be_taken_away_one_by_one(admin, firm):
    number = firm.connect(name="Ruiz")
    page = admin.open(f"/runs?connection={number}&state=done")
    chips = {a.text: a.attrs["href"] for a in page.all("a", class_="chip")}
    assert chips["Connection: Ruiz"] == "/runs?state=done"
    assert chips["Clear all"] == "/runs"


@pytest.mark.one_database
def test_a_filtered_list_of_runs_says_how_many_match(admin, firm):
    number = firm.connect()
    for _ in range(52):
        firm.past_run(number)
    assert admin.open("/runs?state=done").one("p", class_="matches").text == "52 match"
    assert admin.open("/runs").all("p", class_="matches") == []


@pytest.mark.one_database
def test_runs_asked_for_since_the_list_was_shown_are_counted(admin, firm):
    number = firm.connect()
    firm.past_run(number)
    part = admin.open("/runs?state=done").one("div", class_="newer").attrs["hx-get"]
    assert admin.part(f"{part}&seen=0").status == 204
    firm.past_run(number)
    assert admin.part(f"{part}&seen=0").links == {"1 new, show": "/runs?state=done"}
    assert admin.part(f"{part}&seen=1").status == 204


@pytest.mark.one_database
def test_a_run_again_keeps_its_settings(admin, firm):
    number = firm.connect()
    run = firm.read(number, "matters", kind="full")
    page = admin.open(f"/runs/{run}")
    form = next(f for f in page.all("form") if f.attrs.get("action") == f"/connections/{number}/runs")
    values = {i.attrs["name"]: i.attrs["value"] for i in form.all("input") if i.attrs["name"] != "csrf_token"}
    assert values == {"kind": "full", "only": "matters"}
    assert Page(admin.send(form.attrs["action"], f"/runs/{run}", values)).status == 302


@pytest.mark.one_database
def test_fields_nobody_filled_in_do_not_clutter_the_address(admin, firm):
    answer = admin.client.get("/runs?connection=&state=done&cause=&kind=&range=")
    assert (answer.status_code, answer.location) == (308, "/runs?state=done")


@pytest.mark.one_database
@together(
    "asked, address",
    [
        ("range=custom&since=2026-11-01T08:00&until=", "?since=2026-11-01T08%3A00"),
        ("range=24h&since=2026-11-01T08:00&until=2026-11-02T08:00", "?range=24h"),
        ("range=any&since=2026-11-01T08:00&state=done", "?state=done"),
    ],
)
def test_the_time_that_is_chosen_wins_over_the_fields_behind_it(admin, asked, address):
    answer = admin.client.get(f"/runs?{asked}")
    assert (answer.status_code, answer.location) == (308, f"/runs{address}")


@pytest.mark.one_database
def test_a_time_of_ones_own_is_kept_in_the_readers_zone_and_explained_where_it_cannot_be(admin, people):
    admin.send("/settings/profile", "/settings/profile", {"name": "Ana", "time_zone": "America/New_York"})
    page = admin.open("/runs?since=2026-11-01T12:00:00Z&until=2026-11-02T09:30")
    assert page.one("option", value="custom").attrs.keys() >= {"selected"}
    assert page.one("input", name="since").attrs["value"] == "2026-11-01T07:00:00"
    assert page.one("input", name="until").attrs["value"] == "2026-11-02T09:30:00"
    assert "Times are in America/New_York." in page.text
    page = admin.open("/runs?since=2026-11-02T08:00&until=2026-11-01T08:00")
    assert page.status == 422
    assert "This must be later" in page.one("p", id="f-until-error").text
    assert page.one("input", name="until").attrs["value"] == "2026-11-01T08:00:00"
    page = admin.open("/runs?range=custom")
    assert "Say from when, until when, or both." in page.one("p", id="f-range-error").text


@pytest.mark.parametrize("path", ["/runs/99999999999999999999", "/connections/99999999999999999999", "/records/9e9"])
def test_a_number_too_large_is_a_page_that_does_not_exist(admin, path):
    assert admin.open(path).status == 404
    assert admin.open("/runs?connection=999999999999999").rows == []


# -- steps, log, again ------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_a_run_tells_its_steps_and_what_happened_in_order(admin, firm):
    run = firm.read(firm.connect(), "matters", kind="full")
    page = admin.open(f"/runs/{run}")
    steps = [row.split("  ")[0] for row in page.rows]
    assert [word for word in ("Wait to be begun", "Read", "Keep") if any(row.startswith(word) for row in steps)] == [
        "Wait to be begun", "Read", "Keep",
    ]  # fmt: skip
    assert "GET /matters" not in page.one("section", id="log").text
    told = admin.open(f"/runs/{run}?level=detail").one("section", id="log").text
    assert told.index("Asked for") < told.index("A worker began it") < told.index("Matters: reading everything")
    assert told.index("GET /matters") < told.index("Matters: done. 900 seen, 900 new")
    assert told.count("See the call") == 5
    assert "hx-get" not in page.one("section", id="log").attrs  # it has ended


@pytest.mark.one_database
def test_a_log_is_downloaded_as_text_and_as_json_lines_without_secrets(admin, firm):
    number = firm.connect()
    run = firm.read(number, "matters", kind="full")
    firm.failure(run, number, "Clio said: Bearer eyJhbGciOiJIUzI1NiJ9.abcdefghij.klmnopqrst")
    text = admin.send(f"/runs/{run}/log-download", f"/runs/{run}", {"format": "txt"}).text
    rows = [json.loads(row) for row in admin.send(
        f"/runs/{run}/log-download", f"/runs/{run}", {"format": "jsonl"}).text.splitlines()]  # fmt: skip
    assert len(rows) == len(text.splitlines())
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert sum(row["level"] == "detail" and "call" in row for row in rows) == 5
    assert next(row for row in rows if row["level"] == "error")["text"].startswith("matters 7: Clio said: Bearer")
    assert "eyJ" not in text
    assert admin.send(f"/runs/{run}/log-download", f"/runs/{run}", {"format": "exe"}).status_code == 422


@pytest.mark.one_database
def test_a_log_is_paged_and_nothing_is_lost_where_many_share_a_moment(admin, firm, monkeypatch):
    run = firm.read(firm.connect(), "matters", kind="full")
    whole = messages(admin.open(f"/runs/{run}?level=detail"))
    with firm.app.app_context():
        now = clock.now()
        db.session.execute(update(Transaction).values(started_at=now))
        db.session.execute(update(RunPart).values(started_at=now))
        db.session.commit()
    monkeypatch.setattr(run_log, "PAGE", 3)
    page, found = admin.open(f"/runs/{run}?level=detail"), []
    while True:
        found = messages(page) + found
        if "Earlier messages" not in page.links:
            break
        page = admin.open(page.links["Earlier messages"])
    assert sorted(found) == sorted(whole)


def messages(page: Page) -> list[str]:
    return [line.text.split("UTC")[1] for line in page.one("section", id="log").all("li") if "UTC" in line.text]


@pytest.mark.one_database
def test_a_log_is_followed_while_the_run_works_and_may_be_left_alone(admin, firm):
    run = firm.ask(firm.connect(), "matters")
    page = admin.open(f"/runs/{run}")
    live = page.one("section", id="log").attrs["hx-get"]
    assert admin.part(live).status == 204
    resting = admin.open(page.links["Stop following"])
    assert "hx-get" not in resting.one("section", id="log").attrs
    assert "Follow" in resting.links
    admin.send(f"/runs/{run}/cancel", f"/runs/{run}")
    assert "Cancelled by" in admin.part(live).text


@pytest.mark.one_database
def test_values_in_a_log_are_for_those_who_may_see_them(enter, firm):
    """X12"""
    number = firm.connect()
    run = firm.past_run(number, "failed", "No.")
    firm.failure(run, number, "Ada Lovelace is no date.", kind="value")
    assert "Ada Lovelace" in enter("staff").open(f"/runs/{run}").text
    support = enter("support")
    assert "Ada Lovelace" not in support.open(f"/runs/{run}").text
    assert "Ada Lovelace" not in support.send(f"/runs/{run}/log-download", f"/runs/{run}", {"format": "txt"}).text


@pytest.mark.one_database
def test_every_line_of_a_log_is_a_sentence_with_an_end(admin, firm):
    """What a service says often has none, and ran into what was told beside it."""
    number = firm.connect()
    run = firm.past_run(number, "failed", "It says: Service unavailable", note="It was tried twice")
    firm.failure(run, number, "It says: no such page", kind="missing")
    lines = admin.send(f"/runs/{run}/log-download", f"/runs/{run}", {"format": "txt"}).text.splitlines()
    assert [line for line in lines if not line.partition(" (problem")[0].endswith(".")] == []
    assert any("no such page. (problem" in line for line in lines)


@pytest.mark.one_database
def test_a_run_again_names_both_settings_when_they_differ(admin, firm):
    number = firm.connect()
    run = firm.past_run(number)
    page = admin.open(f"/runs/{run}")
    assert "Run again as it was (1 resource)" in page.text
    assert "Run again as set now (" in page.text
    assert "Switched on since: " in page.text
    form = next(f for f in page.all("form") if "as it was" in f.text)
    values = {i.attrs["name"]: i.attrs["value"] for i in form.all("input") if i.attrs["name"] != "csrf_token"}
    assert values == {"kind": "full", "only": "matters"}
