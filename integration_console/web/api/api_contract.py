"""What a route of the API promises, and the OpenAPI 3.1 document made of all those promises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from ... import __version__
from ..access import View
from . import api

READING = (400, 401, 403, 404, 429, 500, 503)
WRITING = (*READING, 409, 413, 415, 502)
SAID = {
    400: "Something in the request cannot be used; `details` and `fields` say what",
    401: "No, wrong, expired or revoked token; with the code needs_reconnect: the service no longer takes ours",
    403: "The token or its owner may not do this", 404: "There is no such thing",
    409: "Something stands in the way: a live run, a changed version, a reused key", 413: "More than 1 MiB",
    415: "The content type is not application/json", 422: "A field cannot be used; `fields` says which",
    429: "Too many calls", 500: "A mistake of ours", 502: "The service's answer cannot be used",
    503: "The database or the service is busy or restarting",
}  # fmt: skip
_REFS = "#/components/schemas/{model}"
_RETRY = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
PROBLEM = {
    "title": "Problem", "type": "object", "description": "Why a call was not answered.",
    "required": ["success", "error", "code", "requestId"],
    "properties": {
        "success": {"const": False}, "error": {"type": "string"}, "code": {"type": "string"},
        "details": {"type": "object"}, "fields": {"type": "object", "additionalProperties": {"type": "string"}},
        "syncId": {"type": "string"}, "retryAfter": {"type": "integer"}, "requestId": {"type": "string"},
    },
    "additionalProperties": False,
}  # fmt: skip


@dataclass(frozen=True)
class Contract:
    """What one route takes and gives."""

    summary: str
    answer: type[BaseModel] | Mapping[str, Any]  # a model, or a schema where no model is ours
    status: int = 200
    body: type[BaseModel] | Mapping[str, Any] | None = None
    query: type[BaseModel] | Mapping[str, Any] | None = None
    example: Mapping[str, Any] | None = None  # of the body
    asks: Mapping[str, str] | None = None  # an example of the address's parameters
    problems: tuple[int, ...] = READING
    open: bool = False  # also without a token
    page: bool = False  # a browser gets a page, or is sent on


def says(summary: str, answer: type[BaseModel] | Mapping[str, Any], **more: Any) -> Callable[[View], View]:
    """Declare what a route of the API promises."""

    def mark(view: View) -> View:
        view.contract = Contract(summary, answer, **more)  # type: ignore[attr-defined]
        return view

    return mark


def document(app: Flask, base_url: str) -> dict[str, Any]:
    """The whole API as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    models: dict[type[BaseModel], str] = {}
    for rule, method, contract in sorted(_routes(app), key=lambda one: (one[0].rule, one[1])):
        for model in (contract.answer, contract.body, contract.query):
            if isinstance(model, type):
                models[model] = "serialization" if model is contract.answer else "validation"
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(app, rule, method, contract)
    _, schemas = models_json_schema(list(models.items()), ref_template=_REFS)  # type: ignore[arg-type]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Integration Console", "version": __version__, "summary": "Connect, sync, and read matters"},
        "servers": [{"url": base_url.rstrip("/")}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas["$defs"], "Problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _routes(app: Flask) -> Iterator[tuple[Rule, str, Contract]]:
    for rule in app.url_map.iter_rules():
        contract = getattr(app.view_functions[rule.endpoint], "contract", None)
        if contract is not None:
            yield from ((rule, method, contract) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def _operation(app: Flask, rule: Rule, method: str, contract: Contract) -> dict[str, Any]:
    view = app.view_functions[rule.endpoint]
    found: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"), "summary": contract.summary,
        "description": " ".join((view.__doc__ or "").split()), "tags": [rule.rule.split("/")[2]],
        "parameters": [*_path_parameters(rule), *_query_parameters(contract), *(_KEY if method == "POST" else ())],
        "responses": {str(contract.status): _good(contract), **{str(s): _bad(s) for s in contract.problems}},
    }  # fmt: skip
    if contract.page:
        found["responses"]["302"] = {"description": "On to the address it was begun for"}
    if contract.body is not None:
        content: dict[str, Any] = {"schema": _schema(contract.body)}
        content |= {"example": dict(contract.example)} if contract.example else {}
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    if contract.open:
        found["security"] = [{"token": []}, {}]
    return found


_KEY = ({
    "name": api.KEY, "in": "header", "required": False,
    "description": "The same key and body are answered the same for 24 hours, and nothing is done twice",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
},)  # fmt: skip


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in sorted(rule.arguments)
    ]


def _query_parameters(contract: Contract) -> list[dict[str, Any]]:
    if contract.query is None:
        return []
    whole = contract.query.model_json_schema() if isinstance(contract.query, type) else contract.query
    examples, found = contract.asks or {}, []
    for name, schema in whole["properties"].items():
        schema = _without_null(schema)
        one = {"name": name, "in": "query", "required": name in whole.get("required", ()), "schema": schema}
        if said := schema.pop("description", ""):
            one["description"] = said
        found.append(one | ({"example": examples[name]} if name in examples else {}))
    return found


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out; an address cannot say null."""
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "title", "default")}
    return {**rest, **kinds[0]} if kinds else rest


def _schema(model: type[BaseModel] | Mapping[str, Any]) -> dict[str, Any]:
    return {"$ref": _REFS.format(model=model.__name__)} if isinstance(model, type) else dict(model)


def _good(contract: Contract) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": _schema(contract.answer)}}
    if contract.page:
        content["text/html"] = {"schema": {"type": "string"}}
    return {"description": "Done" if contract.status == 200 else "Begun", "content": content}


def _bad(status: int) -> dict[str, Any]:
    problem = {"schema": {"$ref": _REFS.format(model="Problem")}}
    found: dict[str, Any] = {"description": SAID[status], "content": {"application/json": problem}}
    return found | ({"headers": _RETRY} if status in (429, 503) else {})
