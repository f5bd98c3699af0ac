"""What changed between two versions of a mapping, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..transforms import TRANSFORMS
from .document import Filter, Key, LineDocument, MappingDocument
from .words import CHOICES, CHOSEN, PLAINLY, Words, spelled

ONE_WAY = {"to_right": "right", "to_left": "left"}
RULES = {"newest": "the newest wins", "ask": "a person is asked", None: "as the mapping says"}
BLANKS = {"keep": "keeps the other side", "clear": "clears the other side", "default": "writes a default"}
HOLDS = {"in": "is one of", "not in": "is none of", "empty": "is empty", "filled": "is filled"}


def diff(old: MappingDocument, new: MappingDocument, words: Words = PLAINLY) -> list[str]:
    """What the new one does differently; empty when it does the same. words: different for different fields."""
    return list(_changes(old, new, words))


def _changes(old: MappingDocument, new: MappingDocument, words: Words) -> Iterator[str]:
    if old.name != new.name:
        yield f"The name changes from “{old.name}” to “{new.name}”."
    for side in ("left", "right"):
        was, now = getattr(old, side), getattr(new, side)
        if was != now:
            yield f"The {side} side changes from {was.service} {was.resource} to {now.service} {now.resource}."
    if old.direction != new.direction:
        yield f"It goes {_way(new.direction, words)}, not {_way(old.direction, words)}."
    if old.rule != new.rule:
        yield f"When both sides changed a field, {_winner(new.rule, words)}; before, {_winner(old.rule, words)}."
    yield from _lists("Match key", *([key_in_words(key, words) for key in one.keys] for one in (old, new)))
    yield from _lists("Filter", *([filter_in_words(held, words) for held in one.filters] for one in (old, new)))
    yield from _options(old.options.model_dump(), new.options.model_dump(), words)
    yield from _lines(old, new, words)
    if old.note != new.note:
        yield "The note changes."


def _lists(what: str, old: list[str], new: list[str]) -> Iterator[str]:
    yield from (f"{what} removed: {one}." for one in old if one not in new)
    yield from (f"{what} added: {one}." for one in new if one not in old)
    if old != new and sorted(old) == sorted(new):
        yield f"The order of the {what.lower()}s changes."


def _options(old: dict[str, Any], new: dict[str, Any], words: Words) -> Iterator[str]:
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield f"{_option(name, old.get(name), new.get(name), words)}."


def _lines(old: MappingDocument, new: MappingDocument, words: Words) -> Iterator[str]:
    before, after = {line.key: line for line in old.lines}, {line.key: line for line in new.lines}
    yield from (f"Line {line_in_words(line, words)} removed." for key, line in before.items() if key not in after)
    for key, line in after.items():
        if key not in before:
            yield f"Line {line_in_words(line, words)} added, {TRANSFORMS[line.transform].label.lower()}."
        elif line != before[key]:
            yield from (
                f"Line {line_in_words(line, words)}: {what}." for what in _line_changes(before[key], line, words)
            )
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        yield "The order of the lines changes."


def _line_changes(old: LineDocument, new: LineDocument, words: Words) -> Iterator[str]:
    if old.direction != new.direction:
        yield f"goes {_way(new.direction, words)}, not {_way(old.direction, words)}"
    if old.transform != new.transform:
        yield f"“{TRANSFORMS[new.transform].label}” instead of “{TRANSFORMS[old.transform].label}”"
    for name in {**old.options, **new.options}:
        was, now = old.options.get(name), new.options.get(name)
        if name == "only_create" and bool(was) != bool(now):
            yield (
                "is now written only when the record is made"
                if now
                else "is no longer only for when the record is made"
            )
        elif name != "only_create" and was != now:
            yield _option(name, was, now, words)
    if old.required != new.required:
        yield "is now required" if new.required else "is no longer required"
    if old.winner != new.winner:
        yield f"when both sides changed it, {_winner(new.winner, words)}; before, {_winner(old.winner, words)}"
    if old.blank != new.blank:
        yield f"an emptied field {BLANKS[new.blank]}; before, it {BLANKS[old.blank]}"
    if old.note != new.note:
        yield "its note changes"


def _option(name: str, was: Any, now: Any, words: Words) -> str:
    said = [CHOICES.get(str(value), in_words(value)) if name in CHOSEN else in_words(value) for value in (was, now)]
    return f"“{words.option(name)}” changes from {said[0]} to {said[1]}"


def _way(direction: str, words: Words) -> str:
    if direction in ONE_WAY:
        return f"to {words.side(ONE_WAY[direction])} only"
    return "both ways" if direction == "both" else "nowhere: it links only"


def _winner(rule: str | None, words: Words) -> str:
    return RULES[rule] if rule in RULES else f"the value of {words.side(str(rule))} wins"


# -- words ------------------------------------------------------------------------------------------------------------


def line_in_words(line: LineDocument, words: Words = PLAINLY) -> str:
    """The fields of a line with an arrow.

    >>> line_in_words(LineDocument(left="email", right="email"))
    'email ↔ email'
    """
    arrow = {"both": "↔", "to_right": "→", "to_left": "←"}[line.direction]
    return f"{words.fields('left', line.left)} {arrow} {words.fields('right', line.right)}".strip()


def key_in_words(key: Key, words: Words = PLAINLY) -> str:
    """A match key as a phrase.

    >>> key_in_words(Key(by="email", left="email", right="email"))
    'the same e-mail (email, email)'
    """
    what = {
        "field": "the same value", "email": "the same e-mail", "phone": "the same telephone number",
        "name": "the same name and a second fact", "link": "linked by another mapping",
    }[key.by]  # fmt: skip
    fields = [words.fields(side, name) for side, name in (("left", key.left), ("right", key.right)) if name]
    fields += [f"{words.fields('left', left)} and {words.fields('right', right)}" for left, right in key.with_]
    return f"{what} ({', '.join(fields)})" if fields else what


def filter_in_words(one: Filter, words: Words = PLAINLY) -> str:
    """A filter as a phrase.

    >>> filter_in_words(Filter(side="left", field="status", values=("won",)))
    'status of the left side is one of won'
    """
    field = f"{words.fields(one.side, one.field)} of {words.side(one.side)}"
    return f"{field} {HOLDS[one.is_]} {', '.join(map(spelled, one.values))}".strip()


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
