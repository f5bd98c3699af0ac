"""The signs that the console comes with: of American and Canadian areas, with common Spanish and French words.

They are written in rules.json: area -> "kind weight" -> signs. Weights add up: 1 is a weak sign, 2 a good one, 3 a
strong one, 4 nearly decides alone. A "not" speaks against the area. Hints are in hints.json, written the same way,
several to a line with commas between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from . import NO_AREA, Rule, Rules

_HERE = Path(__file__).parent


def shipped() -> tuple[Rule, ...]:
    """Every rule of the list. Read each time: sixteen thousand are wanted once a day, and are ten megabytes to keep."""
    return tuple(rule for _, rules in area_by_area() for rule in rules)


def area_by_area() -> Iterator[tuple[str, list[Rule]]]:
    """The same, one area at a time: never all of them at once."""
    areas, hints = _written("rules.json"), _written("hints.json")
    for area in dict.fromkeys([*areas, *hints]):
        yield area, [*_signs(area, areas.get(area, {})), *_hints(area, hints.get(area, {}))]


def _signs(area: str, groups: dict[str, list[str]]) -> Iterator[Rule]:
    for group, signs in groups.items():
        kind, weight = group.split()
        yield from (Rule(area, kind, sign, float(weight)) for sign in signs)


def _hints(area: str, groups: dict[str, str]) -> Iterator[Rule]:
    for weight, line in groups.items():
        yield from (Rule(area, "hint", hint, float(weight)) for hint in line.split(", "))


def _written(name: str) -> dict[str, dict[str, Any]]:
    return json.loads((_HERE / name).read_text(encoding="utf-8"))


@cache
def compiled() -> Rules:
    """The list, ready to look for."""
    return Rules(shipped(), never_corrected())


@cache
def never_corrected() -> frozenset[str]:
    """Everyday words that look like a misspelt word of the rules: "contact" is no "contract"."""
    return frozenset((_HERE / "everyday_words.txt").read_text(encoding="utf-8").split())


@cache
def areas() -> list[str]:
    """Every area the list has rules for."""
    return [area for area in dict.fromkeys(rule.area for rule in shipped()) if area != NO_AREA]
