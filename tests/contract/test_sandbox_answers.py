"""The sandbox against the vendors' own documents: every field it sends is theirs, in name and in type."""

import json
from functools import cache
from pathlib import Path

import pytest
import urllib3

from integration_console.sandbox import Sandbox
from integration_console.sandbox.clio import MAKERS, ONLY_LISTED
from integration_console.sandbox.clio.fields import known_inside
from integration_console.sandbox.clio.filters import SORTED_BY, UNORDERED

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "upstream"
needs_documents = pytest.mark.skipif(not UPSTREAM.is_dir(), reason=f"the vendors' documents are not in {UPSTREAM}")
pytestmark = needs_documents

http = urllib3.PoolManager()

# What the documents get wrong or leave out, each seen in live answers or told in the vendor's prose.
UNDECLARED = {
    "clio": set(),
    "ghl": {"traceId", "sort", "bodyText", "additionalEmails", "additionalPhones", "followers"},
    "clockify": {"clientId", "clientName", "documentType", "auditMetadata"},
}
LOOSELY_TYPED = {"value", "fieldValue", "status"}  # declared string or object, sent as the field holds it


@cache
def document(path: str) -> dict:
    return json.loads((UPSTREAM / path).read_text())


@pytest.fixture(scope="module")
def sandbox():
    limits = {"clio": (10_000, 60.0), "ghl": (10_000, 10.0), "clockify": (10_000, 1.0)}
    with Sandbox(limits=limits, clockify_entities=True) as sandbox:
        yield sandbox


class Schema:
    """One schema of one document, with its references followed and its alternatives laid together."""

    def __init__(self, path: str, node: dict) -> None:
        self.path = path
        self.node = self._resolved(node)

    def _resolved(self, node: dict) -> dict:
        seen = 0
        while "$ref" in node and seen < 20:
            found = document(self.path)
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node, seen = found, seen + 1
        together = dict(node)
        for alternative in [*node.get("allOf", ()), *node.get("oneOf", ()), *node.get("anyOf", ())]:
            alternative = self._resolved(alternative)
            together["properties"] = {**together.get("properties", {}), **alternative.get("properties", {})}
            together.setdefault("type", alternative.get("type"))
        return together

    def inside(self, name: str) -> "Schema | None":
        properties = self.node.get("properties") or {}
        return Schema(self.path, properties[name]) if name in properties else None

    @property
    def item(self) -> "Schema":
        items = self.node.get("items") or {}
        while items.get("type") == "array":  # HighLevel declares some lists as lists of lists
            items = items.get("items") or {}
        return Schema(self.path, items)

    @property
    def kind(self) -> str | None:
        return self.node.get("type") or ("object" if self.node.get("properties") else None)

    @property
    def is_open(self) -> bool:
        return not self.node.get("properties")


def differences(sent, schema: Schema, undeclared: set, where: str = "") -> list[str]:
    if sent is None or where.split(".")[-1] in LOOSELY_TYPED:
        return []
    if isinstance(sent, list):
        if schema.kind not in ("array", None):
            return [f"{where}: a list, declared {schema.kind}"]
        return [found for one in sent for found in differences(one, schema.item, undeclared, where)]
    if isinstance(sent, dict):
        return _differences_inside(sent, schema, undeclared, where)
    return [] if _agrees(sent, schema.kind) else [f"{where}: {type(sent).__name__}, declared {schema.kind}"]


def _differences_inside(sent: dict, schema: Schema, undeclared: set, where: str) -> list[str]:
    if schema.kind not in ("object", None):
        return [f"{where}: an object, declared {schema.kind}"]
    if schema.is_open:
        return []
    found = []
    for name, value in sent.items():
        inner = schema.inside(name)
        if inner is not None:
            found += differences(value, inner, undeclared, f"{where}.{name}")
        elif name not in undeclared:
            found.append(f"{where}.{name}: not declared")
    return found


def _agrees(value, kind: str | None) -> bool:
    if isinstance(value, bool):
        return kind in ("boolean", None)
    if isinstance(value, int):
        return kind in ("integer", "number", None)
    if isinstance(value, float):
        return kind in ("number", None)
    return kind in ("string", None)


def declared_answer(path: str, address: str, method: str = "get") -> Schema:
    operation = document(path)["paths"][address][method]
    answer = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    return Schema(path, next(iter(answer["content"].values()))["schema"])


def wrong(sent, schema: Schema, service: str) -> list[str]:
    return sorted(set(differences(sent, schema, UNDECLARED[service])))


CLIO = "clio/openapi.json"
CLIO_RESOURCES = sorted(MAKERS)


def clio_answer(sandbox, resource: str) -> dict:
    clio = sandbox.clio
    fields = ",".join(_asked(clio, name) for name in sorted(clio.known_fields(resource)))
    query = {"fields": fields, "limit": 200, **({"type": "Matter"} if resource == "notes" else {})}
    answer = http.request(
        "GET", f"{clio.api_url}/{resource}.json", fields=query, headers={"Authorization": f"Bearer {clio.access_token}"}
    )
    assert answer.status == 200, answer.data[:300]
    return answer.json()


def _asked(clio, name: str) -> str:
    inside = known_inside(clio, name)
    return (
        f"{name}{{{','.join(sorted(inside))}}}"
        if inside and name in ("custom_field_values", "email_addresses")
        else name
    )


@pytest.mark.parametrize("resource", CLIO_RESOURCES)
def test_clio_sends_only_fields_its_document_declares(sandbox, resource):
    schema = declared_answer(CLIO, f"/{resource}.json")

    assert wrong(clio_answer(sandbox, resource)["data"], schema.inside("data"), "clio") == []


@pytest.mark.parametrize("resource", CLIO_RESOURCES)
def test_every_field_clio_may_be_asked_for_is_declared(sandbox, resource):
    declared = declared_answer(CLIO, f"/{resource}.json").inside("data").item.node["properties"]

    assert sandbox.clio.known_fields(resource) - declared.keys() - UNDECLARED["clio"] == set()


@pytest.mark.parametrize("resource", CLIO_RESOURCES)
def test_clio_sorts_only_where_its_document_lets_one(resource):
    parameters = document(CLIO)["paths"][f"/{resource}.json"]["get"]["parameters"]
    order = next((one for one in parameters if one["name"] == "order"), None)

    assert (order is None) == (resource in UNORDERED)
    if order and "enum" in order["schema"]:
        assert {f"{name}(asc)" for name in SORTED_BY.get(resource, "").split()} <= set(order["schema"]["enum"])


def test_clio_shows_a_single_record_only_where_its_document_does(sandbox):
    paths = document(CLIO)["paths"]
    without = {one for one in CLIO_RESOURCES if "get" not in paths.get(f"/{one}/{{id}}.json", {})}

    assert without == set(ONLY_LISTED)


GHL_READS = (
    ("contacts", "get", "/contacts/{contactId}"),
    ("contacts", "get", "/contacts/{contactId}/notes"),
    ("contacts", "get", "/contacts/{contactId}/tasks"),
    ("opportunities", "get", "/opportunities/search"),
    ("opportunities", "post", "/opportunities/search"),
    ("opportunities", "get", "/opportunities/{id}"),
    ("opportunities", "get", "/opportunities/pipelines"),
    ("users", "get", "/users/"),
    ("users", "get", "/users/search"),
    ("users", "get", "/users/{userId}"),
    ("locations", "get", "/locations/{locationId}"),
    ("locations", "get", "/locations/{locationId}/customFields"),
    ("locations", "get", "/locations/{locationId}/tags"),
    ("locations", "post", "/locations/{locationId}/tasks/search"),
    ("calendars", "get", "/calendars/"),
)


@pytest.mark.parametrize(("app", "method", "address"), GHL_READS)
def test_highlevel_sends_only_fields_its_document_declares(sandbox, app, method, address):
    ghl = sandbox.ghl
    note = ghl.record("notes", 1)
    told = {
        "contactId": note["contactId"],
        "id": ghl.record("opportunities", 1)["id"],
        "userId": ghl.user_ids[0],
        "locationId": ghl.location_id,
    }
    query = f"?locationId={ghl.location_id}&location_id={ghl.location_id}&companyId={ghl.company_id}"
    version = "2021-04-15" if app == "calendars" else "2021-07-28"
    answer = http.request(
        method.upper(),
        ghl.url + address.format(**told) + query,
        headers={"Authorization": f"Bearer {ghl.api_key}", "Version": version},
        **({"json": {"locationId": ghl.location_id}} if method == "post" and app == "opportunities" else {}),
    )

    assert answer.status == 200, answer.data[:300]
    assert wrong(answer.json(), declared_answer(f"ghl/apps/{app}.json", address, method), "ghl") == []


CLOCKIFY = "clockify/openapi.json"
CLOCKIFY_READS = (
    "/user",
    "/workspaces",
    "/workspaces/{w}/users",
    "/workspaces/{w}/projects",
    "/workspaces/{w}/clients",
    "/workspaces/{w}/projects/{p}/tasks",
    "/workspaces/{w}/tags",
    "/workspaces/{w}/custom-fields",
    "/workspaces/{w}/user/{u}/time-entries",
    "/workspaces/{w}/time-entries/status/in-progress",
    "/workspaces/{w}/time-entries/{t}",
)
CLOCKIFY_NAMES = {"{w}": "{workspaceId}", "{p}": "{projectId}", "{u}": "{userId}", "{t}": "{id}"}


@pytest.mark.parametrize("address", CLOCKIFY_READS)
def test_clockify_sends_only_fields_its_document_declares(sandbox, address):
    clockify = sandbox.clockify
    told = {
        "w": clockify.workspace_id,
        "p": clockify.record("projects", 1)["id"],
        "u": clockify.record("users", 1)["id"],
        "t": clockify.record("time_entries", 25)["id"],
    }
    answer = http.request("GET", clockify.api_url + address.format(**told), headers={"X-Api-Key": clockify.api_key})
    for short, long in CLOCKIFY_NAMES.items():
        address = address.replace(short, long)

    assert answer.status == 200, answer.data[:300]
    assert wrong(answer.json(), declared_answer(CLOCKIFY, f"/v1{address}"), "clockify") == []


@pytest.mark.parametrize(
    ("service", "paths"),
    [
        (
            "ghl",
            [
                f"ghl/apps/{app}.json"
                for app in ("contacts", "opportunities", "locations", "users", "oauth", "calendars")
            ],
        ),
        ("clockify", [CLOCKIFY]),
    ],
)
def test_every_address_the_sandbox_answers_is_declared(sandbox, service, paths):
    declared = {_without_names(path) for name in paths for path in document(name)["paths"]}
    upstream = sandbox.upstreams[service]
    answered = {path for _, _, function in upstream._routes for _, path in upstream.answered_by(function)}

    prefix = "/v1" if service == "clockify" else ""
    unknown = {path for path in answered if _without_names(prefix + path) not in declared}
    assert unknown - {"/oauth/chooselocation"} == set()


def _without_names(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.strip("/").split("/"))
