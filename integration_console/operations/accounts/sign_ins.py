"""Sign-ins that need looking after: kept from dying of idleness, and a person told in time where one is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import structlog
from sqlalchemy import Row, select

from ... import clock, services
from ...errors import ConsoleError, NeedsPerson
from ...models import Connection, db
from ...services.base import OAuth
from .. import audit
from .accounts import keys_of

log = structlog.get_logger(__name__)

NOT_KNOWN = "whatever it stands for cannot be read or written"
TOLD_AT = (30, 7, 1)  # days before the end of a sign-in's whole life
A_TURN_S = 8.0  # the clock's other chores wait for us, and a service may not answer

_tried_last = 0  # the connection this process tried to renew last


@dataclass(frozen=True)
class SignIn:
    """How a connection is let in."""

    by_consent: bool
    missing: list[tuple[str, str]]  # permissions that were asked for and not granted, and what stops without them
    ends_at: datetime | None  # then a person has to reconnect, whatever happens until then
    idle: timedelta | None  # unused for this long it would die; it is renewed at half of that


@dataclass(frozen=True)
class Banner:
    """What every page says while a connection needs a person."""

    connection_id: int
    name: str
    what: str
    grave: bool
    lost: bool = False  # nothing is read already; the dashboard's verdict says so, too


def of(connection: Connection) -> SignIn:
    """What there is to say about a connection's sign-in."""
    way = _way(connection.service)
    if way is None or not connection.consented_at:
        return SignIn(False, [], None, None)
    refused = [scope for scope in connection.permissions if scope not in connection.scopes]
    told = [(scope, way.stops_without.get(scope, NOT_KNOWN)) for scope in refused]
    return SignIn(True, told, _ends(way, connection.consented_at), way.idle)


def renew(connection: Connection) -> None:
    """Renew a connection's tokens now; many who ask at once get the same new ones (K1).

    Raises NeedsPerson when it has none to renew or the service refuses, TryLater when the service does not answer.
    """
    keys = keys_of(connection)
    if not keys.renewable:
        raise NeedsPerson(f"{connection.name} has nothing that could be renewed: it is connected with a key.")
    db.session.rollback()  # nothing is held while we wait for the service (D5)
    try:
        keys.renew()
    finally:
        keys.recorder.flush(db.session())
        db.session.commit()
    db.session.refresh(connection)


def keep_alive() -> int:
    """Renew what would die of idleness, paused or not, at half of that time; the number renewed.

    What there is no time for is renewed the next time, beginning behind what was tried last: one that fails keeps no
    other waiting.
    Also notes, 30, 7 and 1 days ahead, that a sign-in comes to the end of its whole life.
    """
    global _tried_last
    ends, renewed = clock.monotonic() + A_TURN_S, 0
    for number in sorted(_idle(), key=lambda one: (one <= _tried_last, one)):
        connection = db.session.get_one(Connection, number)
        try:
            renew(connection)
            renewed += 1
        except ConsoleError as error:  # noted at the connection where it needs a person; else tried again next time
            db.session.rollback()
            log.warning("A sign-in could not be kept alive", connection=number, why=str(error))
        _tried_last = number
        if clock.monotonic() > ends:
            break
    _tell_of_ends()
    return renewed


def banners(known: Iterable[Connection | Row]) -> list[Banner]:
    """What needs a person, for every page: the lost sign-ins first. known: all connections by name."""
    found = []
    for row in known:
        if row.status == "removed":
            continue
        if row.status == "needs_reconnect":
            found.append(Banner(row.id, row.name, "needs to be reconnected", grave=True, lost=True))
        elif (days := _days_left(_way(row.service), row.consented_at)) is not None and days <= TOLD_AT[0]:
            what = f"needs to be reconnected within {days} day{'s' if days != 1 else ''}: its sign-in ends then"
            found.append(Banner(row.id, row.name, what, days <= TOLD_AT[1]))
    return sorted(found, key=lambda banner: not banner.grave)


def _way(service_key: str) -> OAuth | None:
    service = services.every().get(service_key)
    return next((way for way in service.ways if isinstance(way, OAuth)), None) if service else None


def _ways() -> list[tuple[str, OAuth]]:
    """The services somebody consented at, and how."""
    keys = db.session.scalars(select(Connection.service).where(Connection.consented_at.is_not(None)).distinct())
    return [(key, way) for key in keys if (way := _way(key))]


def _idle() -> list[int]:
    """Connections whose refresh token has lain unused for half of what it survives."""
    found: list[int] = []
    for key, way in _ways():
        if way.idle:
            found += db.session.scalars(
                select(Connection.id).where(
                    Connection.service == key, Connection.status.in_(("connected", "paused")),
                    Connection.consented_at.is_not(None), Connection.renewed_at <= clock.now() - way.idle / 2,
                )
            )  # fmt: skip
    return found


def _tell_of_ends() -> None:
    """Note once at each of the days that a sign-in ends soon."""
    mortal = [key for key, way in _ways() if way.life]
    rows = select(Connection).where(Connection.service.in_(mortal), Connection.status.in_(("connected", "paused")))
    for connection in list(db.session.scalars(rows)):
        days = _days_left(_way(connection.service), connection.consented_at)
        due = [at for at in TOLD_AT if days is not None and days <= at]
        if due and (connection.end_told is None or connection.end_told > due[-1]):
            connection.end_told = due[-1]
            audit.about("sign-in ends soon", connection, actor="the console", days=days)
    db.session.commit()


def _ends(way: OAuth | None, consented_at: datetime | None) -> datetime | None:
    return consented_at + way.life if way and way.life and consented_at else None


def _days_left(way: OAuth | None, consented_at: datetime | None) -> int | None:
    ends = _ends(way, consented_at)
    return None if ends is None else max(ceil((ends - clock.now()) / timedelta(days=1)), 0)
