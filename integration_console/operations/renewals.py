"""Renewing a connection's tokens because somebody asks, by the same single flight as every renewal (K1)."""

from __future__ import annotations

from .. import services
from ..errors import InvalidInput, NeedsPerson
from ..models import Connection, db
from .accounts import must_be_callable, note_lost_sign_in
from .keys import Keys
from .sealed import unseal


def renew(connection: Connection) -> Connection:
    """New tokens for a connection.

    Raises InvalidInput when there is nothing to renew, NeedsPerson when the service refuses, TryLater when it is
    silent.
    """
    number, service = must_be_callable(connection).id, services.by_key(connection.service)
    keys = Keys(service, number, unseal(connection), dict(connection.settings))
    if not keys.renewable:
        raise InvalidInput(f"{connection.name} has nothing to renew: its key has no end.", field="connectionId")
    db.session.rollback()  # nothing is held open while we wait for the service (D5)
    try:
        keys.renew()
    except NeedsPerson as error:
        note_lost_sign_in(number, str(error))
        raise
    finally:
        db.session.rollback()
        keys.recorder.flush(db.session())
        db.session.commit()
    return db.session.get_one(Connection, number, populate_existing=True)
