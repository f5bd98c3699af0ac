"""The sandbox's HighLevel, asked over HTTP as the console asks the real one."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3

from integration_console.sandbox import Sandbox
from integration_console.sandbox.ghl.records import id_of, number_of

http = urllib3.PoolManager(retries=False)


@pytest.fixture(scope="module")
def shared():
    """A sandbox for tests that only read."""
    with Sandbox(limits={"ghl": (100_000, 10.0)}) as sandbox:
        yield sandbox.ghl


@pytest.fixture
def ghl():
    with Sandbox() as sandbox:
        yield sandbox.ghl


def call(ghl, path, method="GET", sent=None, **headers):
    headers = {"Authorization": f"Bearer {ghl.api_key}", "Version": "2021-07-28", **headers}
    return http.request(method, ghl.api_url + path, headers=headers, **({"json": sent} if sent is not None else {}))


def search(ghl, **asked):
    return call(ghl, "/contacts/search", "POST", {"locationId": ghl.location_id, "pageLimit": 100, **asked})


def every_contact(ghl, **asked):
    found, after = [], {}
    while page := search(ghl, **asked, **after).json()["contacts"]:
        found, after = found + page, {"searchAfter": page[-1]["searchAfter"]}
    return found


# Contacts


@pytest.mark.parametrize(
    "sort",
    [
        [],
        [{"field": "dateUpdated", "direction": "asc"}],
        [{"field": "dateUpdated", "direction": "desc"}],
        [{"field": "lastName", "direction": "asc"}],
    ],
)
def test_search_after_reaches_every_contact_once_in_any_order(shared, sort):
    found = every_contact(shared, sort=sort)

    assert len({one["id"] for one in found}) == len(found) == shared.ledger()["contacts"]


def test_contacts_sorted_by_change_come_oldest_first(shared):
    times = [one["dateUpdated"] for one in every_contact(shared, sort=[{"field": "dateUpdated", "direction": "asc"}])]

    assert times == sorted(times)


def test_a_range_on_date_updated_finds_what_changed_since(ghl):
    changed = ghl.put("contacts", {"id": id_of("contacts", 7), "city": "Elsewhere"})
    since = {"field": "dateUpdated", "operator": "range", "value": {"gte": changed["dateUpdated"]}}

    assert [one["id"] for one in search(ghl, filters=[since]).json()["contacts"]] == [changed["id"]]


def test_filters_are_joined_by_and_and_groups_by_or(shared):
    lead, oakland = (
        {"field": "type", "operator": "eq", "value": "lead"},
        {"field": "city", "operator": "eq", "value": "oakland"},
    )
    both = search(shared, filters=[lead, oakland]).json()
    either = search(shared, filters=[{"group": "OR", "filters": [lead, oakland]}]).json()

    assert {(one["type"], one["city"]) for one in both["contacts"]} == {("lead", "Oakland")}
    assert either["total"] > both["total"] > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"pageLimit": None},
        {"pageLimit": 501},
        {"locationId": None},
        {"bogus": 1},
        {"page": 101},
        {"filters": [{"field": "city", "operator": "eq", "value": "x" * 76}]},
        {"filters": [{"field": "city"}]},
        {"page": 1, "searchAfter": [1, "x"]},
    ],
)
def test_a_search_that_makes_no_sense_is_refused_with_a_list_of_reasons(shared, wrong):
    answer = search(shared, **wrong)

    assert answer.status == 422
    assert isinstance(answer.json()["message"], list)


def test_search_says_null_and_address_where_get_leaves_out_and_says_address1(shared):
    bare = next(one for one in every_contact(shared) if one["email"] is None and one["address"])
    told = call(shared, f"/contacts/{bare['id']}").json()["contact"]

    assert "email" not in told
    assert told["address1"] == bare["address"]


def test_notes_and_tasks_hang_on_their_contact(shared):
    for resource in ("notes", "tasks"):
        contact = shared.record(resource, 3)["contactId"]
        told = call(shared, f"/contacts/{contact}/{resource}").json()[resource]
        assert shared.record(resource, 3)["id"] in [one["id"] for one in told]


def test_tasks_of_a_whole_location_can_be_searched(shared):
    path = f"/locations/{shared.location_id}/tasks/search"
    told = call(shared, path, "POST", {"completed": False, "limit": 100}).json()["tasks"]

    assert len(told) == 80
    assert not any(one["completed"] for one in told)


# Opportunities


def test_get_search_pages_by_start_after_and_points_its_next_url_nowhere(shared):
    found, query = [], {"location_id": shared.location_id, "limit": 100}
    while True:
        told = call(shared, f"/opportunities/search?{urlencode(query)}").json()
        found += told["opportunities"]
        if not told["meta"]["nextPage"]:
            break
        assert shared.url not in told["meta"]["nextPageUrl"]
        query.update(startAfter=told["meta"]["startAfter"], startAfterId=told["meta"]["startAfterId"])

    assert len({one["id"] for one in found}) == told["meta"]["total"] == shared.ledger()["opportunities"]


def test_get_search_wants_snake_case(shared):
    assert call(shared, f"/opportunities/search?locationId={shared.location_id}").status == 422


def test_post_search_pages_by_the_sort_of_the_last_record(shared):
    found, after = [], {}
    while page := call(
        shared, "/opportunities/search", "POST", {"locationId": shared.location_id, "limit": 100, **after}
    ).json()["opportunities"]:
        found, after = found + page, {"searchAfter": page[-1]["sort"]}

    assert len({one["id"] for one in found}) == shared.ledger()["opportunities"]


def test_an_opportunity_stands_in_a_pipeline_that_exists(shared):
    told = call(shared, f"/opportunities/pipelines?locationId={shared.location_id}").json()["pipelines"]
    stages = {(pipeline["id"], stage["id"]) for pipeline in told for stage in pipeline["stages"]}
    found = [shared.record("opportunities", number) for number in range(1, 221)]

    assert {(one["pipelineId"], one["pipelineStageId"]) for one in found} <= stages


# Who may come in, and how fast


def test_a_missing_or_wrong_version_is_refused(shared):
    path = f"/calendars/?locationId={shared.location_id}"

    assert call(shared, path).status == 400
    assert call(shared, path, Version="2021-04-15").status == 200
    assert call(shared, f"/users/?locationId={shared.location_id}", Version="").status == 400


def test_a_foreign_location_is_forbidden_wherever_it_is_named(shared):
    answers = [
        call(shared, "/locations/foreign"),
        call(shared, "/opportunities/search?location_id=foreign"),
        search(shared, locationId="foreign"),
    ]

    assert [answer.status for answer in answers] == [403, 403, 403]
    assert "traceId" in answers[0].json()


def test_limits_are_told_in_headers_and_kept(ghl):
    ghl.limits = (2, 10.0)
    answers = [call(ghl, f"/locations/{ghl.location_id}") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    told = {
        name: answers[0].headers[f"X-RateLimit-{name}"]
        for name in ("Max", "Remaining", "Interval-Milliseconds", "Limit-Daily", "Daily-Remaining")
    }
    assert told == {
        "Max": "2",
        "Remaining": "1",
        "Interval-Milliseconds": "10000",
        "Limit-Daily": "200000",
        "Daily-Remaining": "199999",
    }


def test_a_revoked_key_is_an_invalid_token(ghl):
    ghl.revoke()
    answer = call(ghl, f"/locations/{ghl.location_id}")

    assert (answer.status, answer.json()["error"]) == (401, "Unauthorized")


def token(ghl, **sent):
    fields = {"client_id": ghl.client_id, "client_secret": ghl.client_secret, **sent}
    return http.request("POST", ghl.token_url, fields=fields, encode_multipart=False)


def test_signing_in_goes_over_the_location_page(ghl):
    asked = {
        "response_type": "code", "client_id": ghl.client_id, "redirect_uri": "http://localhost/back",
        "scope": "locations.readonly",
    }  # fmt: skip
    assert http.request("GET", f"{ghl.auth_url}?{urlencode(asked)}").status == 200
    answer = http.request(
        "POST", ghl.auth_url, fields={**asked, "decision": "approve"}, redirect=False, encode_multipart=False
    )
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    told = token(ghl, grant_type="authorization_code", code=code, redirect_uri="http://localhost/back").json()

    assert (told["locationId"], told["userType"], told["expires_in"]) == (ghl.location_id, "Location", 86_399)
    assert call(ghl, f"/locations/{ghl.location_id}", Authorization=f"Bearer {told['access_token']}").status == 200
    refused = call(ghl, f"/users/?locationId={ghl.location_id}", Authorization=f"Bearer {told['access_token']}")
    assert (refused.status, "scope" in refused.json()["message"]) == (401, True)


def test_a_refresh_token_works_once_and_brings_the_next(ghl):
    first = ghl.token_answer()["refresh_token"]
    told = token(ghl, grant_type="refresh_token", refresh_token=first).json()
    again = token(ghl, grant_type="refresh_token", refresh_token=first)

    assert (again.status, again.json()["error"]) == (400, "invalid_grant")
    assert token(ghl, grant_type="refresh_token", refresh_token=told["refresh_token"]).status == 200


def test_the_token_address_takes_forms_only(ghl):
    assert http.request("POST", ghl.token_url, json={"grant_type": "refresh_token"}).status == 422


# Writing


def test_a_new_contact_reads_back_under_other_names(ghl):
    field = id_of("custom_fields", 9)
    created = call(
        ghl,
        "/contacts/",
        "POST",
        {
            "locationId": ghl.location_id,
            "firstName": "Ada",
            "lastName": "Lee",
            "email": "ada@example.com",
            "customFields": [{"id": field, "field_value": "00017"}],
        },
    ).json()["contact"]

    told = call(ghl, f"/contacts/{created['id']}").json()["contact"]
    assert (told["name"], told["customFields"]) == ("Ada Lee", [{"id": field, "value": "00017"}])


def test_a_twin_is_refused_and_an_upsert_changes_the_first(ghl):
    sent = {"locationId": ghl.location_id, "email": "ada@example.com", "firstName": "Ada"}
    first = call(ghl, "/contacts/upsert", "POST", sent).json()
    second = call(ghl, "/contacts/upsert", "POST", {**sent, "city": "Reno"}).json()

    assert (first["new"], second["new"], second["contact"]["city"]) == (True, False, "Reno")
    assert first["contact"]["id"] == second["contact"]["id"]
    assert call(ghl, "/contacts/", "POST", sent).status == 400


def test_unknown_properties_are_refused(ghl):
    contact = id_of("contacts", 1)

    assert call(ghl, f"/contacts/{contact}", "PUT", {"locationId": ghl.location_id}).json()["message"] == [
        "property locationId should not exist"
    ]


def test_tags_can_be_added_and_removed_but_a_put_replaces_them(ghl):
    path = f"/contacts/{id_of('contacts', 1)}"
    call(ghl, path, "PUT", {"tags": ["one"]})
    added = call(ghl, f"{path}/tags", "POST", {"tags": ["Two"]}).json()["tags"]
    removed = call(ghl, f"{path}/tags", "DELETE", {"tags": ["one"]}).json()["tags"]

    assert (added, removed) == (["one", "two"], ["two"])


def test_an_opportunity_moves_and_says_when(ghl):
    before = ghl.record("opportunities", 4)
    status = "lost" if before["status"] != "lost" else "won"
    told = call(ghl, f"/opportunities/{before['id']}", "PUT", {"status": status}).json()["opportunity"]

    assert (told["status"], told["updatedAt"] > before["updatedAt"]) == (status, True)
    assert told["lastStatusChangeAt"] > before["lastStatusChangeAt"]


def test_a_deleted_contact_is_gone(ghl):
    contact = id_of("contacts", 1)

    assert call(ghl, f"/contacts/{contact}", "DELETE").json()["succeded"] is True
    assert call(ghl, f"/contacts/{contact}").status == 400
    assert ghl.ledger()["contacts"] == 499


def test_ids_are_opaque_and_lead_back_to_their_number():
    ids = {id_of("contacts", number) for number in range(1, 2_000)}

    assert len(ids) == 1_999
    assert all(number_of("contacts", id_of("contacts", number)) == number for number in (1, 500, 99_999))
    assert number_of("contacts", "never given out") == 0


def test_what_is_written_is_kept_tidied_up(ghl):
    sent = {
        "email": " Ada@Example.com ",
        "phone": "(510) 555-9876",
        "dateOfBirth": "09/25/1990",
        "tags": ["VIP", "vip"],
    }
    told = call(ghl, f"/contacts/{id_of('contacts', 1)}", "PUT", sent).json()["contact"]

    assert (told["email"], told["phone"], told["tags"]) == ("ada@example.com", "+15105559876", ["vip"])
    assert told["dateOfBirth"] == "1990-09-25T00:00:00.000Z"


def test_a_birthday_is_searched_in_milliseconds_and_read_as_a_time(ghl):
    contact = ghl.put("contacts", {"id": id_of("contacts", 1), "dateOfBirth": "1969-12-31T00:00:00.000Z"})
    found = next(one for one in every_contact(ghl) if one["id"] == contact["id"])

    assert found["dateOfBirth"] == -86_400_000
    assert call(ghl, f"/contacts/{contact['id']}").json()["contact"]["dateOfBirth"] == contact["dateOfBirth"]


def test_an_emptied_field_is_gone_and_an_emptied_custom_field_too(ghl):
    contact, field = id_of("contacts", 1), id_of("custom_fields", 9)
    for value in ("1", ""):
        sent = {"city": value, "customFields": [{"id": field, "field_value": value}]}
        told = call(ghl, f"/contacts/{contact}", "PUT", sent).json()["contact"]

    assert "city" not in told
    assert field not in [one["id"] for one in told["customFields"]]


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ({"gender": "f"}, "property gender should not exist"),
        ({"email": "nobody"}, "email must be an email"),
        ({"postalCode": None}, "postalCode must be a string"),
        ({"dnd": "no"}, "dnd must be a boolean value"),
        ({"tags": "vip"}, "tags must be an array"),
        ({"dateOfBirth": "long ago"}, "dateOfBirth must be a valid date"),
        ({"customFields": [{"field_value": "x"}]}, "customFields.0.id should not be empty"),
    ],
)
def test_a_wrong_change_is_refused_with_a_list_of_reasons(shared, sent, complaint):
    answer = call(shared, f"/contacts/{id_of('contacts', 1)}", "PUT", sent)

    assert (answer.status, answer.json()["message"]) == (422, [complaint])


def test_a_change_takes_a_company_though_no_document_says_so(ghl):
    told = call(ghl, f"/contacts/{id_of('contacts', 1)}", "PUT", {"companyName": "Harbor & Co", "type": "customer"})

    assert told.json()["contact"]["companyName"] == "Harbor & Co"


def test_a_twin_is_told_by_whom_and_by_what(ghl):
    one, other = ghl.put("contacts", {"email": "ada@example.com"}), ghl.put("contacts", {"phone": "+15105559876"})
    by_email = call(ghl, f"/contacts/{other['id']}", "PUT", {"email": "Ada@example.com"})
    by_phone = call(ghl, "/contacts/", "POST", {"locationId": ghl.location_id, "phone": "510 555 9876"})

    assert [answer.status for answer in (by_email, by_phone)] == [400, 400]
    assert by_email.json()["meta"].items() >= {"contactId": one["id"], "matchingField": "email"}.items()
    assert by_phone.json()["meta"].items() >= {"contactId": other["id"], "matchingField": "phone"}.items()


def test_duplicates_are_looked_up_by_address_or_number(ghl):
    made = ghl.put("contacts", {"email": "ada@example.com", "phone": "+15105559876"})
    asked = [{"email": "ADA@example.com"}, {"number": "+15105559876"}, {"email": "nobody@example.com"}]
    told = [
        call(ghl, f"/contacts/search/duplicate?{urlencode({'locationId': ghl.location_id, **one})}").json()["contact"]
        for one in asked
    ]

    assert [one and one["id"] for one in told] == [made["id"], made["id"], None]


def test_a_creation_is_answered_without_the_whole_name(ghl):
    sent = {"locationId": ghl.location_id, "firstName": "Ada", "lastName": "Lee", "timezone": "UTC"}
    told = call(ghl, "/contacts/", "POST", sent).json()["contact"]

    assert told["fullNameLowerCase"] == "ada lee"
    assert not {"name", "timezone"} & told.keys()


def test_an_opportunity_must_be_in_a_state_there_is(ghl):
    path = f"/opportunities/{id_of('opportunities', 1)}"

    assert call(ghl, path, "PUT", {"status": "solved"}).status == 422
    assert call(ghl, path, "PUT", {"monetaryValue": None}).status == 422
    assert call(ghl, path, "PUT", {"source": "Website"}).status == 422
