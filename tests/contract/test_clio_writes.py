"""What we write to Clio, and what the sandbox takes and answers, against Clio's own document."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from integration_console.errors import BadRecord
from integration_console.sandbox.clio.attributes import TAKES, TAKES_INSIDE, WRITABLE
from integration_console.services.writing import Write
from tests.services.conftest import Connected

from .documents import document, parameters
from .test_requests import CLIO, NOW, Notebook, assert_fields, assert_known
from .test_sandbox_answers import CLIO as DOCUMENT
from .test_sandbox_answers import Schema, declared_answer, needs_documents, wrong

pytestmark = needs_documents

WRITING = CLIO.writing
LIMITATION = {"id": 4, "due_at": "2026-01-01"}
ANSWER = orjson.dumps({"data": {
    "id": 7, "etag": '"1"', "statute_of_limitations": LIMITATION, "notification_methods": [{"id": 3, "type": "Email"}],
}})  # fmt: skip
OVERSTATED = {"name"}  # of a contact: a person is written by first and last name, says the same document's prose
DEFINITIONS = [
    {"id": number, "name": kind, "field_type": kind, "parent_type": parent, "deleted": False,
     "picklist_options": [{"id": 31, "option": "Web", "deleted_at": None}] if kind == "picklist" else []}
    for number, (kind, parent) in enumerate(
        [(kind, parent) for parent in ("Contact", "Matter") for kind in (
            "text_line", "text_area", "url", "time", "email", "date", "picklist", "checkbox", "numeric", "currency",
            "contact", "matter",
        )], start=1,
    )
]  # fmt: skip
SAMPLES: dict[str, Any] = {
    "text": "09:30", "email": "a@x.org", "phone": "555-0001", "date": "2027-01-31", "number": 360, "money": 12.5,
    "boolean": True, "ref": "5", "list": [30, 7],
}  # fmt: skip
CURRENT: dict[str, Any] = {
    "contacts": {
        "id": 7, "etag": '"1"', "type": "Company",
        "email_addresses": [{"id": 1, "address": "b@x.org", "primary": True}],
        "phone_numbers": [{"id": 2, "number": "1", "primary": True}], "addresses": [{"id": 3, "city": "Ely"}],
    },
    "matters": {"id": 7, "etag": '"1"', "statute_of_limitations": LIMITATION},
    "activities": {"id": 7, "etag": '"1"', "price": 10.0},
}  # fmt: skip
VALUES = {"contacts": {"type": "Person"}, "matters": {"status": "pending"}, "activities": {"type": "TimeEntry"}}


def everything(resource: str, **changed: Any) -> dict[str, Any]:
    """A value for every field that can be written."""
    values = {
        field.name: field.choices[0] if field.choices else SAMPLES[field.type]
        for field in WRITING.fields(resource, DEFINITIONS)
        if field.writable
    }
    return {**values, **VALUES[resource], **changed}


def calls_of(write: Write) -> list:
    notebook = Notebook(ANSWER)
    WRITING.send(notebook, write)
    return notebook.calls


def create(resource: str) -> Write:
    return Write("create", resource, everything(resource), custom=DEFINITIONS)


def update(resource: str) -> Write:
    values = everything(resource)
    values.pop("billing_method", None)  # chosen when a matter is made
    return Write("update", resource, values, "7", CURRENT[resource], custom=DEFINITIONS)


def clear(resource: str) -> Write:
    """Everything that can be emptied, emptied: entries taken away, refs loosened."""
    filled = [
        {"id": f"{one['name']}-1", "value": "1", "field_type": one["name"], "custom_field": {"id": one["id"]}}
        for one in DEFINITIONS
    ]
    full = {**CURRENT[resource], "custom_field_values": filled}
    values = {name: None for name in everything(resource) if _can_be_emptied(resource, name, full)}
    return Write("update", resource, values, "7", full, custom=DEFINITIONS)


def _can_be_emptied(resource: str, name: str, current: dict) -> bool:
    try:
        WRITING.send(Notebook(ANSWER), Write("update", resource, {name: None}, "7", current, custom=DEFINITIONS))
    except BadRecord:
        return False
    return True


def bodies_agree(sent: Any, schema: Schema, where: str = "data") -> list[str]:
    """How a body differs from the schema it is sent to: names, kinds, choices, what is missing."""
    if isinstance(sent, list):
        return [found for one in sent for found in bodies_agree(one, schema.item, where)]
    if isinstance(sent, dict):
        found = [f"{where}: {name} is missing" for name in set(schema.node.get("required", ())) - sent.keys()]
        for name, value in sent.items():
            inner = schema.inside(name)
            found += (
                [f"{where}.{name}: not declared"] if inner is None else bodies_agree(value, inner, f"{where}.{name}")
            )
        return found
    kinds = {"string": str, "integer": int, "number": int | float, "boolean": bool}
    if sent is not None and not isinstance(sent, kinds.get(schema.kind, object)):
        return [f"{where}: {type(sent).__name__}, declared {schema.kind}"]
    return [] if sent is None or sent in schema.node.get("enum", [sent]) else [f"{where}: cannot be {sent}"]


@pytest.mark.parametrize("make", [create, update, clear])
@pytest.mark.parametrize("resource", WRITING.writable)
def test_what_we_write_is_declared_in_name_kind_and_choice(resource, make):
    *_, call = calls_of(make(resource))
    method, address = call.method.lower(), f"{call.template}.json"
    operation = document(DOCUMENT).operation(method, address)

    assert_known(call, operation)
    assert_fields(f"/{resource}/{{id}}", call.params["fields"])
    assert {name.lower() for name in call.headers} <= {name.lower() for name in parameters(operation)}
    content = document(DOCUMENT).content["paths"][address][method]["requestBody"]["content"]
    found = bodies_agree(call.json, Schema(DOCUMENT, content["application/json"]["schema"]))
    assert [one for one in found if one not in {f"data.data: {name} is missing" for name in OVERSTATED}] == []


@pytest.mark.parametrize("make", [create, update])
@pytest.mark.parametrize("resource", WRITING.writable)
def test_what_we_read_on_the_way_to_a_write_is_declared(resource, make):
    for call in calls_of(make(resource))[:-1]:
        assert_known(call, document(DOCUMENT).operation("GET", f"{call.template}.json"))
        assert_fields(call.template, call.params["fields"])


@pytest.mark.parametrize("resource", WRITING.writable)
def test_a_deletion_reads_first_for_it_takes_no_version(resource):
    """W5: the document declares no If-Match for it."""
    calls = calls_of(Write("delete", resource, {}, "7", {"etag": '"1"'}))

    assert [call.method for call in calls] == ["GET", "DELETE"]
    assert not calls[-1].headers
    for call in calls:
        assert_known(call, document(DOCUMENT).operation(call.method, f"{call.template}.json"))
    assert "IF-MATCH" not in parameters(document(DOCUMENT).operation("DELETE", f"/{resource}/{{id}}.json"))
    assert "IF-MATCH" in parameters(document(DOCUMENT).operation("PATCH", f"/{resource}/{{id}}.json"))


@pytest.mark.parametrize("since", [None, NOW])
@pytest.mark.parametrize("resource", WRITING.writable)
def test_what_a_lost_answer_left_is_looked_for_by_filters_there_are(resource, since):
    notebook = Notebook(b'{"data": []}')
    WRITING.find(notebook, Write("create", resource, everything(resource), since=since))

    (call,) = notebook.calls
    assert_known(call, document(DOCUMENT).operation("GET", f"{call.template}.json"))


# -- the sandbox ------------------------------------------------------------------------------------------------------


def written(resource: str) -> dict[str, dict]:
    """The attributes a create or a change of this resource takes, and what is inside them."""
    found: dict[str, dict] = {}
    for address, method in ((f"/{resource}.json", "post"), (f"/{resource}/{{id}}.json", "patch")):
        content = document(DOCUMENT).content["paths"][address][method]["requestBody"]["content"]
        found.update(Schema(DOCUMENT, content["application/json"]["schema"]).inside("data").node["properties"])
    return found


@pytest.mark.parametrize("resource", WRITABLE)
def test_the_sandbox_takes_the_attributes_of_the_document_and_no_others(resource):
    declared = written(resource)

    assert set(TAKES[resource].split()) == declared.keys()
    for name, takes in TAKES_INSIDE.items():
        if name in declared:
            schema = Schema(DOCUMENT, declared[name])
            inside = (schema.item if schema.kind == "array" else schema).node.get("properties", {})
            assert set(takes.split()) == inside.keys(), name


@pytest.fixture(scope="module")
def clio():
    from integration_console.sandbox import Sandbox

    with Sandbox(limits={"clio": (10_000, 60.0)}) as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.clio.access_token}"}
        yield Connected("clio", sandbox.clio, headers, region="us")


WRITES = {
    "contacts": {"type": "Person", "first_name": "Ada", "email": "a@x.org", "address.city": "Ely", "custom:13": "x"},
    "matters": {"client.id": "7", "description": "x", "statute_of_limitations.due_at": "2027-01-31", "custom:3": "Web"},
    "activities": {"type": "TimeEntry", "date": "2026-03-02", "quantity": 360, "matter.id": "7"},
}


@pytest.mark.parametrize("resource", WRITING.writable)
def test_the_sandbox_answers_a_write_with_declared_fields(clio, resource):
    custom = clio.records("custom_fields")
    made = WRITING.send(clio.upstream, Write("create", resource, WRITES[resource], custom=custom))
    change = {"contacts": {"title": "Dr."}, "matters": {"client_reference": "R"}, "activities": {"note": "x"}}[resource]
    changed = WRITING.send(clio.upstream, Write("update", resource, change, made.external_id, made.record, custom))

    for record, address, method in (
        (made.record, f"/{resource}.json", "post"), (changed.record, f"/{resource}/{{id}}.json", "patch"),
    ):  # fmt: skip
        assert wrong(record, declared_answer(DOCUMENT, address, method).inside("data"), "clio") == []


@pytest.mark.parametrize(
    ("resource", "change"),
    [("contacts", {"first_name": None}), ("matters", {"practice_area.id": "999999"})],
)
def test_the_sandbox_refuses_in_the_declared_shape(clio, resource, change):
    current = clio.one(resource, 9 if resource == "matters" else 10)
    change = {**change, **({"last_name": None} if resource == "contacts" else {})}
    with pytest.raises(BadRecord) as told:
        WRITING.send(clio.upstream, Write("update", resource, change, str(current["id"]), current))

    declared = document(DOCUMENT).content["paths"][f"/{resource}/{{id}}.json"]["patch"]["responses"]
    assert str(told.value.status) in declared
    assert told.value.raw
    assert told.value.code == "UnprocessableEntity"
