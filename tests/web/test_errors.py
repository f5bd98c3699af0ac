"""Errors: alike failures are one problem, with a way to mend it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from integration_console import clock
from integration_console.models import Change, DeadLetter, SyncRun, db
from integration_console.storage import errors

from ..html_page import Page


@pytest.fixture
def admin(enter):
    return enter("admin")


def fail(firm, connection: int, kind: str = "upstream", resource: str | None = "matters", **more) -> int:
    """One failure; the number of its problem."""
    facts = {"message": "Clio did not answer.", "raw": "502 Bad Gateway", "code": kind, "field": None} | more
    with firm.app.app_context():
        number = errors.log_failure(
            db.session(), connection_id=connection, run_id=None, service="clio", resource=resource, kind=kind,
            now=clock.now(), **facts,
        )  # fmt: skip
        db.session.commit()
        return number


def test_alike_failures_are_one_line_with_the_records_they_touch(admin, firm):
    number = firm.connect()
    firm.refuse(number, "9001", "9002", "9003")
    page = admin.open("/errors")
    assert len(page.rows) == 1
    assert "Records affected" in page.text
    assert " 3 3 events " in page.rows[0]
    assert "1 open error" in page.all("div", id="menu")[0].text  # the badge counts problems, not failures


def test_a_problem_says_what_happened_whether_anything_was_lost_and_what_to_do(admin, firm):
    firm.refuse(firm.connect(), "9001")
    page = admin.open("/errors/1")
    assert [h.text for h in page.all("h2")][:3] == ["What happened", "Was anything lost?", "What to do"]
    assert "31.02.2026" in page.text
    assert "<script>alert" not in page.html  # X9


def test_one_record_or_all_are_read_again_as_a_run(admin, firm):
    number = firm.connect()
    firm.refuse(number, "9001", "9002")
    answer = admin.send("/errors/1/retry", "/errors/1")
    with firm.app.app_context():
        run = db.session.get_one(SyncRun, 1)
        assert (run.kind, run.cause) == ("record", "retry")
        assert sorted(run.options["records"]["matters"]) == ["9001", "9002"]
        letter = db.session.query(DeadLetter).filter_by(external_id="9002").one().id
    assert answer.location == "/runs/1"
    admin.send("/runs/1/cancel", "/runs/1")
    admin.send("/errors/1/retry", "/errors/1", {"letter": str(letter)})
    with firm.app.app_context():
        assert db.session.get_one(SyncRun, 2).options["records"] == {"matters": ["9002"]}


@pytest.mark.one_database
def test_a_failed_resource_without_waiting_records_is_read_again_as_a_whole(admin, firm):
    number = firm.connect()
    issue = fail(firm, number)
    admin.send(f"/errors/{issue}/retry", f"/errors/{issue}")
    with firm.app.app_context():
        assert [part.resource for part in db.session.get_one(SyncRun, 1).parts] == ["matters"]


@pytest.mark.one_database
def test_support_may_acknowledge_and_retry_but_not_close(enter, firm):
    """X12"""
    firm.refuse(firm.connect(), "9001")
    support = enter("support")
    assert support.send("/errors/1/acknowledge", "/errors/1").status_code == 302
    assert "by support@example.com" in support.open("/errors?state=acknowledged").text or support.open("/errors/1")
    assert support.send("/errors/1/retry", "/errors/1").location == "/runs/1"
    assert support.send("/errors/1/resolve", "/errors/1").status_code == 403
    page = support.open("/errors/1")
    assert "31.02.2026" not in "".join(pre.text for pre in page.all("pre"))


def test_resolved_is_out_of_sight_until_it_comes_back(admin, firm):
    number = firm.connect()
    firm.refuse(number, "9001")
    admin.send("/errors/1/resolve", "/errors/1")
    assert "No open errors." in admin.open("/errors").text
    assert len(admin.open("/errors?state=resolved").rows) == 1
    assert admin.open("/errors?state=resolved").one("p", class_="matches").text == "1 matches"
    assert admin.open("/errors").all("p", class_="matches") == []
    firm.refuse(number, "9002")
    assert "Came back" in admin.open("/errors").row(1)
    assert "was resolved and came back" in admin.open("/errors/1").text


@pytest.mark.one_database
@pytest.mark.parametrize(("kind", "button"), [("connection", "Reconnect"), ("permission", "See what it may read")])
def test_where_there_is_a_fix_it_is_a_button(admin, firm, kind, button):
    issue = fail(firm, firm.connect(), kind)
    assert button in admin.open(f"/errors/{issue}").links


def test_every_failure_is_found_by_run_time_and_kind(admin, firm):
    number = firm.connect()
    fail(firm, number)
    fail(firm, number, "permission", message="Not allowed.")
    assert len(admin.open("/errors/log").rows) == 2
    assert "Not allowed." in admin.open("/errors/log?kind=permission").row(1)
    assert len(admin.open("/errors/log?range=1h").rows) == 2
    assert admin.open("/errors/log?until=2020-01-01").rows == []
    assert admin.open("/errors/log?since=2030-01-01").rows == []
    assert admin.open("/errors/log?kind=weird").status == 422


def test_a_long_list_goes_on_behind_its_last_row(admin, firm):
    number = firm.connect()
    for n in range(53):
        fail(firm, number, code=str(n), message=f"Failure {n}.")
    page = admin.open("/errors")
    assert len(page.rows) == 50
    assert len(admin.open(page.links["Older"]).rows) == 3
    page = admin.open("/errors/log")
    assert len(admin.open(page.links["Older"]).rows) == 3
    for query in ("range=24h", f"connection={number}&kind=upstream"):
        assert admin.open(f"/errors/log?{query}").one("p", class_="matches").text == "53 match"


@pytest.mark.one_database
def test_nothing_that_failed_is_good_news(admin, firm):
    assert "No open errors. Nothing has ever failed." in admin.open("/errors").text
    assert admin.open("/errors/99").status == 404


# -- looked after ----------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_support_assigns_notes_and_snoozes_and_the_one_named_finds_it(enter, people, firm):
    issue = fail(firm, firm.connect())
    here = f"/errors/{issue}"
    support, admin = enter("support"), enter("admin")
    support.send(f"{here}/assignee", here, {"email": "support@example.com"})
    assert "support@example.com" in support.open("/errors?state=mine").row(1)
    assert support.send(f"{here}/notes", here, {"text": "<b>@admin@example.com</b> look"}).status_code == 302
    assert "1 problem asks for you" in admin.open("/errors").text
    assert "Asks for you" in admin.open("/errors?state=mine").row(1)
    page = admin.open(here)
    assert "<b>@admin@example.com</b> look" in page.text  # as text, never as markup (X9)
    assert "Who must act The service" in page.text
    admin.send(f"{here}/mentions", here)
    assert "asks for you" not in admin.open("/errors").text

    support.send(f"{here}/snooze", here, {"for": "events", "events": "2"})
    assert "No open errors." in support.open("/errors").text
    assert "snoozed, wakes at 3 events" in support.open("/errors?state=snoozed").row(1)
    fail(firm, 1)
    fail(firm, 1)
    assert len(support.open("/errors").rows) == 1


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("where", "values", "said"),
    [
        ("snooze", {"for": "events", "events": "none"}, "Write a number"),
        ("snooze", {"for": "time", "until": "2020-01-01T10:00"}, "Choose a time to come"),
        ("snooze", {"for": "time", "until": "soon"}, "is no time"),
        ("snooze", {"for": "ever"}, "Choose for how long"),
        ("assignee", {"email": "nobody@example.com"}, "Nobody who may sign in"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_changes(admin, firm, where, values, said):
    here = f"/errors/{fail(firm, firm.connect())}"
    admin.send(f"{here}/{where}", here, values)
    page = admin.open(here)
    assert said in page.text
    assert "Nobody has noted anything yet." in page.text
    assert len(admin.open("/errors").rows) == 1


@pytest.mark.one_database
def test_a_note_that_names_nobody_comes_back_as_it_was_typed(admin, firm):
    """It was thrown away, however long it was."""
    here = f"/errors/{fail(firm, firm.connect())}"
    page = Page(admin.send(f"{here}/notes", here, {"text": "A long story. @nobody@example.com"}))
    assert page.status == 422
    assert "A long story. @nobody@example.com" in page.one("textarea").text
    assert "Nobody who may sign in" in page.one("p", id="f-text-error").text
    assert "Nobody has noted anything yet." in page.text


@pytest.mark.one_database
def test_a_snoozed_problem_is_woken_by_hand(admin, firm):
    here = f"/errors/{fail(firm, firm.connect())}"
    for how in ("1h", "1d", "7d", "worse"):
        admin.send(f"{here}/snooze", here, {"for": how})
        assert " Wakes " in admin.open(here).text
    admin.send(f"{here}/reopen", here)
    assert len(admin.open("/errors").rows) == 1


def test_what_reading_again_takes_is_said_before_and_what_came_of_it_after(admin, firm):
    firm.refuse(firm.connect(), "9001", "9002")
    assert "the oldest first: about 2 calls" in admin.open("/errors/1").text
    admin.send("/errors/1/retry", "/errors/1")
    page = admin.open("/errors/1")
    assert [" ".join(row.split()[:2]) for row in page.rows if "Waiting" in row] == ["9001 Waiting", "9002 Waiting"]
    with firm.app.app_context():
        run = db.session.get_one(SyncRun, 1)
        run.state, run.message = "done_with_problems", "One was refused."
        db.session.query(DeadLetter).filter_by(external_id="9001").one().resolved_at = clock.now()
        db.session.query(DeadLetter).filter_by(external_id="9002").one().run_id = 1
        db.session.commit()
    page = admin.open("/errors/1")
    assert page.links["Run 1"] == "/runs/1"
    assert any(row.startswith("9001 Kept") for row in page.rows)
    assert any(row.startswith("9002 Not kept") and "31.02.2026" in row for row in page.rows)


def refused_write(firm, issue, connection, **more) -> int:
    with firm.app.app_context():
        usual = {"resource": "contacts", "op": "update", "external_id": "7", "wanted": {"first_name": "Ana"}}
        row = Change(
            connection_id=connection, issue_id=issue, idempotency_key=uuid4().hex, state="dead", cause="test",
            message="The name is not nice.", created_at=clock.now(), **{**usual, **more},
        )  # fmt: skip
        db.session.add(row)
        db.session.commit()
        return row.id


def test_refused_writes_of_a_problem_are_sent_again_together_by_those_who_may(enter, admin, firm):
    number = firm.connect()
    issue = fail(firm, number, "value", "contacts")
    refused_write(firm, issue, number), refused_write(firm, issue, number, external_id="8")
    here = f"/errors/{issue}"
    support = enter("support")
    assert "Retry all 2" not in support.open(here).text
    assert support.send(f"{here}/writes", here).status_code == 403
    page = admin.open(here)
    assert "Retry all 2" in page.text
    assert "about 4 calls" in page.text
    assert admin.send(f"{here}/writes", here).location == "/runs/1"
    with firm.app.app_context():
        assert {one.state for one in db.session.query(Change)} == {"pending"}
    admin.send(f"{here}/writes", here)
    assert "None of these writes can be sent again" in admin.open(here).text


def test_writes_that_were_held_back_are_not_said_to_be_a_brake(admin, firm):
    number = firm.connect()
    held_back = fail(firm, number, "conflict")
    for _ in range(11):
        refused_write(firm, held_back, number)
    page = admin.open(f"/errors/{held_back}")
    assert "The console did not send what was to be written" in page.text
    assert "brake" not in page.text
    assert "Look at the run" not in page.links
    assert len(page.one("div", id="writes").all("tr")) == 1 + 10  # what stands beneath stays in reach
    assert "See every refused write" in page.links
    assert "release the brake" in admin.open(f"/errors/{fail(firm, number, 'conflict', field='x')}").text


def test_a_refused_write_is_sent_again_with_the_value_typed(enter, admin, firm):
    number = firm.connect()
    issue = fail(firm, number, "value", "contacts")
    write = refused_write(firm, issue, number, wanted={"first_name": "Ana", "emails": [{"address": "a@b.example"}]})
    where = f"/writes/{write}/values"
    assert enter("support").open(where).status == 403
    page = admin.open(where)
    assert "The name is not nice." in page.text
    assert "Sent as it was" in page.text
    assert admin.send(where, where, {"v-0": "Ana"}).status_code == 422
    assert admin.send(where, where, {"v-1": "x"}).status_code == 422
    answer = admin.send(where, where, {"v-0": "Anna"})
    assert answer.location == f"/errors/{issue}#writes"
    with firm.app.app_context():
        old, new = db.session.query(Change).order_by(Change.id)
        assert (old.state, old.wanted["first_name"]) == ("dropped", "Ana")
        assert (new.edits_id, new.wanted["first_name"], new.wanted["emails"]) == (old.id, "Anna", old.wanted["emails"])
    assert f"write {write} with other values" in admin.open(f"/errors/{issue}").text
    assert "does not wait for a person" in admin.open(where).text


@pytest.mark.one_database
def test_a_write_without_a_mapping_says_why_it_cannot_be_worked_out_again(enter, admin, firm):
    number = firm.connect()
    write = refused_write(firm, fail(firm, number), number)
    assert "belongs to no active mapping" in admin.open(f"/writes/{write}/shade").text
    assert enter("support").open(f"/writes/{write}/shade").status == 403


def test_the_most_affected_come_first_when_asked_for_and_each_tells_its_day(admin, firm):
    account = firm.connect()
    quiet = fail(firm, account, code="quiet", message="Seen last.")
    with firm.app.app_context():
        old = db.session.query(errors.ErrorLog).filter_by(issue_id=quiet).one()
        old.created_at = clock.now() - timedelta(hours=30)
        old.issue.last_seen_at = clock.now() + timedelta(minutes=1)
        db.session.commit()
    firm.refuse(account, "9001", "9002")
    page = admin.open("/errors")
    assert "Seen last." in page.row(1)
    assert "none" in page.row(1)
    assert page.all("svg", class_="sparkline")[0].attrs["aria-label"].startswith("2 in the last 24 hours, 2 of them")

    page = admin.open(page.links["Records affected"])

    assert "Seen last." in page.row(2)
    assert page.all("th", aria_sort="descending")[0].text == "Records affected"
    assert "Seen last." in admin.open("/errors?sort=affected&older=2,1").row(1)
    assert admin.open("/errors?sort=colour").status == 422
