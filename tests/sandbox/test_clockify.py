"""The sandbox's Clockify, asked over HTTP as the console asks the real one."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import urllib3

from integration_console.sandbox import Sandbox
from integration_console.sandbox.clockify.records import duration, id_of

http = urllib3.PoolManager(retries=False)
NOBODY = "0" * 24


@pytest.fixture(scope="module")
def shared():
    """A sandbox for tests that only read."""
    with Sandbox(limits={"clockify": (100_000, 1.0)}, clockify_entities=True) as sandbox:
        yield sandbox.clockify


@pytest.fixture
def clockify():
    with Sandbox(clockify_entities=True) as sandbox:
        yield sandbox.clockify


def call(clockify, path, method="GET", sent=None, **headers):
    """`/users` is read as `/workspaces/<the workspace>/users`."""
    headers = {"X-Api-Key": clockify.api_key, **headers}
    path = path.removeprefix("//") if path.startswith("//") else f"workspaces/{clockify.workspace_id}{path}"
    body = {"json": sent} if sent is not None else {}
    return http.request(method, f"{clockify.api_url}/{path}", headers=headers, **body)


def every_page(clockify, path):
    found, page, is_last = [], 1, "false"
    while is_last == "false":
        answer = call(clockify, f"{path}{'&' if '?' in path else '?'}page={page}&page-size=200")
        found, page, is_last = found + answer.json(), page + 1, answer.headers["Last-Page"]
    return found


def entries(clockify, user, query=""):
    return every_page(clockify, f"/user/{id_of('users', user)}/time-entries{query}")


# Reading


def test_the_account_and_its_workspace_are_told(shared):
    user, workspaces = call(shared, "//user").json(), call(shared, "//workspaces").json()

    assert user["activeWorkspace"] == workspaces[0]["id"] == shared.workspace_id
    assert user["settings"]["timeZone"] == "America/Los_Angeles"


@pytest.mark.parametrize("resource", ["projects", "clients", "tags"])
def test_every_list_can_be_read_to_its_last_page(shared, resource):
    assert len({one["id"] for one in every_page(shared, f"/{resource}")}) == shared.ledger()[resource]


def test_a_wrong_spelling_of_page_size_gives_fifty(shared):
    assert len(call(shared, "/projects?pageSize=200").json()) == 50


def test_deleted_people_show_only_when_asked_for(shared):
    usual, everybody = (call(shared, f"/users{query}").json() for query in ("", "?status=ALL"))

    assert "DELETED" not in {one["status"] for one in usual}
    assert {one["status"] for one in everybody} == {
        "ACTIVE",
        "DELETED",
        "LIMITED",
        "NOT_REGISTERED",
        "PENDING_EMAIL_VERIFICATION",
    }
    assert len(everybody) == shared.ledger()["users"] == 14


def test_every_time_entry_is_found_by_asking_for_every_person(shared):
    found = [one for user in range(1, 15) for one in entries(shared, user)]

    assert len({one["id"] for one in found}) == len(found) == shared.ledger()["time_entries"] == 1_500


def test_entries_come_youngest_first(shared):
    starts = [one["timeInterval"]["start"] for one in entries(shared, 1)]

    assert starts == sorted(starts, reverse=True)


def test_a_running_timer_has_neither_end_nor_duration(shared):
    running = call(shared, "/time-entries/status/in-progress").json()

    assert len(running) == 3
    assert {(one["timeInterval"]["end"], one["timeInterval"]["duration"]) for one in running} == {(None, None)}
    user = running[0]["userId"]
    assert call(shared, f"/user/{user}/time-entries?in-progress=true").json() == [running[0]]


def test_a_window_is_read_on_the_clock_of_the_account(clockify):
    entry = clockify.put(
        "time_entries",
        {
            "userId": id_of("users", 1),
            "timeInterval": {"start": "2026-07-01T16:00:00Z", "end": "2026-07-01T17:00:00Z", "duration": "PT1H"},
        },
    )

    inside = entries(clockify, 1, "?start=2026-07-01T09:00:00Z&end=2026-07-01T09:00:00Z")
    outside = entries(clockify, 1, "?start=2026-07-01T16:00:00Z&end=2026-07-01T16:00:00Z")
    assert [one["id"] for one in inside] == [entry["id"]]
    assert entry["id"] not in [one["id"] for one in outside]


def test_some_entries_lie_at_the_change_of_the_clocks(shared):
    found = [shared.record("time_entries", number)["timeInterval"]["start"] for number in range(1_497, 1_501)]

    assert all(start[5:7] in ("03", "11") for start in found)


def test_custom_fields_come_whole_and_without_pages(shared):
    answer = call(shared, "/custom-fields?page=2&page-size=1")

    assert len(answer.json()) == 4
    assert "Last-Page" not in answer.headers


def test_tasks_belong_to_a_project(shared):
    project = id_of("projects", 1)

    assert {one["projectId"] for one in every_page(shared, f"/projects/{project}/tasks")} == {project}


def test_archived_projects_are_left_out_only_when_told(shared):
    usual, living = every_page(shared, "/projects"), every_page(shared, "/projects?archived=false")

    assert len(usual) - len(living) == sum(one["archived"] for one in usual) > 0


# Refusals


@pytest.mark.parametrize(
    "path", [f"/projects/{NOBODY}", f"/clients/{NOBODY}", f"/time-entries/{NOBODY}", f"/user/{NOBODY}/time-entries"]
)
def test_an_unknown_id_is_a_bad_request_and_never_not_found(shared, path):
    answer = call(shared, path)

    assert (answer.status, answer.json()["code"]) == (400, 501)


def test_wrong_addresses_and_methods_have_their_own_code(shared):
    address, method = call(shared, "/nothing"), call(shared, "/custom-fields", "DELETE")

    assert (address.status, address.json()["code"]) == (404, 3000)
    assert (method.status, method.json()["code"], method.headers["Allow"]) == (405, 3000, "GET")


def test_each_way_of_not_signing_in_has_its_code(shared):
    url = f"{shared.api_url}/user"
    codes = [
        http.request("GET", url, headers=headers).json()["code"]
        for headers in (
            {},
            {"X-Api-Key": "wrong"},
            {"X-Addon-Token": "wrong"},
            {"X-Api-Key": "a", "X-Addon-Token": "b"},
        )
    ]

    assert codes == [1000, 4003, 4017, 1000]


def test_one_call_too_many_gets_no_hint_when_to_come_back(clockify):
    clockify.limits = (1, 3600.0)
    answers = [call(clockify, "//user") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 429]
    assert not [name for name in answers[1].headers if "retry" in name.lower() or "ratelimit" in name.lower()]


# Changes


def test_entities_are_unknown_unless_asked_for(clockify):
    clockify.has_entities = False

    assert call(clockify, "/entities/updated?type=TIME_ENTRY").json()["code"] == 3000


def test_entities_tell_what_was_created_updated_and_deleted(clockify):
    here = ZoneInfo(clockify.get("users", 1)["settings"]["timeZone"])  # a Z means nothing
    since = (datetime.now(here) - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    clockify.put("time_entries", {"id": id_of("time_entries", 5), "description": "Corrected"})
    made = clockify.put("time_entries", {"description": "New"})
    clockify.delete("time_entries", 6)

    told = {
        kind: call(clockify, f"/entities/{kind}?type=TIME_ENTRY&start={since}&limit=200").json()["response"]
        for kind in ("created", "updated", "deleted")
    }
    assert made["id"] in [one["id"] for one in told["created"]]
    assert [one["id"] for one in told["updated"]] == [id_of("time_entries", 5)]
    assert [one["id"] for one in told["deleted"]] == [id_of("time_entries", 6)]


# Writing


def test_a_value_written_under_the_reading_name_is_silently_lost(clockify):
    field, start = id_of("custom_fields", 1), "2026-03-02T14:00:00Z"
    value = [{"customFieldId": field, "value": "00017"}]
    kept, lost = (
        call(clockify, "/time-entries", "POST", {"start": start, "end": start, name: value}).json()
        for name in ("customFields", "customFieldValues")
    )

    assert (kept["customFieldValues"][0]["value"], lost["customFieldValues"]) == ("00017", [])


def test_an_entry_without_an_end_runs_until_it_is_stopped(clockify):
    user = id_of("users", 1)
    started = call(clockify, "/time-entries", "POST", {"start": "2026-03-02T14:00:00Z"}).json()
    stopped = call(clockify, f"/user/{user}/time-entries", "PATCH", {"end": "2026-03-02T15:45:00Z"}).json()

    assert started["timeInterval"]["end"] is None
    assert (stopped["id"], stopped["timeInterval"]["duration"]) == (started["id"], "PT1H45M")


def test_a_put_loses_what_it_leaves_out(clockify):
    entry = next(one for one in entries(clockify, 1) if one["projectId"] and one["timeInterval"]["end"])
    told = call(clockify, f"/time-entries/{entry['id']}", "PUT", entry["timeInterval"]).json()

    assert (told["projectId"], told["description"], told["billable"]) == (None, "", False)


def test_a_name_is_taken_while_its_project_exists_and_only_the_archived_can_be_deleted(clockify):
    project = call(clockify, "/projects", "POST", {"name": "Lease dispute", "isPublic": True}).json()
    path = f"/projects/{project['id']}"
    answers = [
        call(clockify, "/projects", "POST", {"name": "Lease dispute"}),
        call(clockify, path, "DELETE"),
        call(clockify, path, "PUT", {"name": "Lease dispute", "archived": True}),
        call(clockify, path, "DELETE"),
        call(clockify, "/projects", "POST", {"name": "Lease dispute"}),
    ]

    assert project["public"] is True
    assert [answer.status for answer in answers] == [400, 400, 200, 200, 201]


def test_a_locked_entry_refuses_a_change(clockify):
    locked = id_of("time_entries", 97)

    assert call(clockify, f"/time-entries/{locked}", "PUT", {"start": "2026-03-02T14:00:00Z"}).status == 400


def test_a_deleted_entry_is_gone(clockify):
    name = id_of("time_entries", 5)

    assert call(clockify, f"/time-entries/{name}", "DELETE").status == 204
    assert call(clockify, f"/time-entries/{name}").status == 400
    assert clockify.ledger()["time_entries"] == 1_499


def test_durations_do_not_fold_hours_into_days():
    assert [duration(length_s) for length_s in (0, 59, 5_400, 90_000)] == ["PT0S", "PT59S", "PT1H30M", "PT25H"]


def test_a_put_of_a_client_loses_what_it_leaves_out(clockify):
    client = clockify.put("clients", {"name": "Ada", "note": "N", "ccEmails": ["a@example.com"], "currencyId": "c"})
    told = call(clockify, f"/clients/{client['id']}", "PUT", {"name": "Ada"}).json()

    assert (told["note"], told["ccEmails"], told["currencyId"], told["archived"]) == (None, [], None, False)
    assert "currencyCode" not in told


def test_a_put_of_a_project_loses_what_it_leaves_out(clockify):
    project = clockify.record("projects", 4)
    told = call(clockify, f"/projects/{project['id']}", "PUT", {"name": project["name"], "public": True}).json()

    assert project["hourlyRate"]
    assert {told[name] for name in ("clientId", "clientName", "hourlyRate")} == {None}
    assert (told["billable"], told["public"], told["note"]) == (False, False, "")  # `public` is read, never written


def test_a_client_is_made_without_copies_of_its_invoices(clockify):
    sent = {"name": "Ada", "ccEmails": ["a@example.com"], "currencyId": "c", "archived": True}
    told = call(clockify, "/clients", "POST", sent).json()

    assert (told["ccEmails"], told["currencyId"], told["archived"]) == ([], None, False)


@pytest.mark.parametrize(
    ("path", "sent", "complaint"),
    [
        ("clients", {"name": "Ada", "ccEmails": ["a@example.com"] * 4}, "Number of additional emails"),
        ("clients", {"name": "Ada", "email": "nobody"}, "for field: [email]"),
        ("clients", {"name": "A" * 101}, "length must be between"),
        ("projects", {"name": "Ada", "color": "blue"}, "for field: [color]"),
        ("projects", {"name": "Ada", "clientId": NOBODY}, "Client doesn't belong"),
        ("projects", {"color": "#000000"}, "length must be between"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(shared, path, sent, complaint):
    answer = call(shared, f"/{path}/{id_of(path, 1)}", "PUT", sent)

    assert (answer.status, answer.json()["code"]) == (400, 501)
    assert complaint in answer.json()["message"]


def test_an_archived_record_keeps_its_name_to_itself(shared):
    archived = next(one for one in every_page(shared, "/clients") if one["archived"])

    assert "already exists" in call(shared, "/clients", "POST", {"name": archived["name"]}).json()["message"]


def test_a_locked_entry_refuses_to_go(shared):
    assert call(shared, f"/time-entries/{id_of('time_entries', 97)}", "DELETE").status == 400


STRANGER = {"customFieldId": NOBODY, "sourceType": "WORKSPACE", "value": "x"}


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ({"tagIds": [NOBODY]}, "Tag doesn't belong"),
        ({"customFields": [STRANGER]}, "Custom field doesn't belong"),
        ({"customFields": [STRANGER] * 51}, "between 0 and 50"),
    ],
)
def test_an_entry_names_only_what_there_is(shared, sent, complaint):
    answer = call(shared, "/time-entries", "POST", {"start": "2026-03-02T14:00:00Z", **sent})

    assert answer.status == 400
    assert complaint in answer.json()["message"]


def test_a_new_entry_has_a_value_of_every_field_it_must_have(clockify):
    field = id_of("custom_fields", 1)
    clockify.put("custom_fields", {"id": field, "required": True})
    sent = {"start": "2026-03-02T14:00:00Z"}

    assert "is required" in call(clockify, "/time-entries", "POST", sent).json()["message"]
    sent["customFields"] = [{"customFieldId": field, "sourceType": "WORKSPACE", "value": "M-001"}]
    assert call(clockify, "/time-entries", "POST", sent).status == 201


@pytest.mark.parametrize("left_out", ["url", "webhookEvent", "triggerSource", "triggerSourceType"])
def test_a_hook_says_whose_events_it_is_about(shared, left_out):
    sent = {
        "name": "Ours", "url": "https://example.com", "webhookEvent": "NEW_PROJECT",
        "triggerSourceType": "WORKSPACE_ID", "triggerSource": [shared.workspace_id],
    }  # fmt: skip
    del sent[left_out]

    assert call(shared, "/webhooks", "POST", sent).status == 400
