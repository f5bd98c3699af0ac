"""Clio, read from the sandbox: every list whole, changes only, one record, and the words of its failures."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

import pytest

from integration_console import services
from integration_console.errors import BadAnswer, ConsoleError, Missing, NotAllowed

from .conftest import moment

CLIO = services.by_key("clio")


@pytest.mark.parametrize("resource", CLIO.resources)
def test_a_list_is_read_whole_in_as_few_calls_as_there_are_full_pages(clio, resource):
    there = clio.sandbox.ledger()[resource]
    before = clio.calls()

    records = clio.records(resource)

    parts = len(CLIO.resources[resource].splits)  # notes are listed by what they are on
    assert len({record["id"] for record in records}) == len(records) == there
    if parts == 1:
        assert clio.calls() - before == max(1, ceil(there / 200))


def test_clio_counts_what_it_lists(clio):
    *_, last = clio.pages("matters")

    assert last.upstream_count == clio.sandbox.ledger()["matters"]
    assert last.cursor is None


def test_notes_on_matters_and_on_contacts_are_counted_together(clio):
    pages = list(clio.pages("notes"))

    assert {record["type"] for page in pages for record in page.items} == {"Matter", "Contact"}
    assert pages[-1].upstream_count == clio.sandbox.ledger()["notes"] == sum(len(page.items) for page in pages)


def test_every_page_names_where_the_list_goes_on(clio):
    """P4: a read that was cut off after any page goes on behind it, and both halves make the whole."""
    pages = list(clio.pages("notes"))

    assert len(pages) > 1
    for number, page in enumerate(pages[:-1]):
        rest = list(clio.pages("notes", cursor=page.cursor))
        assert [one.items for one in rest] == [one.items for one in pages[number + 1 :]]
        assert rest[-1].upstream_count == pages[-1].upstream_count


def test_an_increment_brings_what_changed_and_nothing_else(fresh_clio):
    """P3."""
    newest = max(moment(record["updated_at"]) for record in fresh_clio.records("contacts"))
    number = fresh_clio.records("contacts")[3]["id"]
    fresh_clio.sandbox.put("contacts", {"id": number, "title": "Judge"})
    before = fresh_clio.calls()

    changed = fresh_clio.records("contacts", full=False, since=newest + timedelta(seconds=1))

    assert [(record["id"], record["title"]) for record in changed] == [(number, "Judge")]
    assert fresh_clio.calls() - before == 1


def test_nothing_changed_costs_one_call(fresh_clio):
    newest = max(moment(record["updated_at"]) for record in fresh_clio.records("matters"))
    before = fresh_clio.calls()

    assert fresh_clio.records("matters", full=False, since=newest + timedelta(seconds=1)) == []
    assert fresh_clio.calls() - before == 1


def test_a_full_read_ignores_when_it_last_read(clio):
    assert clio.records("users", full=True, since=moment("2100-01-01")) == clio.records("users")


@pytest.mark.parametrize("resource", CLIO.resources)
def test_one_record_is_the_same_as_in_its_list(clio, resource):
    (first, *_) = clio.records(resource)

    assert clio.one(resource, first["id"]) == first


@pytest.mark.parametrize("resource", ["matters", "currencies"])
def test_a_record_that_is_not_there_is_missing(clio, resource):
    """With an address of its own, and only in its list."""
    with pytest.raises(Missing):
        clio.one(resource, 999_999_999)


def test_a_matter_brings_its_custom_values_and_its_limitation_date(clio):
    matters = clio.records("matters")

    values = [value for matter in matters for value in matter["custom_field_values"] or ()]
    assert {"id", "field_name", "field_type", "value", "custom_field", "picklist_option"} == values[0].keys()
    assert any(matter["statute_of_limitations"] and matter["statute_of_limitations"]["due_at"] for matter in matters)


def test_a_matter_is_called_by_its_number_and_what_it_is_about(clio):
    (matter, *_) = clio.records("matters")

    assert CLIO.matters.name_of(matter) == f"{matter['display_number']} {matter['description']}"[:200]


def test_the_account_is_the_firm_not_the_user(clio):
    """K5: what a connection is pinned to."""
    account = clio.service.account(clio.upstream)

    assert account.id
    assert account.name
    assert account.facts["Region"] == "US"
    assert account.facts["Signed in as"]


def test_trust_money_is_marked():
    """W8."""
    assert {key for key, one in CLIO.resources.items() if one.trust} == {
        "bank_accounts", "bank_transactions", "trust_line_items",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"type": "UnauthorizedError", "message": "User is not authorized"}}, "User is not authorized"),
        ({"error": "invalid_token", "error_description": "The access token is expired"}, "The access token is expired"),
    ],
)
def test_both_shapes_of_a_refusal_are_understood(fresh_clio, body, words):
    fresh_clio.sandbox.script("/users", {"status": 401, "body": body, "times": 9})

    with pytest.raises(ConsoleError) as told:
        fresh_clio.records("users")

    assert words in f"{told.value} {told.value.raw}"


def test_a_role_that_may_not_read_bills_stops_only_bills(fresh_clio):
    body = {"error": {"type": "ForbiddenError", "message": "User is forbidden from taking that action"}}
    fresh_clio.sandbox.script("/bills", {"status": 403, "body": body})

    with pytest.raises(NotAllowed):
        fresh_clio.records("bills")


def test_moved_practice_areas_stop_only_practice_areas(fresh_clio):
    fresh_clio.sandbox.script("/practice_areas", {"status": 307, "headers": {"Location": "/elsewhere"}})

    with pytest.raises(NotAllowed):
        fresh_clio.records("practice_areas")


@pytest.mark.parametrize("body", [b"<html>Down</html>", {"data": {"id": 1}}, {"meta": {}}])
def test_an_answer_without_a_list_is_not_used(fresh_clio, body):
    """P5."""
    fresh_clio.sandbox.script("/users", {"status": 200, "body": body})

    with pytest.raises(BadAnswer):
        fresh_clio.records("users")


def test_a_next_link_that_goes_in_circles_ends_the_read(fresh_clio):
    """P4."""
    body = {"data": [{"id": 1}], "meta": {"paging": {"next": "https://app.clio.com/api/v4/users?page_token=again"}}}
    fresh_clio.sandbox.script("/users", {"status": 200, "body": body, "times": 5})

    with pytest.raises(BadAnswer):
        fresh_clio.records("users")


@pytest.mark.parametrize("away", ["https://evil.example.com/", "//evil.example.com/", "http://app.clio.com/", "x://y/"])
def test_a_next_link_to_another_origin_is_refused(fresh_clio, away):
    """X3."""
    body = {"data": [{"id": 1}], "meta": {"paging": {"next": f"{away}?page_token=YWZ0ZXI6MQ=="}}}
    fresh_clio.sandbox.script("/users", {"status": 200, "body": body})

    with pytest.raises(BadAnswer, match="another host"):
        fresh_clio.records("users")
    assert fresh_clio.calls() == 1


@pytest.mark.parametrize("home", ["https://app.clio.com", "https://eu.app.clio.com", ""])
def test_only_the_token_of_a_next_link_is_taken_never_its_host(fresh_clio, home):
    """X3: behind a relay of the firm, Clio's links still name Clio."""
    link = f"{home}/api/v4/users.json?page_token=YWZ0ZXI6MQ=="
    fresh_clio.sandbox.script(
        "/users", {"status": 200, "body": {"data": [{"id": 1}], "meta": {"paging": {"next": link}}}}
    )

    assert len(fresh_clio.records("users")) == fresh_clio.sandbox.ledger()["users"]
