"""The JSON API: tokens only, one shape of errors, bodies read strictly, and matters read and changed through it."""

from __future__ import annotations

import pytest

from integration_console.models import AuditEvent, Change, Connection, Record, db
from integration_console.operations.people import tokens, users

from ..cases import together

JSON = "application/json"


@pytest.fixture
def token(app, people):
    """token("staff", "write") adds somebody and returns the header of a token of theirs."""

    def make(role: str = "admin", scope: str = "write", email: str = "") -> dict[str, str]:
        email = people.add(role, email)
        with app.app_context():
            _, text = tokens.issue(users.by_email(email), [scope], name="Test", actor="test")
        return {"Authorization": f"Bearer {text}"}

    return make


@pytest.fixture
def ours(token) -> dict[str, str]:
    """The header of an administrator's token."""
    return token()


@pytest.fixture
def clio(own_firm):
    """A Clio account whose matters and fields were read."""
    number = own_firm.connect(name="Ruiz")
    own_firm.read(number, "matters", "custom_fields", kind="full")
    return number


def first(app, resource: str = "matters", status: str = "Open") -> tuple[int, str, dict]:
    """A matter of ours that stands like that: our number, Clio's, what it holds."""
    with app.app_context():
        query = db.session.query(Record).filter_by(resource=resource).order_by(Record.id)
        row = next(record for record in query if record.data["status"] == status and record.data["custom_field_values"])
        return row.id, row.external_id, row.data


def patch(client, name, header, /, **body):
    return client.patch(f"/api/matters/{name}", headers=header, json=body)


def refused(answer, status: int, code: str) -> dict:
    """The body of a refusal, after a look at its shape (section 9)."""
    body = answer.get_json()
    assert (answer.status_code, body["success"], body["code"]) == (status, False, code), answer.text
    assert answer.headers["Content-Type"] == JSON
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert set(body) <= {"success", "error", "code", "details", "fields", "retryAfter", "requestId"}
    return body


# -- who may call -----------------------------------------------------------------------------------------------------


@pytest.mark.one_database
@together(
    "header", [{}, {"Authorization": "Bearer ic_" + "0" * 64}, {"Authorization": "Basic YTpi"}, {"X-Api-Key": "x"}]
)
def test_without_a_token_nothing_opens(client, header):
    """X10"""
    answer = client.get("/api/matters/1", headers=header)
    assert refused(answer, 401, "unauthenticated")["error"] == "Authentication required"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.one_database
def test_a_cookie_counts_for_nothing_and_a_token_in_the_address_neither(enter, token):
    """X6, X10"""
    header = token("staff", email="api@example.com")
    browser = enter("admin")
    refused(browser.client.get("/api/matters/1"), 401, "unauthenticated")
    text = header["Authorization"].removeprefix("Bearer ")
    refused(browser.client.get(f"/api/matters/1?token={text}&access_token={text}"), 401, "unauthenticated")
    assert browser.client.get("/settings/profile", headers=header).status_code == 200  # a page takes its cookie only
    assert "Set-Cookie" not in browser.client.get("/api/matters/1", headers=header).headers


@pytest.mark.one_database
def test_a_token_opens_no_page(client, token):
    assert client.get("/settings/profile", headers=token("admin")).status_code == 303


def test_a_token_never_does_more_than_its_scope_and_its_owner(app, client, clio, token):
    """X10, X12"""
    number, _, _ = first(app)
    reader, support = token("admin", "read"), token("support", "write")
    assert client.get(f"/api/matters/{number}", headers=reader).status_code == 200
    for header, call in ((reader, client.patch), (support, client.get), (support, client.patch)):
        body = refused(call(f"/api/matters/{number}", headers=header, **({"json": {}} if call == client.patch else {})),
                       403, "forbidden")  # fmt: skip
        assert body["error"] == "Insufficient permissions for this integration"
    with app.app_context():
        assert "support@example.com by token Test" in {event.actor for event in db.session.query(AuditEvent)}


def test_a_demoted_owner_and_a_revoked_token_count_at_once(app, client, clio, token):
    """X10"""
    token("admin", email="first@example.com")
    header = token("admin")
    number, _, _ = first(app)
    with app.app_context():
        users.set_role(users.by_email("admin@example.com"), "support", actor="test")
    refused(patch(client, number, header, status="open"), 403, "forbidden")
    with app.app_context():
        tokens.revoke(tokens.find(2), actor="test")
    refused(client.get(f"/api/matters/{number}", headers=header), 401, "unauthenticated")


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_addresses_and_methods_that_are_not_there_are_said_in_json(client, token):
    header = token()
    refused(client.get("/api/nothing", headers=header), 404, "not_found")
    refused(client.get("/api/matters/999", headers=header), 404, "not_found")
    answer = client.delete("/api/matters/1", headers=header)
    refused(answer, 405, "method_not_allowed")
    assert "PATCH" in answer.headers["Allow"]


@pytest.mark.one_database
@together("name", ["0", "-1", "1.5", "x", "clio:", "clio:x", "ghl:1", "9" * 30, "clio:" + "9" * 30, "١"])
def test_a_name_no_matter_can_have_is_not_there(client, clio, ours, name):
    refused(client.get(f"/api/matters/{name}", headers=ours), 404, "not_found")


@pytest.mark.one_database
@together(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b'{"a": 1} x',
        b'{"status": 1, "status": 2}', b'{"a": {"b": 1, "b": 1}}', b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 100_000, b"\xff\xfe", b'{"a": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_body_that_can_be_read_in_two_ways_or_none_is_refused(client, ours, body):
    """Section 9"""
    answer = client.patch("/api/matters/1", headers=ours, data=body, content_type=JSON)
    refused(answer, 400, "invalid_request")


@pytest.mark.one_database
@together("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_taken(client, ours, kind):
    """X6"""
    answer = client.patch("/api/matters/1", headers=ours, data=b"{}", content_type=kind)
    refused(answer, 415, "unsupported_type")


@pytest.mark.one_database
def test_a_body_of_more_than_a_mebibyte_is_too_large(client, token):
    body = b'{"description": "' + b"x" * 1_100_000 + b'"}'
    refused(client.patch("/api/matters/1", headers=token(), data=body, content_type=JSON), 413, "too_large")


@pytest.mark.one_database
def test_a_hundred_and_twenty_calls_a_minute_for_one_owner_whatever_their_tokens(client, app, token):
    """X11"""
    header = token("staff")
    with app.app_context():
        _, text = tokens.issue(users.by_email("staff@example.com"), ["read"], actor="test")
    other = {"Authorization": f"Bearer {text}"}
    for number in range(120):
        assert client.get("/api/matters/1", headers=header if number % 2 else other).status_code == 404
    answer = client.get("/api/matters/1", headers=other)
    body = refused(answer, 429, "rate_limited")
    assert (body["error"], body["retryAfter"]) == ("Rate limit exceeded", int(answer.headers["Retry-After"]))
    assert client.get("/api/matters/1", headers=token("admin")).status_code == 404


# -- reading a matter -------------------------------------------------------------------------------------------------


def test_a_matter_is_read_by_our_number_and_by_clios(app, client, clio, token):
    number, external_id, data = first(app)
    header = token("staff", "read")
    ours = client.get(f"/api/matters/{number}", headers=header).get_json()
    assert ours == client.get(f"/api/matters/clio:{external_id}", headers=header).get_json()
    assert (ours["success"], ours["id"], ours["clioId"]) == (True, number, external_id)
    assert ours["displayNumber"] == data["display_number"]
    assert ours["displayName"].startswith(data["display_number"])
    assert ours["status"] == "open"
    assert ours["client"] == {"id": data["client"]["id"], "name": data["client"]["name"]}
    assert ours["practiceArea"]["name"] == data["practice_area"]["name"]
    assert ours["createdAt"].endswith("Z")
    assert ours["updatedAt"].endswith("Z")
    assert ours["asOf"].endswith("Z")
    assert {"id", "fieldName", "value"} == set().union(*ours["customFieldValues"])


def test_a_fresh_read_brings_what_clio_has_now(app, client, clio, own_firm, token):
    number, external_id, _ = first(app)
    own_firm.upstreams.clio.put("matters", {"id": int(external_id), "description": "Rear-end collision"})
    header = token("staff", "read")
    before = client.get(f"/api/matters/{number}", headers=header).get_json()
    after = client.get(f"/api/matters/{number}?fresh=true", headers=header).get_json()
    assert before["description"] != after["description"] == "Rear-end collision"
    assert after["asOf"] >= before["asOf"]
    assert client.get(f"/api/matters/{number}", headers=header).get_json()["description"] == "Rear-end collision"
    refused(client.get(f"/api/matters/{number}?fresh=perhaps", headers=header), 422, "invalid_field")


def test_a_matter_we_do_not_hold_yet_is_read_by_clios_number(app, client, clio, own_firm, token):
    made = own_firm.upstreams.clio.put("matters", {"description": "New", "client": {"id": 1}})
    header = token("staff", "read")
    refused(client.get(f"/api/matters/clio:{made['id']}", headers=header), 404, "not_found")
    answer = client.get(f"/api/matters/clio:{made['id']}?fresh=true", headers=header).get_json()
    assert answer["description"] == "New"
    refused(client.get("/api/matters/clio:99999999?fresh=true", headers=header), 404, "not_found")


@pytest.mark.postgresql_at_length
def test_a_matter_gone_from_clio_is_gone_here(app, client, clio, own_firm, token):
    number, external_id, _ = first(app)
    own_firm.upstreams.clio.delete("matters", int(external_id))
    header = token()
    refused(patch(client, number, header, description="Anew"), 404, "not_found")
    refused(client.get(f"/api/matters/{number}", headers=header), 404, "not_found")


@pytest.mark.one_database
def test_with_two_clio_accounts_clios_number_needs_the_connection(app, client, clio, own_firm, token):
    other = own_firm.connect(name="Second office")
    own_firm.read(other, "matters", kind="full")
    header, (_, external_id, _) = token(), first(app)
    body = refused(client.get(f"/api/matters/clio:{external_id}", headers=header), 409, "conflict")
    assert body["details"] == {"connections": [{"id": clio, "name": "Ruiz"}, {"id": other, "name": "Second office"}]}
    answer = client.get(f"/api/matters/clio:{external_id}?connection={other}", headers=header).get_json()
    assert answer["connection"] == other
    refused(client.get(f"/api/matters/clio:{external_id}?connection=77", headers=header), 404, "not_found")
    refused(client.get(f"/api/matters/clio:{external_id}?connection=x", headers=header), 422, "invalid_field")


# -- changing a matter ------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_what_is_named_is_changed_and_nothing_else(app, client, clio, own_firm, token):
    number, external_id, data = first(app)
    body = {
        "description": "Slip and fall, north entrance", "status": "PENDING", "openDate": "2026-02-03",
        "responsibleAttorneyId": 2, "statuteOfLimitations": {"dueAt": "2028-02-29", "reminders": [30]},
        "customFieldValues": [{"fieldName": "Case number", "value": "CV-17"}, {"id": 2, "value": "2026-01-31"},
                              {"id": 3, "value": "Web"}, {"id": 6, "value": True}],
    }  # fmt: skip
    answer = patch(client, number, token("staff"), **body)
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert (told["description"], told["status"], told["openDate"]) == (body["description"], "pending", "2026-02-03")
    assert told["statuteOfLimitations"]["dueAt"] == "2028-02-29"
    values = {one["fieldName"]: one["value"] for one in told["customFieldValues"]}
    assert {"Case number": "CV-17", "Date of loss": "2026-01-31", "Source": "Web"}.items() <= values.items()
    there = own_firm.upstreams.clio.get("matters", int(external_id))
    assert (there["description"], there["status"]) == (body["description"], "Pending")
    assert there["client"] == {"id": data["client"]["id"]}
    task = own_firm.upstreams.clio.get("tasks", there["statute_of_limitations"]["id"])
    assert (task["due_at"], len(task["reminders"])) == ("2028-02-29", 1)
    with app.app_context():
        row = db.session.query(Change).one()
        assert (row.state, row.op, row.asked_by) == ("done", "update", "staff@example.com by token Test")
        assert row.before["description"] == data["description"]
        assert row.after["status"] == "pending"


@pytest.mark.postgresql_at_length
def test_an_empty_value_clears_and_an_absent_one_does_not(app, client, clio, own_firm, token):
    """P6"""
    number, _, _ = first(app)
    header = token()
    patch(client, number, header, customFieldValues=[{"id": 1, "value": "CV-1"}, {"id": 2, "value": "2026-01-31"}])
    told = patch(client, number, header, openDate=None, customFieldValues=[{"id": 1, "value": None}]).get_json()
    names = {one["fieldName"]: one["value"] for one in told["customFieldValues"]}
    assert names.get("Case number") is None
    assert names["Date of loss"] == "2026-01-31"
    assert told["openDate"] is None


@pytest.mark.postgresql_at_length
def test_what_is_so_already_is_not_written_again(app, client, clio, token):
    """W6"""
    number, _, data = first(app)
    assert patch(client, number, token(), description=data["description"], status="Open").status_code == 200
    assert patch(client, number, token("staff")).status_code == 200
    with app.app_context():
        assert db.session.query(Change).count() == 0


@pytest.mark.one_database
@together(
    "body, fields",
    [
        ({"colour": "red"}, {"colour"}),
        ({"description": "x", "displayNumber": "1", "client": {}}, {"displayNumber", "client"}),
        ({"status": "won"}, {"status"}),
        ({"status": None}, {"status"}),
        ({"description": ""}, {"description"}),
        ({"description": 5}, {"description"}),
        ({"description": "a\u0000b"}, {"description"}),
        ({"openDate": "2026-02-30"}, {"openDate"}),
        ({"openDate": "03/02/2026"}, {"openDate"}),
        ({"openDate": 20260302, "closeDate": "soon"}, {"openDate", "closeDate"}),
        ({"practiceAreaId": -1}, {"practiceAreaId"}),
        ({"practiceAreaId": True}, {"practiceAreaId"}),
        ({"groupId": 2**63}, {"groupId"}),
        ({"statuteOfLimitations": "2028-01-01"}, {"statuteOfLimitations"}),
        ({"statuteOfLimitations": {"dueOn": "2028-01-01"}}, {"statuteOfLimitations.dueOn"}),
        ({"statuteOfLimitations": {"dueAt": "2028-01-32"}}, {"statuteOfLimitations.dueAt"}),
        ({"statuteOfLimitations": {"reminders": [0]}}, {"statuteOfLimitations.reminders"}),
        ({"statuteOfLimitations": {"reminders": "30"}}, {"statuteOfLimitations.reminders"}),
        ({"customFieldValues": {}}, {"customFieldValues"}),
        ({"customFieldValues": [{"id": 999, "value": "x"}]}, {"customFieldValues[0]"}),
        ({"customFieldValues": [{"id": 13, "value": "x"}]}, {"customFieldValues[0]"}),  # a field of contacts
        ({"customFieldValues": [{"fieldName": "Nothing", "value": "x"}]}, {"customFieldValues[0]"}),
        ({"customFieldValues": [{"id": 1}]}, {"customFieldValues[0]"}),
        ({"customFieldValues": [{"id": 1, "value": "x", "kind": "y"}]}, {"customFieldValues[0]"}),
        ({"customFieldValues": [{"id": 1, "value": "x"}, {"id": 2, "value": "soon"}]}, {"customFieldValues[1]"}),
        ({"customFieldValues": [{"id": 3, "value": "Television"}]}, {"customFieldValues[0]"}),
        ({"customFieldValues": [{"id": 6, "value": "perhaps"}]}, {"customFieldValues[0]"}),
        ({"customFieldValues": [{"id": 4, "value": "much"}]}, {"customFieldValues[0]"}),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_saved(app, client, clio, ours, body, fields):
    """X12: input models list allowed fields; unknown ones are refused by name."""
    number, _, _ = first(app)
    told = refused(patch(client, number, ours, **body), 422, "invalid_field")
    assert set(told["fields"]) == fields
    assert told["details"]["field"] in fields
    assert told["details"]["message"]
    with app.app_context():
        assert db.session.query(Change).count() == 0


def test_clios_own_refusal_names_the_field(app, client, clio, token):
    """W4"""
    number, _, _ = first(app)
    told = refused(patch(client, number, token(), responsibleAttorneyId=999_999), 422, "invalid_field")
    assert told["details"]["field"] == "responsibleAttorneyId"
    assert "could not be found" in told["error"]
    with app.app_context():
        assert db.session.query(Change).one().state == "dead"


@pytest.mark.postgresql_at_length
def test_a_change_of_something_else_in_clio_meanwhile_stays(app, client, clio, own_firm, token):
    """W5: different fields merge."""
    number, external_id, _ = first(app)
    own_firm.upstreams.clio.put("matters", {"id": int(external_id), "client_reference": "Their 7"})
    told = patch(client, number, token(), description="Ours").get_json()
    assert (told["description"], told["clientReference"]) == ("Ours", "Their 7")


@pytest.mark.postgresql_at_length
def test_a_change_of_the_same_thing_in_clio_meanwhile_is_a_conflict_with_what_is_there(
    app, client, clio, own_firm, token
):
    """W5: a newer edit is never overwritten."""
    number, external_id, _ = first(app)
    own_firm.upstreams.clio.put("matters", {"id": int(external_id), "description": "Theirs"})
    body = refused(patch(client, number, token(), description="Ours"), 409, "conflict")
    assert body["details"]["current"]["description"] == "Theirs"
    assert own_firm.upstreams.clio.get("matters", int(external_id))["description"] == "Theirs"
    assert patch(client, number, token("staff"), description="Ours").get_json()["description"] == "Ours"


@pytest.mark.postgresql_at_length
def test_a_lost_sign_in_is_said_as_one(app, client, clio, own_firm, token):
    number, _, _ = first(app)
    own_firm.upstreams.clio.revoke()
    header = token()
    for _ in range(2):  # found out, then known
        body = refused(patch(client, number, header, description="Ours"), 401, "needs_reconnect")
        assert "econnect" in body["error"]
    with app.app_context():
        assert db.session.get_one(Connection, clio).status == "needs_reconnect"
    assert client.get(f"/api/matters/{number}", headers=header).status_code == 200
    refused(client.get(f"/api/matters/{number}?fresh=true", headers=header), 401, "needs_reconnect")


@pytest.mark.postgresql_at_length
def test_what_clio_does_not_allow_is_forbidden_and_silence_is_to_be_tried_later(app, client, clio, own_firm, token):
    number, _, _ = first(app)
    header = token()
    own_firm.upstreams.clio.script("/matters/*", {"status": 403, "method": "PATCH", "times": 1})
    refused(patch(client, number, header, description="Ours"), 403, "forbidden")


@pytest.mark.one_database
def test_a_paused_connection_writes_nothing(app, client, clio, own_firm, token):
    """W9"""
    number, _, _ = first(app)
    own_firm.change(clio, status="paused")
    assert "paused" in refused(patch(client, number, token(), description="Ours"), 409, "conflict")["error"]


@pytest.mark.postgresql_at_length
def test_a_closed_matter_takes_nothing_but_its_reopening(app, client, clio, token):
    number, _, _ = first(app, status="Closed")
    header = token()
    assert "closed" in refused(patch(client, number, header, description="Ours"), 409, "conflict")["error"]
    told = patch(client, number, header, status="Open", description="Ours").get_json()
    assert (told["status"], told["description"]) == ("open", "Ours")


@pytest.mark.one_database
def test_another_services_record_is_no_matter(app, client, own_firm, token):
    clockify = own_firm.connect("clockify")
    own_firm.read(clockify, "projects", kind="full")
    with app.app_context():
        number = db.session.query(Record.id).limit(1).scalar()
    refused(client.get(f"/api/matters/{number}", headers=token()), 404, "not_found")


@pytest.mark.one_database
def test_a_change_for_which_clio_asks_us_to_wait_is_kept_once_and_told_so_however_often_it_is_asked_for(
    app, client, clio, own_firm, ours
):
    """It is sent by itself: a program that tries again after the time it was told must not have it sent twice."""
    number, _, _ = first(app)
    own_firm.upstreams.clio.script("/matters/*", {"status": 429, "headers": {"Retry-After": "40"}, "times": 9})

    told = [refused(patch(client, number, ours, description="Third tenant"), 503, "unavailable") for _ in range(3)]

    assert all("is sent by itself" in one["error"] and one["retryAfter"] > 20 for one in told), told
    with app.app_context():
        assert [one.state for one in db.session.query(Change).filter_by(record_id=number)] == ["pending"]
