"""Clio's fields: what can be mapped, and a record as plain values, there and back."""

from __future__ import annotations

import unicodedata

import pytest

from integration_console.services.clio.bodies import wanted_of
from integration_console.services.writing import CUSTOM, MISSING, TYPES, Write, by_name, value_of
from integration_console.sync.carrying.ends import End

from .clio_desk import (
    ADJUSTER,
    CASE,
    CHECKED,
    CLIO,
    LIMIT,
    LOSS,
    PASSENGERS,
    RELATED,
    RESOURCES,
    SOURCE,
    WRITING,
)


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


@pytest.mark.parametrize("shown", [None, {"id": None, "etag": "x"}])
def test_a_choice_shown_by_its_number_alone_is_known_by_the_definitions(clio, definitions, shown):
    """Inside a custom value Clio may show but the id and etag of what it holds, as inside anything else."""
    record = next(one for one in clio.records("matters") if WRITING.plain("matters", one).get(SOURCE))
    values = [
        {**one, "picklist_option": shown and {**shown, "id": one["value"]}} if one["field_type"] == "picklist" else one
        for one in record["custom_field_values"]
    ]
    bare = {**record, "custom_field_values": values}
    end = End("right", 1, CLIO, CLIO.resources["matters"], definitions)

    assert value_of(WRITING.plain("matters", bare), SOURCE) is MISSING
    assert end.plain("1", bare) == end.plain("1", record)
    same = {SOURCE: WRITING.plain("matters", record)[SOURCE]}
    assert wanted_of(Write("update", "matters", same, "1", bare, custom=definitions)) == {}


def test_status_is_read_in_lower_case(clio):
    told = {WRITING.plain("matters", record)["status"] for record in clio.records("matters")}

    assert told == {"open", "pending", "closed"}


def test_the_primary_one_of_several_is_the_field():
    emails = [{"id": 1, "address": "a@x.org", "primary": False}, {"id": 2, "address": "b@x.org", "primary": True}]
    told = WRITING.plain("contacts", {"email_addresses": emails, "primary_phone_number": "555"})

    assert (told["email"], told["other_emails"], told["phone"]) == ("b@x.org", ["a@x.org"], "555")


@pytest.mark.parametrize(
    "name", ["Statute of Limitations", "Limitation date", "SOL", "sol (claim)", "Time-bar", "Statute runs on"]
)
def test_a_matters_own_date_that_is_called_a_limitation_date_lasts(name):
    made = {"id": 9, "name": name, "parent_type": "Matter", "field_type": "date"}
    others = [{**made, "name": "Date of loss"}, {**made, "name": "Solicitor since"}, {**made, "parent_type": "Contact"},
              {**made, "field_type": "checkbox"}]  # fmt: skip
    found = [
        next(one.lasting for one in WRITING.fields(f"{one['parent_type'].lower()}s", [one]) if one.name == "custom:9")
        for one in (made, *others)
    ]

    assert found == [True, False, False, False, False]
