"""How the signs of practice areas are written, and how they are found in a text.

`evict*`             a word that begins so; without the star the word itself, plural or not
`fell ... store`     up to four other words may stand between
`sue/sued the city`  one or the other
`fired, let go`      one of several phrases
`dog, cat + bit`     one of these and one of those, in any order, not far from each other
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from math import prod

from ...errors import InvalidInput

LONGEST_SIGN = 300  # characters, as the table holds
SHORTEST_STEM = 3  # letters before a star
MOST_WAYS = 60  # that a sign may read, counting alternatives of several words
REACH = 4  # words that three dots may stand for
REMEMBERED = 20_000  # words

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")


@dataclass(frozen=True)
class Text:
    """A text cut into words: as written, and as they are compared."""

    tokens: list[str]
    origin: list[int]  # which word of `words` a token comes from
    words: list[str]

    def quote(self, start: int, end: int) -> str:
        """The words of tokens start to end, as the person wrote them."""
        return " ".join(self.words[self.origin[start] : self.origin[end - 1] + 1])


def cut(text: str) -> Text:
    """A text as words.

    >>> cut("My D.U.I.: can't drive").tokens
    ['my', 'dui', 'cant', 'drive']
    """
    words = _written(text)
    tokens: list[str] = []
    origin: list[int] = []
    for number, word in enumerate(words):
        for token in fold(word):
            tokens.append(token)
            origin.append(number)
    return Text(tokens, origin, words)


def _written(text: str) -> list[str]:
    """The words of a text as they stand there; D.U.I. is one."""
    return _WORD.findall(_DOTTED.sub(lambda found: found[0].replace(".", ""), text))


@lru_cache(maxsize=20_000)
def fold(word: str) -> tuple[str, ...]:
    """A word as it is compared: small letters, no accents, singular; the words around an apostrophe by themselves.

    >>> fold("Évictions"), fold("landlord's"), fold("d'accident")
    (('eviction',), ('landlord',), ('d', 'accident'))
    """
    plain = _plain(word).replace("’", "'")
    plain = re.sub(r"'s$", "", re.sub(r"n't$", "nt", plain))
    return tuple(_singular(part) for part in plain.split("'") if part)


def _plain(text: str) -> str:
    marked = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in marked if not unicodedata.combining(c))


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith("ss"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("xes", "ches", "shes", "sses")) else word[:-1]


# -- words and phrases -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One place of a sign: the words that may stand there, and beginnings of words; or a gap."""

    exact: frozenset[str] = frozenset()
    begins: tuple[str, ...] = ()
    is_gap: bool = False

    def fits(self, token: str) -> bool:
        """Whether a word may stand here."""
        return token in self.exact or token.startswith(self.begins)

    def words(self) -> Iterator[str]:
        """Its words; a beginning with its star."""
        yield from self.exact
        yield from (stem + "*" for stem in self.begins)


Way = tuple[Step, ...]


def groups(sign: str) -> list[list[Way]]:
    """What must stand in a text, all of it: for each group the ways it may read. Most signs have one group.

    Raises InvalidInput when it holds no word, or too much.
    """
    return [[way for alternative in part.split(",") for way in ways(alternative)] for part in sign.split(" + ")]


def ways(sign: str) -> list[Way]:
    """How a sign may read. It is more than one way only where an alternative has several words.

    Raises InvalidInput when it holds no word, or too much.
    """
    choices = [_choices(part) for part in sign.split()]
    if prod(len(choice) for choice in choices) > MOST_WAYS:
        raise InvalidInput("These are too many alternatives for one sign. Make two of it.", field="text")
    read = [tuple(step for steps in way for step in steps) for way in product(*choices)]
    if not choices:
        raise InvalidInput("A word is missing beside a comma or plus sign.", field="text")
    for way in read:
        if way[0].is_gap or way[-1].is_gap or any(a.is_gap and b.is_gap for a, b in pairwise(way)):
            raise InvalidInput("Write a word on both sides of the three dots.", field="text")
        if any(len(stem) < SHORTEST_STEM for step in way for stem in step.begins):
            raise InvalidInput(f"Before a star there must be at least {SHORTEST_STEM} letters.", field="text")
    return read


def _choices(part: str) -> list[Way]:
    """What may stand at one place: the single words of all alternatives together, then each longer alternative."""
    if part in ("...", "…"):
        return [(Step(is_gap=True),)]
    found = [_as_words(alternative) for alternative in part.split("/")]
    if not all(found):
        raise InvalidInput(f"There is no word in “{part[:40]}”.", field="text")
    single = [words[0] for words in found if len(words) == 1]
    longer = [tuple(_step([word]) for word in words) for words in found if len(words) > 1]
    return ([(_step(single),)] if single else []) + longer


def _step(words: list[str]) -> Step:
    stems = tuple(word[:-1] for word in words if word.endswith("*"))
    return Step(frozenset(word for word in words if not word.endswith("*")), stems)


def _as_words(part: str) -> list[str]:
    written = _written(part.rstrip("*"))
    tokens = [token for word in written for token in fold(word)]
    if part.endswith("*") and tokens:  # a beginning is no word of its own, so it keeps its s
        tokens[-1] = _plain(written[-1]).split("'")[-1] + "*"
    return tokens


class Finder:
    """Finds many signs at once. Each waits at its rarest word, so that a common "my" or "the" wakes nobody."""

    def __init__(self, written: Iterable[tuple[int, Way]]) -> None:
        """written: (rule, way), several ways to a rule."""
        known = list(written)
        usual = Counter(word for _, way in known for step in way for word in step.words())
        self._exact: defaultdict[str, list[tuple[int, Way, int]]] = defaultdict(list)
        self._begins: defaultdict[str, list[tuple[int, Way, int]]] = defaultdict(list)
        for rule, way in known:
            at = min(
                (number for number, step in enumerate(way) if not step.is_gap),
                key=lambda number: sum(usual[word] for word in way[number].words()),
            )
            for word in way[at].exact:
                self._exact[word].append((rule, way, at))
            for stem in way[at].begins:
                self._begins[stem].append((rule, way, at))
        self._lengths = tuple(sorted({len(stem) for stem in self._begins}))
        self._woken: dict[str, tuple[tuple[int, Way, int], ...]] = {}

    def find(self, tokens: list[str]) -> dict[int, tuple[int, int]]:
        """Rules whose sign stands in these words, each with where it first does: words from, up to."""
        hits: dict[int, tuple[int, int]] = {}
        for place, token in enumerate(tokens):
            for rule, way, at in self._waiting(token):
                if rule not in hits:
                    end = _forth(way, at + 1, tokens, place + 1)
                    start = _back(way, at - 1, tokens, place - 1) if end is not None else None
                    if start is not None and end is not None:
                        hits[rule] = (start, end)
        return hits

    def _waiting(self, token: str) -> tuple[tuple[int, Way, int], ...]:
        """The signs that a word may belong to; remembered, for the same words come again and again."""
        if (known := self._woken.get(token)) is None:
            found = list(self._exact.get(token, ()))
            for length in self._lengths:
                if length <= len(token):
                    found += self._begins.get(token[:length], ())
            if len(self._woken) > REMEMBERED:
                self._woken = {}
            known = self._woken[token] = tuple(found)
        return known


def _forth(way: Way, step: int, tokens: list[str], place: int) -> int | None:
    """Where the rest of a sign ends when it goes on at this place; None when it does not."""
    if step == len(way):
        return place
    if way[step].is_gap:
        tries = (_forth(way, step + 1, tokens, place + skipped) for skipped in range(REACH + 1))
        return next((end for end in tries if end is not None), None)
    if place >= len(tokens) or not way[step].fits(tokens[place]):
        return None
    return _forth(way, step + 1, tokens, place + 1)


def _back(way: Way, step: int, tokens: list[str], place: int) -> int | None:
    """Where a sign begins when it came up to this place; None when it did not."""
    if step < 0:
        return place + 1
    if way[step].is_gap:
        tries = (_back(way, step - 1, tokens, place - skipped) for skipped in range(REACH + 1))
        return next((start for start in tries if start is not None), None)
    if place < 0 or not way[step].fits(tokens[place]):
        return None
    return _back(way, step - 1, tokens, place - 1)
