"""Renewing a connection's tokens because somebody asks, by the same single flight as every renewal (K1)."""

from __future__ import annotations

from ...errors import InvalidInput, NeedsPerson
from ...models import Connection, db
from . import sign_ins
from .accounts import keys_of, must_be_callable, note_lost_sign_in


def renew(connection: Connection) -> Connection:
    """New tokens for a connection.

    Raises InvalidInput when there is nothing to renew, NeedsPerson when the service refuses, TryLater when it is
    silent.
    """
    number, since = must_be_callable(connection).id, connection.status_since
    if not keys_of(connection).renewable:
        raise InvalidInput(f"{connection.name} has nothing to renew: its key has no end.", field="connectionId")
    try:
        sign_ins.renew(connection)
    except NeedsPerson as error:
        db.session.rollback()
        note_lost_sign_in(number, str(error), since)
        raise
    return db.session.get_one(Connection, number, populate_existing=True)
