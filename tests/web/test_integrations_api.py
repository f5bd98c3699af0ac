"""The Integrations API over real HTTP, as its contract says it: services, connections, syncs, errors, limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from integration_console import services
from integration_console.models import Connection, Record, RepeatableCall, SyncRun, WebhookTarget, db
from integration_console.operations.api import integrations
from integration_console.operations.runs import runs

from ..operations.conftest import carry_out
from .serving import Program, http, listening, served, token_of

API = "/api/integrations"
LINE = {
    "id", "service", "serviceName", "status", "connectedAt", "lastSyncAt", "syncStatus", "permissions", "expiresAt",
}  # fmt: skip


@pytest.fixture
def base(app):
    with served(app) as address:
        yield address


@pytest.fixture
def program(app, base):
    """program("staff", "read") comes with a token of somebody of that role."""
    return lambda role="admin", scope="write", email="": Program(
        base, {"Authorization": f"Bearer {token_of(app, role, scope, email)}"}
    )


def refused(answer, status: int, code: str, error: str = "") -> dict:
    body = answer.json
    assert (answer.status, body["success"], body["code"]) == (status, False, code), answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert not error or body["error"] == error
    return body


def wrong(answer, field: str) -> str:
    """What is said about the field that was wrong."""
    body = refused(answer, 400, "invalid_field", "Invalid integration configuration")
    assert body["details"]["field"] == field, body
    return body["details"]["message"]


def fine(answer, status: int = 200) -> dict:
    assert answer.status == status, answer.text
    assert answer.json["success"] is True
    return answer.json


def by_key(upstreams) -> dict:
    facts = upstreams.described()["clockify"]
    return {"service": "clockify", "permissions": [], "credentials": {"apiKey": facts["api_key"]},
            "settings": {"workspaceId": facts["workspace_id"], "syncFrequency": "daily"}}  # fmt: skip


# -- services ---------------------------------------------------------------------------------------------------------


def test_every_service_is_listed_with_a_picture_of_ours(program, firm):
    firm.connect("clio")
    found = {one["id"]: one for one in fine(program()("GET", API))["integrations"]}
    assert set(found) == set(services.every())
    clio, ghl = found["clio"], found["ghl"]
    assert set(clio) == {"id", "name", "description", "category", "icon", "features", "isAvailable", "isConnected"}
    assert (clio["name"], clio["isAvailable"], clio["isConnected"], ghl["isConnected"]) == ("Clio", True, True, False)
    assert clio["icon"] == "http://127.0.0.1:8000/icons/clio.svg"


@pytest.mark.one_database
def test_the_pictures_are_there_for_everybody(base):
    answer = http.request("GET", f"{base}/icons/ghl.svg")
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert b">GH</text>" in answer.data
    assert http.request("GET", f"{base}/icons/nothing.svg").status == 404


@pytest.mark.one_database
def test_a_service_whose_application_is_not_set_up_is_not_available(program):
    found = {one["id"]: one["isAvailable"] for one in fine(program()("GET", API))["integrations"]}
    assert (found["clio"], found["clockify"]) == (False, True)


# -- connecting by key ------------------------------------------------------------------------------------------------


def test_an_account_is_connected_with_a_key_that_was_tried(app, program, firm):
    ana = program()
    made = fine(ana("POST", f"{API}/connections", by_key(firm.upstreams)), 201)
    assert set(made) == {"success", "connectionId"}
    shown = fine(ana("GET", f"{API}/connections/{made['connectionId']}"))["connection"]
    assert set(shown) == LINE | {"settings"}
    assert (shown["service"], shown["serviceName"], shown["status"]) == ("clockify", "Clockify", "connected")
    assert (shown["syncStatus"], shown["lastSyncAt"], shown["expiresAt"]) == ("never", None, None)
    assert shown["connectedAt"].endswith("Z")
    assert shown["settings"] == {"webhookUrl": None, "syncFrequency": "daily"}
    with app.app_context():
        row = db.session.query(Connection).one()
        assert made["connectionId"] == f"conn_{row.key}"
        assert row.created_by == "admin@example.com by token Test"
        assert row.settings["workspace_id"] == firm.upstreams.described()["clockify"]["workspace_id"]


def test_a_key_the_service_does_not_take_is_not_kept(app, program, firm):
    asked = by_key(firm.upstreams) | {"credentials": {"apiKey": "wrong"}}
    said = wrong(program()("POST", f"{API}/connections", asked), "credentials")
    assert "Clockify" in said
    with app.app_context():
        assert db.session.query(Connection).count() == 0


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"service": "nothing"}, "service"),
        ({"service": None}, "service"),
        ({"colour": "red"}, "colour"),
        ({"permissions": "all"}, "permissions"),
        ({"permissions": [7]}, "permissions.0"),
        ({"settings": {"colour": "red"}}, "settings.colour"),
        ({"settings": {"region": "us"}}, "settings.region"),
        ({"settings": {"syncFrequency": "often"}}, "settings.syncFrequency"),
        ({"settings": {"syncFrequency": "61 * * * * UTC"}}, "settings.syncFrequency"),
        ({"settings": {"syncFrequency": "0 5 * * 1 Moon/Sea"}}, "settings.syncFrequency"),
        ({"settings": {"webhookUrl": "ftp://example.com/x"}}, "settings.webhookUrl"),
        ({"settings": {"webhookUrl": "https://10.0.0.1/x"}}, "settings.webhookUrl"),
        ({"settings": {"webhookUrl": "https://user@example.com/x"}}, "settings.webhookUrl"),
        ({"settings": []}, "settings"),
        ({"credentials": {"apiKey": ""}}, "credentials.apiKey"),
        ({"credentials": {"password": "x"}}, "credentials.password"),
        ({"credentials": {"locationId": "x", "apiKey": "y"}}, "credentials.locationId"),
        ({"service": "clio"}, "credentials"),
        ({"service": "clockify", "credentials": None}, "credentials"),
        ({"service": "clio", "credentials": None}, "service"),
        ({"name": ""}, "name"),
    ],
)
def test_what_cannot_be_used_is_named(program, change, field):
    asked = {"service": "clockify", "permissions": [], "credentials": {"apiKey": "x"}} | change
    said = wrong(program()("POST", f"{API}/connections", asked), field)
    assert "pattern" not in said, "a pattern is no sentence"


@pytest.mark.one_database
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"service": NaN}', b'{"a": 1, "a": 2}', b"\xff"])
def test_a_body_that_cannot_be_read_is_an_invalid_configuration(program, body):
    answer = program()("POST", f"{API}/connections", body)
    refused(answer, 400, "invalid_request", "Invalid integration configuration")


@pytest.mark.one_database
def test_only_json_of_a_sensible_size_is_taken(program):
    ana = program()
    refused(ana("POST", f"{API}/connections", b"{}", Content_Type="text/plain"), 415, "unsupported_type")
    big = b'{"name": "' + b"x" * 1_100_000 + b'"}'
    refused(ana("POST", f"{API}/connections", big), 413, "too_large")


# -- listing ----------------------------------------------------------------------------------------------------------


def test_connections_are_listed_newest_first_a_page_at_a_time(program, firm):
    ids = [firm.connect("clio", name=f"Office {number}") for number in range(5)]
    firm.change(ids[1], status="paused")
    ana = program("support", "read")
    first = fine(ana("GET", f"{API}/connections?limit=2"))
    second = fine(ana("GET", f"{API}/connections?limit=2&cursor={first['nextCursor']}"))
    third = fine(ana("GET", f"{API}/connections?limit=2&cursor={second['nextCursor']}"))
    assert [len(one["connections"]) for one in (first, second, third)] == [2, 2, 1]
    assert third["nextCursor"] is None
    everything = [line for one in (first, second, third) for line in one["connections"]]
    assert len({line["id"] for line in everything}) == 5
    assert everything[3]["status"] == "paused"
    assert set(everything[0]) == LINE
    paused = fine(ana("GET", f"{API}/connections?status=paused&service=clio"))["connections"]
    assert [line["id"] for line in paused] == [everything[3]["id"]]
    assert fine(ana("GET", f"{API}/connections?service=ghl"))["connections"] == []


def test_a_lost_sign_in_is_told_as_expired_or_as_an_error(program, firm):
    clio, clockify = firm.connect("clio"), firm.connect("clockify")
    for number in (clio, clockify):
        firm.change(number, status="needs_reconnect")
    ana = program()
    told = {one["service"]: one["status"] for one in fine(ana("GET", f"{API}/connections"))["connections"]}
    assert told == {"clio": "expired", "clockify": "error"}
    for service, status in told.items():
        found = fine(ana("GET", f"{API}/connections?status={status}"))["connections"]
        assert [one["service"] for one in found] == [service]


@pytest.mark.one_database
def test_questions_that_make_no_sense_are_refused(program):
    ana = program()
    for query, field in {
        "service=nothing": "service", "status=well": "status", "limit=0": "limit", "limit=201": "limit",
        "limit=x": "limit", "colour=red": "colour", "limit=1&limit=2": "limit", "service=": "service",
    }.items():  # fmt: skip
        wrong(ana("GET", f"{API}/connections?{query}"), field)
    for answer in (ana("GET", f"{API}/connections?service=x"), ana("POST", f"{API}/connections", {"service": "x"})):
        assert wrong(answer, "service") == "Service not supported"
    wrong(ana("GET", f"{API}/connections?cursor=conn_x"), "cursor")


@pytest.mark.one_database
def test_what_is_not_there_is_not_found(program, firm):
    number = firm.connect("clio")
    ana = program()
    gone = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    firm.change(number, status="removed")
    for name in ("1", "conn_", "conn_x", gone, gone.removeprefix("conn_"), "conn_" + "x" * 200, "%00"):
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/sync")):
            answer = ana(method, f"{API}/connections/{name}{path}")
            refused(answer, 404, "not_found", "Integration not found")
    refused(ana("GET", f"{API}/nothing"), 404, "not_found", "Integration not found")
    refused(ana("PUT", f"{API}/connections"), 405, "method_not_allowed")


# -- changing and removing --------------------------------------------------------------------------------------------


def test_settings_are_changed_and_nothing_else(app, program, firm):
    number, ana = firm.connect("clio"), program()
    with listening() as ours:
        one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
        wanted = {"webhookUrl": ours.url, "syncFrequency": "30 7 * * 1-5 Europe/Berlin"}
        told = fine(ana("PATCH", f"{API}/connections/{one}", {"settings": wanted}))
        assert set(told) == {"success", "connection"}
        assert set(told["connection"]) == {"id", "settings", "permissions", "updatedAt"}
        kept = {"webhookUrl": ours.url, "syncFrequency": "30 7 * * 1-5 Europe/Berlin"}
        assert told["connection"]["settings"] == kept
        assert fine(ana("GET", f"{API}/connections/{one}"))["connection"]["settings"] == kept
        fine(ana("PATCH", f"{API}/connections/{one}", {"settings": {"syncFrequency": "manual"}}))
        assert fine(ana("PATCH", f"{API}/connections/{one}", {}))["connection"]["settings"]["webhookUrl"] == ours.url
    fine(ana("PATCH", f"{API}/connections/{one}", {"settings": {"webhookUrl": None}}))
    with app.app_context():
        assert db.session.query(WebhookTarget).count() == 0
        row = db.session.get_one(Connection, number)
        assert (row.frequency, row.time_zone, row.name) == ("manual", "Europe/Berlin", "Our clio")


def test_a_change_that_is_wrong_in_part_changes_nothing(app, program, firm):
    number, ana = firm.connect("clio"), program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    both = {"settings": {"syncFrequency": "daily", "webhookUrl": "https://127.0.0.1.nip.invalid/"}}
    wrong(ana("PATCH", f"{API}/connections/{one}", both), "settings.webhookUrl")
    for body, field in (
        ({"settings": {"syncFrequency": None}}, "settings.syncFrequency"),
        ({"settings": {"name": "x"}}, "settings.name"),
        ({"service": "ghl"}, "service"), ({"permissions": ["a b"]}, "permissions.0"),
    ):  # fmt: skip
        wrong(ana("PATCH", f"{API}/connections/{one}", body), field)
    with app.app_context():
        assert db.session.get_one(Connection, number).frequency == "manual"


def test_a_lost_key_is_renewed_by_program_for_the_same_account_only(app, program, firm):
    ana, asked = program(), by_key(firm.upstreams)
    fine(ana("POST", f"{API}/connections", asked), 201)
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    with app.app_context():
        number = db.session.query(Connection).one().id
    firm.change(number, status="needs_reconnect")
    wrong(ana("PATCH", f"{API}/connections/{one}", {"credentials": {"apiKey": "wrong"}}), "credentials")
    both = {"credentials": asked["credentials"], "settings": {"syncFrequency": "manual"}}
    wrong(ana("PATCH", f"{API}/connections/{one}", both), "credentials")
    with app.app_context():
        row = db.session.get_one(Connection, number)
        assert (row.status, row.frequency) == ("needs_reconnect", "daily")

    fine(ana("PATCH", f"{API}/connections/{one}", {"credentials": asked["credentials"]}))

    assert fine(ana("GET", f"{API}/connections/{one}"))["connection"]["status"] == "connected"
    firm.connect("clio")
    other = next(c["id"] for c in fine(ana("GET", f"{API}/connections"))["connections"] if c["service"] == "clio")
    wrong(ana("PATCH", f"{API}/connections/{other}", {"credentials": {"apiKey": "x"}}), "credentials")


def test_a_removed_connection_is_gone_and_its_secrets_are_wiped(app, program, own_firm):
    number, ana = own_firm.connect("clio"), program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    assert "removed" in fine(ana("DELETE", f"{API}/connections/{one}"))["message"]
    refused(ana("DELETE", f"{API}/connections/{one}"), 404, "not_found")
    assert fine(ana("GET", f"{API}/connections"))["connections"] == []
    with app.app_context():
        assert db.session.get_one(Connection, number).credentials is None
    assert any(seen.path.endswith("/deauthorize") for seen in own_firm.upstreams.clio.requests)


# -- syncs ------------------------------------------------------------------------------------------------------------


def test_a_sync_is_asked_for_followed_and_told(app, program, firm):
    number, ana = firm.connect("clio"), program("staff")
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    refused(ana("GET", f"{API}/connections/{one}/sync"), 404, "not_found")
    begun = fine(
        ana("POST", f"{API}/connections/{one}/sync", {"syncType": "full", "dataTypes": ["users", "groups"]}), 202
    )
    assert set(begun) == {"success", "syncId", "status", "startedAt"}
    assert begun["status"] == "queued"
    waiting = fine(ana("GET", f"{API}/connections/{one}/sync"))["sync"]
    assert (waiting["status"], waiting["completedAt"], waiting["progress"]["done"]) == ("queued", None, 0)
    with app.app_context():
        carry_out(db.session.query(SyncRun).one())
    told = fine(ana("GET", f"{API}/connections/{one}/sync?syncId={begun['syncId']}"))["sync"]
    assert set(told) == {
        "id", "connectionId", "status", "syncType", "startedAt", "completedAt", "recordsProcessed", "recordsSynced",
        "errors", "dataTypes", "progress",
    }  # fmt: skip
    assert (told["id"], told["connectionId"], told["status"]) == (begun["syncId"], one, "success")
    assert (told["syncType"], set(told["dataTypes"]), told["errors"]) == ("full", {"users", "groups"}, 0)
    assert told["recordsProcessed"] == told["recordsSynced"] > 0
    assert told["progress"] == {"done": told["recordsProcessed"], "expected": told["recordsProcessed"], "percent": 100,
                                "etaSeconds": None}  # fmt: skip
    listed = fine(ana("GET", f"{API}/connections"))["connections"][0]
    assert listed["syncStatus"] == "success"
    assert number == 1


def test_a_live_sync_answers_with_its_id(program, firm):
    firm.connect("clio")
    ana = program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    begun = fine(ana("POST", f"{API}/connections/{one}/sync", {"syncType": "incremental"}), 202)
    body = refused(ana("POST", f"{API}/connections/{one}/sync", {"syncType": "incremental"}), 409, "conflict")
    assert body["syncId"] == body["details"]["syncId"] == begun["syncId"]


def test_progress_says_what_is_known(app, program, firm, clock):
    number, ana = firm.connect("clio"), program()
    run = firm.ask(number, "users", "groups")
    with app.app_context():
        row = runs.find(run)
        row.state, row.started_at = "running", clock.now()
        row.parts[0].state, row.parts[0].seen, row.parts[0].expected = "running", 30, 100
        row.parts[1].expected = 20
        db.session.commit()
    clock.advance(60)
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    told = fine(ana("GET", f"{API}/connections/{one}/sync"))["sync"]
    assert 180 <= told["progress"].pop("etaSeconds") <= 240  # the clock goes on while the test does
    assert told["progress"] == {"done": 30, "expected": 120, "percent": 25}
    assert told["status"] == "running"


@pytest.mark.one_database
def test_a_sync_that_makes_no_sense_is_refused(program, firm):
    number = firm.connect("clockify")
    ana = program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    for body, field in (
        ({}, "syncType"), ({"syncType": "half"}, "syncType"),
        ({"syncType": "full", "dataTypes": ["matters"]}, "dataTypes"),
        ({"syncType": "full", "dataTypes": "tags"}, "dataTypes"), ({"syncType": "full", "since": 1}, "since"),
        ({"syncType": "full", "dataTypes": ["custom_fields"]}, "dataTypes"),
    ):  # fmt: skip
        wrong(ana("POST", f"{API}/connections/{one}/sync", body), field)
    firm.change(number, status="paused")
    assert (
        "paused"
        in refused(ana("POST", f"{API}/connections/{one}/sync", {"syncType": "full"}), 409, "conflict")["error"]
    )


# -- records ----------------------------------------------------------------------------------------------------------


def id_of(app, number: int) -> str:
    with app.app_context():
        return integrations.id_of(db.session.get_one(Connection, number))


def told_records(somebody, identity: str, data_type: str, **more) -> dict:
    more = "".join(f"&{name}={value}" for name, value in more.items())
    return fine(somebody("GET", f"{API}/connections/{identity}/records?dataType={data_type}{more}"))


def test_what_was_read_is_told_a_page_at_a_time(app, program, firm):
    staff, number = program("staff", "read"), firm.connect("clio")
    firm.read(number, "practice_areas", "groups")
    with app.app_context():
        there = {row.external_id: row.data for row in db.session.query(Record).filter_by(resource="practice_areas")}
    found, cursor = [], None
    while not found or cursor:
        page = told_records(
            staff, id_of(app, number), "practice_areas", limit=3, **({"cursor": cursor} if cursor else {})
        )
        assert 0 < len(page["records"]) <= 3
        found, cursor = found + page["records"], page["nextCursor"]
    assert {one["externalId"]: one["data"] for one in found} == there
    assert {one["dataType"] for one in found} == {"practice_areas"}
    assert all(one["seenAt"].endswith("Z") for one in found)


@pytest.mark.one_database
def test_money_and_dates_are_told_in_the_shapes_of_the_contract(app, program, firm):
    ana, stripe, books = program(), firm.connect("stripe"), firm.connect("quickbooks")
    firm.read(stripe, "payments", "charges", "invoices")
    firm.read(books, "invoices")
    with app.app_context():
        kept = {row.external_id: row.data for row in db.session.query(Record).filter_by(connection_id=stripe)}
    payments = told_records(ana, id_of(app, stripe), "payments", limit=200)["records"]
    done = [one for one in payments if kept[one["externalId"]]["status"] == "succeeded"]
    assert {one["data"]["status"] for one in done} == {"completed"}
    for one in done:
        was, now = kept[one["externalId"]], one["data"]
        whole = was["amount"] / {"jpy": 1, "kwd": 1000}.get(was["currency"], 100)
        assert (now["amount"], now["currency"]) == (whole, was["currency"].upper())
    assert {one["externalId"].partition("_")[0] for one in payments} <= {"pi", "ch"}  # charges are payments, too

    invoice = told_records(ana, id_of(app, stripe), "invoices", limit=1)["records"][0]["data"]
    assert sum(line["amount"] for line in invoice["lines"]["data"]) == pytest.approx(invoice["subtotal"])
    dates = {one["data"]["TxnDate"][10:] for one in told_records(ana, id_of(app, books), "invoices")["records"]}
    assert dates == {"T00:00:00Z"}


@pytest.mark.one_database
def test_records_that_cannot_be_told_are_refused(app, program, firm):
    ana, address = program(), f"{API}/connections/{id_of(app, firm.connect('xero'))}/records"
    wrong(ana("GET", address), "dataType")
    assert "There are: invoices, expenses" in wrong(ana("GET", f"{address}?dataType=matters"), "dataType")
    for cursor in ("rec_", "rec_x", "conn_1", "rec_-1", f"rec_{'f' * 16}"):
        wrong(ana("GET", f"{address}?dataType=invoices&cursor={cursor}"), "cursor")
    assert told_records(ana, address.split("/")[-2], "invoices") == {"success": True, "records": [], "nextCursor": None}
    refused(program("support")("GET", f"{address}?dataType=invoices"), 403, "forbidden")


@pytest.mark.one_database
def test_another_connections_sync_and_one_made_up_are_not_found(program, firm):
    firm.connect("clio")
    firm.ask(firm.connect("clockify"), "tags")
    ana = program()
    clockify, clio = [one["id"] for one in fine(ana("GET", f"{API}/connections"))["connections"]]
    there = fine(ana("GET", f"{API}/connections/{clockify}/sync"))["sync"]["id"]
    for name in (there[:-1] + ("1" if there[-1] == "0" else "0"), "sync_1_" + "0" * 20, "1", "sync_", "sync_x_y"):
        refused(ana("GET", f"{API}/connections/{clockify}/sync?syncId={name}"), 404, "not_found")
    refused(ana("GET", f"{API}/connections/{clio}/sync?syncId={there}"), 404, "not_found")


# -- who may ----------------------------------------------------------------------------------------------------------

CALLS = {
    ("GET", API): "see", ("GET", f"{API}/connections"): "see", ("GET", f"{API}/connections/ID"): "see",
    ("GET", f"{API}/connections/ID/sync"): "see", ("POST", f"{API}/connections/ID/sync"): "run",
    ("POST", f"{API}/connections"): "manage", ("PATCH", f"{API}/connections/ID"): "manage",
    ("DELETE", f"{API}/connections/ID"): "manage", ("GET", f"{API}/oauth/clio/authorize"): "manage",
    ("GET", f"{API}/oauth/clio/callback"): "manage", ("POST", f"{API}/oauth/clio/refresh"): "manage",
}  # fmt: skip
MAY = {
    ("staff", "write"): {"see", "run"}, ("support", "write"): {"see"}, ("staff", "read"): {"see"},
    ("support", "read"): {"see"}, ("admin", "read"): {"see"}, ("admin", "write"): {"see", "run", "manage"},
}  # fmt: skip


@pytest.mark.postgresql_at_length
def test_every_role_may_what_it_may_and_nothing_else(program, own_firm):
    """X10, X12"""
    own_firm.connect("clio")
    one = fine(program()("GET", f"{API}/connections"))["connections"][0]["id"]
    for (role, scope), rights in MAY.items():
        caller = program(role, scope)
        for (method, path), needs in CALLS.items():
            answer = caller(method, path.replace("ID", one), {} if method in ("POST", "PATCH") else None)
            if needs in rights:
                assert answer.status not in (401, 403), (role, scope, method, path, answer.text)
            else:
                refused(answer, 403, "forbidden", "Insufficient permissions for this integration")


@pytest.mark.one_database
def test_without_a_token_nothing_opens(base):
    stranger = Program(base, {})
    for method, path in CALLS:
        answer = stranger(method, path.replace("ID", "conn_x"), {} if method in ("POST", "PATCH") else None)
        refused(answer, 401, "unauthenticated", "Authentication required")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


# -- how often, and only once -----------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_each_kind_of_call_has_its_own_limit_shared_by_all_processes(app, program, firm, clock):
    """X11"""
    firm.connect("clio")
    ana, other = program(), program()  # two tokens of one owner
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    ben = program("admin", email="ben@example.com")
    kinds = {
        ("POST", f"{API}/connections"): 5, ("POST", f"{API}/connections/{one}/sync"): 10,
        ("GET", f"{API}/oauth/clio/authorize"): 20, ("GET", f"{API}/connections/{one}"): 119,
    }  # fmt: skip
    for (method, path), most in kinds.items():
        body = {} if method == "POST" else None
        for number in range(most):
            assert (ana, other)[number % 2](method, path, body).status != 429, (path, number)
        answer = ana(method, path, body)
        told = refused(answer, 429, "rate_limited", "Rate limit exceeded")
        assert 0 < told["retryAfter"] == int(answer.headers["Retry-After"]) <= 60
        assert ben(method, path, body).status != 429
    clock.advance(61)
    assert ana("POST", f"{API}/connections", {}).status == 400


def test_the_same_key_and_body_are_answered_the_same_for_a_day(app, program, firm, clock):
    ana, asked = program(), by_key(firm.upstreams)
    first = ana("POST", f"{API}/connections", asked, Idempotency_Key="order-17")
    again = ana("POST", f"{API}/connections", asked, Idempotency_Key="order-17")
    assert (first.status, first.text) == (again.status, again.text)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    body = refused(
        ana("POST", f"{API}/connections", asked | {"name": "Other"}, Idempotency_Key="order-17"), 409, "conflict"
    )
    assert "Idempotency-Key" in body["error"]
    ben = program("admin", email="ben@example.com")
    assert (
        fine(ben("POST", f"{API}/connections", asked, Idempotency_Key="order-17"), 201) != first.json
    )  # another's key
    with app.app_context():
        assert db.session.query(Connection).count() == 2
        assert first.json["connectionId"] not in (db.session.query(RepeatableCall).first().answer or "")  # sealed
    clock.advance(days=1, seconds=1)
    assert ana("POST", f"{API}/connections", asked, Idempotency_Key="order-17").json != first.json


def test_what_failed_may_come_again_with_its_key(program, firm):
    firm.connect("clio")
    ana = program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    path, key = f"{API}/connections/{one}/sync", {"Idempotency_Key": "k"}
    assert ana("POST", path, {"syncType": "x"}, **key).status == 400
    assert fine(ana("POST", path, {"syncType": "full"}, **key), 202)
    wrong(ana("POST", path, {"syncType": "full"}, Idempotency_Key="x" * 300), "Idempotency-Key")


def test_of_many_alike_at_once_one_is_done(app, program, firm):
    firm.connect("clio")
    ana = program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    ask = lambda _: ana("POST", f"{API}/connections/{one}/sync", {"syncType": "full"}, Idempotency_Key="once")  # noqa: E731
    with ThreadPoolExecutor(8) as hands:
        answers = list(hands.map(ask, range(8)))
    assert {answer.status for answer in answers} <= {202, 409}
    assert len({answer.text for answer in answers if answer.status == 202}) == 1
    with app.app_context():
        assert db.session.query(SyncRun).count() == 1
