"""One box for everything: a name, an address, a number or an id finds records, pairs, calls, runs and problems."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from ...operations.finding import search
from .. import shell
from ..access import can, may
from ..forms import clean

page = Blueprint("search", __name__)


@page.get("/search")
@may("see records")
def index():
    """What belongs to the words of `q`."""
    words = clean(request.args.get("q", "")[:200], "q").strip()
    by_content = can("see record contents")
    found = search.everywhere(words, by_content=by_content)
    return render_template(
        "search/index.html", words=words, found=found, may_see=by_content,
        names={one.id: one for one in shell.frame().connections},
    )  # fmt: skip
