"""Sign-ins that will end on a day that is known: told two weeks and two days ahead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from .. import services
from ..models import Connection
from ..services.base import OAuth
from . import notice_words
from .connections import every
from .notice_words import Told

AHEAD = (timedelta(days=2), timedelta(days=14))  # the nearest first


def told(now: datetime) -> Iterator[Told]:
    """A notice for each sign-in that ends soon; each once a fortnight before and once when it is urgent."""
    for connection in every():
        ends = ends_at(connection)
        if connection.status == "connected" and ends is not None:
            ahead = next((ahead for ahead in AHEAD if ends - ahead <= now < ends), None)
            if ahead is not None:
                key = f"ends {connection.id} {ends.date()} {ahead.days}"
                yield notice_words.ends_soon(connection, ends, now, key)


def ends_at(connection: Connection) -> datetime | None:
    """When its sign-in is over unless it is used or renewed; None where that is not known."""
    way = next((way for way in services.by_key(connection.service).ways if isinstance(way, OAuth)), None)
    if way is None or way.idle is None or connection.renewed_at is None or connection.expires_at is None:
        return None
    return connection.renewed_at + way.idle
