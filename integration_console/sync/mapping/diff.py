"""What changed between two versions of a mapping, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..transforms import TRANSFORMS
from .document import Filter, Key, LineDocument, MappingDocument

DIRECTIONS = {
    "both": "both ways",
    "to_right": "to the right only",
    "to_left": "to the left only",
    "link": "nowhere: it links only",
}
RULES = {
    "left": "the left side wins", "right": "the right side wins", "newest": "the newest wins",
    "ask": "a person is asked", None: "as the mapping says",
}  # fmt: skip
BLANKS = {"keep": "keeps the other side", "clear": "clears the other side", "default": "writes a default"}
HOLDS = {"in": "is one of", "not in": "is none of", "empty": "is empty", "filled": "is filled"}
# What people call the options of a mapping, on its pages and where it is told what changed.
OPTIONS = {
    "creates_right": "Make what is missing on the right", "creates_left": "Make what is missing on the left",
    "deletes_right": "Delete on the right what was deleted on the left",
    "deletes_left": "Delete on the left what was deleted on the right", "closed": "Write closed matters, too",
    "write_cap": "Most writes a run", "brake_creates": "New records that stop a run", "zone": "Time zone",
    "country": "Country of numbers without a code", "rounding_minutes": "Time is rounded up to",
    "number_patterns": "How matter numbers are written, one a line",
}  # fmt: skip

Label = Callable[[str, str], str]  # a side and the fields of a line there, by name -> what people call them


def by_name(_side: str, names: str) -> str:
    """Fields as documents name them."""
    return names


def diff(old: MappingDocument, new: MappingDocument, label: Label = by_name) -> list[str]:
    """What the new one does differently; empty when it does the same. label: different for different fields."""
    return list(_changes(old, new, label))


def _changes(old: MappingDocument, new: MappingDocument, label: Label) -> Iterator[str]:
    if old.name != new.name:
        yield f"The name changes from “{old.name}” to “{new.name}”."
    for side in ("left", "right"):
        was, now = getattr(old, side), getattr(new, side)
        if was != now:
            yield f"The {side} side changes from {was.service} {was.resource} to {now.service} {now.resource}."
    if old.direction != new.direction:
        yield f"It goes {DIRECTIONS[new.direction]}, not {DIRECTIONS[old.direction]}."
    if old.rule != new.rule:
        yield f"When both sides changed a field, {RULES[new.rule]}; before, {RULES[old.rule]}."
    yield from _lists("Match key", *([key_in_words(key, label) for key in one.keys] for one in (old, new)))
    yield from _lists("Filter", *([filter_in_words(held, label) for held in one.filters] for one in (old, new)))
    yield from _options(old.options.model_dump(), new.options.model_dump())
    yield from _lines(old, new, label)
    if old.note != new.note:
        yield "The note changes."


def _lists(what: str, old: list[str], new: list[str]) -> Iterator[str]:
    yield from (f"{what} removed: {one}." for one in old if one not in new)
    yield from (f"{what} added: {one}." for one in new if one not in old)
    if old != new and sorted(old) == sorted(new):
        yield f"The order of the {what.lower()}s changes."


def _options(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield f"“{OPTIONS.get(name, name)}” changes from {in_words(old.get(name))} to {in_words(new.get(name))}."


def _lines(old: MappingDocument, new: MappingDocument, label: Label) -> Iterator[str]:
    before, after = {line.key: line for line in old.lines}, {line.key: line for line in new.lines}
    yield from (f"Line {line_in_words(line, label)} removed." for key, line in before.items() if key not in after)
    for key, line in after.items():
        if key not in before:
            yield f"Line {line_in_words(line, label)} added, {TRANSFORMS[line.transform].label.lower()}."
        elif line != before[key]:
            yield from (f"Line {line_in_words(line, label)}: {what}." for what in _line_changes(before[key], line))
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        yield "The order of the lines changes."


def _line_changes(old: LineDocument, new: LineDocument) -> Iterator[str]:
    if old.direction != new.direction:
        yield f"goes {DIRECTIONS[new.direction]}, not {DIRECTIONS[old.direction]}"
    if old.transform != new.transform:
        yield f"“{TRANSFORMS[new.transform].label}” instead of “{TRANSFORMS[old.transform].label}”"
    for name in {**old.options, **new.options}:
        if old.options.get(name) != new.options.get(name):
            yield f"{name} changes from {in_words(old.options.get(name))} to {in_words(new.options.get(name))}"
    if old.required != new.required:
        yield "is now required" if new.required else "is no longer required"
    if old.winner != new.winner:
        yield f"when both sides changed it, {RULES[new.winner]}; before, {RULES[old.winner]}"
    if old.blank != new.blank:
        yield f"an emptied field {BLANKS[new.blank]}; before, it {BLANKS[old.blank]}"
    if old.note != new.note:
        yield "its note changes"


# -- words ------------------------------------------------------------------------------------------------------------


def line_in_words(line: LineDocument, label: Label = by_name) -> str:
    """The fields of a line with an arrow.

    >>> line_in_words(LineDocument(left="email", right="email"))
    'email ↔ email'
    """
    arrow = {"both": "↔", "to_right": "→", "to_left": "←"}[line.direction]
    return f"{label('left', line.left)} {arrow} {label('right', line.right)}".strip()


def key_in_words(key: Key, label: Label = by_name) -> str:
    """A match key as a phrase.

    >>> key_in_words(Key(by="email", left="email", right="email"))
    'the same e-mail (email, email)'
    """
    what = {
        "field": "the same value", "email": "the same e-mail", "phone": "the same telephone number",
        "name": "the same name and a second fact", "link": f"linked by {key.flow}",
    }[key.by]  # fmt: skip
    fields = [label(side, name) for side, name in (("left", key.left), ("right", key.right)) if name]
    fields += [f"{label('left', left)} and {label('right', right)}" for left, right in key.with_]
    return f"{what} ({', '.join(fields)})" if fields else what


def filter_in_words(one: Filter, label: Label = by_name) -> str:
    """A filter as a phrase.

    >>> filter_in_words(Filter(side="left", field="status", values=("won",)))
    'left status is one of won'
    """
    return f"{one.side} {label(one.side, one.field)} {HOLDS[one.is_]} {', '.join(map(in_words, one.values))}".strip()


def in_words(value: Any) -> str:
    """A value in a sentence.

    >>> in_words(True), in_words(None), in_words(["a", 1])
    ('yes', 'nothing', 'a, 1')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return (
            ", ".join(f"{one[0]} → {in_words(one[1])}" if _pair(one) else in_words(one) for one in value) or "nothing"
        )
    return "nothing" if value is None or value == "" else str(value)


def _pair(one: Any) -> bool:
    return isinstance(one, list | tuple) and len(one) == 2
