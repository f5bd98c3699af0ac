"""How the signs of practice areas are written, and how they are found in a text.

`evict*`             a word that begins so; without the star the word itself, plural or not
`fell ... store`     up to four other words may stand between
`sue/sued the city`  one or the other
A "pattern" is a regular expression of the tame kind: no repeat within a repeat, no unlimited reach, nothing that looks
around or back. It is tried on the text in small letters without accents and punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from .. import clock
from ..errors import InvalidInput

LONGEST_SIGN = 300  # characters, as the table holds
MOST_WAYS = 400  # that one sign with alternatives may read
GAP, REACH = "...", 4  # words
REPEATS = 60  # a pattern's repeat may go so far; `*` and `+` mean {0,30} and {1,30}
STEPS = 2_000  # ways a pattern may go on from one place
SLOWEST_S = 0.1  # on the meanest text we can think of, the better of two tries

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_STAR = re.compile(r"(\\.|\[(?:\\.|[^\]\\])*\])|([*+])")
_TAME = {
    op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN, op.BRANCH, op.SUBPATTERN, op.AT, op.MAX_REPEAT, op.MIN_REPEAT,
}  # fmt: skip


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
    words = _WORD.findall(_DOTTED.sub(lambda found: found[0].replace(".", ""), text))
    tokens: list[str] = []
    origin: list[int] = []
    for number, word in enumerate(words):
        for token in fold(word):
            tokens.append(token)
            origin.append(number)
    return Text(tokens, origin, words)


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


def ways(sign: str) -> list[tuple[str, ...]]:
    """Every way a sign may read, each as the words to look for; a word ending in `*` stands for its beginning.

    Raises InvalidInput when it holds no word, or too many ways.
    >>> ways("sue/sued the city"), ways("evict*")
    ([('sue', 'the', 'city'), ('sued', 'the', 'city')], [('evict*',)])
    """
    steps = [_alternatives(step) for step in sign.split()]
    count = 1
    for step in steps:
        count *= len(step)
    if count > MOST_WAYS:
        raise InvalidInput(f"This can be read in {count} ways; {MOST_WAYS} are the most. Make two of it.", field="text")
    read = [tuple(word for part in way for word in part) for way in product(*steps)]
    for way in read:
        if not way or GAP in (way[0], way[-1]) or any(pair == (GAP, GAP) for pair in zip(way, way[1:], strict=False)):
            raise InvalidInput("Write a word on both sides of the three dots.", field="text")
        if any(word.endswith("*") and len(word) < 4 for word in way):
            raise InvalidInput("Before a star there must be at least three letters.", field="text")
    return list(dict.fromkeys(read))


def _alternatives(step: str) -> list[tuple[str, ...]]:
    if step in (GAP, "…"):
        return [(GAP,)]
    found = [_as_words(part) for part in step.split("/")]
    if not all(found):
        raise InvalidInput(f"There is no word in {step!r}.", field="text")
    return found


def _as_words(part: str) -> tuple[str, ...]:
    begins = part.endswith("*")
    tokens = [token for word in _WORD.findall(part.rstrip("*")) for token in fold(word)]
    if begins and tokens:
        tokens[-1] = "".join(_plain(_WORD.findall(part.rstrip("*"))[-1]).split("'")[-1:]) + "*"
    return tuple(tokens)


@dataclass
class Node:
    """A place in the tree of all signs: what may come next, and which signs end here."""

    exact: dict[str, Node] = field(default_factory=dict)
    begins: dict[str, Node] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()  # of the beginnings
    gap: Node | None = None
    ends: tuple[int, ...] = ()

    def add(self, way: tuple[str, ...], rule: int) -> None:
        """Put one way of a rule's sign into the tree."""
        node = self
        for word in way:
            node = node._next(word)
        node.ends = (*node.ends, rule)

    def _next(self, word: str) -> Node:
        if word == GAP:
            self.gap = self.gap or Node()
            return self.gap
        if word.endswith("*"):
            stem = word[:-1]
            self.lengths = tuple(sorted({*self.lengths, len(stem)}))
            return self.begins.setdefault(stem, Node())
        return self.exact.setdefault(word, Node())

    def step(self, token: str) -> Iterator[Node]:
        """Where one word leads."""
        if node := self.exact.get(token):
            yield node
        for length in self.lengths:
            if length > len(token):
                return
            if node := self.begins.get(token[:length]):
                yield node


def found(tree: Node, tokens: list[str]) -> dict[int, tuple[int, int]]:
    """Rules whose sign stands in these words, each with where it first does: tokens from, up to."""
    hits: dict[int, tuple[int, int]] = {}
    for start, token in enumerate(tokens):
        for node in tree.step(token):
            _walk(node, tokens, start, start + 1, hits)
    return hits


def _walk(node: Node, tokens: list[str], start: int, at: int, hits: dict[int, tuple[int, int]]) -> None:
    for rule in node.ends:
        hits.setdefault(rule, (start, at))
    if at < len(tokens):
        if node.exact or node.begins:
            for further in node.step(tokens[at]):
                _walk(further, tokens, start, at + 1, hits)
        if node.gap:
            for there in range(at, min(at + REACH + 1, len(tokens))):
                for further in node.gap.step(tokens[there]):
                    _walk(further, tokens, start, there + 1, hits)


# -- patterns --------------------------------------------------------------------------------------------------------


def pattern(sign: str) -> re.Pattern[str]:
    """A pattern, ready for use.

    Raises InvalidInput when it is none, or could take long.
    """
    bounded = _STAR.sub(lambda m: m[1] or ("{0,30}" if m[2] == "*" else "{1,30}"), sign)
    try:
        tree = parser.parse(bounded, re.IGNORECASE)
        compiled = re.compile(bounded, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        raise InvalidInput("This pattern cannot be read. Look for a bracket that is not closed.", field="text") from None
    if _steps(tree) > STEPS:
        raise InvalidInput("This pattern may match in too many ways. Use fewer repeats and choices.", field="text")
    if compiled.match(""):
        raise InvalidInput("This pattern matches everything.", field="text")
    if any(_took(compiled, text) > SLOWEST_S for text in _mean_texts(tree)):
        raise InvalidInput("This pattern takes too long. Use fewer repeats.", field="text")
    return compiled


def _steps(tree: Iterable[tuple[Any, Any]], within: bool = False) -> int:
    """In how many ways a pattern may go on from one place; raises InvalidInput for what is not tame."""
    count = 1
    for what, facts in tree:
        if what not in _TAME:
            raise InvalidInput("A pattern may not look ahead, look back or repeat what it found.", field="text")
        if what in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, most, inner = facts
            if within or most > REPEATS:
                raise InvalidInput(
                    f"A pattern may not repeat within a repeat, nor more than {REPEATS} times.", field="text"
                )
            count *= (most - least + 1) * _steps(inner, within=most > 1)
        elif what is op.BRANCH:
            count *= sum(_steps(choice, within) for choice in facts[1])
        elif what is op.SUBPATTERN:
            count *= _steps(facts[3], within)
    return count


def _mean_texts(tree: Any) -> Iterator[str]:
    """Long texts of the pattern's own letters, which make a bad one slow."""
    letters = {chr(code) for code in _literals(tree) if code < 0x110000} | {"a", " ", "1"}
    own = "".join(chr(code) for code in _literals(tree))
    yield from (letter * 300 + "!" for letter in sorted(letters)[:12])
    yield (own * 300)[:300] + "!"
    yield "a b " * 75


def _literals(tree: Any) -> Iterator[int]:
    for what, facts in tree:
        if what is op.LITERAL:
            yield facts
        elif what in (op.MAX_REPEAT, op.MIN_REPEAT):
            yield from _literals(facts[2])
        elif what is op.BRANCH:
            for choice in facts[1]:
                yield from _literals(choice)
        elif what is op.SUBPATTERN:
            yield from _literals(facts[3])


def _took(compiled: re.Pattern[str], text: str) -> float:
    tries = []
    for _ in range(2):
        began = clock.monotonic()
        compiled.search(text)
        tries.append(clock.monotonic() - began)
    return min(tries)
