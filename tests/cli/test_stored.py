"""`flask runs`, `records`, `transactions`, `errors`, `check`, `logs report`, `purge`: what was stored, read back."""

import pytest
from sqlalchemy import create_engine, text

from .conftest import clio

pytestmark = pytest.mark.one_database


def test_what_a_run_stored_is_read_back_line_by_line(console, upstreams):
    number = clio(console, upstreams)
    console.json("sync", number, "--only", "matters", "--only", "users")
    ledger = upstreams.clio.ledger()

    records = console.lines("records", number, "matters")
    assert len(records) == ledger["matters"]
    assert {"external_id", "data", "updated_at", "deleted_at", "first_seen_at"} <= records[0].keys()
    assert records[0]["data"]["id"] == int(records[0]["external_id"])
    assert len(console("records", number, "matters", "--limit", "3").out.splitlines()) == 3
    assert len(console("records", number, "matters").out.splitlines()) == 50  # for people; programs get all
    assert console.lines("records", number, "matters", "--deleted") == []

    run = console.lines("runs", "--connection", number, "--limit", "1")[0]
    assert (run["state"], run["cause"]) == ("done", "command")
    assert run["resources"]["matters"]["seen"] == ledger["matters"]
    assert "done" in console("runs").out

    calls = console.lines("transactions", "--run", run["id"])
    assert len(calls) == sum(part["calls"] for part in run["resources"].values())
    assert {"method", "url", "status", "duration_ms", "request_headers", "response_body"} <= calls[0].keys()
    assert console.lines("transactions", "--status", "404") == []
    assert len(console.lines("transactions", "--service", "clio", "--since", "1h", "--limit", "2")) == 2
    assert "/matters" in console("transactions", "--connection", number).out

    report = console.lines("logs", "report", "--since", "1h")
    assert sum(line["calls"] for line in report) == len(console.lines("transactions"))
    assert {line["errors"] for line in report} == {0}
    assert "GET" in console("logs", "report").out

    assert "good news" in console("errors").out
    assert console.json("purge") == {}


def test_no_token_is_in_what_was_stored(console, upstreams):
    """X2: neither in the log of calls nor in anything else the commands print."""
    number = clio(console, upstreams)
    console("sync", number, "--only", "users")

    shown = "".join(console(*words, "--json").out for words in (["transactions"], ["runs"], ["connections", "list"]))

    token = upstreams.clio.token_answer()
    assert token["access_token"] not in shown
    assert token["refresh_token"] not in shown


def test_unknown_names_are_wrong_usage(console, upstreams):
    number = clio(console, upstreams)

    assert console("records", number, "dragons").failed("dragons", "matters")
    assert console("records", number, "matters", "--live", "--deleted").status == 2
    assert console("records", 99, "matters").failed("99")
    assert console("runs", "--connection", 99).failed("99")
    assert console("transactions", "--service", "clippo").failed("clippo")
    assert console("transactions", "--since", "soon").status == 2
    assert console("errors", "--state", "lost").status == 2
    assert console("logs", "report", "--since", "9x").status == 2
    assert console("records", number, "matters", "--limit", "0").status == 2


def test_check_names_what_is_not_right(installed, fresh_upstreams):
    console = installed(fresh_upstreams)
    clio(console, fresh_upstreams)
    fine = console("check")
    assert (fine.status, fine.out.count("ok  ")) == (0, len(fine.out.splitlines()))

    fresh_upstreams.clio.revoke()
    ended = console("check", "--json")

    assert ended.status == 3
    assert {line["name"].split()[0]: line["ok"] for line in ended.lines()} == {
        "database": True, "schema": True, "disk": True, "keys": True, "connection": False,
    }  # fmt: skip

    other_keys = console("check", "--json", ENCRYPTION_KEYS="k" * 43 + "=")
    assert other_keys.status == 3
    assert other_keys.lines()[-1]["ok"] is False
    assert "1 of connections" in next(line["message"] for line in other_keys.lines() if line["name"] == "keys")


def test_check_goes_on_where_other_commands_stop(console, database):
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'fff000'"))
    engine.dispose()

    assert console("runs").failed("fff000")
    assert console("sync", 1).failed("fff000")
    assert console("worker", "--once").failed("fff000")
    ended = console("check", "--json")
    assert ended.status == 3
    assert {line["name"]: line["ok"] for line in ended.lines()} == {"database": True, "schema": False, "disk": True}


def test_a_new_key_takes_over(console, upstreams):
    from cryptography.fernet import Fernet

    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    console.environment["ENCRYPTION_KEYS"] = old
    number = clio(console, upstreams)

    assert console.json("keys", "rotate", ENCRYPTION_KEYS=f"{new},{old}")["connections"] == 1
    assert console("connections", "test", number, ENCRYPTION_KEYS=new).status == 0
    assert console("keys", "rotate").status == 3  # the old key opens nothing any more
