"""What people call a mapping's sides, fields and options: the same on its pages and where it is told what changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OPTIONS = {
    "creates_right": "Make what is missing on the right", "creates_left": "Make what is missing on the left",
    "deletes_right": "Delete on the right what was deleted on the left",
    "deletes_left": "Delete on the left what was deleted on the right", "closed": "Write closed matters, too",
    "write_cap": "Most writes a run", "brake_creates": "New records that stop a run", "zone": "Time zone",
    "country": "Country of numbers without a code", "rounding_minutes": "Time is rounded up to",
    "number_patterns": "How matter numbers are written, one a line",
}  # fmt: skip
OF_A_SIDE = {
    "creates_right": "Make missing {right}", "creates_left": "Make missing {left}",
    "deletes_right": "Delete {right} whose partner was deleted",
    "deletes_left": "Delete {left} whose partner was deleted",
}  # fmt: skip
# Those of a line, by the transform it has.
LINE_OPTIONS = {
    "pairs": "Table, one pair a line", "otherwise": "What is not found", "flow": "Mapping that links them",
    "side": "Where ours lie in it", "resource": "Our kind of record", "field": "Our field to compare",
    "other_resource": "Their kind of record", "other_field": "Their field to compare", "rounding": "Rounded up to",
    "value": "Value", "text": "Template", "longest": "Longest, in characters", "into": "What to make of them",
    "only": "Only these, one a line", "currency": "Currency", "bills": "What the bills are", "default": "Default",
}  # fmt: skip
CHOICES = {
    "keep": "leave the other side as it is", "empty": "empty the other side", "refuse": "refuse the record",
    "wait": "wait until it is there", "left": "on its left", "right": "on its right", "text": "text with commas",
    "list": "a list", "0": "not at all", "6": "6 minutes", "15": "15 minutes",
}  # fmt: skip
CODE = re.compile(r"^[a-z]+(_[a-z]+)+$")  # "awaiting_payment"
CHOSEN = frozenset({"otherwise", "side", "into", "rounding", "rounding_minutes"})  # options that are one of CHOICES


@dataclass(frozen=True)
class Words:
    """What two accounts call what a mapping names; without them, as documents have it."""

    sides: Mapping[str, str] | None = None  # left, right -> "Clio contacts"
    fields: Callable[[str, str], str] = lambda _side, names: names  # a side and names there -> what people call them

    def side(self, side: str) -> str:
        """A side in a sentence."""
        return self.sides[side] if self.sides else f"the {side} side"

    def option(self, name: str) -> str:
        """What an option is called, the mapping's or a line's."""
        if self.sides and name in OF_A_SIDE:
            return OF_A_SIDE[name].format(**self.sides)
        return (OPTIONS | LINE_OPTIONS).get(name, name).removesuffix(", one a line")


PLAINLY = Words()


def spelled(value: Any) -> str:
    """A value in a sentence.

    >>> spelled(True), spelled("awaiting_payment"), spelled("Won")
    ('yes', 'awaiting payment', 'Won')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return CODE.sub(lambda code: code[0].replace("_", " "), str(value))
