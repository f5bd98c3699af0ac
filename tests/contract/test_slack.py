"""Slack's published document (Swagger 2.0, 2021): our calls are its methods, the sandbox's answers hold its fields.

It declares GET for methods both sides also take by POST, lists alternatives under `items`, and knows nothing of
conversations.replies in the part we have; its own examples break some of its schemas, so fields and types are
compared, not every rule.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from slack_sdk import WebClient

from integration_console.services import by_key
from integration_console.services.base import Call, Reading

from .documents import UPSTREAM, document, names
from .test_requests import Notebook

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
SLACK = by_key("slack")
OURS = {"messages": {"id", "channel", "posted_at"}}  # made by us
NEWER = {"edited"}  # told in the documentation of messages, not in the document
UNDECLARED = {"bot_id", "channel_actions_ts", "response_metadata", "cache_ts"}  # a list of types, or missing
OUTSIDE = {"/conversations.replies", "/oauth/v2/authorize"}  # of the ten methods that were kept


def content() -> dict:
    return document("slack/openapi.json").content


def operation(method: str) -> dict:
    found = content()["paths"].get(method)
    assert found, f"{method} is not in the document"
    return next(iter(found.values()))


def shape(schema: dict) -> dict:
    """A schema with its pointer followed and its alternatives, which stand under `items`, laid together."""
    while "$ref" in schema:
        schema = content()["definitions"][schema["$ref"].rpartition("/")[2]]
    if isinstance(schema.get("items"), list):
        shapes = [shape(one) for one in schema["items"]]
        fields = {name: value for one in shapes for name, value in one.get("properties", {}).items()}
        kinds = {kind for one in shapes for kind in _kinds(one)}
        return {"type": sorted(kinds), "properties": fields} if kinds else {"properties": fields}
    return schema


def _kinds(schema: dict) -> list[str]:
    kind = schema.get("type") or ("object" if schema.get("properties") else [])
    return [kind] if isinstance(kind, str) else list(kind)


def answered(method: str) -> dict:
    return shape(operation(method)["responses"]["200"]["schema"])


def differences(sent: Any, schema: dict, where: str = "") -> set[str]:
    """Where a value is not of the declared type, or a field is not declared."""
    schema = shape(schema)
    kinds, fields = _kinds(schema), schema.get("properties")
    if kinds and _kind(sent) not in kinds and not (_kind(sent) == "integer" and "number" in kinds):
        return {f"{where}: {_kind(sent)}, declared {kinds}"}
    if isinstance(sent, list) and isinstance(schema.get("items"), dict):
        return {found for one in sent for found in differences(one, schema["items"], where)}
    if not isinstance(sent, dict) or not fields:
        return set()
    unknown = {f"{where}.{name}: not declared" for name in sent.keys() - fields.keys() - UNDECLARED}
    known = [(name, value) for name, value in sent.items() if name in fields and name not in UNDECLARED]
    return unknown.union(*(differences(value, fields[name], f"{where}.{name}") for name, value in known))


def _kind(value: Any) -> str:
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "object"


def assert_taken(call: Call) -> None:
    """The method exists and takes each of these parameters."""
    known = {one["name"]: one for one in operation(call.template or call.path)["parameters"]}
    assert {*call.params, *(call.json or {})} <= known.keys()


# -- what we ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", SLACK.resources.values(), ids=SLACK.resources)
def test_lists_take_what_we_send(resource):
    state = {"ts C1": "1512085950.000216"}
    for full in (True, False):
        reading = Reading(full, NOW, NOW - timedelta(hours=1), owner="C1", state=state)
        call = SLACK.list_call(resource, reading, {"private_channels": "yes"})
        assert_taken(resource.paging.apply(call, None))
        assert_taken(resource.paging.apply(call, "abc="))


@pytest.mark.parametrize("resource", SLACK.resources.values(), ids=SLACK.resources)
def test_lists_hold_the_fields_we_rely_on(resource):
    records = shape(shape(answered(resource.path)["properties"][resource.items_at])["items"])

    assert names(resource.model) - OURS.get(resource.key, set()) - NEWER <= records["properties"].keys()


@pytest.mark.parametrize("resource", [r for r in SLACK.resources.values() if r.one], ids=lambda r: r.key)
def test_one_record_is_asked_for_as_the_document_says(resource):
    call = SLACK.one_call(resource, "C1", {})

    assert_taken(call)
    assert resource.item_at in answered(call.template)["properties"]


def test_who_we_are_is_asked_and_told_in_its_fields():
    notebook = Notebook(b'{"ok": true, "team_id": "T1", "team": "Firm", "user": "u", "url": "https://x.slack.com/"}')
    account = SLACK.account(notebook)

    assert_taken(notebook.calls[0])
    assert account.id == "T1"
    assert {"team_id", "team", "user", "url"} <= answered("/auth.test")["properties"].keys()


def test_a_post_sends_fields_the_document_has():
    notebook = Notebook(b'{"ok": true, "ts": "1.2"}')
    SLACK.post(notebook, "C1", "Hello", [{"type": "divider"}])

    assert_taken(notebook.calls[0])
    assert notebook.calls[0].method == "POST"


def test_every_failure_we_name_is_one_of_the_documents():
    """Newer ones, told in prose only, are listed here."""
    from integration_console.services.slack import faults

    newer = {
        "token_expired", "team_access_not_granted", "ratelimited", "service_unavailable", "internal_error",
        "restricted_action", "access_denied", "not_allowed_token_type", "ekm_access_denied", "user_not_visible",
        "thread_not_found", "message_not_found", "unknown_method", "invalid_limit",
    }  # fmt: skip
    told = {
        error
        for methods in content()["paths"].values()
        for one in methods.values()
        for error in one["responses"]["default"]["schema"]["properties"].get("error", {}).get("enum", ())
    }

    assert set(faults._WORD_OF) - told - newer == set()


# -- what the sandbox answers -----------------------------------------------------------------------------------------

READS = {
    "/auth.test": {}, "/team.info": {}, "/conversations.list": {"types": "public_channel,private_channel"},
    "/conversations.info": {"channel": "C0SBX000001"}, "/conversations.history": {"channel": "C0SBX000001"},
    "/users.list": {}, "/users.info": {"user": "U0SBX000003"},
    "/chat.postMessage": {"channel": "C0SBX000001", "text": "Hello"},
}  # fmt: skip


@pytest.mark.parametrize(("method", "sent"), READS.items(), ids=READS)
def test_the_sandbox_sends_only_fields_the_document_declares(fresh_upstreams, method, sent):
    slack = fresh_upstreams.slack
    told = WebClient(token=slack.api_key, base_url=f"{slack.api_url}/").api_call(method.strip("/"), data=sent).data

    assert differences(told, answered(method)) == set()
    assert {name for name in answered(method)["required"] if not name.startswith("channel_actions")} <= told.keys()


@cache
def declared() -> frozenset[str]:
    return frozenset(content()["paths"])


def test_every_method_the_sandbox_answers_is_declared(upstreams):
    found = {path for _, _, function in upstreams.slack._routes for _, path in upstreams.slack.answered_by(function)}

    assert found - declared() == OUTSIDE


# -- what it tells by itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "what"),
    [("messages", "created"), ("messages", "updated"), ("messages", "deleted"), ("channels", "updated"),
     ("users", "updated")],
)  # fmt: skip
def test_the_sandboxs_events_have_the_form_the_document_says(upstreams, resource, what):
    path = UPSTREAM / "slack" / "event-wrapper.schema.json"
    if not path.is_file():
        pytest.skip(f"The vendor's document of events is not at {path}")
    wrapper = json.loads(path.read_text())
    slack = upstreams.slack
    slack.hook_url = "http://127.0.0.1:1/"
    sent = json.loads(slack.event_letter(slack.event_of(resource, 2, what)).body)
    slack.hook_url = None

    assert set(wrapper["required"]) <= sent.keys()
    assert set(wrapper["properties"]["event"]["required"]) <= sent["event"].keys()
    for name in wrapper["properties"].keys() & sent.keys():
        assert _kind(sent[name]) == wrapper["properties"][name]["type"], name
