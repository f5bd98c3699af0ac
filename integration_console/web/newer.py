"""What came to a list since its first page was shown: a live part counts it and leads to it. No row moves by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy import func, select

from ..models import db
from .filters import Asked

MOST = 50  # counted; more are "over 50 new"


def above(asked: Asked, endpoint: str, table: Any, **of: object) -> str | None:
    """The address that tells what came above the first page of a table's rows; None on another page.

    It counts from the newest row there is, whether the page shows it or not: so it never looks through old ones.
    """
    if asked.cursor:
        return None
    return asked.url_of(endpoint, newer=db.session.scalar(select(func.max(table.id))) or 0, **of)


def by_hand() -> bool:
    """Whether a part of a page is opened as if it were one: it has no frame, so whoever did is led to its page."""
    return "HX-Request" not in request.headers


def tell_above(asked: Asked, of: str, count: Callable[[int], int], **more: Any):
    """How many rows came, as `count` counts those above a number."""
    last = asked.place("newer")
    if last is None:
        asked.refuse("newer", "This address does not say since which row.")
    return tell(asked, of, lambda: count(last or 0), **more)


def tell(asked: Asked, of: str, came: Callable[[], int], **more: Any):
    """The part anew, leading to the list `of`; 204 while it says that already, or where its address is none of ours."""
    if by_hand():
        return redirect(url_for(of, **more) if asked.errors else asked.url_of(of, **more))
    if asked.errors:
        return "", 204
    count = came()
    if str(count) == asked.cursor.get("seen"):
        return "", 204
    return render_template("macros/newer.html", count=count, most=MOST, shown=asked.url_of(of, **more))
