"""HighLevel, written to the sandbox: only what differs travels, tags as a difference, refusals name our field."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from integration_console import clock as house_clock
from integration_console import services
from integration_console.errors import BadAnswer, BadRecord, Missing, TryLater
from integration_console.services.writing import Write, by_name, value_of

GHL = services.by_key("ghl")
WRITING = GHL.writing
CASE_TYPE, ACCIDENT, LIMIT, INJURIES, STORY, PASSENGERS, CONSENT, SECOND_PHONE, MATTER, REPORT = range(10)


def own(connected, place):
    """The name of one of the location's own fields."""
    return f"custom:{connected.records('custom_fields')[place]['id']}"


def write(connected, op, values, record=None, resource="contacts"):
    """A write as the sender makes one."""
    external_id = record["id"] if record else None
    return Write(op, resource, values, external_id, record, connected.records("custom_fields"))


def send(connected, *args, **kwargs):
    return WRITING.send(connected.upstream, write(connected, *args, **kwargs))


def whole(connected, resource="contacts", **wanted):
    """One record by its id that holds these fields."""
    for record in connected.records(resource):
        values = WRITING.plain(resource, record)
        if all(bool(values.get(name)) is there for name, there in wanted.items()):
            return connected.one(resource, record["id"])
    raise AssertionError(f"no {resource} with {wanted}")


def asked(connected, since):
    """What was sent, reading the location's fields left out."""
    return [(call.method, call.path) for call in connected.asked(since) if not call.path.endswith("/customFields")]


# Changing


def test_writing_back_what_is_there_changes_nothing_and_costs_no_call(fresh_ghl):
    """W6: nothing is sent when equal."""
    for resource in ("contacts", "opportunities"):
        fields = by_name(WRITING.fields(resource, fresh_ghl.records("custom_fields")))
        for record in fresh_ghl.records(resource)[::20]:
            values = {n: v for n, v in WRITING.plain(resource, record).items() if n in fields and fields[n].writable}
            before = fresh_ghl.calls()
            written = send(fresh_ghl, "update", values, record, resource)
            assert asked(fresh_ghl, before) == []
            assert written.record == record


def test_writing_back_all_of_a_record_keeps_it_as_it_is(fresh_ghl):
    """W6: also where nobody knows what is there, and every value goes upstream and comes back."""
    for record in fresh_ghl.records("contacts")[::10]:
        fields = by_name(WRITING.fields("contacts", fresh_ghl.records("custom_fields")))
        before = fresh_ghl.sandbox.record("contacts", record["id"])
        values = {n: v for n, v in WRITING.plain("contacts", record).items() if n in fields and fields[n].writable}
        blind = replace(write(fresh_ghl, "update", values, record), current=None)
        if fresh_ghl.sandbox._same_person(before, record["id"])[0]:
            continue  # twins of old, whose addresses no change may carry again

        WRITING.send(fresh_ghl.upstream, blind)

        after = fresh_ghl.sandbox.record("contacts", record["id"])
        for name in before.keys() - {"dateUpdated", "customFields"}:
            assert after[name] == before[name]
        plain = WRITING.plain("contacts", after)
        assert {name: value_of(plain, name) for name in values} == values


def test_a_change_keeps_everything_it_does_not_name(fresh_ghl):
    """P6"""
    contact = whole(fresh_ghl, phone=True, city=True, tags=True)
    before = fresh_ghl.calls()

    written = send(fresh_ghl, "update", {"lastName": "Rivers", "city": contact["city"]}, contact)

    assert asked(fresh_ghl, before) == [("PUT", f"/contacts/{contact['id']}")]
    kept = {name: value for name, value in contact.items() if name not in ("lastName", "name", "dateUpdated")}
    assert written.record.items() >= kept.items()
    assert written.record == fresh_ghl.one("contacts", contact["id"])
    assert written.record["lastName"] == "Rivers"
    assert (written.external_id, bool(written.call_key)) == (contact["id"], True)


def test_the_name_cannot_be_written_only_its_parts(fresh_ghl):
    contact, before = whole(fresh_ghl, name=True), fresh_ghl.calls()

    with pytest.raises(BadRecord, match="Full name") as told:
        send(fresh_ghl, "update", {"name": "Somebody Else"}, contact)

    assert told.value.field == "name"
    assert asked(fresh_ghl, before) == []


@pytest.mark.parametrize("name", ["email", "phone", "postalCode", "country", "dateOfBirth", "assignedTo", "tags"])
def test_a_field_is_emptied(fresh_ghl, name):
    """P6: nothing in place of a value clears it, in the way each field takes."""
    contact = whole(fresh_ghl, **{name: True})

    send(fresh_ghl, "update", {name: None}, contact)

    found = next(one for one in fresh_ghl.records("contacts") if one["id"] == contact["id"])
    assert WRITING.plain("contacts", found)[name] is None


def test_companies_are_written_by_their_own_name(fresh_ghl):
    contact = whole(fresh_ghl, companyName=True, firstName=False)

    assert send(fresh_ghl, "update", {"companyName": "Harbor & Co"}, contact).record["companyName"] == "Harbor & Co"


def test_own_fields_are_written_and_emptied_and_the_others_stay(fresh_ghl):
    story, injuries, limit, accident = (own(fresh_ghl, place) for place in (STORY, INJURIES, LIMIT, ACCIDENT))
    contact = whole(fresh_ghl, **{story: True})
    wanted = {injuries: ["Neck", "Head"], limit: 250.5, accident: "2026-03-02"}

    first = send(fresh_ghl, "update", wanted, contact).record
    second = send(fresh_ghl, "update", {injuries: None, limit: None, accident: None}, first).record

    before, after = WRITING.plain("contacts", contact), WRITING.plain("contacts", first)
    assert {name: after[name] for name in wanted} == wanted
    emptied = WRITING.plain("contacts", second)
    assert {value_of(emptied, name) for name in wanted} == {None}
    assert emptied[story] == after[story] == before[story]


def test_what_highlevel_makes_of_a_value_comes_back(fresh_ghl):
    """W6: the answer is what the other half of the pair is remembered by."""
    contact = whole(fresh_ghl, email=True)
    values = {"email": " New.Address@Example.com ", "phone": "(510) 555-9876", "dateOfBirth": "1990-09-25"}

    plain = WRITING.plain("contacts", send(fresh_ghl, "update", values, contact).record)

    assert (plain["email"], plain["phone"]) == ("new.address@example.com", "+15105559876")
    assert plain["dateOfBirth"] == "1990-09-25"


# Tags


def test_tags_go_as_a_difference_and_never_replace(fresh_ghl):
    """A tag somebody adds after we read stays."""
    contact, sandbox = whole(fresh_ghl, tags=True), fresh_ghl.sandbox
    kept, gone = ["vip", "lead"], "landlord and tenant"
    contact = {**contact, "tags": [*kept, gone]}
    sandbox.put("contacts", {"id": contact["id"], "tags": [*kept, gone, "added meanwhile"]})
    before = fresh_ghl.calls()

    written = send(fresh_ghl, "update", {"tags": [*kept, "Won"]}, contact)

    path = f"/contacts/{contact['id']}/tags"
    assert asked(fresh_ghl, before) == [("POST", path), ("DELETE", path)]
    assert written.record["tags"] == [*kept, "added meanwhile", "won"]
    assert sandbox.record("contacts", contact["id"])["tags"] == written.record["tags"]


def test_a_tag_added_meanwhile_also_stays_where_other_fields_go_first(fresh_ghl):
    """The answer to their PUT tells that tag, which nobody asked us to take away."""
    contact = whole(fresh_ghl, tags=True)
    fresh_ghl.sandbox.put("contacts", {"id": contact["id"], "tags": [*contact["tags"], "added meanwhile"]})

    written = send(fresh_ghl, "update", {"city": "Reno", "tags": [*contact["tags"], "won"]}, contact)

    assert written.record["tags"] == [*contact["tags"], "added meanwhile", "won"]
    assert written.record["city"] == "Reno"


def test_tags_that_differ_in_case_only_are_no_difference(fresh_ghl):
    contact = {**whole(fresh_ghl, tags=True), "tags": ["vip"]}
    before = fresh_ghl.calls()

    assert send(fresh_ghl, "update", {"tags": [" VIP "]}, contact).record == contact
    assert asked(fresh_ghl, before) == []


def test_tags_of_a_contact_nobody_has_read_are_read_first(fresh_ghl):
    contact = whole(fresh_ghl, tags=True)
    blind = replace(write(fresh_ghl, "update", {"tags": [*contact["tags"], "new"]}, contact), current=None)

    written = WRITING.send(fresh_ghl.upstream, blind)

    assert written.record["tags"] == [*contact["tags"], "new"]


# Making and unmaking


def test_a_contact_is_made_as_it_reads(fresh_ghl):
    values = {
        "firstName": "Ada", "lastName": "Lee", "email": "Ada.Lee@example.com", "phone": None, "tags": ["New"],
        "timezone": "America/Denver", own(fresh_ghl, MATTER): "00017",
    }  # fmt: skip
    written = send(fresh_ghl, "create", values)

    by_id = WRITING.plain("contacts", fresh_ghl.one("contacts", written.external_id))
    assert WRITING.plain("contacts", written.record) == by_id
    assert (by_id["name"], by_id["email"], by_id["tags"]) == ("Ada Lee", "ada.lee@example.com", ["new"])
    assert by_id[own(fresh_ghl, MATTER)] == "00017"


@pytest.mark.parametrize(("name", "said"), [("email", "e-mail address"), ("phone", "telephone number")])
def test_a_contact_that_is_there_already_is_named_so(fresh_ghl, name, said):
    """W4: a person reads what is wrong with which field."""
    contact = whole(fresh_ghl, **{name: True})

    with pytest.raises(BadRecord, match=said) as told:
        send(fresh_ghl, "create", {"firstName": "Twin", name: contact[name]})

    assert told.value.field == name


def test_a_change_that_would_make_a_twin_is_refused_the_same_way(fresh_ghl):
    contact, other = whole(fresh_ghl, email=True), whole(fresh_ghl, email=False)

    with pytest.raises(BadRecord, match="already") as told:
        send(fresh_ghl, "update", {"email": contact["email"]}, other)

    assert told.value.field == "email"


def test_what_we_made_can_be_deleted_once_or_twice(fresh_ghl):
    made = send(fresh_ghl, "create", {"firstName": "Ada"})

    for _ in range(2):
        assert send(fresh_ghl, "delete", {}, made.record).record is None
    with pytest.raises(Missing):
        fresh_ghl.one("contacts", made.external_id)


def test_an_answer_without_the_contact_is_not_taken_for_done(fresh_ghl):
    """W2"""
    fresh_ghl.sandbox.script("/contacts/", {"status": 201, "body": {"succeded": True}, "method": "POST"})

    with pytest.raises(BadAnswer):
        send(fresh_ghl, "create", {"firstName": "Ada"})


# Refusals


def test_a_refusal_names_our_field(fresh_ghl):
    """W4"""
    contact = whole(fresh_ghl, email=True)

    with pytest.raises(BadRecord) as told:
        send(fresh_ghl, "update", {"email": "nobody"}, contact)

    assert told.value.field == "email"
    assert told.value.status == 422


def test_a_refused_own_field_is_named_by_its_own_name(fresh_ghl):
    """W4: HighLevel counts them; we do not."""
    contact, field = whole(fresh_ghl, email=True), own(fresh_ghl, LIMIT)
    told_so = {"statusCode": 422, "message": ["customFields.1.field_value must be a number"]}
    fresh_ghl.sandbox.script("/contacts/*", {"status": 422, "body": told_so, "method": "PUT"})

    with pytest.raises(BadRecord) as told:
        send(fresh_ghl, "update", {own(fresh_ghl, MATTER): "1", field: 2.5}, contact)

    assert told.value.field == field


@pytest.mark.parametrize("place", [REPORT, None])
def test_files_and_fields_that_are_gone_are_not_written(fresh_ghl, place):
    contact = whole(fresh_ghl, email=True)
    name = "custom:gone" if place is None else own(fresh_ghl, place)

    with pytest.raises(BadRecord) as told:
        send(fresh_ghl, "update", {name: "x"}, contact)

    assert told.value.field == name


# Opportunities


def test_an_opportunity_moves_on(fresh_ghl):
    opportunity = whole(fresh_ghl, "opportunities", monetaryValue=True)
    status = "lost" if opportunity["status"] != "lost" else "won"

    written = send(fresh_ghl, "update", {"status": status, "monetaryValue": 1200.5}, opportunity, "opportunities")

    assert written.record == fresh_ghl.one("opportunities", opportunity["id"])
    moved = ("status", "monetaryValue", "updatedAt", "lastStatusChangeAt")
    assert {n: v for n, v in written.record.items() if n not in moved} == {
        n: v for n, v in opportunity.items() if n not in moved
    }
    assert (written.record["status"], written.record["monetaryValue"]) == (status, 1200.5)


def test_an_opportunity_emptied_of_its_value_is_worth_nothing(fresh_ghl):
    """P6: a number cannot be taken away there."""
    opportunity = whole(fresh_ghl, "opportunities", monetaryValue=True, assignedTo=True)

    written = send(fresh_ghl, "update", {"monetaryValue": None, "assignedTo": None}, opportunity, "opportunities")

    plain = WRITING.plain("opportunities", written.record)
    assert (plain["monetaryValue"], plain["assignedTo"]) == (0, None)


@pytest.mark.parametrize(("name", "value"), [("status", None), ("status", "solved"), ("contactId", "c1")])
def test_an_opportunity_refuses_what_it_cannot_be(fresh_ghl, name, value):
    opportunity = whole(fresh_ghl, "opportunities")

    with pytest.raises(BadRecord) as told:
        send(fresh_ghl, "update", {name: value}, opportunity, "opportunities")

    assert told.value.field == name


@pytest.mark.parametrize(
    ("said", "values", "error", "field"),
    [
        ("The pipeline stage id is invalid.", {"pipelineStageId": "s9"}, BadRecord, "pipelineStageId"),
        ("User with id u9 not found", {"assignedTo": "u9"}, BadRecord, "assignedTo"),
        ("The opportunity id is invalid.", {"pipelineStageId": "s9"}, Missing, None),
    ],
)
def test_a_strange_id_in_a_field_is_no_missing_record(fresh_ghl, said, values, error, field):
    """W4: HighLevel answers both with 400 and words alone."""
    opportunity = whole(fresh_ghl, "opportunities")
    fresh_ghl.sandbox.script("/opportunities/*", {"status": 400, "body": {"message": said}, "method": "PUT"})

    with pytest.raises(error) as told:
        send(fresh_ghl, "update", values, opportunity, "opportunities")

    assert getattr(told.value, "field", None) == field


def test_a_pipeline_and_its_stage_move_together_and_a_strange_one_is_named(fresh_ghl):
    """W4: the stand-in refuses what HighLevel refuses, in its words."""
    opportunity = whole(fresh_ghl, "opportunities", monetaryValue=True)
    other = next(one for one in fresh_ghl.records("pipelines") if one["id"] != opportunity["pipelineId"])
    there = {"pipelineId": other["id"], "pipelineStageId": other["stages"][0]["id"]}

    for wrong, field in (
        ({"pipelineStageId": there["pipelineStageId"]}, "pipelineStageId"),  # a stage of another pipeline
        ({"pipelineId": other["id"]}, "pipelineId"),  # the stage would stay behind
        ({"pipelineId": "p9"}, "pipelineId"),
        ({"assignedTo": "u9"}, "assignedTo"),
    ):
        with pytest.raises(BadRecord) as told:
            send(fresh_ghl, "update", wrong, opportunity, "opportunities")
        assert told.value.field == field

    written = send(fresh_ghl, "update", there, opportunity, "opportunities")
    assert written.record.items() >= there.items()


def test_an_owner_who_is_no_user_there_is_named(fresh_ghl):
    contact = whole(fresh_ghl, email=True)

    with pytest.raises(BadRecord) as told:
        send(fresh_ghl, "update", {"assignedTo": "u9"}, contact)

    assert told.value.field == "assignedTo"


# A lost answer


def lost(connected, values):
    """A create whose answer is cut off, as it waits to be cleared up."""
    begun = house_clock.now()
    sandbox = connected.sandbox
    made = sandbox.put(
        "contacts", {"name": " ".join(filter(None, map(values.get, ("firstName", "lastName")))), **values}
    )
    sandbox.script("/contacts/", {"status": 201, "body": {"contact": made}, "cut": True, "method": "POST"})
    wanted = replace(write(connected, "create", values), since=begun)
    with pytest.raises(TryLater):
        WRITING.send(connected.upstream, wanted)
    return wanted, made


@pytest.mark.parametrize(
    "values",
    [
        {"firstName": "Ada", "email": "ada.lee.lost@example.com"},
        {"firstName": "Ada", "phone": "+15105559876"},
        {"firstName": "Ada", "lastName": "Unreachable"},
        {"companyName": "Lost & Found LLC"},
    ],
)
def test_what_a_lost_answer_left_is_found(fresh_ghl, values):
    """W3: by e-mail address or number, else by its name; never sent again blindly."""
    wanted, made = lost(fresh_ghl, values)

    (found,) = WRITING.find(fresh_ghl.upstream, wanted)

    assert found["id"] == made["id"]
    assert "searchAfter" not in found


def test_a_contact_that_was_there_before_was_not_made_by_us(fresh_ghl):
    """W3: adopting it would let an undo delete somebody else's."""
    contact = whole(fresh_ghl, email=True)
    wanted = replace(write(fresh_ghl, "create", {"email": contact["email"]}), since=house_clock.now())

    assert WRITING.find(fresh_ghl.upstream, wanted) == []


def test_a_contact_made_although_the_call_was_refused_is_ours(fresh_ghl):
    """W3: HighLevel is known to answer 422 and to make the contact all the same; sent again, there would be two."""
    values = {"firstName": "Ada", "email": "ada.lee.refused@example.com"}
    made = fresh_ghl.sandbox.put("contacts", {"name": "Ada", **values})
    body = {"statusCode": 422, "message": ["odd must be a string"], "error": "Unprocessable Entity"}
    fresh_ghl.sandbox.script("/contacts/", {"status": 422, "body": body, "method": "POST"})

    written = send(fresh_ghl, "create", values)

    assert written.external_id == made["id"]
    assert written.call_key


@pytest.mark.parametrize("there", ["before", "nowhere", "not to be asked"])
def test_a_refused_contact_that_was_not_made_is_a_refusal(fresh_ghl, there):
    email = whole(fresh_ghl, email=True)["email"] if there == "before" else "nobody.yet@example.com"
    body = {"statusCode": 422, "message": ["odd must be a string"], "error": "Unprocessable Entity"}
    fresh_ghl.sandbox.script("/contacts/", {"status": 422, "body": body, "method": "POST"})
    if there == "not to be asked":
        fresh_ghl.sandbox.script("/contacts/search*", {"status": 403, "times": 9})

    with pytest.raises(BadRecord, match="must be a string") as told:
        send(fresh_ghl, "create", {"firstName": "Ada", "email": email})

    assert told.value.field == "odd"


def test_two_of_a_name_are_both_shown(fresh_ghl):
    """W3: several matches are for a person."""
    values = {"firstName": "Ada", "lastName": "Unreachable"}
    wanted, _ = lost(fresh_ghl, values)
    fresh_ghl.sandbox.put("contacts", values)

    assert len(WRITING.find(fresh_ghl.upstream, wanted)) == 2


def test_nothing_is_looked_for_where_nothing_tells_it_apart(fresh_ghl):
    since = house_clock.now() - timedelta(hours=1)
    wanted = replace(write(fresh_ghl, "create", {"city": "Reno"}), since=since)
    before = fresh_ghl.calls()

    assert WRITING.find(fresh_ghl.upstream, wanted) == []
    assert WRITING.find(fresh_ghl.upstream, replace(wanted, op="update", external_id="c1")) == []
    assert asked(fresh_ghl, before) == []
