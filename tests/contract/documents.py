"""The vendors' published API documents, where they lie beside the repository. They are other people's: never copied."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "upstream"


class Document:
    """One OpenAPI document: its operations by method and path, its schemas with everything they inherit."""

    def __init__(self, path: Path) -> None:
        self.content = json.loads(path.read_text())
        self.paths = {_bare(name): operations for name, operations in self.content["paths"].items()}

    def operation(self, method: str, path: str) -> dict | None:
        """What the vendor says of this call; names inside braces do not matter."""
        return self.paths.get(_bare(path), {}).get(method.lower())

    def fields(self, schema: dict | None) -> dict[str, dict]:
        """The fields of an object schema, those it inherits included."""
        schema = self.whole(schema or {})
        found: dict[str, dict] = {}
        for part in schema.get("allOf", ()):
            found.update(self.fields(part))
        return {**found, **schema.get("properties", {})}

    def whole(self, schema: dict) -> dict:
        """A schema itself instead of a pointer to it."""
        while "$ref" in schema:
            schema = self.content["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def inside(self, schema: dict) -> dict[str, dict]:
        """The fields of what a field holds: one object, or many of them."""
        schema = self.whole(schema)
        return self.fields(schema.get("items", schema))

    def answer(self, operation: dict, at: str | None = None) -> dict[str, dict]:
        """The fields of one record in the successful answer, found at `at` in it."""
        success = next(one for status, one in operation["responses"].items() if status.startswith("2"))
        schema = next(iter(success["content"].values()))["schema"]
        return self.inside(self.fields(schema)[at]) if at else self.inside(schema)


def parameters(operation: dict) -> dict[str, dict]:
    """An operation's parameters outside of its path, by name."""
    return {one["name"]: one for one in operation.get("parameters", ()) if one["in"] != "path"}


@cache
def document(name: str) -> Document:
    """The document at "clio/openapi.json"; skips the test, saying so, where it is not there."""
    path = UPSTREAM / name
    if not path.is_file():
        pytest.skip(f"The vendor's document {name} is not at {UPSTREAM}: our requests are not checked against it here.")
    return Document(path)


def _bare(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def names(record: Any) -> set[str]:
    """The fields a record model relies on, as the upstream writes them."""
    return {info.alias or name for name, info in record.model_fields.items()}
