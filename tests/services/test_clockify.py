"""Clockify, read from the sandbox: hours person by person, windows in an odd zone, changes where they are told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration_console import clock as house_clock
from integration_console import services
from integration_console.errors import InvalidInput, Missing, NeedsPerson, NotAllowed

from .conftest import moment

CLOCKIFY = services.by_key("clockify")
WHOLE = [key for key, resource in CLOCKIFY.resources.items() if not resource.per]


def everybodys(connected, **reading):
    """Time entries of every person, as the engine gathers them."""
    return [
        entry
        for user in connected.records("users")
        for entry in connected.records("time_entries", owner=user["id"], **reading)
    ]


@pytest.mark.parametrize("resource", WHOLE)
def test_a_list_is_read_whole(clockify, resource):
    """People of every state and archived projects too; custom fields know no pages."""
    records = clockify.records(resource)

    assert len({record["id"] for record in records}) == len(records) == clockify.sandbox.ledger()[resource]


def test_everybodys_time_is_all_time_there_is(clockify):
    """Who left the firm wrote hours down too."""
    entries = everybodys(clockify)

    assert len({entry["id"] for entry in entries}) == len(entries) == clockify.sandbox.ledger()["time_entries"]


def test_tasks_are_listed_under_their_project(clockify):
    tasks = [one for project in clockify.records("projects") for one in clockify.records("tasks", owner=project["id"])]

    assert len(tasks) == clockify.sandbox.ledger()["tasks"]
    assert {task["status"] for task in tasks} == {"ACTIVE", "DONE"}


def test_the_last_page_is_the_one_that_says_so(fresh_clockify):
    """P4: exactly one page of exactly 200 is not asked for a second."""
    tags = [{"id": f"t{number}", "name": "x"} for number in range(200)]
    fresh_clockify.sandbox.script("*/tags", {"status": 200, "body": tags, "headers": {"Last-Page": "true"}})
    before = fresh_clockify.calls()

    assert len(fresh_clockify.records("tags")) == 200
    assert fresh_clockify.calls() - before == 1


def test_a_running_timer_is_a_valid_entry(clockify):
    running = [entry for entry in everybodys(clockify) if entry["timeInterval"]["end"] is None]

    assert running
    assert all(entry["timeInterval"]["duration"] is None for entry in running)


def test_an_increment_lists_everything_that_began_in_the_compared_span(clockify):
    """P7: absence means gone only where everything was listed, though the window is read in another zone."""
    now = house_clock.now()
    reading = services.base.Reading(full=False, now=now)
    span = CLOCKIFY.compared(CLOCKIFY.time_entries, reading, clockify.upstream.settings)
    inside = {entry["id"] for entry in everybodys(clockify) if span.start <= began(entry) <= span.end}

    listed = {entry["id"] for entry in everybodys(clockify, full=False, now=now)}

    assert inside <= listed
    assert len(listed) < clockify.sandbox.ledger()["time_entries"]
    assert span.end - now == now - span.start == timedelta(days=35)


def test_how_far_back_is_a_setting():
    reading = services.base.Reading(full=False, now=moment("2026-03-31"))
    span = CLOCKIFY.compared(CLOCKIFY.time_entries, reading, {"trailing_days": "7"})
    call = CLOCKIFY.list_call(
        CLOCKIFY.time_entries, services.base.replace(reading, owner="u1"), {"workspace_id": "w1", "trailing_days": "7"}
    )

    assert span.start == moment("2026-03-24")
    assert call.params["start"] == "2026-03-23T00:00:00Z"  # a day more, as the zone may cut


def test_a_full_read_has_no_window():
    reading = services.base.Reading(full=True, now=moment("2026-03-31"), owner="u1")
    call = CLOCKIFY.list_call(CLOCKIFY.time_entries, reading, {"workspace_id": "w1"})

    assert not call.params
    assert CLOCKIFY.compared(CLOCKIFY.time_entries, reading) is None


def test_changes_are_read_in_one_go_where_the_workspace_tells_them(telling_clockify):
    connected, sandbox = telling_clockify, telling_clockify.sandbox
    entries = everybodys(connected)
    lately = {"begun": (house_clock.now() - timedelta(minutes=1)).isoformat()}
    sandbox.put("time_entries", {"id": entries[5]["id"], "description": "Corrected"})
    sandbox.delete("time_entries", entries[9]["id"])
    before = connected.calls()

    pages = list(
        connected.pages("time_entries", full=False, state=lately, now=house_clock.now() + timedelta(seconds=5))
    )

    changed = {entry["id"]: entry for page in pages for entry in page.items}
    assert changed[entries[5]["id"]] == {**entries[5], "description": "Corrected"}  # as it is listed, nothing added
    assert [gone for page in pages for gone in page.gone] == [entries[9]["id"]]
    assert all(page.remember == {"entity_changes": True} for page in pages)
    assert connected.calls() - before == 3 + sum(bool(page.items or page.gone) for page in pages)


def changes_of(connected, **scripted):
    """The pages of an increment, where the lists of changes answer so."""
    for kind in ("created", "updated", "deleted"):
        body = {"response": scripted.get(kind, [])}
        connected.sandbox.script(f"*/entities/{kind}", {"status": 200, "body": body})
    lately = {"begun": (house_clock.now() - timedelta(minutes=1)).isoformat()}
    return list(connected.pages("time_entries", full=False, state=lately))


def test_an_entry_that_was_deleted_and_restored_is_not_gone(telling_clockify):
    """It is in the list of deleted ones, whatever Clockify calls its coming back."""
    entries = everybodys(telling_clockify)
    dropped, restored = entries[9]["id"], entries[11]
    telling_clockify.sandbox.delete("time_entries", dropped)
    told = [{"id": one, "documentCode": "TIME_ENTRY", "document": {}} for one in (dropped, restored["id"])]

    pages = changes_of(telling_clockify, deleted=told)

    assert [gone for page in pages for gone in page.gone] == [dropped]
    assert [entry for page in pages for entry in page.items] == [restored]


def test_a_deleted_entry_is_known_by_its_own_id_not_by_that_of_the_line(telling_clockify):
    """The document tells of an id and a document, and not whose id it is."""
    dropped = everybodys(telling_clockify)[9]["id"]
    telling_clockify.sandbox.delete("time_entries", dropped)
    line = {"id": "64a43c9e5b1d7f02eeeeeeee", "documentCode": "TIME_ENTRY", "document": {"_id": dropped}}

    pages = changes_of(telling_clockify, deleted=[line])

    assert [gone for page in pages for gone in page.gone] == [dropped]


def test_where_ids_of_deleted_entries_are_refused_each_is_asked_for(telling_clockify):
    entries = everybodys(telling_clockify)
    dropped, restored = entries[9]["id"], entries[11]
    telling_clockify.sandbox.delete("time_entries", dropped)
    refusal = {"message": "Time entry doesn't belong to Workspace", "code": 501}
    telling_clockify.sandbox.script("*/time-entries/batch", {"status": 400, "body": refusal})

    pages = changes_of(telling_clockify, deleted=[{"id": dropped}, {"id": restored["id"]}])

    assert [gone for page in pages for gone in page.gone] == [dropped]
    assert [entry for page in pages for entry in page.items] == [restored]


def test_a_change_that_does_not_say_of_what_is_looked_for_in_everybodys_window(telling_clockify):
    """Nothing is left out in silence."""
    pages = changes_of(telling_clockify, updated=[{"documentType": "TIME_ENTRY"}])

    assert pages[-1].remember == {"entity_changes": False}
    assert any(page.items for page in pages)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata"])
def test_a_change_is_found_wherever_the_owner_of_the_key_lives(telling_clockify, zone):
    """The lists of changes read the clock face of a window in the owner's zone, too."""
    sandbox, me = telling_clockify.sandbox, telling_clockify.sandbox.get("users", 1)
    sandbox.put("users", {"id": me["id"], "settings": {**me["settings"], "timeZone": zone}})
    entries = telling_clockify.records("time_entries", owner=me["id"])
    sandbox.put("time_entries", {"id": entries[1]["id"], "description": "Corrected"})
    sandbox.delete("time_entries", entries[2]["id"])
    lately = {"begun": (house_clock.now() - timedelta(minutes=15)).isoformat()}

    pages = list(telling_clockify.pages("time_entries", full=False, state=lately))

    assert entries[1]["id"] in {entry["id"] for page in pages for entry in page.items}
    assert entries[2]["id"] in {gone for page in pages for gone in page.gone}


def test_changes_go_on_where_they_were_cut_off(telling_clockify):
    """P4."""
    lately = {"begun": (house_clock.now() - timedelta(days=29)).isoformat()}
    now = house_clock.now()
    pages = list(telling_clockify.pages("time_entries", full=False, state=lately, now=now))

    rest = list(telling_clockify.pages("time_entries", full=False, state=lately, now=now, cursor=pages[0].cursor))

    assert [page.items for page in rest] == [page.items for page in pages[1:]]


def test_a_workspace_that_does_not_tell_changes_is_read_by_window_and_not_asked_again(fresh_clockify):
    lately = {"begun": (house_clock.now() - timedelta(minutes=1)).isoformat()}
    now = house_clock.now()

    pages = list(fresh_clockify.pages("time_entries", full=False, state=lately, now=now))

    assert {entry["id"] for page in pages for entry in page.items} == {
        entry["id"] for entry in everybodys(fresh_clockify, full=False, now=now)
    }
    assert all(page.remember == {"entity_changes": False} for page in pages)
    told = services.base.Reading(full=False, now=now, state={**lately, **pages[0].remember})
    assert CLOCKIFY.by_owner(CLOCKIFY.time_entries, told, {})


@pytest.mark.parametrize(
    ("full", "state", "setting", "by_owner"),
    [
        (True, {"begun": "2026-03-31T09:00:00Z"}, "yes", True),  # a full read is always person by person
        (False, {}, "auto", True),  # nothing is known of the last read
        (False, {"begun": "2026-01-01T09:00:00Z"}, "auto", True),  # longer ago than the lists of changes reach
        (False, {"begun": "2026-03-31T09:00:00Z"}, "auto", False),
        (False, {"begun": "2026-03-31T09:00:00Z", "entity_changes": False}, "auto", True),
        (False, {"begun": "2026-03-31T09:00:00Z", "entity_changes": False}, "yes", False),
        (False, {"begun": "2026-03-31T09:00:00Z"}, "no", True),
    ],
)
def test_when_time_is_read_person_by_person(full, state, setting, by_owner):
    reading = services.base.Reading(full=full, now=moment("2026-03-31T10:00:00Z"), state=state)

    assert CLOCKIFY.by_owner(CLOCKIFY.time_entries, reading, {"entity_changes": setting}) is by_owner


def test_a_workspace_that_must_tell_changes_and_does_not_is_an_error(fresh_clockify):
    fresh_clockify.upstream.settings = {**fresh_clockify.upstream.settings, "entity_changes": "yes"}
    lately = {"begun": (house_clock.now() - timedelta(minutes=1)).isoformat()}

    with pytest.raises(Missing):
        list(fresh_clockify.pages("time_entries", full=False, state=lately))


@pytest.mark.parametrize("resource", ["projects", "clients", "tags", "users", "custom_fields", "workspaces"])
def test_one_record_is_the_same_as_in_its_list(clockify, resource):
    """People and custom fields have no address of their own: theirs is found in the list."""
    (first, *_) = clockify.records(resource)

    assert clockify.one(resource, first["id"]) == first


def test_one_time_entry_needs_no_person(clockify):
    (user, *_) = clockify.records("users")
    (entry, *_) = clockify.records("time_entries", owner=user["id"])

    assert clockify.one("time_entries", entry["id"]) == entry


@pytest.mark.parametrize("resource", ["projects", "time_entries", "users"])
def test_a_record_that_is_not_there_is_missing(clockify, resource):
    """Clockify says 400 where others say 404."""
    with pytest.raises(Missing):
        clockify.one(resource, "64a43c9e5b1d7f02ffffffff")


def test_a_single_task_needs_its_project(clockify):
    with pytest.raises(InvalidInput):
        clockify.one("tasks", "t1")


def test_the_account_is_the_workspace(clockify):
    """K5: the one named, else the one the key's owner works in, which the connection then keeps."""
    named = clockify.service.account(clockify.upstream)
    clockify.upstream.settings = {}
    unnamed = clockify.service.account(clockify.upstream)

    assert named.id == unnamed.id == clockify.sandbox.workspace_id
    assert unnamed.facts["workspace_id"] == clockify.sandbox.workspace_id
    assert unnamed.name


def test_a_key_that_is_gone_needs_a_person(fresh_clockify):
    fresh_clockify.sandbox.revoke()

    with pytest.raises(NeedsPerson):
        fresh_clockify.records("tags")


def test_a_refusal_for_speed_that_does_not_say_how_long_is_waited_out(fresh_clockify, clock):
    """P9: Clockify's 429 is bare text without Retry-After."""
    body = {"status": 429, "body": b"Too many requests", "headers": {"Content-Type": "text/plain"}}
    fresh_clockify.sandbox.script("*/tags", body)

    assert len(fresh_clockify.records("tags")) == fresh_clockify.sandbox.ledger()["tags"]


def test_a_workspace_of_somebody_else_is_not_ours_to_read(clockify):
    clockify.upstream.settings = {"workspace_id": "64a13c9e5b1d7f02ffffffff"}

    with pytest.raises(NotAllowed):
        clockify.records("projects")


def test_a_free_workspace_goes_at_thirty_calls_an_hour():
    (free,) = CLOCKIFY.limits_for({"plan": "free"})

    assert (free.calls, free.per_s) == (30, 3600)
    assert CLOCKIFY.limits_for({}) == CLOCKIFY.limits


def began(entry):
    """When an entry began."""
    return moment(entry["timeInterval"]["start"])
