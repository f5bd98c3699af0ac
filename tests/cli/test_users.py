"""`flask users`: people are added, listed and kept out; passwords are never shown again."""

import pytest

pytestmark = pytest.mark.one_database


def test_a_person_is_added_listed_and_kept_out(console):
    made = console("users", "add", "Ana@Example.com", "--role", "admin", "--name", "Ana Ruiz")
    given = console(
        "users", "add", "bo@example.com", "--role", "staff", "--password-stdin", stdin="a long walk on the beach\n"
    )
    assert (made.status, given.status) == (0, 0)
    assert "shown only now" in made.out
    assert "beach" not in given.out

    assert console("users", "disable", "BO@example.com").status == 0

    people = console.lines("users", "list")
    assert [(p["email"], p["role"], p["active"]) for p in people] == [
        ("ana@example.com", "admin", True),
        ("bo@example.com", "staff", False),
    ]
    assert not {"password", "password_hash"} & people[0].keys()
    assert "ana@example.com" in console("users", "list").out


def test_what_cannot_be_used_is_said_in_one_line(console):
    console("users", "add", "ana@example.com", "--role", "admin")

    assert console("users", "add", "ana@example.com", "--role", "staff").failed("already")
    assert console("users", "add", "b@example.com", "--role", "staff", "--password-stdin", stdin="short").failed()
    assert console("users", "add", "nobody", "--role", "staff").failed("e-mail", status=2)
    assert console("users", "disable", "else@example.com").failed("else@example.com")
    assert console("users", "disable", "ana@example.com").failed("last administrator")
    assert console("users", "add", "b@example.com", "--role", "queen").status == 2
    assert len(console.lines("users", "list")) == 1
