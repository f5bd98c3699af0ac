"""Our writes to Clockify, and the sandbox's answers to them, against the vendor's published document."""

from __future__ import annotations

import json

import pytest
import urllib3

from integration_console.sandbox import Sandbox
from integration_console.services import by_key
from integration_console.services.clockify.writing import ONE, POST_TAKES, PUT_TAKES, WRITTEN_AS
from integration_console.services.writing import Write

from .documents import UPSTREAM, document
from .test_requests import Notebook, assert_known, clockify_operation
from .test_sandbox_answers import CLOCKIFY as PATH
from .test_sandbox_answers import declared_answer, wrong

CLOCKIFY = by_key("clockify")
BOTH = pytest.mark.parametrize("resource", sorted(ONE))
WHOLE = {
    "id": "r1", "name": "A name", "email": "a@example.com", "ccEmails": ["b@example.com"], "currencyId": "u1",
    "address": "Here", "note": "N", "archived": False, "clientId": "c1", "color": "#000000", "billable": True,
    "public": True, "hourlyRate": {"amount": 100, "currency": "USD"}, "costRate": {"amount": 50, "currency": "USD"},
}  # fmt: skip

http = urllib3.PoolManager()


def body_schema(method, resource):
    vendor = document("clockify/openapi.json")
    path = f"/v1/workspaces/{{}}/{resource}" + ("/{}" if method == "PUT" else "")
    operation = vendor.operation(method, path)
    return vendor.fields(next(iter(operation["requestBody"]["content"].values()))["schema"])


def calls_of(op, resource, values):
    notebook = Notebook(json.dumps(WHOLE).encode())
    CLOCKIFY.writing.send(notebook, Write(op, resource, values, "r1"))
    return notebook.calls


@BOTH
def test_a_put_sends_everything_it_takes(resource):
    """P6: what is in the document's body and not in ours would be emptied by every change we make."""
    known = body_schema("PUT", resource)

    assert {WRITTEN_AS.get(name, name) for name in PUT_TAKES[resource]} == known.keys()
    read, put = calls_of("update", resource, {"note": "Changed"})
    assert put.json.keys() == known.keys()
    for call in (read, put):
        assert_known(call, clockify_operation(call))


@BOTH
def test_a_new_record_is_sent_as_the_document_says(resource):
    values = {field.name: WHOLE[field.name] for field in CLOCKIFY.writing.fields(resource)}
    (post,) = calls_of("create", resource, values)

    assert_known(post, clockify_operation(post))
    assert post.json.keys() == {WRITTEN_AS.get(name, name) for name in POST_TAKES[resource]}
    assert post.json.keys() <= body_schema("POST", resource).keys()


@BOTH
def test_a_deletion_and_a_look_up_go_to_addresses_there_are(resource):
    notebook = Notebook(b"[]")
    CLOCKIFY.writing.find(notebook, Write("create", resource, {"name": "A name"}))

    for call in [*notebook.calls, *calls_of("delete", resource, {})]:
        assert_known(call, clockify_operation(call))


@BOTH
def test_our_longest_texts_are_the_documents(resource):
    known = body_schema("PUT", resource)

    for field in CLOCKIFY.writing.fields(resource):
        longest = known[WRITTEN_AS.get(field.name, field.name)].get("maxLength")
        assert field.longest == (7 if field.name == "color" else longest)


# The sandbox's answers


@pytest.fixture(scope="module")
def clockify():
    if not UPSTREAM.is_dir():
        pytest.skip(f"the vendors' documents are not in {UPSTREAM}")
    with Sandbox(limits={"clockify": (10_000, 1.0)}) as sandbox:
        yield sandbox.clockify


@BOTH
def test_the_sandbox_answers_writes_with_fields_the_document_declares(clockify, resource):
    """One life: made, changed and archived, deleted."""
    one = "/{projectId}" if resource == "projects" else "/{id}"
    path, sent, made = f"/workspaces/{clockify.workspace_id}/{resource}", {"name": "One life"}, ""

    for method, body in (("post", sent), ("put", {**sent, "archived": True}), ("delete", None)):
        answer = http.request(
            method.upper(), f"{clockify.api_url}{path}{made}", headers={"X-Api-Key": clockify.api_key},
            **({} if body is None else {"json": body}),
        )  # fmt: skip
        assert answer.status in (200, 201), answer.data[:300]
        declared = f"/v1/workspaces/{{workspaceId}}/{resource}{one if made else ''}"
        assert wrong(answer.json(), declared_answer(PATH, declared, method), "clockify") == []
        made = f"/{answer.json()['id']}"
