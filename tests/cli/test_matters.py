"""`flask matters`: listed, those without a limitation date, those that are due, and one shown."""

import pytest

from .conftest import clio

pytestmark = pytest.mark.one_database


def test_matters_are_listed_and_shown(console, upstreams):
    number = clio(console, upstreams)
    console.json("sync", number, "--only", "matters")

    every = console.lines("matters", "list")
    assert len(every) == upstreams.clio.ledger()["matters"]
    one = every[0]
    assert {"id", "clioId", "displayName", "displayNumber", "customFieldValues", "statuteOfLimitations"} <= one.keys()
    assert console.json("matters", "show", one["id"]) == one
    assert console.json("matters", "show", f"clio:{one['clioId']}", "--connection", number)["id"] == one["id"]
    assert console.json("matters", "show", one["id"], "--fresh")["displayNumber"] == one["displayNumber"]
    assert one["displayNumber"] in console("matters", "show", one["id"]).out
    assert len(console.lines("matters", "list", "--limit", "3")) == 3

    without = console.lines("matters", "list", "--without-limitation")
    assert without
    assert {row["statuteOfLimitations"] for row in without} == {None}
    assert "closed" not in {row["status"] for row in without}
    due = console.lines("matters", "list", "--due-within", "30")
    days = [row["statuteOfLimitations"]["dueAt"] for row in due]
    assert days
    assert days == sorted(days)
    assert len(console.lines("matters", "list", "--due-within", "0")) < len(due)
    assert days[0] in console("matters", "list", "--due-within", "30").out


def test_what_is_not_there_is_said_in_one_line(console):
    assert console("matters", "show", "17").failed("no such matter")
    assert console("matters", "show", "clio:x").failed("no such matter")
    assert console("matters", "list", "--without-limitation", "--due-within", "3").failed("not both", status=2)
    assert console("matters", "list", "--due-within", "soon").status == 2
    assert console("matters", "list", "--connection", 99).failed("no connection 99")
    assert console("matters", "list").out.strip() == "No matter matches."
