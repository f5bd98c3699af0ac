"""The API described: as an OpenAPI document for programs, and as a page drawn from that very document for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, current_app, jsonify, render_template

from ...operations.api import quotas
from .. import error_pages
from ..access import may
from . import api_contract

page = Blueprint("api_docs", __name__)

GROUPS = {"integrations": "Integrations", "matters": "Matters"}
_PLACES = {"connection_id": "$CONNECTION", "service": "clio", "name": "17"}
_ANYWHERE = {405: "This address does not take that method; Allow says what it takes"}
_DEEPEST = 4  # levels of an answer shown field by field


@page.get("/api/openapi.json")
@may("anyone")
def document():
    """The whole API as OpenAPI 3.1. It tells nothing of the firm, so it needs no token."""
    return jsonify(_document())


@page.get("/docs/api")
@may("see status")
def index():
    """Every call with its fields, its errors and an example to copy."""
    whole = _document()
    groups: dict[str, list[dict]] = {label: [] for label in GROUPS.values()}
    for path, methods in whole["paths"].items():
        for method, operation in methods.items():
            groups[GROUPS[operation["tags"][0]]].append(_shown(whole, path, method.upper(), operation))
    base = current_app.config["SETTINGS"].BASE_URL.rstrip("/")
    return render_template("docs/api.html", groups=groups, base=base, limits=quotas.PER_MINUTE, errors=_errors())


def _errors() -> list[dict[str, Any]]:
    """Every status the API answers with, its code and when."""
    return [
        {"status": status, "code": error_pages.CODES[status], "said": said.replace("`", "")}
        for status, said in sorted((api_contract.SAID | _ANYWHERE).items())
    ]


def _document() -> dict[str, Any]:
    return api_contract.document(current_app, current_app.config["SETTINGS"].BASE_URL)


def _shown(whole: Mapping, path: str, method: str, operation: Mapping) -> dict[str, Any]:
    good = next(status for status in operation["responses"] if status.startswith("2"))
    answer = operation["responses"][good]["content"]["application/json"]["schema"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return {
        "id": operation["operationId"], "method": method, "path": path, "summary": operation["summary"],
        "said": operation["description"].replace("`", ""), "good": good, "answer": list(_fields(whole, answer)),
        "parameters": [_parameter(one) for one in operation["parameters"] if one["in"] != "path"],
        "body": list(_fields(whole, body["schema"])) if body else [],
        "problems": {
            status: one["description"].replace("`", "")
            for status, one in sorted(operation["responses"].items())
            if status > "4"
        },
        "curl": curl(path, method, operation), "try_path": _to_try(path, operation) if method == "GET" else "",
    }  # fmt: skip


def _parameter(one: Mapping) -> dict[str, Any]:
    return {"name": one["name"], "kind": _kind(one["schema"]), "needed": one["required"],
            "said": one.get("description", ""), "header": one["in"] == "header"}  # fmt: skip


def _to_try(path: str, operation: Mapping) -> str:
    """An address to try; empty where it would begin something, or take the reader's place in it."""
    if "/oauth/" in path:
        return ""
    asked = {one["name"]: one["example"] for one in operation["parameters"] if "example" in one}
    path = path.replace("{connection_id}", "conn_…").replace("{name}", "17")
    return path + (f"?{urlencode(asked, quote_via=quote)}" if asked else "")


def curl(path: str, method: str, operation: Mapping) -> str:
    """A call to copy: $BASE, $TOKEN and $CONNECTION are the reader's."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", _PLACES[parameter["name"]])
    asked = {one["name"]: one["example"] for one in operation["parameters"] if "example" in one}
    address = f"$BASE{path}" + (f"?{urlencode(asked, quote_via=quote)}" if asked else "")
    lines = [f'curl -sS -X {method} "{address}"', '-H "Authorization: Bearer $TOKEN"']
    if content := operation.get("requestBody"):
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d '{json.dumps(content['content']['application/json']['example'])}'")
    return " \\\n  ".join(lines)


# -- fields -----------------------------------------------------------------------------------------------------------


def _fields(whole: Mapping, schema: Mapping, before: str = "", depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every field of a schema, those inside others with a dotted name: connection.settings.webhookUrl."""
    schema, _ = _meant(whole, schema)
    for name, inner in schema.get("properties", {}).items():
        real, empty = _meant(whole, inner)
        mark = ""
        if real.get("type") == "array":
            real, mark = _meant(whole, real.get("items", {}))[0], "[]"
        said = inner.get("description") or ("" if real.get("properties") else real.get("description", ""))
        yield {
            "name": before + name + mark, "kind": _kind(real) + (" or null" if empty else ""), "said": said,
            "needed": name in schema.get("required", ()),
        }  # fmt: skip
        if depth < _DEEPEST:
            yield from _fields(whole, real, f"{before}{name}{mark}.", depth + 1)


def _meant(whole: Mapping, schema: Mapping) -> tuple[Mapping, bool]:
    """The schema behind references and choices, and whether null is among them."""
    choices = schema.get("anyOf", ())
    empty = any(one.get("type") == "null" for one in choices)
    schema = next((one for one in choices if one.get("type") != "null"), schema)
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema, empty


def _kind(schema: Mapping) -> str:
    """What a value is, in a word or by the words it may be."""
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    kinds = schema.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return {"date-time": "time", "date": "day"}.get(schema.get("format", ""), " or ".join(kinds))
