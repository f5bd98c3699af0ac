"""Clio, changed in the sandbox: what is sent of a record, of time, and of a limitation date."""

from __future__ import annotations

import pytest

from integration_console.errors import BadRecord, Missing, Stale
from integration_console.services.writing import CUSTOM, Write, value_of

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
    RESOURCES,
    SOURCE,
    TIME,
    UNBILLED,
    WRITING,
)

# -- changing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "number", "change"),
    [
        ("contacts", 7, {"title": "Judge"}),
        ("contacts", 7, {"address.city": "Reno"}),
        ("contacts", 7, {"custom:14": "中文"}),
        ("matters", 8, {"client_reference": "R-1"}),
        ("matters", 8, {CHECKED: True}),
        ("matters", 8, {"practice_area.id": None}),
        ("activities", UNBILLED, {"note": "Letter"}),
    ],
)
def test_only_what_differs_changes(desk, resource, number, change):
    """All other plain values go along, as they were read."""
    before = desk.plain(resource, number)
    done = desk.update(resource, number, {**before, **change})

    after = WRITING.plain(resource, done.record)
    assert after != before
    derived = {"practice_area.name"} if "practice_area.id" in change else set()
    changed = {name for name in before.keys() | after.keys() if value_of(before, name) != value_of(after, name)}
    assert changed - derived == change.keys()
    assert {name: after[name] for name in change} == change
    assert done.record == desk.read(resource, number)


def test_a_change_carries_the_version_it_was_made_from(desk):
    """W5: a newer edit is never overwritten."""
    old = desk.read("matters", 8)
    desk.sandbox.put("matters", {"id": 8, "location": "Upstairs"})

    with pytest.raises(Stale):
        desk.update("matters", 8, {"client_reference": "R-1"}, current=old)
    assert desk.read("matters", 8)["client_reference"] is None
    assert WRITING.version_of("matters", old) == old["etag"]
    assert WRITING.conditional == {*RESOURCES}


def test_a_record_that_is_gone_is_missing(desk):
    old = desk.read("contacts", 1_000)
    desk.sandbox.delete("contacts", 1_000)

    with pytest.raises(Missing):
        desk.update("contacts", 1_000, {"title": "Judge"}, current=old)


def test_status_is_written_in_lower_case(desk):
    done = desk.update("matters", 8, {"status": "Closed"}, allow_closed=True)

    assert done.record["status"] == "Closed"


def test_a_value_that_was_sent_empty_clears_and_one_that_was_not_stays(desk):
    """P6."""
    desk.update("contacts", 7, {"title": "Dr.", "prefix": "Ms."})
    done = desk.update("contacts", 7, {"title": None})

    assert (done.record["title"], done.record["prefix"]) == (None, "Ms.")


def test_the_primary_address_changes_in_its_place(desk):
    made = desk.create("contacts", {**PERSON, "email": "a@x.org", "phone": "555-0001"})
    done = desk.update("contacts", made.external_id, {"email": "b@x.org", "phone": "555-0002"})

    assert [one["address"] for one in done.record["email_addresses"]] == ["b@x.org"]
    assert done.record["email_addresses"][0]["id"] == made.record["email_addresses"][0]["id"]
    assert WRITING.plain("contacts", done.record)["phone"] == "555-0002"


def test_an_address_that_is_there_already_becomes_the_primary_one(desk):
    made = desk.create("contacts", {**PERSON, "email": "a@x.org"})
    number = int(made.external_id)
    desk.sandbox.put("contacts", {"id": number, "email_addresses": [{"name": "Home", "address": "b@x.org"}]})
    done = desk.update("contacts", number, {"email": "B@x.org"})

    told = WRITING.plain("contacts", done.record)
    assert (told["email"], told["other_emails"]) == ("b@x.org", ["a@x.org"])


def test_clearing_removes_the_primary_entry(desk):
    made = desk.create("contacts", {**PERSON, "email": "a@x.org", "phone": "555", "address.city": "Reno"})
    done = desk.update("contacts", made.external_id, {"email": None, "phone": None, "address.city": None})

    assert [done.record[name] for name in ("email_addresses", "phone_numbers", "addresses")] == [[], [], []]


def test_one_part_of_an_address_leaves_the_others(desk):
    before = desk.plain("contacts", 7)
    done = desk.update("contacts", 7, {"address.postal_code": None})

    told = WRITING.plain("contacts", done.record)
    assert (told["address.postal_code"], told["address.street"]) == (None, before["address.street"])
    assert len(done.record["addresses"]) == 1


def test_an_entry_is_added_where_there_is_none(desk):
    made = desk.create("contacts", PERSON)
    done = desk.update("contacts", made.external_id, {"email": "a@x.org", "address.city": "Reno"})

    told = WRITING.plain("contacts", done.record)
    assert (told["email"], told["address.city"]) == ("a@x.org", "Reno")
    assert done.record["email_addresses"][0]["primary"] is True


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        (CASE, "24-CV-1", "24-CV-2"), (LOSS, "2026-01-01", "2026-01-02"), (SOURCE, "Web", "Referral"),
        (LIMIT, 0.1, 100000.25), (PASSENGERS, 2, 3), (CHECKED, True, False), (ADJUSTER, "3", "4"),
        (RELATED, "3", "4"), ("custom:9", "Line\nLine", "Other"), ("custom:10", "https://x.org", "https://y.org"),
        ("custom:11", "09:30", "10:00"), ("custom:12", "a@x.org", "b@x.org"),
    ],
)  # fmt: skip
def test_a_custom_value_is_made_by_its_definition_changed_by_its_own_id_and_taken_away(desk, field, first, second):
    made = desk.create("matters", MATTER)
    values = [
        WRITING.plain("matters", desk.update("matters", made.external_id, {field: value}).record).get(field)
        for value in (first, second, None)
    ]

    assert values == [first, second, None]
    told = desk.plain("matters", made.external_id)
    assert value_of(told, field) is None
    assert told[CUSTOM] is True


def test_a_field_that_is_shown_and_empty_is_filled_by_its_definition(desk):
    """Clio shows it with a null id, which nothing can be written to."""
    made = desk.create("matters", MATTER)
    shown = {one["custom_field"]["id"]: one["id"] for one in made.record["custom_field_values"]}
    done = desk.update("matters", made.external_id, {CASE: "24-CV-1"})

    assert shown == {1: None, 5: None}
    assert {one["custom_field"]["id"]: one["id"] for one in done.record["custom_field_values"]}[1].startswith(
        "text_line-"
    )


@pytest.mark.parametrize("value", ["google ads", "33"])
def test_a_choice_is_known_by_its_text_in_any_case_or_by_its_id(desk, value):
    done = desk.update("matters", 8, {SOURCE: value})

    assert WRITING.plain("matters", done.record)[SOURCE] == "Google Ads"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (SOURCE, "Telepathy"), (LIMIT, "much"), (LOSS, "yesterday"), (CHECKED, "yes"), (ADJUSTER, "Joe"),
        ("custom:16", "x"), ("custom:99", "x"), ("status", "asleep"), ("practice_area.id", "PI"),
        ("billable", "no"), ("open_date", "soon"), ("client.id", None), ("description", None),
        ("responsible_attorney.id", None), ("display_number", "00007-X"), ("billing_method", "flat"),
        ("statute_of_limitations.reminders", ["soon"]), ("nonsense", 1),
    ],
)  # fmt: skip
def test_what_clio_cannot_hold_is_refused_at_its_field_without_a_call(desk, field, value):
    """W4."""
    current = desk.read("matters", 45)
    before = desk.clio.calls()

    with pytest.raises(BadRecord) as told:
        desk.update("matters", 45, {field: value}, current=current)
    assert told.value.field == field
    assert desk.clio.calls() == before


# -- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"user.id": "3"}, {"matter.id": "9"}, {"activity_description.id": "2"}])
def test_time_that_moves_keeps_its_price(desk, change):
    """Left out, Clio sets it to the rate of where it moves to."""
    made = desk.create("activities", {**TIME, "price": 123.45})
    done = desk.update("activities", made.external_id, change)

    assert done.record["price"] == 123.45


def test_a_new_price_is_the_new_price(desk):
    made = desk.create("activities", {**TIME, "price": 123.45})
    done = desk.update("activities", made.external_id, {"user.id": "3", "price": 99.0})

    assert done.record["price"] == 99.0


@pytest.mark.parametrize("fact", [{"billed": True}, {"on_bill": True}, {"bill": {"id": 3}}])
@pytest.mark.parametrize("op", ["update", "delete"])
def test_billed_time_is_never_sent(fact, op):
    assert "bill" in WRITING.refusal(Write(op, "activities", {}, "1", {"id": 1, **fact}))


def test_clio_too_refuses_billed_time(desk):
    with pytest.raises(BadRecord):
        desk.update("activities", 9, {"note": "Changed"})
    with pytest.raises(BadRecord):
        desk.delete("activities", 9)
    assert desk.read("activities", 9)


@pytest.mark.parametrize("fact", [{"on_bill": True}, {"billed": True}])
def test_time_that_was_put_on_a_bill_since_is_not_sent(desk, fact):
    """Nothing says that a bill gives it another version, nor that Clio itself refuses to change it then."""
    made = desk.create("activities", TIME)
    answer = {"status": 200, "body": {"data": {**made.record, **fact}}}
    desk.sandbox.script(f"/activities/{made.external_id}", answer)

    with pytest.raises(BadRecord, match="on a bill"):
        desk.update("activities", made.external_id, {"note": "Changed"}, current=made.record)
    assert desk.read("activities", made.external_id)["note"] == "Call"


def test_unbilled_time_may_be_sent():
    assert WRITING.refusal(Write("update", "activities", {}, "1", {"id": 1, "billed": False, "bill": None})) is None


# -- limitation dates -------------------------------------------------------------------------------------------------


def test_a_limitation_date_with_reminders_reads_back_as_a_task(desk):
    values = {"statute_of_limitations.due_at": "2027-01-31", "statute_of_limitations.reminders": [30, 7]}
    done = desk.update("matters", 8, values)
    task = desk.sandbox.record("tasks", done.record["statute_of_limitations"]["id"])

    assert WRITING.plain("matters", done.record)["statute_of_limitations.due_at"] == "2027-01-31"
    assert (task["due_at"], task["statute_of_limitations"]) == ("2027-01-31", True)
    assert sorted(one["duration"] for one in task["reminders"]) == [7 * 1440, 30 * 1440]


def test_reminders_that_are_there_are_not_added_again_and_never_taken_away(desk):
    due = {"statute_of_limitations.due_at": "2027-01-31"}
    first = desk.update("matters", 8, {**due, "statute_of_limitations.reminders": [30, 7]})
    desk.update("matters", 8, {**due, "statute_of_limitations.reminders": [7, 1]})
    task = desk.sandbox.record("tasks", first.record["statute_of_limitations"]["id"])

    assert sorted(one["duration"] // 1440 for one in task["reminders"]) == [1, 7, 30]


def test_a_reminder_goes_to_whoever_is_signed_in_where_the_attorneys_ways_are_hidden(desk):
    desk.sandbox.script("/users/[0-9]*", {"status": 403, "body": {"error": {"type": "x", "message": "No"}}})
    values = {"statute_of_limitations.due_at": "2027-01-31", "statute_of_limitations.reminders": [30]}

    assert desk.update("matters", 8, values).record["statute_of_limitations"]


def test_reminders_without_a_date_are_refused(desk):
    with pytest.raises(BadRecord) as told:
        desk.update("matters", 8, {"statute_of_limitations.reminders": [30]})
    assert told.value.field == "statute_of_limitations.reminders"


def test_a_limitation_date_moves_with_its_task(desk):
    before = desk.read("matters", 45)
    done = desk.update("matters", 45, {"statute_of_limitations.due_at": "2028-05-01"})

    assert done.record["statute_of_limitations"]["id"] == before["statute_of_limitations"]["id"]
    assert done.record["statute_of_limitations"]["due_at"] == "2028-05-01"


@pytest.mark.parametrize("change", [{"due_at": "2026-12-01"}, {"status": "complete"}])
def test_a_limitation_date_somebody_moved_on_its_task_is_not_written_over(desk, change):
    """W5: the task has a version of its own, and the matter keeps its."""
    old = desk.read("matters", 45)
    task = old["statute_of_limitations"]["id"]
    desk.sandbox.put("tasks", {"id": task, **change})

    with pytest.raises(Stale):
        desk.update("matters", 45, {"statute_of_limitations.due_at": "2028-05-01"}, current=old)
    assert desk.read("matters", 45)["etag"] == old["etag"]
    assert {**desk.sandbox.record("tasks", task), **change} == desk.sandbox.record("tasks", task)
