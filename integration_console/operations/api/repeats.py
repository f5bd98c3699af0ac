"""POSTs that may be sent again: the same key and body are answered the same for a day, and nothing is done twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ... import clock
from ...errors import Conflict, InvalidInput
from ...models import RepeatableCall, db
from ..sealed import vault

KEPT_FOR = timedelta(hours=24)
LOST_AFTER = timedelta(minutes=5)  # a call still under way then died with its process
LONGEST = 255  # characters of a key
_AT_KEY = {"field": "Idempotency-Key"}


@dataclass(frozen=True)
class Kept:
    """What the first call was answered."""

    status: int
    body: str


def begin(owner: str, key: str, request: bytes) -> int | Kept:
    """The number under which this call's answer is to be kept, or the answer it had when it came first.

    Raises InvalidInput for a key that is none, Conflict when it came with another request or is being answered now.
    """
    if not 0 < len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise InvalidInput(f"The key is 1 to {LONGEST} printable characters.", field="Idempotency-Key")
    name, wanted = _hash(f"{owner}\n{key}".encode()), _hash(request)
    with Session(db.engine) as session, session.begin():
        _forget_old(session, name)
        if (number := _first(session, name, wanted)) is not None:
            return number
        row = session.scalars(select(RepeatableCall).where(RepeatableCall.name == name)).one()
        if row.request_hash != wanted:
            raise Conflict("This Idempotency-Key was used with another request.", details=_AT_KEY)
        if row.answer is None:
            raise Conflict("The first call with this Idempotency-Key is still under way.", details=_AT_KEY)
        return Kept(row.status or 200, vault().open(f"repeatable_call:{row.id}", row.answer))


def keep(number: int, status: int, body: str) -> None:
    """Keep what was answered."""
    sealed = vault().seal(f"repeatable_call:{number}", body)
    with Session(db.engine) as session, session.begin():
        session.execute(update(RepeatableCall).where(RepeatableCall.id == number).values(answer=sealed, status=status))


def forget(number: int) -> None:
    """Nothing was done: the same key may be tried again."""
    with Session(db.engine) as session, session.begin():
        session.execute(delete(RepeatableCall).where(RepeatableCall.id == number))


def _first(session: Session, name: str, wanted: str) -> int | None:
    """Take the key; None when somebody has it already. Of two at once, one waits here for the other's commit."""
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    new = dialect.insert(RepeatableCall).values(name=name, request_hash=wanted, created_at=clock.now())
    return session.scalar(new.on_conflict_do_nothing(index_elements=["name"]).returning(RepeatableCall.id))


def _forget_old(session: Session, name: str) -> None:
    now = clock.now()
    too_old = RepeatableCall.created_at <= now - KEPT_FOR
    lost = RepeatableCall.answer.is_(None) & (RepeatableCall.created_at <= now - LOST_AFTER)
    session.execute(delete(RepeatableCall).where(RepeatableCall.name == name, too_old | lost))


def _hash(what: bytes) -> str:
    return sha256(what).hexdigest()
