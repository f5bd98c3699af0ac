"""What every stand-in can do: be looked at, be told what to answer, be squeezed, be taken down."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from integration_console.sandbox import Sandbox
from integration_console.sandbox.limits import Windows
from integration_console.sandbox.shelf import Shelf

ROOT = Path(__file__).resolve().parents[2]
http = urllib3.PoolManager(retries=False)


@pytest.fixture
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


def get(sandbox, path="/matters", **options):
    headers = {"Authorization": f"Bearer {sandbox.clio.access_token}"}
    return http.request("GET", sandbox.clio.api_url + path, headers=headers, **options)


def control(sandbox, name, sent=None):
    url = f"{sandbox.clio.url}/__sandbox__/{name}"
    return http.request("POST", url, json=sent) if sent is not None else http.request("GET", url)


def test_it_listens_on_loopback_only(sandbox):
    assert all(upstream.url.startswith("http://127.0.0.1:") for upstream in sandbox.upstreams.values())


def test_every_request_is_remembered_with_its_answer(sandbox):
    get(sandbox, "/matters?limit=1")
    http.request("GET", f"{sandbox.clio.api_url}/users")

    assert [(seen.method, seen.path, seen.query, seen.status) for seen in sandbox.clio.requests] == [
        ("GET", "/api/v4/matters", "limit=1", 200),
        ("GET", "/api/v4/users", "", 401),
    ]


def test_a_scripted_answer_comes_as_often_as_it_was_told_and_then_the_truth_again(sandbox):
    sandbox.clio.script(
        "/matters", {"status": 503, "body": {"error": "busy"}, "headers": {"Retry-After": "7"}, "times": 2}
    )

    answers = [get(sandbox) for _ in range(3)]

    assert [answer.status for answer in answers] == [503, 503, 200]
    assert (answers[0].json(), answers[0].headers["Retry-After"]) == ({"error": "busy"}, "7")


def test_a_script_can_let_some_calls_pass_first_and_leave_other_addresses_alone(sandbox):
    sandbox.clio.script("/mat*", {"status": 500, "after": 1})

    assert [get(sandbox, path).status for path in ("/users", "/matters", "/matters")] == [200, 200, 500]


def test_a_scripted_delay_can_go_before_the_true_answer(sandbox):
    sandbox.clio.script("/users", {"delay_s": 0.2, "through": True})
    began = time.monotonic()

    assert get(sandbox, "/users").status == 200
    assert time.monotonic() - began >= 0.2


def test_a_cut_answer_promises_more_than_it_sends(sandbox):
    sandbox.clio.script("/matters", {"body": {"data": list(range(100))}, "cut": True})

    with pytest.raises((urllib3.exceptions.IncompleteRead, urllib3.exceptions.ProtocolError)):
        get(sandbox)


def test_a_raw_answer_goes_out_as_it_is(sandbox):
    sandbox.clio.script("/matters", {"raw": b"SMTP says hello\r\n\r\n"})

    with pytest.raises(urllib3.exceptions.HTTPError):
        get(sandbox)


def test_another_process_can_look_change_and_script_over_http(sandbox):
    control(sandbox, "put", {"resource": "matters", "record": {"id": 17, "location": "Elsewhere"}})
    control(sandbox, "delete", {"resource": "matters", "id": 18})
    control(sandbox, "script", {"path": "/users", "answer": {"status": 418}})

    assert sandbox.clio.record("matters", 17)["location"] == "Elsewhere"
    assert control(sandbox, "ledger").json()["matters"] == 899
    assert get(sandbox, "/users").status == 418
    assert [seen["status"] for seen in control(sandbox, "requests").json()] == [418]


def test_limits_can_be_changed_while_it_runs(sandbox):
    sandbox.clio.limits = (1, 60.0)

    assert [get(sandbox).status for _ in range(2)] == [200, 429]


def test_a_fixed_window_forgets_all_calls_at_its_end_and_a_sliding_one_each_in_turn():
    fixed, sliding = Windows("fixed"), Windows("sliding")

    def take(windows: Windows) -> bool:
        return windows.take("a", 2, 1.5).refused

    assert [take(fixed) for _ in range(3)] == [False, False, True]
    assert [take(sliding) for _ in range(3)] == [False, False, True]
    time.sleep(1.6)
    assert not take(fixed)
    assert not take(sliding)


def test_a_shelf_makes_a_record_from_its_number_and_keeps_edits_on_top():
    shelf = Shelf(1_000_000, lambda number: {"id": number, "name": f"N{number}"})
    added = shelf.put(None, {"name": "New"})
    shelf.put(5, {"name": "Edited"})
    shelf.delete(6)

    assert (added, len(shelf), shelf.get(6), shelf.get(5)["name"]) == (1_000_001, 1_000_000, None, "Edited")
    assert shelf.get(999_999)["name"] == "N999999"
    assert [next(shelf.numbers(after=5)), next(shelf.numbers_down())] == [7, 1_000_001]


def test_the_same_seed_makes_the_same_firm():
    with Sandbox() as one, Sandbox() as other:
        assert one.clio.record("contacts", 300) == other.clio.record("contacts", 300)
        assert one.ghl.record("contacts", 300) == other.ghl.record("contacts", 300)


def test_the_three_services_tell_of_the_same_people(sandbox):
    contact, lead = sandbox.clio.record("contacts", 12), sandbox.ghl.record("contacts", 12)
    staff = {sandbox.clio.record("users", number)["email"] for number in range(1, 13)}

    assert (contact["first_name"], contact["last_name"]) == (lead["firstName"], lead["lastName"])
    assert sandbox.clockify.record("users", 1)["email"] in staff
    assert sandbox.clockify.record("projects", 1)["name"] == sandbox.clio.record("matters", 7)["display_number"]


def test_a_living_sandbox_changes_by_itself(sandbox):
    before = {key: upstream.ledger() for key, upstream in sandbox.upstreams.items()}
    versions = {key: _edits(upstream) for key, upstream in sandbox.upstreams.items()}

    for upstream in sandbox.upstreams.values():
        upstream.stir()

    assert sandbox.clio.ledger()["activities"] == before["clio"]["activities"] + 1
    assert all(_edits(upstream) > versions[key] for key, upstream in sandbox.upstreams.items())


def _edits(upstream) -> int:
    return sum(shelf.version for shelf in upstream.shelves.values())


def test_a_stopped_sandbox_hangs_up_on_kept_connections():
    sandbox = Sandbox().start()
    assert get(sandbox).status == 200
    sandbox.stop()

    with pytest.raises(urllib3.exceptions.HTTPError):
        get(sandbox)


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "integration_console.sandbox", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_the_command_prints_one_line_of_json_and_ends_cleanly_when_told():
    process = command("--limits", "clio=2/60")
    told = json.loads(process.stdout.readline())
    url = f"{told['clio']['api_url']}/users"
    headers = {"Authorization": f"Bearer {told['clio']['token']['access_token']}"}
    statuses = [http.request("GET", url, headers=headers).status for _ in range(3)]
    process.send_signal(signal.SIGTERM)

    assert statuses == [200, 200, 429]
    assert set(told["ghl"]) >= {"api_url", "auth_url", "token_url", "api_key", "location_id", "token"}
    assert set(told["clockify"]) == {"api_url", "api_key", "workspace_id"}
    assert process.communicate(timeout=5) == ("", "")
    assert process.returncode == 0


def test_the_command_can_end_with_the_process_that_started_it():
    process = command("--with-parent")
    process.stdout.readline()
    process.stdin.close()

    assert process.wait(timeout=5) == 0


def test_it_refuses_to_start_in_production():
    process = command(env={**os.environ, "APP_ENV": "production"})
    out, error = process.communicate(timeout=10)

    assert (process.returncode, out, len(error.splitlines())) == (1, "", 1)


def test_a_large_firm_is_ready_at_once_and_finds_its_last_record():
    with Sandbox(size="large") as sandbox:
        activities = sandbox.clio.shelves["activities"]
        assert (len(activities), activities.edited) == (1_000_000, {})  # none is made before it is asked for
        answer = get(sandbox, "/activities/1000000?fields=id,type,matter{id}")

    assert answer.json()["data"]["id"] == 1_000_000
