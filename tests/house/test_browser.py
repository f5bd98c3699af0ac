"""A browser test never looks once: what a click leads to is waited for, however slow the machine."""

import ast
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / "browser").glob("*.py"))
LOOKS_ONCE = {
    "all_inner_texts", "all_text_contents", "content", "count", "get_attribute", "inner_html", "inner_text",
    "input_value", "is_checked", "is_disabled", "is_editable", "is_enabled", "is_hidden", "is_visible", "text_content",
    "title",
}  # fmt: skip


def looks_once(source: str) -> list[int]:
    """The lines of asserts that ask the page for what it shows at this moment."""
    asserts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    return [one.lineno for one in asserts if any(map(_looks_once, ast.walk(one.test)))]


def _looks_once(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = node.func.attr
        return name in LOOKS_ONCE and (not node.args or name == "get_attribute")  # "words".count("w") is no look
    return isinstance(node, ast.Attribute) and node.attr == "url" and ast.unparse(node.value).endswith("page")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_look_waits(file):
    found = looks_once(file.read_text())

    assert not found, f"{file.name}, lines {found}: expect(...) waits, an assert looks once and maybe too early"


def test_a_look_is_told_from_a_plain_question():
    assert looks_once("assert page.get_by_text('Saved').is_visible()") == [1]
    assert looks_once("assert not rows.count()\nassert tab.page.url.endswith('/runs')") == [1, 2]
    assert looks_once("assert 'x' in link.get_attribute('href')") == [1]
    assert looks_once("assert said.count('x') == 2\nassert tab.violations() == [], page.name") == []
