"""The README's defaults are those in force, its links and those of docs/ lead somewhere, and every page is linked."""

import re
from pathlib import Path

import pytest

import config

from .imports import HOME

PAGES = [HOME / "README.md", *sorted((HOME / "docs").rglob("*.md"))]


def test_the_readmes_defaults_are_the_ones_in_force():
    rows = [line.split(" | ") for line in PAGES[0].read_text().splitlines() if line.startswith("| `")]
    compared = 0
    for row in rows:
        names = [name for name in re.findall(r"`([A-Z_]+)`", row[0]) if name in config.Settings.model_fields]
        for name, told in zip(names, row[1].split(", "), strict=False):
            default = config.Settings.model_fields[name].default
            if re.fullmatch(r"\d+|on|off|`[\w./:]+`", told):
                assert told.strip("`") == _shown(default), name
                compared += 1

    assert compared > 30


def _shown(default: object) -> str:
    """A default as the table writes it."""
    if isinstance(default, bool) or default in ("", None):
        return "on" if default else "off"
    return default.name if isinstance(default, Path) else str(default)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_to_something(page):
    for target, _, part in re.findall(r"\]\((?!https?:)([^)#\s]*)(#?)([^)\s]*)\)", page.read_text()):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        headings = re.findall(r"^#+ (.+)$", there.read_text(), re.M) if part else []
        assert not part or part in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, part


def test_every_page_is_linked_from_another():
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
    }

    assert not {str(page.relative_to(HOME)) for page in PAGES[1:]} - {
        str(page.relative_to(HOME)) for page in linked if page.is_relative_to(HOME)
    }
