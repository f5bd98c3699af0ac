"""Sign-ins that end on a day that is known, however often they are used: told a month, a week and a day ahead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..accounts import sign_ins
from ..accounts.connections import every
from . import notice_words
from .notice_words import Told


def told(now: datetime) -> Iterator[Told]:
    """A notice for each sign-in that ends soon, once for each of the days on which people are told."""
    for connection in every():
        ends = sign_ins.of(connection).ends_at
        if connection.status != "connected" or ends is None:
            continue
        ahead = [days for days in sign_ins.TOLD_AT if ends - timedelta(days=days) <= now < ends]
        if ahead:
            key = f"ends {connection.id} {ends.date()} {min(ahead)}"
            yield notice_words.ends_soon(connection, ends, now, key)
