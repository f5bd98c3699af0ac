"""Clio, written to the sandbox: what is sent, what is kept, what is refused, and what a lost answer left behind."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from integration_console import clock, services
from integration_console.errors import BadAnswer, BadRecord, Missing, NotAllowed, Stale, TryLater
from integration_console.services.writing import CUSTOM, MISSING, TYPES, Write, by_name, value_of

CLIO = services.by_key("clio")
WRITING = CLIO.writing
RESOURCES = ("contacts", "matters", "activities")
CASE, LOSS, SOURCE, LIMIT, PASSENGERS, CHECKED, ADJUSTER, RELATED = (f"custom:{number}" for number in range(1, 9))
PERSON = {"type": "Person", "first_name": "Ada", "last_name": "Lee"}
MATTER = {"client.id": "7", "description": "Lease dispute"}
TIME = {"type": "TimeEntry", "date": "2026-03-02", "quantity": 5400, "matter.id": "7", "user.id": "5", "note": "Call"}
UNBILLED = 2_002


class Desk:
    """Somebody who writes to Clio, with the firm's field definitions at hand."""

    def __init__(self, clio: Any) -> None:
        self.clio, self.sandbox, self.custom = clio, clio.sandbox, clio.records("custom_fields")

    def read(self, resource: str, number: Any) -> dict:
        return self.clio.one(resource, number)

    def plain(self, resource: str, number: Any) -> dict:
        return WRITING.plain(resource, self.read(resource, number))

    def write(self, op: str, resource: str, number: Any, values: Mapping[str, Any], **more: Any) -> Write:
        external_id = None if number is None else str(number)
        return Write(op, resource, values, external_id, **{"custom": self.custom, **more})

    def create(self, resource: str, values: Mapping[str, Any], **more: Any):
        return WRITING.send(self.clio.upstream, self.write("create", resource, None, values, **more))

    def update(self, resource: str, number: Any, values: Mapping[str, Any], **more: Any):
        current = more.pop("current", None) or self.read(resource, number)
        return WRITING.send(self.clio.upstream, self.write("update", resource, number, values, current=current, **more))

    def delete(self, resource: str, number: Any, **more: Any):
        current = more.pop("current", None) or self.read(resource, number)
        return WRITING.send(self.clio.upstream, self.write("delete", resource, number, {}, current=current, **more))

    def find(self, resource: str, values: Mapping[str, Any], **more: Any) -> list[str]:
        found = WRITING.find(self.clio.upstream, self.write("create", resource, None, values, **more))
        return [str(record["id"]) for record in found]


@pytest.fixture
def desk(fresh_clio):
    return Desk(fresh_clio)


@pytest.fixture(scope="module")
def definitions(upstreams):
    return list(_definitions(upstreams))


def _definitions(upstreams):
    for number in range(1, 17):
        yield upstreams.clio.record("custom_fields", number)


def writable_of(resource: str, definitions=()) -> set[str]:
    return {field.name for field in WRITING.fields(resource, definitions) if field.writable}


# -- what can be mapped -----------------------------------------------------------------------------------------------


def test_trust_money_has_no_fields_and_no_writes():
    """W8."""
    trust = [key for key, resource in CLIO.resources.items() if resource.trust]

    assert trust
    assert not WRITING.writable.keys() & set(trust)
    for key in trust:
        assert WRITING.fields(key) == []
        assert WRITING.plain(key, {"id": 1, "balance": 10.0, "amount": 3.0, "custom_field_values": []}) == {}


@pytest.mark.parametrize("resource", sorted(CLIO.resources.keys() - set(RESOURCES)))
@pytest.mark.parametrize("op", ["create", "update", "delete"])
def test_nothing_else_is_ever_sent(clio, resource, op):
    """W8: the sender itself refuses, whatever anybody wrote into the outbox."""
    write = Write(op, resource, {"amount": 1}, "1", {"id": 1})
    before = clio.calls()

    assert WRITING.refusal(write)
    with pytest.raises(TypeError):
        WRITING.send(clio.upstream, write)
    assert clio.calls() == before


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_field_is_of_a_known_type_and_named_once(resource, definitions):
    fields = WRITING.fields(resource, definitions)

    assert len(by_name(fields)) == len(fields)
    assert {field.type for field in fields} <= set(TYPES)
    assert all(field.of in CLIO.resources for field in fields if field.type == "ref")
    assert all(field.choices for field in fields if field.type == "choice")


def test_a_firms_own_fields_are_those_of_their_record_and_not_deleted(definitions):
    of_matters = by_name(WRITING.fields("matters", definitions))
    of_contacts = by_name(WRITING.fields("contacts", definitions))

    assert {name for name in of_matters if name.startswith(CUSTOM)} == {f"custom:{number}" for number in range(1, 13)}
    assert {name for name in of_contacts if name.startswith(CUSTOM)} == {"custom:13", "custom:14", "custom:15"}
    assert not [field for field in WRITING.fields("activities", definitions) if field.name.startswith(CUSTOM)]
    assert [of_matters[name].type for name in (CASE, LOSS, SOURCE, LIMIT, PASSENGERS, CHECKED, ADJUSTER, RELATED)] == [
        "text", "date", "choice", "money", "number", "boolean", "ref", "ref",
    ]  # fmt: skip
    assert of_matters[SOURCE].choices == ("Referral", "Web", "Google Ads", "Walk-in")
    assert (of_matters[ADJUSTER].of, of_matters[RELATED].of) == ("contacts", "matters")


# -- a record as plain values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_record_of_the_firm_is_told_by_its_fields(clio, resource, definitions):
    fields = by_name(WRITING.fields(resource, definitions))
    unread = {"statute_of_limitations.reminders"} | {name for name in fields if name.startswith(CUSTOM)}

    for record in clio.records(resource):
        plain = WRITING.plain(resource, record)
        assert plain.keys() - {CUSTOM} <= fields.keys()
        assert fields.keys() - unread <= plain.keys()
        for name, value in plain.items():
            assert value != ""
            if value is not None and name != CUSTOM:
                assert _fits(fields[name], value), (name, value)


def _fits(field, value) -> bool:
    if field.type in ("number", "money"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if field.type == "choice":
        return value in field.choices
    kinds = {"boolean": bool, "list": list}
    return isinstance(value, kinds.get(field.type, str)) and (field.type != "ref" or value.isdecimal())


@pytest.mark.parametrize("resource", RESOURCES)
def test_plain_values_written_back_unchanged_cost_no_call(clio, resource, definitions):
    """W6: send nothing when equal."""
    records = clio.records(resource)
    before = clio.calls()

    for record in records:
        values = WRITING.plain(resource, record)
        write = Write("update", resource, values, str(record["id"]), record, custom=definitions)
        assert WRITING.send(clio.upstream, write).record == record
    assert clio.calls() == before


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_copy_made_of_plain_values_tells_the_same(desk, resource):
    """All the plain values go there and come back; Clio only trims, spells letters in one way, and numbers them."""
    writable = writable_of(resource, desk.custom)
    records = desk.clio.records(resource)

    for record in records[3 :: len(records) // 25]:
        sent = {name: value for name, value in WRITING.plain(resource, record).items() if name in writable}
        made = desk.create(resource, sent)
        told = WRITING.plain(resource, made.record)
        for name, value in sent.items():
            assert _saved(told[name]) == _saved(value), (name, record["id"])


def _saved(value):
    return unicodedata.normalize("NFC", value).strip() or None if isinstance(value, str) else value


def test_a_field_that_was_not_told_is_missing_and_one_told_empty_is_none():
    """P6."""
    nothing = WRITING.plain("matters", {"id": 1})
    told = WRITING.plain("matters", {"id": 1, "client_reference": None, "practice_area": None, "group": {"name": "x"}})

    assert nothing == {}
    assert told == {"client_reference": None, "practice_area.id": None, "practice_area.name": None}
    assert value_of(told, "group.id") is MISSING
    assert WRITING.plain("contacts", {"email_addresses": []})["email"] is None
    assert "email" not in WRITING.plain("contacts", {"phone_numbers": []})
    assert WRITING.plain("contacts", {"addresses": []})["address.city"] is None


def test_custom_fields_a_record_does_not_list_are_empty_only_when_it_told_them_all():
    """P6."""
    field = {"custom_field": {"id": 2}, "field_type": "date", "id": None, "value": None}
    all_told = WRITING.plain("matters", {"custom_field_values": [field]})
    stripped = WRITING.plain("matters", {"custom_field_values": [{"id": "text_line-9", "custom_field": {"id": 1},
                                                                  "field_type": None, "value": None}]})  # fmt: skip

    assert (value_of(all_told, LOSS), value_of(all_told, CASE)) == (None, None)
    assert (value_of(stripped, CASE), value_of(stripped, LOSS)) == (MISSING, MISSING)
    assert value_of(WRITING.plain("matters", {}), CASE) is MISSING


def test_custom_values_are_read_by_their_kind_however_they_come():
    def read(kind, value, **more):
        one = {"id": f"{kind}-1", "field_type": kind, "value": value, "custom_field": {"id": 1}, **more}
        return value_of(WRITING.plain("matters", {"custom_field_values": [one]}), CASE)

    assert [read("numeric", "3"), read("numeric", 3), read("currency", "10.50"), read("currency", 10.5)] == [
        3, 3, 10.5, 10.5,
    ]  # fmt: skip
    assert [read("checkbox", "true"), read("checkbox", "false"), read("checkbox", False)] == [True, False, False]
    assert [read("contact", 5), read("matter", "6")] == ["5", "6"]
    assert read("picklist", 31, picklist_option={"id": 31, "option": "Referral"}) == "Referral"
    assert read("picklist", 31, picklist_option={"id": 31, "etag": "x"}) is MISSING  # an id is no text for people


def test_status_is_read_in_lower_case(clio):
    told = {WRITING.plain("matters", record)["status"] for record in clio.records("matters")}

    assert told == {"open", "pending", "closed"}


def test_the_primary_one_of_several_is_the_field():
    emails = [{"id": 1, "address": "a@x.org", "primary": False}, {"id": 2, "address": "b@x.org", "primary": True}]
    told = WRITING.plain("contacts", {"email_addresses": emails, "primary_phone_number": "555"})

    assert (told["email"], told["other_emails"], told["phone"]) == ("b@x.org", ["a@x.org"], "555")


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
    assert [seen.method for seen in desk.clio.asked(before)] == ["GET", "PATCH"]


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
