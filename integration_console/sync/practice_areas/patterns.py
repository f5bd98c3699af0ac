"""Patterns: regular expressions of the tame kind, which cannot make a text take long.

No repeat within a repeat, no unlimited reach, nothing that looks around or back. They are tried on the text in small
letters without accents and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from ... import clock
from ...errors import InvalidInput

REPEATS = 60  # a repeat may go so far; `*` and `+` mean {0,30} and {1,30}
STEPS = 2_000  # ways a pattern may go on from one place
SLOWEST_S = 0.1  # on the meanest text we can think of, the better of two tries

_STAR = re.compile(r"(\\.|\[(?:\\.|[^\]\\])*\])|([*+])")
_TAME = {
    op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN, op.BRANCH, op.SUBPATTERN, op.AT, op.MAX_REPEAT, op.MIN_REPEAT,
}  # fmt: skip


def pattern(sign: str) -> re.Pattern[str]:
    """A pattern, ready for use.

    Raises InvalidInput when it is none, or could take long.
    """
    bounded = _STAR.sub(lambda m: m[1] or ("{0,30}" if m[2] == "*" else "{1,30}"), sign)
    try:
        tree = parser.parse(bounded, re.IGNORECASE)
        compiled = re.compile(bounded, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        raise InvalidInput(
            "This pattern cannot be read. Look for a bracket that is not closed.", field="text"
        ) from None
    if _steps(tree) > STEPS:
        raise InvalidInput("This pattern may match in too many ways. Use fewer repeats and choices.", field="text")
    if compiled.match(""):
        raise InvalidInput("This pattern matches everything.", field="text")
    if any(_took(compiled, text) > SLOWEST_S for text in _mean_texts(tree)):
        raise InvalidInput("This pattern takes too long. Use fewer repeats.", field="text")
    return compiled


def _steps(tree: Iterable[tuple[Any, Any]]) -> int:
    """In how many ways a pattern may go on from one place, at most a few more than STEPS.

    A repeat of something that can go on in two ways doubles with every round, which is what makes a pattern slow.
    Raises InvalidInput for what is not tame.
    """
    count = 1
    for what, facts in tree:
        if what not in _TAME:
            raise InvalidInput("A pattern may not look ahead, look back or repeat what it found.", field="text")
        if what in (op.MAX_REPEAT, op.MIN_REPEAT):
            count *= _rounds(*facts)
        elif what is op.BRANCH:
            count *= sum(_steps(choice) for choice in facts[1])
        elif what is op.SUBPATTERN:
            count *= _steps(facts[3])
        count = min(count, STEPS + 1)
    return count


def _rounds(least: int, most: int, inner: Any) -> int:
    """In how many ways a repeat may go on."""
    if most > REPEATS:
        raise InvalidInput(f"A pattern may repeat something at most {REPEATS} times.", field="text")
    within = _steps(inner)
    return min(sum(within**times for times in range(least, most + 1)), STEPS + 1)


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
