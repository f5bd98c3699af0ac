"""Clockify, written to the sandbox: a PUT replaces, so what it does not change goes back as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration_console import clock as house_clock
from integration_console import services
from integration_console.errors import BadAnswer, BadRecord, Missing, Stale, TryLater
from integration_console.services.writing import MISSING, Write, by_name, value_of

CLOCKIFY = services.by_key("clockify")
WRITING = CLOCKIFY.writing
BOTH = pytest.mark.parametrize("resource", ["clients", "projects"])


def write(op, resource, values, record=None):
    """A write as the sender makes one."""
    return Write(op, resource, values, record["id"] if record else None, record)


def send(connected, *args):
    return WRITING.send(connected.upstream, write(*args))


def whole(connected, resource, **wanted):
    """One record that holds these fields."""
    for record in connected.records(resource):
        values = WRITING.plain(resource, record)
        if all(bool(values.get(name)) is there for name, there in wanted.items()):
            return record
    raise AssertionError(f"no {resource} with {wanted}")


def writable_of(resource, record):
    fields = by_name(WRITING.fields(resource))
    return {n: v for n, v in WRITING.plain(resource, record).items() if n in fields and fields[n].writable}


def asked(connected, since):
    return [call.method for call in connected.asked(since)]


# What can be mapped


def test_only_clients_and_projects_are_written():
    """W8: nothing that is not on the list is ever sent."""
    assert set(WRITING.writable) == {"clients", "projects"}
    for resource in ("time_entries", "users"):
        assert WRITING.fields(resource)
        assert not any(field.writable for field in WRITING.fields(resource))
        with pytest.raises(TypeError):
            WRITING.send(None, Write("update", resource, {"description": "x"}, "e1"))


def test_the_workspaces_own_fields_are_those_of_time_entries(clockify):
    definitions = clockify.records("custom_fields")
    own = [field for field in WRITING.fields("time_entries", definitions) if field.group == "Custom fields"]

    assert [(field.label, field.type, field.choices) for field in own] == [
        ("Matter number", "text", ()),
        ("Activity code", "choice", ("A101", "A102")),
        ("Court page", "text", ()),
    ]
    assert len(WRITING.fields("projects", definitions)) == len(WRITING.fields("projects"))


# A record as plain values


def test_plain_values_are_of_the_types_their_fields_have(clockify):
    kinds = {"boolean": bool, "list": list, "number": (int, float)}
    own = clockify.records("custom_fields")
    records = {resource: clockify.records(resource) for resource in ("clients", "projects", "users")}
    records["time_entries"] = [e for u in records["users"] for e in clockify.records("time_entries", owner=u["id"])]
    for resource, found in records.items():
        fields = by_name(WRITING.fields(resource, own))
        for record in found:
            for name, value in WRITING.plain(resource, record).items():
                fits = value is None or isinstance(value, kinds.get(getattr(fields.get(name), "type", ""), str))
                assert name == "custom:" or fits, (name, value)


def test_a_field_that_is_not_told_is_missing_and_one_told_empty_is_none():
    """P6"""
    values = WRITING.plain("projects", {"id": "p1", "clientId": "", "note": None, "billable": False})

    assert values == {"clientId": None, "note": None, "billable": False}
    assert value_of(values, "name") is MISSING


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        ({"start": "2026-03-02T14:00:00Z", "end": "2026-03-02T15:45:00Z", "duration": "PT1H45M"}, 6300),
        ({"start": "2026-03-02T14:00:00Z", "end": "2026-03-03T15:30:00+00:00", "duration": "PT25H30M"}, 91800),
        ({"start": None, "end": "2026-03-02T14:00:00Z", "duration": "PT1M30S"}, 90),
        ({"start": None, "end": "2026-03-02T14:00:00Z", "duration": "8000"}, None),
        ({"start": "2026-03-02T14:00:00Z", "end": None, "duration": None}, None),
    ],
)
def test_the_time_worked_is_in_seconds_and_none_while_the_timer_runs(interval, seconds):
    values = WRITING.plain("time_entries", {"id": "e1", "timeInterval": interval})

    assert values["seconds"] == seconds
    assert values["running"] is (interval["end"] is None)


def test_an_entry_tells_its_own_fields_and_whether_it_is_locked(clockify):
    entry = clockify.sandbox.record("time_entries", 97)
    values = WRITING.plain("time_entries", entry)

    assert (values["locked"], values["type"]) == (True, "HOLIDAY")
    assert value_of(values, "custom:never used") is None


# Changing


@BOTH
def test_writing_back_what_is_there_changes_nothing(fresh_clockify, resource):
    """W6: it costs the read that shows it, and no write."""
    for record in fresh_clockify.records(resource)[::5]:
        before = fresh_clockify.calls()
        written = send(fresh_clockify, "update", resource, writable_of(resource, record), record)
        assert asked(fresh_clockify, before) == ["GET"]
        assert written.record == record


@BOTH
def test_a_change_keeps_everything_it_does_not_name(fresh_clockify, resource):
    """P6: a PUT would empty what it leaves out; also rates, copies of invoices and the currency."""
    for record in fresh_clockify.records(resource):
        before = fresh_clockify.sandbox.record(resource, record["id"])
        written = send(fresh_clockify, "update", resource, {"note": "Changed"}, record)
        assert written.record == {**before, "note": "Changed"} == fresh_clockify.one(resource, record["id"])


def test_what_a_client_has_beyond_its_fields_goes_back_with_it(fresh_clockify):
    copies = {"ccEmails": ["a@example.com", "b@example.com", "c@example.com"], "currencyId": "64a13c9e5b1d7f0200000002"}
    client = fresh_clockify.sandbox.put("clients", {**whole(fresh_clockify, "clients"), **copies})

    record = send(fresh_clockify, "update", "clients", {"note": "Changed"}, client).record

    assert {name: record[name] for name in copies} == copies


def test_a_project_moves_to_another_client_and_away_from_all(fresh_clockify):
    project, other = whole(fresh_clockify, "projects"), fresh_clockify.records("clients")[5]

    moved = send(fresh_clockify, "update", "projects", {"clientId": other["id"]}, project).record
    without = send(fresh_clockify, "update", "projects", {"clientId": None}, moved).record

    assert (moved["clientId"], moved["clientName"]) == (other["id"], other["name"])
    assert (without["clientId"], without["clientName"]) == (None, None)
    assert without == fresh_clockify.one("projects", project["id"])


@pytest.mark.parametrize("name", ["email", "address", "note"])
def test_a_field_is_emptied(fresh_clockify, name):
    """P6"""
    client = whole(fresh_clockify, "clients", **{name: True})

    send(fresh_clockify, "update", "clients", {name: None}, client)

    assert WRITING.plain("clients", fresh_clockify.one("clients", client["id"]))[name] is None


@BOTH
@pytest.mark.parametrize("archived", [True, False])
def test_archiving_and_bringing_back_is_a_change_like_any_other(fresh_clockify, resource, archived):
    record = whole(fresh_clockify, resource, archived=not archived)

    written = send(fresh_clockify, "update", resource, {"archived": archived}, record)

    assert written.record == {**record, "archived": archived}


def test_public_is_written_by_its_other_name(fresh_clockify):
    project = whole(fresh_clockify, "projects", public=False)

    assert send(fresh_clockify, "update", "projects", {"public": True}, project).record["public"] is True


@BOTH
def test_a_field_somebody_changed_meanwhile_is_not_overwritten(fresh_clockify, resource):
    """W5: it is read again and compared again."""
    record = whole(fresh_clockify, resource)
    fresh_clockify.sandbox.put(resource, {"id": record["id"], "note": "A colleague's"})
    before = fresh_clockify.calls()

    with pytest.raises(Stale, match="Note"):
        send(fresh_clockify, "update", resource, {"note": "Ours"}, record)

    assert asked(fresh_clockify, before) == ["GET"]


@BOTH
def test_another_field_somebody_changed_meanwhile_is_kept(fresh_clockify, resource):
    """W5: different fields merge."""
    record = whole(fresh_clockify, resource)
    fresh_clockify.sandbox.put(resource, {"id": record["id"], "note": "A colleague's"})

    written = send(fresh_clockify, "update", resource, {"name": "Ours"}, record).record

    assert (written["name"], written["note"]) == ("Ours", "A colleague's")


def test_a_record_that_is_gone_is_missing(fresh_clockify):
    """Clockify says 400 where others say 404."""
    project = whole(fresh_clockify, "projects")
    fresh_clockify.sandbox.delete("projects", project["id"])

    with pytest.raises(Missing):
        send(fresh_clockify, "update", "projects", {"note": "Ours"}, project)


# Making and unmaking


def test_a_client_and_its_project_are_made_as_they_read(fresh_clockify):
    client = send(fresh_clockify, "create", "clients", {"name": "Ada Lee", "email": "ada@example.com", "note": None})
    values = {"name": "00001-Lee", "clientId": client.external_id, "billable": True, "public": True}
    project = send(fresh_clockify, "create", "projects", values)

    for resource, written in (("clients", client), ("projects", project)):
        assert written.record == fresh_clockify.one(resource, written.external_id)
    assert WRITING.plain("projects", project.record).items() >= values.items()


def test_what_is_made_archived_is_made_and_then_archived(fresh_clockify):
    before = fresh_clockify.calls()
    written = send(fresh_clockify, "create", "projects", {"name": "Closed", "archived": True, "public": True})

    assert asked(fresh_clockify, before) == ["POST", "PUT"]
    assert written.record == fresh_clockify.one("projects", written.external_id)
    assert (written.record["archived"], written.record["public"]) == (True, True)


@BOTH
@pytest.mark.parametrize("archived", [True, False])
def test_a_name_that_is_taken_is_said_to_be(fresh_clockify, resource, archived):
    """W4: also by what is archived and shows in no list of theirs."""
    taken = whole(fresh_clockify, resource, archived=archived)

    with pytest.raises(BadRecord, match="already exists") as told:
        send(fresh_clockify, "create", resource, {"name": taken["name"]})

    assert told.value.field == "name"


def test_only_what_is_archived_is_deleted(fresh_clockify):
    made = send(fresh_clockify, "create", "clients", {"name": "Ada Lee"}).record
    assert "archived" in WRITING.refusal(write("delete", "clients", {}, made))
    archived = send(fresh_clockify, "update", "clients", {"archived": True}, made).record
    assert WRITING.refusal(write("delete", "clients", {}, archived)) is None

    for _ in range(2):  # gone is gone
        assert send(fresh_clockify, "delete", "clients", {}, archived).record is None
    with pytest.raises(Missing):
        fresh_clockify.one("clients", made["id"])


def test_a_locked_entry_is_never_written(clockify):
    locked, free = (clockify.sandbox.record("time_entries", number) for number in (97, 5))

    assert "locked" in WRITING.refusal(write("update", "time_entries", {}, locked))
    assert WRITING.refusal(write("update", "time_entries", {}, free)) is None


# Refusals


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"color": "blue"}, "color"),
        ({"name": None}, "name"),
        ({"hourlyRate": 5}, "hourlyRate"),
    ],
)
def test_a_refusal_names_our_field(fresh_clockify, values, field):
    """W4"""
    with pytest.raises(BadRecord) as told:
        send(fresh_clockify, "update", "projects", values, whole(fresh_clockify, "projects"))

    assert told.value.field == field


def test_a_refused_field_is_called_by_our_name(fresh_clockify):
    """W4"""
    body = {"message": "You entered invalid value for field: [isPublic]. Value should be true or false", "code": 501}
    fresh_clockify.sandbox.script("*/projects/*", {"status": 400, "body": body, "method": "PUT"})

    with pytest.raises(BadRecord) as told:
        send(fresh_clockify, "update", "projects", {"public": True}, whole(fresh_clockify, "projects", public=False))

    assert told.value.field == "public"


@pytest.mark.parametrize("op", ["create", "update"])
def test_a_client_that_is_not_there_is_a_wrong_value_and_no_missing_project(fresh_clockify, op):
    """W4: Clockify says the same of both."""
    project, values = whole(fresh_clockify, "projects"), {"name": "New", "clientId": "64a33c9e5b1d7f02ffffffff"}

    with pytest.raises(BadRecord) as told:
        send(fresh_clockify, op, "projects", values, None if op == "create" else project)

    assert told.value.field == "clientId"


def test_an_answer_without_the_record_is_not_taken_for_done(fresh_clockify):
    """W2"""
    fresh_clockify.sandbox.script("*/projects/*", {"status": 200, "body": {}, "method": "PUT"})

    with pytest.raises(BadAnswer):
        send(fresh_clockify, "update", "projects", {"note": "Ours"}, whole(fresh_clockify, "projects"))


# A lost answer


@BOTH
def test_what_a_lost_answer_left_is_found_by_its_name(fresh_clockify, resource):
    """W3: never sent again blindly. A longer name that begins the same is another."""
    sandbox = fresh_clockify.sandbox
    made = sandbox.put(resource, {"name": "Lease dispute"})
    sandbox.put(resource, {"name": "Lease dispute, second"})
    sandbox.script(f"*/{resource}", {"status": 201, "body": made, "cut": True, "method": "POST"})
    wanted = replace(write("create", resource, {"name": "Lease dispute"}), since=house_clock.now())
    with pytest.raises(TryLater):
        WRITING.send(fresh_clockify.upstream, wanted)

    (found,) = WRITING.find(fresh_clockify.upstream, wanted)

    assert found == made


def test_a_project_of_that_name_for_another_client_is_another(fresh_clockify):
    """W3"""
    mine, other = (client["id"] for client in fresh_clockify.records("clients")[:2])
    fresh_clockify.sandbox.put("projects", {"name": "Lease dispute", "clientId": other})

    assert (
        WRITING.find(fresh_clockify.upstream, write("create", "projects", {"name": "Lease dispute", "clientId": mine}))
        == []
    )
    assert WRITING.find(fresh_clockify.upstream, write("update", "projects", {"name": "Lease dispute"})) == []
