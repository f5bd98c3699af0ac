"""What every method of Slack shares: parameters that come in three ways, and pages with a cursor."""

import json
from base64 import b64decode, b64encode

from ..server import Request
from .sign_in import no

MOST = 999


def sent_with(request: Request) -> dict:
    """Parameters come in the address, as a form or as JSON."""
    sent = {**{name: values[-1] for name, values in request.query.items()}, **request.form()}
    if isinstance(sent.get("blocks"), str):
        sent["blocks"] = json.loads(sent["blocks"])
    return sent


def paged(found: list, sent: dict, what: str):
    """One page and what is told of the next; nothing and the refusal when the cursor is none of ours."""
    try:
        mark = read_mark(sent.get("cursor"))
        start = int(mark.removeprefix(f"{what}:")) if mark else 0
    except ValueError:
        return None, no("invalid_cursor")
    size = max(1, min(int(sent.get("limit") or 100), MOST))
    following = mark_of(f"{what}:{start + size}") if start + size < len(found) else ""
    return found[start : start + size], {"response_metadata": {"next_cursor": following}}


def mark_of(text: str) -> str:
    return b64encode(text.encode()).decode()


def read_mark(cursor) -> str:
    """Raises ValueError for what is no cursor."""
    return b64decode(cursor or "", validate=True).decode()
