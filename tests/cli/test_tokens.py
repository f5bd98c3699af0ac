"""`flask tokens`: made, listed and revoked; shown once."""

import pytest

pytestmark = pytest.mark.one_database


def test_a_token_is_made_listed_and_revoked(console):
    console("users", "add", "ana@example.com", "--role", "admin")
    text = console("tokens", "add", "ANA@example.com", "--scope", "write", "--name", "Intake").out.splitlines()[-1]
    made = console.json("tokens", "add", "ana@example.com", "--scope", "read", "--days", "7")
    assert text.startswith("ic_")
    assert made["token"].startswith("ic_")
    assert made["scopes"] == ["read"]

    rows = console.lines("tokens", "list")
    assert [(row["id"], row["state"], row["scopes"]) for row in rows] == [
        (2, "live", ["read"]),
        (1, "live", ["read", "write"]),
    ]
    assert not {"token", "token_hash"} & rows[0].keys()
    assert text not in console("tokens", "list").out

    assert console("tokens", "revoke", 1).status == 0
    assert console.lines("tokens", "list")[1]["state"] == "revoked"


def test_what_cannot_be_used_is_said_in_one_line(console):
    console("users", "add", "ana@example.com", "--role", "admin")
    assert console("tokens", "add", "else@example.com", "--scope", "read").failed("else@example.com")
    assert console("tokens", "add", "ana@example.com", "--scope", "read", "--days", "0").failed("days", status=2)
    assert console("tokens", "add", "ana@example.com").status == 2
    assert console("tokens", "revoke", 9).failed("no API token 9")
