"""`flask sync`: read here and now, take over what a dead process left, step aside for a living one."""

import signal
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from .conftest import clio, clockify, end, wait_for

NUMBERS = ("seen", "new", "changed", "same", "deleted", "refused", "calls", "waited_seconds", "complete")


def test_a_full_read_then_an_increment_then_one_record(console, upstreams):
    number = clio(console, upstreams)
    ledger = upstreams.clio.ledger()

    first = console.json("sync", number, "--full", "--only", "matters", "--only", "users")

    assert first["state"] == "done"
    assert list(first["resources"]) == ["users", "matters"] or set(first["resources"]) == {"users", "matters"}
    matters = first["resources"]["matters"]
    assert set(NUMBERS) <= matters.keys()
    assert (matters["seen"], matters["new"], matters["complete"]) == (ledger["matters"], ledger["matters"], True)
    assert matters["calls"] == -(-ledger["matters"] // 200)

    again = console.json("sync", number, "--only", "matters")["resources"]["matters"]
    assert (again["new"], again["changed"], again["complete"]) == (0, 0, True)

    one = console.json("sync", number, "--record", "contacts:1")
    assert (one["state"], one["resources"]["contacts"]["seen"]) == ("done", 1)
    assert [r["external_id"] for r in console.lines("records", number, "contacts")] == ["1"]


@pytest.mark.one_database
def test_people_get_a_table_and_a_sentence(console, upstreams):
    number = clockify(console, upstreams)

    ended = console("sync", number, "--only", "tags")

    assert ended.status == 0
    assert ended.err == ""
    assert "tags" in ended.out
    assert ended.out.splitlines()[-1].startswith("Run 1: done.")

    again = console("sync", number, "--full", "--only", "tags", "--only", "clients")
    told = "Forecast: about 1 call, 0.1 minutes at the allowed speed, and what was never read before."
    assert again.out.splitlines()[0] == told


@pytest.mark.one_database
def test_wrong_usage_and_unknown_things(console, upstreams):
    number = clockify(console, upstreams)

    assert console("sync", number, "--only", "dragons").failed("dragons", "projects")
    assert console("sync", number, "--record", "tags").failed("resource:id", status=2)
    assert console("sync", number, "--record", "tags:1", "--full").status == 2
    assert console("sync", 999).failed("999")
    assert console("sync", number, "--record", "tags:999").status in (1, 3)
    assert [run["kind"] for run in console.lines("runs")] == ["record"]


@pytest.mark.one_database
def test_a_missing_right_stops_one_resource_and_ends_with_three(installed, fresh_upstreams):
    console = installed(fresh_upstreams)
    number = clio(console, fresh_upstreams)
    fresh_upstreams.clio.script("/matters", {"status": 403, "body": {"error": {"message": "no"}}, "times": 9})

    ended = console("sync", number, "--only", "matters", "--only", "users", "--json")

    assert ended.status == 3
    receipt = ended.json()
    assert receipt["state"] == "done_with_problems"
    assert receipt["resources"]["users"]["complete"]
    assert not receipt["resources"]["matters"]["complete"]
    assert [issue["kind"] for issue in console.lines("errors", "--state", "open")] == ["permission"]


@pytest.mark.one_database
def test_a_revoked_token_ends_with_one_and_says_to_reconnect(installed, fresh_upstreams):
    console = installed(fresh_upstreams)
    number = clio(console, fresh_upstreams)
    fresh_upstreams.clio.revoke()

    assert console("sync", number, "--json").failed()
    assert [c["status"] for c in console.lines("connections", "list")] == ["needs_reconnect"]
    assert console("sync", number).failed("reconnected")


def test_a_killed_sync_is_finished_by_the_next_one(installed, fresh_upstreams, database):
    """D4, P1: the dead process's run is taken over at once; nothing is lost, nothing doubled."""
    console = installed(fresh_upstreams, LEASE_SECONDS="600")
    number = clio(console, fresh_upstreams)
    fresh_upstreams.clio.script("/contacts", {"delay_s": 30, "through": True, "after": 2})
    begun = console.starting("sync", number, "--full", "--only", "contacts")
    wait_for(lambda: _records(database) >= 400, "the second page")
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    fresh_upstreams.clio.unscript()

    receipt = console.json("sync", number, "--full", "--only", "contacts")

    ledger = fresh_upstreams.clio.ledger()["contacts"]
    assert (receipt["run_id"], receipt["state"]) == (1, "done")
    assert receipt["resources"]["contacts"]["seen"] == ledger
    assert _records(database) == ledger
    assert len(console.lines("runs")) == 1


@pytest.mark.one_database
def test_a_living_run_is_left_alone_and_ctrl_c_ends_it_at_a_page_edge(installed, fresh_upstreams, database):
    """D3, D4: one live run per connection and resource; SIGTERM closes it within ten seconds."""
    console = installed(fresh_upstreams)
    number = clio(console, fresh_upstreams)
    fresh_upstreams.clio.script("/contacts", {"delay_s": 1.5, "through": True, "times": 50})
    begun = console.starting("sync", number, "--full", "--only", "contacts")
    wait_for(lambda: _records(database), "the first page")

    assert console("sync", number, "--only", "contacts").failed("Run 1", "contacts")

    kept = _records(database)
    assert end(begun, signal.SIGTERM, within_s=10).failed("Cancelled")
    run = console.lines("runs")[0]
    assert (run["state"], run["lease_owner"]) == ("interrupted", None)
    assert _records(database) >= kept

    fresh_upstreams.clio.unscript()
    assert console.json("sync", number, "--only", "contacts")["state"] == "done"
    assert _records(database) == fresh_upstreams.clio.ledger()["contacts"]


@pytest.mark.one_database
def test_a_run_of_another_machine_is_taken_over_when_its_lease_ends(console, upstreams, database):
    """D2: of a process elsewhere only the lease tells whether it is alive."""
    number = clockify(console, upstreams)
    console.json("sync", number, "--only", "tags")
    soon = datetime.now(UTC) + timedelta(seconds=4)
    _execute(
        database,
        f"UPDATE sync_run SET state = 'running', lease_owner = 'elsewhere:7', ended_at = NULL, "
        f"lease_until = '{soon:%Y-%m-%d %H:%M:%S.%f}'",
        "UPDATE run_part SET live = true, state = 'running'",
    )

    receipt = console.json("sync", number, "--only", "tags")

    assert (receipt["run_id"], receipt["state"]) == (1, "done")


@pytest.mark.one_database
def test_the_worker_does_what_is_due_once(console, upstreams):
    number = clockify(console, upstreams)
    assert console.json("worker", "--once") == {"runs": 0}

    _execute(
        console.environment["DATABASE_URL"],
        f"UPDATE connection SET frequency = 'hourly', next_due_at = '2026-01-01 00:00:00' WHERE id = {number}",
    )

    assert console.json("worker", "--once") == {"runs": 1}
    assert [(r["cause"], r["state"]) for r in console.lines("runs", "--connection", number)] == [("schedule", "done")]


def _records(database: str) -> int:
    return _execute(database, "SELECT count(*) FROM record")


def _execute(database: str, *statements: str):
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        answer = results[-1].scalar() if results[-1].returns_rows else None
    engine.dispose()
    return answer
