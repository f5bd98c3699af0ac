"""One call on its way, over all its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from .. import clock
from ..errors import UpstreamError
from .call import Call, new_key
from .urls import query

_SAFE_METHODS = ("GET", "HEAD")


@dataclass
class Sending:
    """One call on its way, over all its attempts."""

    call: Call
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    call_key: str = field(default_factory=new_key)
    number: int = 1
    pause_s: float = 0.0  # before the next attempt
    refreshed: bool = False
    was_stale: bool = False
    waited_ms: float = 0.0
    started_at: datetime = field(default_factory=clock.now)
    began: float = 0.0
    took_s: float = 0.0

    @property
    def safe(self) -> bool:
        """May be repeated without knowing whether it arrived."""
        return self.call.method in _SAFE_METHODS if self.call.safe is None else self.call.safe

    def begins(self, waited_ms: float) -> None:
        self.waited_ms, self.started_at, self.began = waited_ms, clock.now(), clock.monotonic()


class Again(Exception):
    """Worth another attempt; `.error` is what to raise when there are none left."""

    def __init__(self, error: UpstreamError) -> None:
        super().__init__(str(error))
        self.error = error

    @staticmethod
    def asks(error: Exception) -> bool | timedelta:
        """For stamina: how often is its decision; how long is ours, for only our pause ends when told to stop."""
        return timedelta(0) if isinstance(error, Again) else False


def encoded(call: Call) -> tuple[bytes | None, dict[str, str]]:
    """The body of a call, and what its headers say of it."""
    if call.json is not None:
        return orjson.dumps(call.json), {"Content-Type": "application/json"}
    if call.form is not None:
        return query(call.form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    return None, {}
