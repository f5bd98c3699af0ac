"""HighLevel's fields: what can be mapped, and a record as plain values."""

from __future__ import annotations

import pytest

from integration_console import services
from integration_console.services.ghl.fields import day
from integration_console.services.writing import MISSING, Write, by_name, value_of

WRITING = services.by_key("ghl").writing


# What can be mapped


def test_the_locations_own_fields_have_the_types_of_their_data(ghl):
    own_fields = [field for field in WRITING.fields("contacts", ghl.records("custom_fields")) if field.group[:1] == "C"]

    assert [field.type for field in own_fields] == [
        "choice", "date", "money", "list", "text", "number", "list", "phone", "text", "list",
    ]  # fmt: skip
    assert own_fields[0].choices == ("Auto", "Slip and fall", "Eviction", "Other")
    assert [field.label for field in own_fields if not field.writable] == ["Police report"]


def test_an_opportunity_has_the_fields_made_for_opportunities():
    definitions = [
        {"id": "f1", "name": "Court", "dataType": "RADIO", "model": "opportunity", "picklistOptions": [{"name": "A"}]},
        {"id": "f2", "name": "Height", "dataType": "NUMERICAL", "model": "contact"},
        {"id": "f3", "name": "New kind", "dataType": "HOLOGRAM", "fieldKey": "opportunity.new_kind"},
    ]
    fields = by_name(WRITING.fields("opportunities", definitions))

    assert (fields["custom:f1"].type, fields["custom:f1"].choices) == ("choice", ("A",))
    assert not fields["custom:f3"].writable
    assert "custom:f2" not in fields


def test_only_contacts_and_opportunities_are_written():
    """W8: nothing that is not on the list is ever sent."""
    assert {name: set(ops) for name, ops in WRITING.writable.items()} == {
        "contacts": {"create", "update", "delete"},
        "opportunities": {"update"},
    }
    with pytest.raises(TypeError):
        WRITING.send(None, Write("update", "notes", {"body": "x"}, "n1"))


# A record as plain values


def test_every_record_reads_the_same_by_search_and_by_id(ghl):
    """P6: what the search shows as empty, the other leaves out; no value differs."""
    for resource in ("contacts", "opportunities"):
        for record in ghl.records(resource)[::25]:
            found = WRITING.plain(resource, record)
            by_id = WRITING.plain(resource, ghl.one(resource, record["id"]))
            assert {name: value for name, value in found.items() if value is not None} == {
                name: value for name, value in by_id.items() if value is not None
            }


def test_plain_values_are_of_the_types_their_fields_have(ghl):
    kinds = {
        "boolean": bool, "list": list, "number": (int, float), "money": (int, float), "text": str, "email": str,
        "phone": str, "date": str, "choice": str, "ref": str,
    }  # fmt: skip
    for resource in ("contacts", "opportunities", "users"):
        fields = by_name(WRITING.fields(resource, ghl.records("custom_fields")))
        for record in ghl.records(resource):
            for name, value in WRITING.plain(resource, record).items():
                assert name == "custom:" or value is None or isinstance(value, kinds[fields[name].type]), (name, value)


def test_a_field_that_is_not_told_is_missing_and_one_told_empty_is_none():
    """P6"""
    values = WRITING.plain("contacts", {"id": "c1", "city": None, "tags": [], "customFields": [], "dnd": False})

    assert (values["city"], values["tags"], values["dnd"]) == (None, None, False)
    assert value_of(values, "email") is MISSING
    assert value_of(values, "custom:f1") is None
    assert value_of(WRITING.plain("contacts", {"id": "c1"}), "custom:f1") is MISSING


@pytest.mark.parametrize("sent", ["1990-09-25", "1990-09-25T00:00:00.000Z", 654220800000, "654220800000"])
def test_a_date_of_birth_comes_in_three_shapes_and_is_a_date(sent):
    assert WRITING.plain("contacts", {"dateOfBirth": sent})["dateOfBirth"] == "1990-09-25"


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("2026-03-02T00:00:00.000Z", "2026-03-02"),
        (1772409600000, "2026-03-02"),
        (1772409600001, 1772409600001),  # not a midnight: a number
        (86_400_000, 86_400_000),  # an amount, however round
        (0, 0),
        (True, True),
        ("", None),
        ([], None),
        ({"uuid": {"url": "https://files.example.com/r", "meta": {}}}, ["https://files.example.com/r"]),
    ],
)
def test_own_values_come_as_what_they_hold(sent, value):
    told = {"customFields": [{"id": "f1", "value": sent}]}

    assert WRITING.plain("contacts", told)["custom:f1"] == value


def test_an_opportunitys_own_values_are_found_under_each_of_their_names():
    values = [{"id": "f1", "fieldValue": "A"}, {"id": "f2", "type": "date", "fieldValueDate": 1772409600000}]

    plain = WRITING.plain("opportunities", {"id": "o1", "customFields": values})

    assert (plain["custom:f1"], plain["custom:f2"]) == ("A", "2026-03-02")


def test_a_contact_by_id_has_its_whole_name_though_it_only_shows_the_parts():
    assert WRITING.plain("contacts", {"firstName": "Ada", "lastName": "Lee"})["name"] == "Ada Lee"


def test_other_addresses_are_read_whether_words_or_objects():
    told = {
        "additionalEmails": [{"email": "b@example.com", "validEmailDate": None}],
        "additionalPhones": ["+15105550100"],
    }
    values = WRITING.plain("contacts", told)

    assert (values["additionalEmails"], values["additionalPhones"]) == (["b@example.com"], ["+15105550100"])


def test_dates_before_the_epoch_and_nonsense_stay_what_they_are():
    assert (day(-1), day("about 1960"), day(10**30)) == ("1969-12-31", "about 1960", str(10**30))
