"""Matter numbers in a text: `#00012-Smith`, `M-2026-0412`, `Working on #12345`.

How a firm writes them is a setting: plain text with {digits}, {year} and {word} in it. A leading # only marks the
number and is no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

DEFAULT_PATTERNS = ("#{digits}-{word}", "M-{year}-{digits}", "#{digits}")
LONGEST_TEXT = 3000  # characters of a description that are looked at
_PIECES = {"digits": r"\d{1,12}", "year": r"(?:19|20)\d\d", "word": r"[^\W_](?:[\w'’.&-]{0,80}\w)?"}
_PLACE = re.compile(r"\{([^{}]*)\}")


def check_pattern(pattern: str) -> str:
    """The pattern, or ValueError with a sentence.

    >>> check_pattern("M-{year}-{digits}")
    'M-{year}-{digits}'
    """
    places = _PLACE.findall(pattern)
    if strangers := [place for place in places if place not in _PIECES]:
        raise ValueError(f"a pattern knows {{digits}}, {{year}} and {{word}}, but not {{{strangers[0]}}}")
    if "digits" not in places:
        raise ValueError("a pattern needs {digits}: without it any text could be a number")
    return pattern


def numbers_in(text: str, patterns: Iterable[str] = DEFAULT_PATTERNS) -> Iterator[str]:
    """What looks like a matter number, pattern by pattern.

    >>> list(numbers_in("Draft motion, #00012-Smith-Jones."))
    ['00012-Smith-Jones']
    >>> list(numbers_in("Call about M-2026-0412, then working on #12345"))
    ['M-2026-0412', '12345']
    """
    for pattern in patterns:
        for found in _compiled(pattern).finditer(text[:LONGEST_TEXT]):
            yield found.group().lstrip("#")


@cache
def _compiled(pattern: str) -> re.Pattern:
    parts = _PLACE.split(pattern)
    built = "".join(_PIECES[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))
    # Alone: neither inside a longer number nor the beginning of one.
    return re.compile(rf"(?<![\w-]){built}(?!\w|-\w)", re.IGNORECASE)
