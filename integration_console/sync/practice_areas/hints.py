"""Hints: common words and pairs of words that alone say little and together much.

"boss", "shift", "pay stub": each is looked up by itself, so that thousands cost next to nothing. Their weights add up
in full; they were learned from sentences whose area is known (docs/practice-areas.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ...errors import InvalidInput
from .signs import cut

_READABLE = "A hint is one word or two words side by side, without stars, dots, commas or slashes."


def words(hint: str) -> tuple[str, ...]:
    """The words of a hint as they are compared.

    Raises InvalidInput when it is not one word or two.
    """
    found = tuple(cut(hint).tokens)
    if not 1 <= len(found) <= 2 or set("*…,/+") & set(hint) or "..." in hint:
        raise InvalidInput(_READABLE, field="text")
    return found


class Hints:
    """Many hints, each with the number of its rule."""

    def __init__(self, written: Iterable[tuple[int, str]]) -> None:
        self._rules: defaultdict[str, list[int]] = defaultdict(list)
        self.words: set[str] = set()
        for number, hint in written:
            found = words(hint)
            self._rules[" ".join(found)].append(number)
            self.words.update(found)

    def find(self, tokens: list[str]) -> Iterator[tuple[int, frozenset[int]]]:
        """The rules of every hint in these words, each once, with the places where it first stands."""
        last_first = list(enumerate(tokens))[::-1]
        said: dict[str, tuple[int, ...]] = {token: (place,) for place, token in last_first}
        said |= {f"{tokens[place - 1]} {token}": (place - 1, place) for place, token in last_first if place}
        for key, places in reversed(said.items()):
            if key in self._rules:
                where = frozenset(places)
                for number in self._rules[key]:
                    yield number, where
