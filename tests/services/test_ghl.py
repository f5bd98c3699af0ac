"""HighLevel, read from the sandbox: searches that page by the last record, lists under contacts, odd refusals."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

import pytest

from integration_console import services
from integration_console.errors import BadRecord, InvalidInput, Missing, NeedsPerson, NotAllowed
from integration_console.sandbox.ghl.scopes import ALL
from integration_console.services.ghl.scopes import SCOPES

from .conftest import moment

GHL = services.by_key("ghl")
WHOLE = [key for key, resource in GHL.resources.items() if not resource.per]


@pytest.mark.parametrize("resource", WHOLE)
def test_a_list_is_read_whole(ghl, resource):
    records = ghl.records(resource)

    assert len({record["id"] for record in records}) == len(records) == ghl.sandbox.ledger()[resource]


def test_contacts_are_read_in_as_few_calls_as_there_are_pages(ghl):
    there, before = ghl.sandbox.ledger()["contacts"], ghl.calls()

    pages = list(ghl.pages("contacts"))

    assert ghl.calls() - before == there // 100 + 1  # a list of full pages only ends with an empty one
    assert pages[-1].upstream_count == there


def test_contacts_come_oldest_change_first(ghl):
    """P3: what changes while we read moves ahead of us."""
    times = [contact["dateUpdated"] for contact in ghl.records("contacts")]

    assert times == sorted(times)


def test_contacts_are_never_asked_for_by_page_number(ghl):
    """Numbered pages end at the 10 000th record."""
    call = GHL.list_call(GHL.contacts, next_reading(), ghl.upstream.settings)

    assert "page" not in GHL.contacts.paging.apply(call, [1700000000000, "id"]).json


def test_a_read_goes_on_behind_the_page_it_was_cut_off_after(ghl):
    """P4."""
    pages = list(ghl.pages("contacts"))

    rest = list(ghl.pages("contacts", cursor=pages[1].cursor))
    assert [page.items for page in rest] == [page.items for page in pages[2:]]


def test_a_contact_has_the_same_names_by_search_and_by_id(ghl):
    (found, *_) = [contact for contact in ghl.records("contacts") if contact["name"] and contact["address1"]]

    by_id = ghl.one("contacts", found["id"])

    assert "searchAfter" not in found
    assert {name: found[name] for name in ("name", "address1", "email")} == {
        name: by_id.get(name) for name in ("name", "address1", "email")
    }


def test_an_increment_brings_the_contacts_that_changed(fresh_ghl):
    """P3."""
    contacts = fresh_ghl.records("contacts")
    newest = max(moment(contact["dateUpdated"]) for contact in contacts)
    fresh_ghl.sandbox.put("contacts", {"id": contacts[7]["id"], "city": "Alameda"})
    before = fresh_ghl.calls()

    changed = fresh_ghl.records("contacts", full=False, since=newest + timedelta(milliseconds=1))

    assert [(contact["id"], contact["city"]) for contact in changed] == [(contacts[7]["id"], "Alameda")]
    assert fresh_ghl.calls() - before == 1


def test_both_opportunity_searches_bring_the_same(ghl, ghl_by_post):
    there, before = ghl.sandbox.ledger()["opportunities"], ghl.calls()

    by_get = ghl.records("opportunities")
    assert ghl.calls() - before == ceil(there / 100)
    by_post = ghl_by_post.records("opportunities")

    assert {one["id"]: one for one in by_get} == {one["id"]: one for one in by_post}
    assert {call.method for call in ghl.asked(before)} == {"GET", "POST"}


@pytest.mark.parametrize("way", ["ghl", "ghl_by_post"])
def test_highlevel_counts_the_opportunities_it_lists(request, way):
    """P4: without its count, a list cut short would pass for the whole."""
    connected = request.getfixturevalue(way)

    *_, last = connected.pages("opportunities")

    assert last.upstream_count == connected.sandbox.ledger()["opportunities"]


def test_a_next_page_is_never_fetched_from_the_address_in_the_answer(ghl):
    """X3: HighLevel's own example of nextPageUrl points to a host nobody outside can reach."""
    before = ghl.calls()
    ghl.records("opportunities")

    further = ghl.asked(before)[1:]
    assert further
    assert all("startAfterId" in call.query for call in further)


def test_opportunities_are_listed_whole_each_time():
    assert GHL.opportunities.lists_everything
    assert not GHL.contacts.lists_everything


@pytest.mark.parametrize("resource", ["notes", "tasks"])
def test_notes_and_tasks_are_listed_under_their_contact(ghl, resource):
    found = []
    for contact in ghl.records("contacts"):
        found += ghl.records(resource, owner=contact["id"])

    assert len({one["id"] for one in found}) == len(found) == ghl.sandbox.ledger()[resource]


def test_a_single_note_needs_the_contact_it_is_on(ghl):
    with pytest.raises(InvalidInput):
        ghl.one("notes", "n1")


@pytest.mark.parametrize("resource", ["opportunities", "users", "pipelines"])
def test_one_record_is_read_by_its_id(ghl, resource):
    """Pipelines have no address of their own: theirs is found in the list."""
    (first, *_) = ghl.records(resource)

    assert ghl.one(resource, first["id"])["name"] == first["name"]


@pytest.mark.parametrize("resource", ["contacts", "opportunities", "pipelines"])
def test_a_record_that_is_not_there_is_missing(ghl, resource):
    """HighLevel says 400 where others say 404."""
    with pytest.raises(Missing):
        ghl.one(resource, "ocQHyuzHvy0000000000")


def test_calendars_are_asked_for_with_their_own_older_version(ghl):
    assert [calendar["name"] for calendar in ghl.records("calendars")]
    assert GHL.calendars.headers["Version"] != GHL.headers["Version"]


def test_the_account_is_the_location(ghl):
    """K5."""
    account = ghl.service.account(ghl.upstream)

    assert account.id == ghl.sandbox.location_id
    assert account.name


def test_another_location_than_the_tokens_needs_a_person(ghl):
    with pytest.raises(NeedsPerson):
        ghl.service.account(ghl_at(ghl, "ve9EPM428hElsewhere0"))


def test_every_scope_we_need_is_asked_for_and_a_missing_one_stops_only_its_list(fresh_ghl):
    """HighLevel does not say which scope is missing: we do, and where it is given."""
    everything = {name for name, resource in fresh_ghl.service.resources.items() if not resource.per}
    fresh_ghl.sandbox.withhold(*(scope for scope in ALL if scope not in SCOPES))
    assert all(fresh_ghl.records(name) for name in everything)

    for scope, lost in {
        "users.readonly": {"users"}, "locations/tags.readonly": {"tags"}, "calendars.readonly": {"calendars"},
        "locations/customFields.readonly": {"custom_fields"}, "contacts.readonly": {"contacts"},
        "opportunities.readonly": {"opportunities", "pipelines"}, "locations.readonly": set(),
    }.items():  # fmt: skip
        fresh_ghl.sandbox.withhold(scope)
        for name in everything - lost:
            fresh_ghl.records(name)
        for name in lost:
            with pytest.raises(NotAllowed) as told:
                fresh_ghl.records(name)
            assert f"lacks the scope {scope}: without it" in str(told.value)
            assert "Settings, Private Integrations" in str(told.value)


def test_a_refused_property_is_named(fresh_ghl):
    body = {"statusCode": 422, "message": ["property nickname should not exist"], "error": "Unprocessable Entity"}
    fresh_ghl.sandbox.script("/users*", {"status": 422, "body": body})

    with pytest.raises(BadRecord) as told:
        fresh_ghl.records("users")

    assert "nickname" in f"{told.value} {told.value.raw}"


def test_a_contact_without_a_name_is_called_by_what_else_is_known():
    assert GHL.contacts.name_of({"id": "c1", "firstName": "Ada", "lastName": "Lee"}) == "Ada Lee"
    assert GHL.contacts.name_of({"id": "c1", "email": "ada@example.com"}) == "ada@example.com"
    assert GHL.contacts.name_of({"id": "c1"}) == "c1"


def next_reading():
    """A full read, about to begin."""
    return services.base.Reading(full=True, now=moment("2026-03-02T14:00:00Z"))


def ghl_at(connected, location):
    """The same token, pointed at another location."""
    connected.upstream.settings = {"location_id": location}
    return connected.upstream
