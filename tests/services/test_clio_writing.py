"""Clio, written to the sandbox: what is made, what is refused, what is taken back, and what a lost answer left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration_console import clock
from integration_console.errors import BadAnswer, BadRecord, Missing, NotAllowed, Stale, TryLater
from integration_console.services.writing import Write

from .clio_desk import (
    ADJUSTER,
    CASE,
    CHECKED,
    LIMIT,
    LOSS,
    MATTER,
    PASSENGERS,
    PERSON,
    RELATED,
    SOURCE,
    TIME,
    WRITING,
)

# -- creating ---------------------------------------------------------------------------------------------------------


def test_a_new_person_is_answered_as_a_read_shows_it(desk):
    values = {
        **PERSON, "email": "ada@example.com", "phone": "(510) 555-0001", "address.city": "Oakland",
        "address.street": "1 Main St", "date_of_birth": "1980-02-29", "custom:13": "hl-1", "custom:14": "Español",
    }  # fmt: skip
    made = desk.create("contacts", values)

    assert made.record == desk.read("contacts", made.external_id)
    assert made.call_key
    told = WRITING.plain("contacts", made.record)
    assert {name: told[name] for name in values} == values
    assert (made.record["primary_email_address"], made.record["name"]) == ("ada@example.com", "Ada Lee")


def test_a_new_matter_is_answered_as_a_read_shows_it(desk):
    values = {
        **MATTER, "status": "pending", "practice_area.id": "3", "responsible_attorney.id": "2",
        "statute_of_limitations.due_at": "2027-01-31", CASE: "24-CV-9", LOSS: "2026-01-02", SOURCE: "Walk-in",
        LIMIT: 15000.5, PASSENGERS: 3, CHECKED: True, ADJUSTER: "12", RELATED: "14", "billing_method": "contingency",
    }  # fmt: skip
    made = desk.create("matters", values)

    assert made.record == desk.read("matters", made.external_id)
    told = WRITING.plain("matters", made.record)
    assert {name: told[name] for name in values} == values
    assert made.record["status"] == "Pending"


def test_new_time_is_answered_as_a_read_shows_it(desk):
    made = desk.create("activities", {**TIME, "reference": "ce-1", "activity_description.id": "4"})

    assert made.record == desk.read("activities", made.external_id)
    assert (made.record["quantity_in_hours"], made.record["total"]) == (1.5, 525.0)
    assert WRITING.plain("activities", made.record)["reference"] == "ce-1"


def test_empty_values_of_a_new_record_are_not_sent(desk):
    made = desk.create("contacts", {**PERSON, "email": None, "phone": "", "company.id": None, "custom:13": None})

    assert WRITING.plain("contacts", made.record)["email"] is None


def test_a_person_is_written_by_first_and_last_name_only(desk):
    """Clio refuses a person of whom only the whole name is sent; ours says so before it does."""
    made = desk.create("contacts", {**PERSON, "name": "Lee, Ada"})
    with pytest.raises(BadRecord) as told:
        desk.create("contacts", {"type": "Person", "name": "Ada Lee"})

    assert made.record["name"] == "Ada Lee"
    assert told.value.field == "name"


def test_a_company_is_written_by_its_name(desk):
    made = desk.create("contacts", {"type": "Company", "name": "Lee & Sons", "first_name": "Ada"})

    assert (made.record["name"], made.record["first_name"]) == ("Lee & Sons", None)


@pytest.mark.parametrize("through", [{"cut": True}, {"raw": b""}, {"status": 500}])
def test_a_create_whose_answer_is_lost_is_not_sent_twice(desk, through):
    """W3: the transport never repeats a write on its own."""
    desk.sandbox.script("/contacts", {"method": "POST", "body": {"data": {"id": 1}}, **through})
    before = desk.clio.calls()

    with pytest.raises(TryLater):
        desk.create("contacts", PERSON)
    assert [seen.method for seen in desk.clio.asked(before)] == ["POST"]


@pytest.mark.parametrize("body", [b"<html>", {"data": None}, {"data": {"name": "x"}}, []])
def test_a_create_answered_without_a_record_is_as_good_as_lost(desk, body):
    """W2."""
    desk.sandbox.script("/contacts", {"method": "POST", "status": 201, "body": body})

    with pytest.raises(BadAnswer) as told:
        desk.create("contacts", PERSON)
    assert told.value.code == "lost"


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "Client could not be found"}, "client.id"),
        ({"message": ["Description is too long (maximum is 500 characters)"]}, "description"),
        ({"message": "practice_area could not be found"}, "practice_area.id"),
        ({"message": "Unprocessable", "errors": {"responsible_attorney": ["must exist"]}}, "responsible_attorney.id"),
        ({"errors": {"client_reference": ["is taken"]}}, "client_reference"),
        ({"message": "Custom field values value is not a number"}, LIMIT),
        ({"message": "Statute of limitations due at is not a valid date"}, "statute_of_limitations.due_at"),
        ({"message": "Policy limit is too large"}, LIMIT),
        ({"message": "The moon is in the wrong house"}, None),
    ],
)
def test_a_refusal_is_told_at_our_field(desk, body, field):
    """W4: not repeated, and shown where a person can mend it."""
    desk.sandbox.script("/matters/8", {"method": "PATCH", "status": 422, "body": {"error": {"type": "x", **body}}})
    before = desk.clio.calls()
    values = {
        "client.id": "9", "description": "D", "practice_area.id": "2", "responsible_attorney.id": "3", LIMIT: 1.5,
        "client_reference": "R", "statute_of_limitations.due_at": "2027-01-01",
    }  # fmt: skip

    with pytest.raises(BadRecord) as told:
        desk.update("matters", 8, values)
    assert told.value.field == field
    looked = ["GET"]  # of its limitation date; the first one is the test's own
    assert [seen.method for seen in desk.clio.asked(before)] == ["GET", *looked, "PATCH"]


def test_a_refusal_without_a_name_is_told_at_the_name(desk):
    with pytest.raises(BadRecord) as told:
        desk.create("contacts", {"type": "Person", "email": "a@x.org"})

    assert told.value.field == "first_name"
    assert "At least one of first name or last name" in str(told.value)


def test_a_role_that_may_not_write_is_not_a_bad_record(desk):
    desk.sandbox.script("/contacts", {"status": 403, "body": {"error": {"type": "x", "message": "Forbidden"}}})

    with pytest.raises(NotAllowed):
        desk.create("contacts", PERSON)


def test_closed_matters_are_left_alone_unless_the_mapping_says_so():
    closed = {"id": 1, "status": "Closed"}

    assert WRITING.refusal(Write("update", "matters", {}, "1", closed))
    assert WRITING.refusal(Write("update", "matters", {}, "1", closed, allow_closed=True)) is None
    assert WRITING.refusal(Write("update", "matters", {}, "1", {"status": "Open"})) is None


# -- deleting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resource", "values"), [("contacts", PERSON), ("matters", MATTER), ("activities", TIME)])
def test_what_we_made_can_be_taken_back(desk, resource, values):
    made = desk.create(resource, values)
    done = desk.delete(resource, made.external_id, current=made.record)

    assert (done.external_id, done.record) == (made.external_id, None)
    with pytest.raises(Missing):
        desk.read(resource, made.external_id)


def test_a_record_that_was_edited_since_is_not_taken_back(desk):
    made = desk.create("contacts", PERSON)
    desk.sandbox.put("contacts", {"id": int(made.external_id), "title": "Judge"})

    with pytest.raises(Stale):
        desk.delete("contacts", made.external_id, current=made.record)
    assert desk.read("contacts", made.external_id)


def test_a_contact_that_has_become_a_client_is_not_taken_back(desk):
    made = desk.create("contacts", PERSON)
    desk.create("matters", {**MATTER, "client.id": made.external_id})

    assert WRITING.refusal(Write("delete", "contacts", {}, "1", desk.read("contacts", made.external_id)))
    with pytest.raises(BadRecord):
        desk.delete("contacts", made.external_id)
    assert desk.read("contacts", made.external_id)


def test_a_matter_with_work_on_it_is_not_taken_back(desk):
    made = desk.create("matters", MATTER)
    desk.create("activities", {**TIME, "matter.id": made.external_id})

    assert WRITING.refusal(Write("delete", "matters", {}, "1", {"last_activity_date": "2026-03-02"}))
    with pytest.raises(BadRecord):
        desk.delete("matters", made.external_id)


# -- what a lost answer left ------------------------------------------------------------------------------------------

LOST = [
    ("contacts", {**PERSON, "email": "ada@example.com"}),
    ("contacts", {**PERSON, "phone": "(510) 555-0001"}),
    ("contacts", {**PERSON, "first_name": "  Ada "}),
    ("contacts", {"type": "Company", "name": "Lee & Sons"}),
    ("matters", MATTER),
    ("activities", {**TIME, "reference": "ce-1"}),
    ("activities", TIME),
]


@pytest.mark.parametrize(("resource", "values"), LOST)
def test_a_create_that_arrived_is_found_and_one_that_did_not_is_not(desk, resource, values):
    """W3: look it up, never send blindly again."""
    since = clock.now()
    nothing = desk.find(resource, values, since=since)
    made = desk.create(resource, values)

    assert nothing == []
    assert desk.find(resource, values, since=since) == [made.external_id]


def test_records_alike_that_were_there_before_are_not_taken_for_ours(desk):
    desk.create("contacts", PERSON)
    before = desk.find("contacts", PERSON, since=clock.now() - timedelta(seconds=1))
    ahead = desk.find("contacts", PERSON, since=clock.now() + timedelta(minutes=50))  # our clock may be ahead of Clio's
    later = desk.find("contacts", PERSON, since=clock.now() + timedelta(minutes=61))

    assert (len(before), len(ahead), later) == (1, 1, [])


def test_two_alike_are_both_told(desk):
    """W3: several matches go to a person."""
    since = clock.now()
    made = [desk.create("matters", MATTER).external_id for _ in range(2)]

    assert desk.find("matters", MATTER, since=since) == made


def test_a_reference_tells_one_piece_of_work_from_another_just_like_it(desk):
    since = clock.now()
    desk.create("activities", {**TIME, "reference": "ce-1"})
    second = desk.create("activities", {**TIME, "reference": "ce-2"})

    assert desk.find("activities", {**TIME, "reference": "ce-2"}, since=since) == [second.external_id]
    assert desk.find("activities", {**TIME, "reference": "ce-3"}, since=since) == []


def test_hours_the_firm_hides_from_the_account_are_not_told_and_not_empty(desk):
    """P6, W3: the rest of an activity tells it from others, or a lost answer would write its hour again."""
    since = clock.now()
    made = desk.create("activities", TIME)
    hidden = {**made.record, "quantity": None, "quantity_redacted": True}
    desk.clio.sandbox.script("/activities", {"status": 200, "body": {"data": [hidden], "meta": {}}, "times": 2})

    assert "quantity" not in WRITING.plain("activities", hidden)
    assert desk.find("activities", TIME, since=since) == [made.external_id]
    assert desk.find("activities", {**TIME, "note": "Letter"}, since=since) == []


def test_a_record_that_tells_less_is_not_taken_for_one_that_is_the_same(desk):
    """W3: what Clio keeps from this account is no likeness."""
    since = clock.now()
    made = desk.create("contacts", PERSON)
    hidden = {name: value for name, value in made.record.items() if name in ("id", "etag", "type")}
    desk.clio.sandbox.script("/contacts", {"status": 200, "body": {"data": [hidden], "meta": {}}})

    assert desk.find("contacts", PERSON, since=since) == []


def test_people_who_share_an_address_are_told_apart(desk):
    since = clock.now()
    desk.create("contacts", {**PERSON, "first_name": "Ben", "email": "lee@example.com"})

    assert desk.find("contacts", {**PERSON, "email": "lee@example.com"}, since=since) == []


def test_without_a_time_a_contact_is_searched_for(desk):
    made = desk.create("contacts", {**PERSON, "email": "ada@example.com"})

    assert desk.find("contacts", {**PERSON, "email": "ada@example.com"}) == [made.external_id]
    assert desk.find("contacts", PERSON) == []


def test_only_creates_are_looked_for(desk):
    write = Write("update", "contacts", PERSON, "7", since=clock.now())
    before = desk.clio.calls()

    assert WRITING.find(desk.clio.upstream, write) == []
    assert desk.clio.calls() == before
