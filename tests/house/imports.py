"""Who imports whom, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
HOUSE = "integration_console"


@cache
def modules() -> dict[str, Path]:
    """Every module of the house by its dotted name."""
    found = {}
    for file in sorted((HOME / HOUSE).rglob("*.py")):
        parts = file.relative_to(HOME).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


@cache
def imports(module: str) -> frozenset[str]:
    """Every module this one imports anywhere in it, ours by the file they really mean."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(module, node)
            for alias in node.names:
                if alias.name == "__version__":
                    continue  # the number on the front door may be read from any floor
                inner = f"{start}.{alias.name}"
                yield inner if inner in modules() else start


def _absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.split(".")
    is_package = modules()[module].name == "__init__.py"
    package = package[: len(package) - node.level + is_package]
    return ".".join([*package, *([node.module] if node.module else [])])


def ours(module: str) -> set[str]:
    """The modules of the house this one imports, itself left out."""
    return {name for name in imports(module) if name in modules() and name != module}


def room(module: str) -> str:
    """The room a module lies in; "" for the house's own front."""
    return [*module.split("."), ""][1]


def assigns(module: str, name: str) -> bool:
    """Whether the module gives this name a value at its top level."""
    return any(
        isinstance(target, ast.Name) and target.id == name
        for node in tree(module).body
        if isinstance(node, ast.Assign)
        for target in node.targets
    )
