"""The signs that the console comes with: of American and Canadian areas, with common Spanish and French words.

They are written in practice_area_rules.json: area -> "kind weight" -> signs. Weights add up: 1 is a weak sign, 2 a good
one, 3 a strong one, 4 nearly decides alone. A "not" speaks against the area. Hints are in practice_area_hints.json,
written the same way, several to a line with commas between.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from .practice_areas import NO_AREA, Rule, Rules

_HERE = Path(__file__).parent


def shipped() -> tuple[Rule, ...]:
    """Every rule of the list. Read each time: sixteen thousand are wanted once a day, and are ten megabytes to keep."""
    areas, hints = _written("practice_area_rules.json"), _written("practice_area_hints.json")
    rules = [
        Rule(area, kind, sign, float(weight))
        for area, groups in areas.items()
        for (kind, weight), signs in ((group.split(), signs) for group, signs in groups.items())
        for sign in signs
    ]
    rules += [
        Rule(area, "hint", hint, float(weight))
        for area, groups in hints.items()
        for weight, line in groups.items()
        for hint in line.split(", ")
    ]
    return tuple(rules)


def _written(name: str) -> dict[str, dict[str, Any]]:
    return json.loads((_HERE / name).read_text(encoding="utf-8"))


@cache
def compiled() -> Rules:
    """The list, ready to look for."""
    return Rules(shipped(), never_corrected())


@cache
def never_corrected() -> frozenset[str]:
    """Everyday words that look like a misspelt word of the rules: "contact" is no "contract"."""
    return frozenset((_HERE / "practice_area_everyday_words.txt").read_text(encoding="utf-8").split())


@cache
def areas() -> list[str]:
    """Every area the list has rules for."""
    return [area for area in dict.fromkeys(rule.area for rule in shipped()) if area != NO_AREA]
