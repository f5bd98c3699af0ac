"""`flask connections`: accounts come and go by the command line; nothing is kept of what did not work."""

import json

import pytest

from .conftest import clio

pytestmark = pytest.mark.one_database


def test_each_service_is_connected_and_no_credential_is_ever_shown(console, upstreams):
    told = upstreams.described()
    console.connect("clio", told["clio"]["token"], name="Clio of the firm")
    console.connect("ghl", {"api_key": told["ghl"]["api_key"]}, location_id=told["ghl"]["location_id"])
    console.connect("clockify", {"api_key": told["clockify"]["api_key"]})

    ended = console("connections", "list", "--json")

    listed = ended.lines()
    assert {c["service"]: c["status"] for c in listed} == dict.fromkeys(("clio", "ghl", "clockify"), "connected")
    assert all(c["account_id"] and c["account_name"] and "last_sync_at" in c for c in listed)
    assert all(f"/webhooks/{c['service']}/{c['key']}" in c["webhook_url"] for c in listed), "where deliveries go"
    assert not any("credentials" in c for c in listed)
    for secret in (told["clio"]["token"]["access_token"], told["ghl"]["api_key"], told["clockify"]["api_key"]):
        assert secret not in ended.out
    assert "Clio of the firm" in console("connections", "list").out


def test_a_connection_is_tested_paused_resumed_and_removed(installed, fresh_upstreams):
    console = installed(fresh_upstreams)
    number = clio(console, fresh_upstreams)

    assert fresh_upstreams.clio.firm.name in console("connections", "test", number).out
    assert console.json("connections", "pause", number)["status"] == "paused"
    assert console("sync", number).failed("paused")
    assert console.json("connections", "resume", number)["status"] == "connected"
    assert console("connections", "resume", number).failed("not paused")
    assert console("connections", "remove", number).status == 0
    assert console.lines("connections", "list") == []
    assert console("connections", "test", number).failed(f"no connection {number}")


def test_a_wrong_key_is_refused_and_nothing_is_kept(console, upstreams):
    add = ("connections", "add", "clockify", "--name", "Hours")

    assert console(*add, "--api-key-stdin", stdin="wrong-key").failed("Clockify")
    assert console(*add, "--api-key-stdin", stdin="").failed("key")
    assert console("connections", "add", "clio", "--name", "C", "--token-stdin", stdin="<html>").failed("token answer")
    assert console(
        "connections", "add", "clio", "--name", "C", "--token-stdin",
        stdin=json.dumps({"access_token": "expired", "token_type": "bearer"}),
    ).failed("Clio")  # fmt: skip
    assert console.lines("connections", "list") == []


def test_wrong_usage_ends_with_two(console, upstreams):
    key = upstreams.clockify.api_key

    def add(service, *more):
        return console("connections", "add", service, "--name", "X", *more, stdin=key)

    assert add("clippo", "--api-key-stdin").failed("clippo", "clockify")
    assert add("clockify", "--api-key-stdin", "--setting", "moon=full").failed("moon", status=2)
    assert add("clockify", "--api-key-stdin", "--setting", "moon").failed("NAME=VALUE", status=2)
    assert console(
        "connections", "add", "clio", "--name", "X", "--token-stdin", "--setting", "region=mars",
        stdin=json.dumps(upstreams.clio.token_answer()),
    ).failed("region")  # fmt: skip
    assert add("ghl", "--api-key-stdin").failed("Location ID is missing. Add: --setting location_id=...", status=2)
    assert add("clockify").status == 2
    assert console("connections", "test", "first").status == 2
    assert console("connections", "jump").status == 2
