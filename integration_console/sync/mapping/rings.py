"""Rings of mappings: what each makes for the next comes back to the list it began in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..transforms import OTHER
from .model import Mapping, Side

SIDES = ("right", "left")


def rings(mapping: Mapping, others: Sequence[Mapping]) -> list[str]:
    """In sentences: where records this mapping makes would be carried on, by other mappings that make records, to the
    list they came from.
    """
    roads: dict[Side, dict[Side, str]] = {}
    for other in others:
        if other.id != mapping.id:
            for begin, end in _made(other):
                roads.setdefault(begin, {})[end] = other.name
    found: dict[frozenset, str] = {}
    for begin, end in _made(mapping):
        if way := _way(roads, end, begin):
            lists = [begin, end, *(one for one, _ in way)]
            names = " and ".join(dict.fromkeys(f"“{name}”" for _, name in way))
            circle = " to ".join(one.label for one in lists)
            found[frozenset(lists)] = (
                f"With {names} new records go in a circle: {circle}. What comes back is paired with the record it "
                "began as, and not made again. Check that this is meant."
            )
    return list(found.values())


def _made(mapping: Mapping) -> Iterator[tuple[Side, Side]]:
    """From which list to which it makes records."""
    for towards in SIDES:
        if mapping.creates(towards):
            yield mapping.side(OTHER[towards]), mapping.side(towards)


def _way(roads: dict[Side, dict[Side, str]], begin: Side, end: Side) -> list[tuple[Side, str]]:
    """The shortest way: each list on it with the mapping that leads there; empty when there is none."""
    ways: list[list[tuple[Side, str]]] = [[(begin, "")]]
    met = {begin}
    for way in ways:
        for next_, name in roads.get(way[-1][0], {}).items():
            if next_ == end:
                return [*way[1:], (next_, name)]
            if next_ not in met:
                met.add(next_)
                ways.append([*way, (next_, name)])
    return []
