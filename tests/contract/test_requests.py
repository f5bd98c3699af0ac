"""Our requests against the vendors' published API documents: every path, parameter and field we name is theirs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from integration_console.errors import BadAnswer
from integration_console.services import by_key
from integration_console.services.base import Answer, Call, Reading, Resource, Service

from .documents import document, names, parameters

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
FULL = Reading(full=True, now=NOW, owner="o1")
INCREMENT = Reading(full=False, now=NOW, since=NOW - timedelta(hours=1), owner="o1")
SETTINGS = {"location_id": "l1", "workspace_id": "w1", "region": "eu"}
CURSORS = {"NextLink": "abc", "PageNumber": 2, "Whole": None}

CLIO, GHL, CLOCKIFY = by_key("clio"), by_key("ghl"), by_key("clockify")


class Notebook:
    """An upstream that writes down what is asked and answers with the same thing every time."""

    def __init__(self, body: bytes, **settings: str) -> None:
        self.settings, self.body, self.calls = {**SETTINGS, **settings}, body, []

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return Answer(200, {}, self.body)


def list_calls(service: Service, resource: Resource, settings=SETTINGS) -> list[Call]:
    """A resource's list as it is first asked for, its next page, and an increment; every split of each."""
    cursor = CURSORS.get(type(resource.paging).__name__)
    calls = []
    for reading, at in ((FULL, None), (FULL, cursor), (INCREMENT, None)):
        for split in resource.splits:
            call = service.list_call(resource, reading, settings)
            call = Call(**{**vars(call), "params": {**call.params, **split}})
            calls.append(resource.paging.apply(call, at))
    return calls


def assert_known(call: Call, operation: dict | None) -> None:
    """The address exists, takes each parameter with that value, and misses none it needs."""
    assert operation is not None, f"{call.method} {call.template} is in no document"
    known = parameters(operation)
    assert call.params.keys() <= known.keys(), f"{call.template} takes no {call.params.keys() - known.keys()}"
    for name, value in call.params.items():
        schema = known[name].get("schema", {})
        assert str(value) in map(str, schema.get("enum", [value])), f"{call.template}: {name} cannot be {value}"
        assert not isinstance(value, int) or value <= schema.get("maximum", value), f"{call.template}: {name} {value}"
    needed = {name for name, one in known.items() if one.get("required") and one["in"] == "query"}
    assert needed <= call.params.keys(), f"{call.template} needs {needed - call.params.keys()}"


# -- Clio -------------------------------------------------------------------------------------------------------------


def clio_operation(template: str) -> dict | None:
    return document("clio/openapi.json").operation("GET", f"{template}.json")


def assert_fields(template: str, listed: str) -> None:
    """Each name in a `fields` parameter exists, and each name in its braces exists inside it."""
    clio = document("clio/openapi.json")
    operation = clio_operation(template)
    schema = next(iter(operation["responses"]["200"]["content"].values()))["schema"]
    fields = clio.inside(clio.fields(schema)["data"])
    for name, _, nested in re.findall(r"(\w+)(\{([^{}]*)\})?", listed):
        assert name in fields, f"{template} has no field {name}"
        known = clio.inside(fields[name])
        for inner in filter(None, nested.split(",")):
            assert inner in known, f"{template}: {name} has no field {inner}"


@pytest.mark.parametrize("resource", CLIO.resources.values(), ids=CLIO.resources)
def test_clio_lists_take_what_we_send_and_hold_what_we_name(resource):
    for call in list_calls(CLIO, resource):
        assert_known(call, clio_operation(resource.path))
        assert_fields(resource.path, call.params["fields"])


@pytest.mark.parametrize("resource", CLIO.resources.values(), ids=CLIO.resources)
def test_clio_reads_one_record_where_there_is_an_address_for_it(resource):
    call = CLIO.one_call(resource, "7", SETTINGS)

    assert_known(call, clio_operation(call.template))
    assert_fields(call.template, call.params["fields"])


@pytest.mark.parametrize("resource", CLIO.resources.values(), ids=CLIO.resources)
def test_clio_lists_are_ordered_where_they_can_be(resource):
    takes_order = "order" in parameters(clio_operation(resource.path))

    assert ("order" in resource.params) is takes_order


def test_clio_says_who_we_are_in_fields_it_has():
    notebook = Notebook(b'{"data": {"account": {"id": 1, "name": "Firm"}}}')
    CLIO.account(notebook)

    (call,) = notebook.calls
    assert_known(call, clio_operation(call.path))
    assert_fields(call.path, call.params["fields"])


# -- HighLevel --------------------------------------------------------------------------------------------------------


def ghl_found(call: Call):
    """The document and operation of a call: each of HighLevel's apps has its own document."""
    for app in ("contacts", "opportunities", "locations", "users", "calendars"):
        vendor = document(f"ghl/apps/{app}.json")
        if operation := vendor.operation(call.method, call.template):
            return vendor, operation
    raise AssertionError(f"{call.method} {call.template} is in no document")


def assert_ghl(call: Call) -> None:
    vendor, operation = ghl_found(call)
    assert_known(call, operation)
    version = {**GHL.headers, **call.headers}["Version"]
    assert version in parameters(operation)["Version"]["schema"]["enum"]
    if call.json is not None:
        body = vendor.whole(next(iter(operation["requestBody"]["content"].values()))["schema"])
        if body.get("properties"):  # the contact search has none: its body is in no document
            assert call.json.keys() <= body["properties"].keys()
            assert set(body.get("required", ())) <= call.json.keys()


@pytest.mark.parametrize("search", ["get", "post"])
@pytest.mark.parametrize("resource", GHL.resources.values(), ids=GHL.resources)
def test_highlevel_lists_take_what_we_send(resource, search):
    for call in list_calls(GHL, resource, {**SETTINGS, "opportunity_search": search}):
        assert_ghl(call)


@pytest.mark.parametrize("resource", [r for r in GHL.resources.values() if r.one != ""], ids=lambda r: r.key)
def test_highlevel_reads_one_record_with_the_fields_we_rely_on(resource):
    call = GHL.one_call(resource, "7", SETTINGS, owner="o1")

    assert_ghl(call)
    vendor, operation = ghl_found(call)
    unsaid = {"users": {"deleted"}}  # said of the list's users only
    assert names(resource.model) - unsaid.get(resource.key, set()) <= vendor.answer(operation, resource.item_at).keys()


def test_highlevel_pipelines_hold_the_fields_we_rely_on():
    (call, *_) = list_calls(GHL, GHL.pipelines)
    vendor, operation = ghl_found(call)

    assert names(GHL.pipelines.model) <= vendor.answer(operation, "pipelines").keys()


def test_highlevel_says_which_location_this_is():
    notebook = Notebook(b'{"location": {"id": "l1"}}')
    GHL.account(notebook)

    (call,) = notebook.calls
    assert_ghl(call)


# -- Clockify ---------------------------------------------------------------------------------------------------------

UNSAID = {"projects": {"clientId", "clientName"}}  # in live answers, missing from the schema


def clockify_operation(call: Call) -> dict | None:
    return document("clockify/openapi.json").operation(call.method, f"/v1{call.template or call.path}")


@pytest.mark.parametrize("resource", CLOCKIFY.resources.values(), ids=CLOCKIFY.resources)
def test_clockify_lists_take_what_we_send_and_hold_what_we_rely_on(resource):
    vendor = document("clockify/openapi.json")
    for call in list_calls(CLOCKIFY, resource):
        operation = clockify_operation(call)
        assert_known(call, operation)
        assert names(resource.model) - UNSAID.get(resource.key, set()) <= vendor.answer(operation).keys()


@pytest.mark.parametrize("resource", [r for r in CLOCKIFY.resources.values() if r.one != ""], ids=lambda r: r.key)
def test_clockify_reads_one_record_without_the_lists_parameters(resource):
    call = CLOCKIFY.one_call(resource, "7", SETTINGS, owner="o1")

    assert_known(call, clockify_operation(call))


def test_clockify_says_which_workspace_this_is():
    notebook = Notebook(b'{"activeWorkspace": "w1"}')
    CLOCKIFY.account(notebook)

    for call in notebook.calls:
        assert_known(call, clockify_operation(call))


def test_clockify_changes_are_asked_for_as_the_document_says():
    reading = Reading(full=False, now=NOW, state={"begun": (NOW - timedelta(hours=1)).isoformat()})
    notebook = Notebook(b'{"response": []}')
    list(CLOCKIFY.read(notebook, CLOCKIFY.time_entries, reading))

    assert len(notebook.calls) == 3
    for call in notebook.calls:
        assert_known(call, clockify_operation(call))


def test_clockify_reads_changed_entries_again_as_the_document_says():
    vendor = document("clockify/openapi.json")
    reading = Reading(full=False, now=NOW, state={"begun": (NOW - timedelta(hours=1)).isoformat()})
    notebook = Notebook(b'{"response": [{"id": "e1"}]}', entity_changes="yes")
    with pytest.raises(BadAnswer):  # no batch looks like that
        list(CLOCKIFY.read(notebook, CLOCKIFY.time_entries, reading))

    _, call = notebook.calls
    operation = clockify_operation(call)
    assert_known(call, operation)
    assert call.json.keys() <= vendor.inside(operation["requestBody"]["content"]["application/json"]["schema"]).keys()
