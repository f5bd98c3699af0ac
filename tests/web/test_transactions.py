"""Transactions: every call is found again, and none of its secrets."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta

import pytest

from integration_console import clock
from integration_console.models import Record, Transaction, db

from ..cases import together


@pytest.fixture
def admin(enter):
    return enter("admin")


def add_calls(firm, count: int = 1, **values) -> list[int]:
    """Calls a second apart, the last one now."""
    usual = {
        "connection_id": 1, "run_id": None, "service": "clio", "resource": "matters", "call_key": "k", "attempt": 1,
        "method": "GET", "host": "app.clio.com", "path_template": "/matters", "url": "https://app.clio.com/api/v4/matters",
        "status": 200, "outcome": "ok", "duration_ms": 12.0, "waited_ms": 0.0, "request_bytes": 0, "response_bytes": 90,
        "request_headers": json.dumps({"Accept": "application/json", "Authorization": "[redacted]"}),
        "response_headers": json.dumps({"X-RateLimit-Remaining": "49"}), "response_body": '{"data": [{"name": "Ana"}]}',
    }  # fmt: skip
    with firm.app.app_context():
        now = clock.now()
        rows = [
            Transaction(**{**usual, **values}, started_at=now - timedelta(seconds=count - 1 - i)) for i in range(count)
        ]
        db.session.add_all(rows)
        db.session.commit()
        return [row.id for row in rows]


@pytest.fixture
def slow_note(firm) -> int:
    """A call like no other among some."""
    add_calls(firm, 3)
    (wanted,) = add_calls(
        firm, status=429, outcome="slow down", path_template="/notes", url="https://x/notes", resource="notes",
        run_id=7, service="ghl", connection_id=2, method="POST", duration_ms=6000.0,
    )  # fmt: skip
    return wanted


def ids(page) -> list[int]:
    return [int(href.rpartition("/")[2]) for tag in page.all("a", class_="row-link") for href in [tag.attrs["href"]]]


def test_walking_older_meets_every_call_once_and_newer_leads_back(admin, firm):
    made = add_calls(firm, 120)
    page, seen = admin.open("/transactions"), []
    while True:
        seen += ids(page)
        if "Older" not in page.links:
            break
        page = admin.open(page.links["Older"])
    assert seen == made[::-1]
    assert ids(admin.open(page.links["Newer"])) == made[::-1][50:100]


def test_what_came_since_is_counted_with_the_same_filters_and_said_once(admin, firm):
    add_calls(firm, status=429)
    part = admin.open("/transactions?status=429").one("div", class_="newer").attrs["hx-get"]
    assert admin.part(f"{part}&seen=0").status == 204
    for status in (429, 429, 200):
        add_calls(firm, status=status)
    told = admin.part(f"{part}&seen=0")
    assert told.links == {"2 new, show": "/transactions?status=429"}
    assert told.one("input", name="seen").attrs["value"] == "2"
    assert admin.part(f"{part}&seen=2").status == 204


@pytest.mark.one_database
def test_a_filtered_list_says_how_many_match(admin, firm, monkeypatch):
    def said(query: str) -> list[str]:
        return [line.text for line in admin.open(f"/transactions{query}").all("p", class_="matches")]

    add_calls(firm, 120, status=429, outcome="slow down")
    add_calls(firm, run_id=7, method="POST")
    assert said("") == []  # nobody asked for some of them
    assert said("?status=429") == said("?status=4xx") == ["120 match"]
    assert said("?run=7") == ["1 matches"]
    older = admin.open("/transactions?status=429").links["Older"]
    assert said(older.removeprefix("/transactions")) == ["120 match"]
    for module in ("finding.transactions", "formatting"):
        monkeypatch.setattr(f"integration_console.web.{module}.MOST_COUNTED", 100)
    monkeypatch.setattr("integration_console.storage.counting.NEWEST", 110)
    assert said("?method=GET") == ["over 100 match among the newest 110"]
    assert said("?method=POST&range=24h") == ["1 matches"]


def test_each_person_chooses_the_columns_of_their_list(admin, enter, firm):
    def heads(browser) -> list[str]:
        return [head.text for head in browser.open("/transactions").all("th", scope="col")]

    add_calls(firm, upstream_request_id="theirs-1")
    usual = heads(admin)
    chosen = {"columns": ["theirs", "call", "sent"], "query": "status=200"}
    answer = admin.send("/transactions/columns", "/transactions", chosen)
    assert answer.location == "/transactions?status=200"
    assert heads(admin) == ["Time", "Call", "Sent", "Their request id"]
    page = admin.open("/transactions")
    assert "theirs-1" in page.rows[0]
    assert page.one("input", name="columns", value="sent").attrs.keys() >= {"checked"}
    assert heads(enter("staff")) == usual
    assert admin.send("/transactions/columns", "/transactions", {"columns": "colour"}).status_code == 422
    admin.send("/transactions/columns", "/transactions", {"query": ""})
    assert heads(admin) == usual


@pytest.mark.one_database
def test_only_the_first_page_tells_what_came_since(admin, firm):
    part = admin.open("/transactions").one("div", class_="newer").attrs["hx-get"]  # of a list without a row
    add_calls(firm, 60)
    assert list(admin.part(f"{part}&seen=0").links) == ["1 new, show"]  # the others began before
    older = admin.open(admin.open("/transactions").links["Older"])
    assert older.all("div", class_="newer") == []
    for forged in ("/transactions/newer", "/transactions/newer?cursor=made-up", "/transactions/newer?colour=red"):
        assert admin.part(forged).status == 204


@together(
    "query",
    [
        "method=POST", "q=method:POST",
        "status=429", "status=4xx", "q=status:429", "q=code:429", "q=/notes", "q=status:4xx+/notes", "resource=notes",
        'q=outcome:"slow down"', "outcome=slow+down", "run=7", "q=run:7", "service=ghl", "connection=2",
        "q=service:ghl+connection:2", "range=15m&status=429", "took=5", "q=took:5",
    ],
)  # fmt: skip
def test_a_call_is_found_by(admin, slow_note, query):
    assert ids(admin.open(f"/transactions?{query}")) == [slow_note]


@pytest.mark.one_database
def test_a_call_without_an_answer_is_found_and_said(admin, firm):
    add_calls(firm)
    (wanted,) = add_calls(firm, status=None, outcome="retry", error="No answer came within 60 seconds.")
    assert ids(admin.open("/transactions?status=none")) == [wanted]
    page = admin.open(f"/transactions/{wanted}")
    assert "no answer came" in page.text
    assert "No answer came within 60 seconds." in page.text


@pytest.mark.one_database
@together(
    "query, said",
    [
        ("q=colour:red", "There is no key 'colour'. There are: service"), ("q=run:seven", "must be a whole number"),
        ("status=banana", "is no HTTP status"), ("service=myspace", "is not known. There are:"),
        ("q=run:", "needs a value"),
        ("before=1", "This list has no filter called 'before'"), ("cursor=made-up", "leads nowhere in the log"),
        ("q=after:tomorrow", "is no time"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_asked_is_explained_and_shows_no_rows(admin, firm, query, said):
    add_calls(firm)
    page = admin.open(f"/transactions?{query}")
    assert page.status == 422
    assert said in page.text
    assert page.rows == []


@pytest.mark.one_database
def test_curl_carries_the_header_of_the_service_and_a_name_where_its_secret_was(admin, firm):
    (clio,) = add_calls(firm, url="https://app.clio.com/api/v4/matters?q=it's")
    (ghl,) = add_calls(firm, service="ghl", method="POST", request_body='{"a": 1}')
    page = admin.open(f"/transactions/{clio}")
    command = shlex.split(page.all("pre", aria_label="As curl")[0].text)
    assert command[:4] == ["curl", "-X", "GET", "https://app.clio.com/api/v4/matters?q=it's"]
    assert "Authorization: Bearer $TOKEN" in command
    assert "[redacted]" not in command
    command = shlex.split(admin.open(f"/transactions/{ghl}").all("pre", aria_label="As curl")[0].text)
    assert command[-2:] == ["--data", '{"a": 1}']


@pytest.mark.one_database
def test_a_call_for_one_record_leads_to_it(admin, firm):
    number = firm.connect()
    firm.read(number, "users", kind="full")
    with firm.app.app_context():
        one = db.session.query(Record).filter_by(resource="users").first()
        record, theirs = one.id, one.external_id
    (call,) = add_calls(
        firm,
        connection_id=number,
        resource="users",
        path_template="/users/{id}",
        url=f"https://x/v4/users/{theirs}.json",
    )
    assert {f"/records/{record}", f"/records/{record}/life"} <= set(admin.open(f"/transactions/{call}").links.values())
    (call,) = add_calls(firm, connection_id=number, resource="users", path_template="/users", url="https://x/v4/users")
    assert "it was about" not in admin.open(f"/transactions/{call}").text


@pytest.mark.one_database
def test_every_try_of_a_call_is_one_click_away(admin, firm):
    tries = [
        *add_calls(firm, call_key="same", attempt=1, status=503, outcome="retry"),
        *add_calls(firm, call_key="same", attempt=2),
    ]
    page = admin.open(f"/transactions/{tries[1]}?tab=attempts")
    assert [row.split()[0].rstrip(",") for row in page.rows] == ["1", "2"]
    assert f"/transactions/{tries[0]}" in page.links.values()


@pytest.mark.one_database
def test_support_sees_the_call_and_not_the_records_in_it(enter, firm):
    """X12"""
    (number,) = add_calls(firm, request_body='{"name": "Ana"}')
    support = enter("support")
    for tab in ("request", "response"):
        page = support.open(f"/transactions/{number}?tab={tab}")
        assert "Ana" not in page.html
        assert "your role sees that they are there" in page.text
    assert "X-RateLimit-Remaining" in support.open(f"/transactions/{number}?tab=response").text


@pytest.mark.one_database
@pytest.mark.parametrize(("size", "said"), [(0, "There was no body."), (90, "The body is not kept")])
def test_a_body_that_never_was_is_told_from_one_that_is_not_kept(admin, firm, size, said):
    (number,) = add_calls(firm, response_body=None, response_bytes=size)

    assert said in admin.open(f"/transactions/{number}?tab=response").text


@pytest.mark.one_database
def test_the_end_of_the_list_says_how_long_calls_are_kept(admin, firm):
    assert "Calls are kept 90 days; older ones are removed." in admin.open("/transactions").text
    assert "No call was made yet." in admin.open("/transactions").text


@pytest.mark.one_database
def test_no_stored_secret_is_on_any_page_of_a_real_read(admin, firm):
    """X3"""
    number = firm.connect()
    run = firm.read(number, "users", kind="full")
    token = firm.upstreams.described()["clio"]["token"]["access_token"]
    calls = ids(admin.open(f"/transactions?run={run}"))
    assert calls
    for call in calls:
        for tab in ("request", "response", "attempts"):
            assert token not in admin.open(f"/transactions/{call}?tab={tab}").html


@pytest.mark.one_database
def test_an_answer_nested_beyond_reading_is_shown_as_it_came(admin, firm):
    """P8 refuses such an answer; the page of its call opens nevertheless."""
    (number,) = add_calls(firm, response_body="[" * 30_000, request_body="[" * 900 + "]" * 900)
    for tab in ("request", "response"):
        page = admin.open(f"/transactions/{number}?tab={tab}")
        assert page.status == 200
        assert "[[[[" in page.html or tab == "request"
