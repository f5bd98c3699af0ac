"""What both databases can hold: text without NUL, no longer than its column."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter

NUL, STAND_IN = "\0", "\ufffd"

# Whether JSON text may hold NUL, or else an escaped backslash before "u0000". Asked of every page: the regular
# expressions pydantic brings take a thirtieth of the time of Python's own search.
may_hold_nul = TypeAdapter(Annotated[str, StringConstraints(pattern=r"\\u0000")]).validator.isinstance_python


def without_nul(value: Any) -> Any:
    """Text, or JSON with text anywhere inside, with the character that means "unreadable" in place of each NUL.

    PostgreSQL's text holds no NUL; SQLite's does. The copy must be the same on both (P2).
    """
    if isinstance(value, str):
        return value.replace(NUL, STAND_IN)
    if isinstance(value, dict):
        return {without_nul(name): without_nul(inner) for name, inner in value.items()}
    return [without_nul(inner) for inner in value] if isinstance(value, list) else value


def fitting(value: str | None, longest: int | None) -> str | None:
    """Text for a column of at most so many characters; the end is cut."""
    if value is None:
        return None
    return without_nul(value[:longest])
