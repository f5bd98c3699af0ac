"""What goes out and what comes back: a Call, its Answer, and the Attempt that is kept for the log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from secrets import token_hex
from typing import Any

import orjson

from .. import clock
from ..errors import BadAnswer

DEEPEST = 64  # containers within containers (P8)


def new_key() -> str:
    """The key of one call. Keys grow with time: of random ones each would touch another page of their index."""
    return f"{int(clock.now().timestamp() * 1000):012x}{token_hex(10)}"


@dataclass(frozen=True)
class Call:
    """One request to an upstream, before credentials."""

    method: str
    path: str  # joined to the connection's base address; or an address that begins with Upstream.root
    params: Mapping[str, Any] = field(default_factory=dict)  # a list value is sent as repeated parameters
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    template: str = ""  # the path with names instead of values, for grouping; the path itself when empty
    resource: str | None = None
    safe: bool | None = None  # may be repeated after a lost answer; None = as its method says, a search by POST sets it


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]  # case-insensitive
    body: bytes
    waited_ms: float = 0.0  # for our turn
    duration_ms: float = 0.0
    call_key: str = ""  # Transaction.call_key of this call
    asked: Call | None = None  # what it answers, where an upstream's refusal does not say what was refused
    homes: frozenset = frozenset()  # the origins an address in it may name; empty when nobody looks

    @cached_property
    def data(self) -> Any:
        """The body as JSON; for NUL and for half of a character the one that means "unreadable" stands in it.

        Raises BadAnswer when it is not JSON, or nested deeper than 64 levels.
        """
        try:
            data = _parsed(self.body)
        except orjson.JSONDecodeError as error:
            code, message = _not_json(self.body)
            raise BadAnswer(message, code=code, raw=str(error), status=self.status, call_key=self.call_key) from None
        if _may_be_deep(self.body) and _too_deep(data):
            message = f"The answer is nested deeper than {DEEPEST} levels."
            raise BadAnswer(message, code="too deep", status=self.status, call_key=self.call_key)
        return data


@dataclass(frozen=True)
class Attempt:
    """One try of one call, as it is kept: redacted, bodies capped. Field names are Transaction's columns."""

    call_key: str
    attempt: int
    service: str
    resource: str | None
    method: str
    host: str
    path_template: str
    url: str
    status: int | None
    outcome: str
    error: str | None
    started_at: datetime
    duration_ms: float
    waited_ms: float
    request_bytes: int
    response_bytes: int
    upstream_request_id: str | None = None
    request_headers: str | None = None
    response_headers: str | None = None
    request_body: str | None = None
    response_body: str | None = None
    body_cut: bool = False


# What JSON's escapes can spell and no text of ours can hold: NUL, which PostgreSQL refuses, and half of an emoji, as
# where a text was cut in the middle of one. A pair of halves and every other escape are met first.
_ESCAPES = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u(?:[dD][89a-fA-F]..|0000))|\\.", re.DOTALL)


def _parsed(body: bytes) -> Any:
    """One text that was cut must not make a whole page unreadable, nor one with a NUL what is said of it unstorable."""
    try:
        return orjson.loads(_readable(body) if rb"\u0000" in body else body)
    except orjson.JSONDecodeError:
        whole = _readable(body)
        if whole == body:
            raise
        return orjson.loads(whole)


def _readable(body: bytes) -> bytes:
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)


def _not_json(body: bytes) -> tuple[str, str]:
    """What came instead, in a word that groups alike failures, and in a sentence."""
    start = body[:200].lstrip().lower()
    if not start:
        return "empty", "The answer was empty where data was expected."
    if start.startswith((b"<!doctype", b"<html")):
        said = "The answer was a web page where data was expected. The address may be wrong, or the service is down."
        return "web page", said
    return "not json", "The answer could not be read: it is not whole, or not JSON."


_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _may_be_deep(body: bytes) -> bool:
    """Fold the brackets of a text level by level: a fifth of the time of walking through what was parsed.

    Brackets within strings can only make an honest answer look deep; then the walk decides.
    """
    rest = body.translate(None, _NOT_BRACKETS)
    for _ in range(DEEPEST):
        if not rest:
            return False
        rest = rest.replace(b"{}", b"").replace(b"[]", b"")
    return True


def _too_deep(data: Any) -> bool:
    level = [data] if isinstance(data, dict | list) else []
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True
