"""What a ready mapping is: two sides and the lines between them, before it is anybody's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..mapping import MappingDocument, read

FindCustom = Callable[["Custom"], str | None]  # -> the definition's id
ONCE = {"only_create": True}  # of a line: given when a record is made, and left alone later


@dataclass(frozen=True)
class Custom:
    """A text field the firm made itself, known by its name: one of `names`, else one with one of `words` in it."""

    side: str
    parent: str  # Contact, Matter; as the service names what it belongs to
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def fits(self, name: str) -> bool:
        """Whether a field of this name is the one, by its words.

        >>> Custom("right", "Contact", words=("tag",)).fits("HighLevel Tags")
        True
        """
        return any(word in name.casefold() for word in self.words)


@dataclass(frozen=True)
class Flow:
    """One ready mapping."""

    key: str
    label: str
    about: str
    left: tuple[str, str]  # service, resource
    right: tuple[str, str]
    direction: str
    lines: tuple[dict[str, Any], ...]
    keys: tuple[dict[str, Any], ...] = ()
    filters: tuple[dict[str, Any], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    rule: str = "ask"
    custom_lines: tuple[tuple[Custom, dict[str, Any]], ...] = ()  # `{custom}` in a line stands for the field
    custom_keys: tuple[tuple[Custom, dict[str, Any]], ...] = ()  # before the others
    same_custom: bool = False  # also what both sides have a field of their own for, by the same name

    def document(self, find: FindCustom = lambda wanted: None, more: Iterable[dict[str, Any]] = ()) -> MappingDocument:
        """The mapping it makes for a firm whose custom fields `find` knows; `more` are lines of its own."""
        return read({
            "name": self.label, "flow": self.key, "note": self.about, "direction": self.direction, "rule": self.rule,
            "left": dict(zip(("service", "resource"), self.left, strict=True)),
            "right": dict(zip(("service", "resource"), self.right, strict=True)),
            "keys": [*_known(self.custom_keys, find), *self.keys], "filters": self.filters, "options": self.options,
            "lines": [*self.lines, *_known(self.custom_lines, find), *more],
        })  # fmt: skip


def line(left: str, right: str, direction: str = "both", transform: str = "copy", options: Any = None, **more) -> dict:
    """One line as a document has it."""
    return {
        "left": left,
        "right": right,
        "direction": direction,
        "transform": transform,
        "options": options or {},
        **more,
    }


def _known(wanted: tuple[tuple[Custom, dict[str, Any]], ...], find: FindCustom) -> list[dict[str, Any]]:
    found = []
    for custom, entry in wanted:
        if number := find(custom):
            found.append({**entry, custom.side: entry[custom.side].replace("{custom}", f"custom:{number}")})
    return found
