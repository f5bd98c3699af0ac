"""The sandbox's Clio, asked over HTTP as the console asks the real one."""

import time
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3

from integration_console.sandbox import Sandbox

http = urllib3.PoolManager(retries=False)
ENDPOINTS = (
    "activities",
    "activity_descriptions",
    "allocations",
    "bank_accounts",
    "bank_transactions",
    "line_items",
    "bills",
    "contacts",
    "credit_memos",
    "currencies",
    "custom_fields",
    "expense_categories",
    "groups",
    "interest_charges",
    "matter_stages",
    "matters",
    "practice_areas",
    "tasks",
    "trust_line_items",
    "users",
    "notes?type=Matter",
    "notes?type=Contact",
)


@pytest.fixture(scope="module")
def shared():
    """A sandbox for tests that only read."""
    with Sandbox(limits={"clio": (100_000, 60.0)}) as sandbox:
        yield sandbox.clio


@pytest.fixture
def clio():
    with Sandbox() as sandbox:
        yield sandbox.clio


def call(clio, path, method="GET", data=None, **headers):
    url = path if path.startswith("http") else clio.api_url + path
    headers = {"Authorization": f"Bearer {clio.access_token}", **headers}
    return http.request(method, url, headers=headers, **({"json": {"data": data}} if data is not None else {}))


def every_page(clio, path):
    """All records of a list and the number of calls that took."""
    found, calls = [], 0
    while path:
        answer = call(clio, path).json()
        found, calls, path = found + answer["data"], calls + 1, answer["meta"]["paging"].get("next")
    return found, calls


# Reading


def test_without_fields_only_id_and_etag_come(shared):
    assert set(call(shared, "/matters?limit=1").json()["data"][0]) == {"id", "etag"}


def test_fields_may_be_nested_once(shared):
    told = call(shared, "/matters/15.json?fields=display_number,client{id,name},practice_area").json()["data"]

    assert set(told) == {"display_number", "client", "practice_area"}
    assert set(told["client"]) == {"id", "name"}
    assert set(told["practice_area"]) == {"id", "etag"}


@pytest.mark.parametrize("fields", ["nonsense", "client{nonsense}", "client{company{name}}", "client{id"])
def test_unknown_or_too_deep_fields_are_refused(shared, fields):
    answer = call(shared, f"/matters?fields={fields}")

    assert (answer.status, set(answer.json()["error"])) == (400, {"type", "message"})


@pytest.mark.parametrize("path", ENDPOINTS)
def test_every_list_can_be_read_to_its_end(shared, path):
    resource, separator, _ = path.partition("?")
    records, _ = every_page(shared, f"/{path}{'&' if separator else '?'}limit=200&fields=id,updated_at")
    ids = [record["id"] for record in records]

    assert ids == sorted(set(ids))
    if not separator:
        assert len(ids) == shared.ledger()[resource]


def test_a_full_read_stays_under_the_limit_of_one_minute(shared):
    calls = sum(every_page(shared, f"/{path}{'&' if '?' in path else '?'}limit=200")[1] for path in ENDPOINTS)

    assert calls + 1 < 46  # and one call for who_am_i


def test_the_next_page_is_an_absolute_address_that_keeps_every_parameter(shared):
    told = call(shared, "/contacts?limit=3&fields=id,name&type=Person").json()
    url = urlsplit(told["meta"]["paging"]["next"])

    assert told["meta"]["paging"]["next"].startswith(shared.api_url)
    assert {name: value[0] for name, value in parse_qs(url.query).items() if name != "page_token"} == {
        "limit": "3",
        "fields": "id,name",
        "type": "Person",
    }
    assert call(shared, url.geturl()).json()["data"][0]["id"] > told["data"][-1]["id"]


def test_another_order_pages_by_offset_and_stops_at_ten_thousand(shared):
    told = call(shared, "/matters?order=updated_at(desc)&limit=2&fields=id,updated_at").json()
    times = [datetime.fromisoformat(one["updated_at"]) for one in told["data"]]

    assert times == sorted(times, reverse=True)
    assert "offset=2" in told["meta"]["paging"]["next"]
    assert call(shared, "/matters?order=id(desc)&limit=200&offset=9900").status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/matters?limit=201",
        "/matters?limit=0",
        "/matters?order=nonsense(asc)",
        "/notes",
        "/line_items?order=id(asc)",
        "/currencies?order=id(asc)",
        "/matters?updated_since=yesterday",
        "/matters?page_token=forged",
    ],
)
def test_senseless_questions_are_refused(shared, path):
    assert call(shared, path).status == 400


def test_lists_without_a_single_record_answer_404_for_one(shared):
    assert [call(shared, f"/{name}/1").status for name in ("line_items", "matter_stages", "matters")] == [404, 404, 200]


def test_ids_and_filters_narrow_a_list(shared):
    by_id = call(shared, "/matters?ids[]=7&ids[]=3&ids[]=999999").json()["data"]
    closed = call(shared, "/matters?status=closed&fields=status").json()["data"]
    mine = call(shared, "/activities?matter_id=12&fields=matter{id}").json()["data"]

    assert [one["id"] for one in by_id] == [3, 7]
    assert {one["status"] for one in closed} == {"Closed"}
    assert {one["matter"]["id"] for one in mine} <= {12}


def test_a_record_changed_this_second_shows_under_updated_since(clio):
    before = datetime.now(UTC).isoformat()
    time.sleep(0.01)
    clio.put("matters", {"id": 400, "location": "Upstairs"})

    told = call(clio, f"/matters?{urlencode({'updated_since': before})}").json()
    assert [one["id"] for one in told["data"]] == [400]


def test_updated_since_finds_what_is_there_and_nothing_older(shared):
    since = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    told, _ = every_page(shared, f"/contacts?{urlencode({'updated_since': since, 'fields': 'id,updated_at'})}")
    everybody, _ = every_page(shared, "/contacts?fields=id,updated_at")
    limit = datetime.fromisoformat(since)

    assert [one["id"] for one in told] == [
        one["id"] for one in everybody if datetime.fromisoformat(one["updated_at"]) > limit
    ]


def test_an_unchanged_record_answers_304(shared):
    etag = call(shared, "/contacts/5").headers["ETag"]
    answer = call(shared, "/contacts/5", **{"If-None-Match": etag})

    assert (answer.status, answer.data) == (304, b"")


def test_who_am_i_names_the_account(shared):
    told = call(shared, "/users/who_am_i?fields=id,name,email,account{id,name}").json()["data"]

    assert (told["id"], set(told["account"])) == (1, {"id", "name"})


def test_an_unsupported_version_is_gone(shared):
    assert call(shared, "/users", **{"X-API-VERSION": "3.1.0"}).status == 410


# What the firm looks like


def test_limitation_dates_crowd_around_today(shared):
    matters, _ = every_page(shared, "/matters?fields=id,statute_of_limitations{due_at,status}")
    days = {
        (date.fromisoformat(one["statute_of_limitations"]["due_at"]) - shared.firm.today).days
        for one in matters
        if (one["statute_of_limitations"] or {}).get("due_at")
    }

    assert {-1, 0, 1, 29, 30, 31, 90} <= days


def test_the_contacts_hold_the_dirt_of_real_life(shared):
    people, _ = every_page(shared, "/contacts?fields=id,name,last_name,primary_email_address,primary_phone_number")
    names = " ".join(one["name"] for one in people)

    assert any(one["primary_email_address"] is None for one in people)
    assert any("call mornings" in (one["primary_phone_number"] or "") for one in people)
    assert all(script in names for script in ("محمد", "王", "Кузнецова", "प्रिया", "כהן", "=1+1", "e\u0301"))
    assert max(len(one["name"]) for one in people) > 250


def test_every_kind_of_custom_field_is_filled_somewhere(shared):
    matters, _ = every_page(shared, "/matters?fields=custom_field_values{field_type,value,custom_field}")
    contacts, _ = every_page(shared, "/contacts?fields=custom_field_values{field_type,value}")
    kinds = {value["field_type"] for one in matters + contacts for value in one["custom_field_values"]}

    assert kinds == {
        "checkbox",
        "contact",
        "currency",
        "date",
        "email",
        "matter",
        "numeric",
        "picklist",
        "text_area",
        "text_line",
        "time",
        "url",
    }


# Limits and tokens


def test_every_authorised_answer_tells_what_is_left(clio):
    first, second = call(clio, "/users"), call(clio, "/nothing")

    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("50", "49")
    assert (second.status, second.headers["X-RateLimit-Remaining"]) == (404, "48")
    assert 0 < int(first.headers["X-RateLimit-Reset"]) - time.time() <= 61


def test_one_call_too_many_is_told_how_long_to_wait(clio):
    clio.limits = (2, 60.0)
    answers = [call(clio, "/users") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_a_refusal_to_sign_in_has_two_shapes_and_no_limit_headers(clio):
    missing = http.request("GET", f"{clio.api_url}/users")
    clio.expire()
    dead = call(clio, "/users")

    assert (missing.status, missing.json()["error"]["type"]) == (401, "UnauthorizedError")
    assert (dead.status, dead.json()["error"]) == (401, "invalid_token")
    assert "X-RateLimit-Limit" not in dead.headers


def sign_in(clio, decision):
    asked = {
        "response_type": "code",
        "client_id": clio.client_id,
        "state": "s1",
        "redirect_uri": "http://localhost/back",
    }
    page = http.request("GET", f"{clio.auth_url}?{urlencode(asked)}")
    assert b"Approve" in page.data
    assert b"Refuse" in page.data
    answer = http.request(
        "POST", clio.auth_url, fields={**asked, "decision": decision}, redirect=False, encode_multipart=False
    )
    return {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def token(clio, **sent):
    fields = {"client_id": clio.client_id, "client_secret": clio.client_secret, **sent}
    return http.request("POST", clio.token_url, fields=fields, encode_multipart=False)


def test_signing_in_ends_with_a_token_that_works_once_per_code(clio):
    told = sign_in(clio, "approve")
    exchange = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": "http://localhost/back"}
    first, second = token(clio, **exchange), token(clio, **exchange)

    assert told["state"] == "s1"
    assert (first.status, second.status, second.json()["error"]) == (200, 400, "invalid_grant")
    fresh = first.json()["access_token"]
    assert call(clio, "/users", Authorization=f"Bearer {fresh}").status == 200


def test_refusing_on_the_page_comes_back_as_access_denied(clio):
    assert sign_in(clio, "refuse") == {"error": "access_denied", "state": "s1"}


def test_a_refresh_gives_a_new_access_token_and_no_refresh_token(clio):
    clio.expire()
    refresh = clio.token_answer()["refresh_token"]
    answers = [token(clio, grant_type="refresh_token", refresh_token=refresh).json() for _ in range(2)]

    assert all("refresh_token" not in answer and answer["expires_in"] == 2_592_000 for answer in answers)
    assert call(clio, "/users", Authorization=f"Bearer {answers[0]['access_token']}").status == 200


def test_deauthorizing_ends_everything(clio):
    answer = http.request(
        "POST", f"{clio.url}/oauth/deauthorize", headers={"Authorization": f"Bearer {clio.access_token}"}
    )

    assert (answer.status, call(clio, "/users").status) == (200, 401)


# Writing


def test_a_new_contact_reads_back_as_written(clio):
    sent = {
        "type": "Person",
        "first_name": "Ada",
        "last_name": "Lee",
        "email_addresses": [{"name": "Work", "address": "ada@example.com", "default_email": True}],
    }
    created = call(clio, "/contacts?fields=id,name,primary_email_address", "POST", sent)

    assert created.status == 201
    assert created.json()["data"] == {"id": 1_191, "name": "Ada Lee", "primary_email_address": "ada@example.com"}
    assert clio.ledger()["contacts"] == 1_191


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/contacts", {"type": "Person", "name": "Ada Lee"}),
        ("/contacts", {"type": "Ghost"}),
        ("/matters", {"description": "No client"}),
        ("/matters", {"client": {"id": 999_999}, "description": "x"}),
        ("/matters", {"client": {"id": 1}, "description": "x", "status": "Open"}),
        ("/activities", {"type": "TimeEntry"}),
        ("/notes", {"type": "Matter", "detail": "x"}),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(clio, path, sent):
    answer = call(clio, path, "POST", sent)

    assert answer.status == 422
    assert answer.json()["error"]["message"]


def test_a_stale_etag_refuses_a_change(clio):
    etag = call(clio, "/matters/7").headers["ETag"]
    first = call(clio, "/matters/7", "PATCH", {"status": "closed"}, **{"If-Match": etag})
    second = call(clio, "/matters/7", "PATCH", {"status": "open"}, **{"If-Match": etag})

    assert (first.status, second.status) == (200, 412)
    assert clio.record("matters", 7)["status"] == "Closed"


def test_only_the_custom_fields_that_are_sent_change(clio):
    call(clio, "/matters/7", "PATCH", {"custom_field_values": [{"custom_field": {"id": 1}, "value": "24-CV-1"}]})
    call(clio, "/matters/7", "PATCH", {"custom_field_values": [{"custom_field": {"id": 5}, "value": 3}]})
    values = {one["custom_field"]["id"]: one for one in clio.record("matters", 7)["custom_field_values"]}

    assert (values[1]["value"], values[5]["value"]) == ("24-CV-1", 3)
    assert values[1]["id"].startswith("text_line-")


def test_a_time_entry_is_written_in_seconds_and_priced_by_its_author(clio):
    sent = {"type": "TimeEntry", "date": "2026-03-02", "quantity": 5400, "user": {"id": 5}, "matter": {"id": 7}}
    told = call(clio, "/activities?fields=quantity_in_hours,price,total", "POST", sent).json()["data"]

    assert told == {"quantity_in_hours": 1.5, "price": 350.0, "total": 525.0}


def test_a_limitation_date_written_on_a_matter_reads_back_as_its_task(clio):
    sent = {"statute_of_limitations": {"due_at": "2027-01-31"}}
    call(clio, "/matters/8", "PATCH", sent)
    told = call(clio, "/matters/8?fields=statute_of_limitations{due_at,status}").json()["data"]

    assert told["statute_of_limitations"] == {"due_at": "2027-01-31", "status": "pending"}


def test_a_deleted_record_is_gone_from_list_and_address(clio):
    answer = call(clio, "/activities/2009", "DELETE")

    assert (answer.status, answer.data, call(clio, "/activities/2009").status) == (204, b"", 404)
    assert [one["id"] for one in call(clio, "/activities?limit=2&ids[]=2008&ids[]=2009").json()["data"]] == [2008]


def test_a_contact_with_matters_cannot_be_deleted(clio):
    client = clio.record("matters", 1)["client"]["id"]

    assert call(clio, f"/contacts/{client}", "DELETE").status == 422
