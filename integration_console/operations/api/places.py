"""Where a page of a list goes on, as programs carry it: a word for the list, and the number of the last row told."""

from __future__ import annotations

from ...errors import InvalidInput


def behind(word: str, number: int) -> str:
    """The place behind that row.

    >>> behind("rec_", 62)
    'rec_3e'
    """
    return f"{word}{number:x}"


def is_one(word: str, cursor: str) -> bool:
    """Whether this is a place in the list of that word."""
    digits = cursor.removeprefix(word)
    return cursor.startswith(word) and 0 < len(digits) < 16 and set(digits) <= set("0123456789abcdef")


def number(word: str, cursor: str) -> int:
    """The row behind which a page begins. Raises InvalidInput for what is no place in that list."""
    if not is_one(word, cursor):
        raise InvalidInput("This is no nextCursor of a page before.", field="cursor")
    return int(cursor.removeprefix(word), 16)
