"""What came to a list since its first page was shown: a live part counts it and leads to it. No row moves by itself."""

from __future__ import annotations

from collections.abc import Callable

from flask import render_template

from .filters import Asked

MOST = 50  # counted; more are "over 50 new"


def tell(asked: Asked, of: str, came: Callable[[], int]):
    """The part anew, leading to the list `of`; 204 while it says that already, or where its address is none of ours."""
    if asked.errors:
        return "", 204
    count = came()
    if str(count) == asked.cursor.get("seen"):
        return "", 204
    return render_template("macros/newer.html", count=count, most=MOST, shown=asked.url_of(of))
