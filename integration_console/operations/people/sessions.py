"""Signed-in browsers: a row each, found by the hash of a random id that only the cookie knows (X4)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from flask import current_app
from flask_login import UserMixin
from sqlalchemy import Row, bindparam, exists, select, true, update
from sqlalchemy.exc import OperationalError

from ... import clock
from ...models import SecondFactor, Setting, User, UserSession, db, reading
from ...models.base import UtcDateTime, little_patience
from ...storage.storable import fitting
from .. import settings

TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """Who is asking. Plain values, so that no view can hold a database transaction open through it."""

    user_id: int
    session_id: int
    session_hash: str  # ties what leaves for another site, and comes back, to this browser
    email: str
    name: str
    role: str
    time_zone: str | None
    has_second_factor: bool = False

    @property
    def shown_name(self) -> str:
        """The name, or the address of somebody who gave none."""
        return self.name or self.email

    @property
    def known_as(self) -> str:
        """Under what they are remembered."""
        return self.email


def begin(user: User, *, address: str, browser: str) -> str:
    """Start a session and return its secret id for the cookie. The caller commits."""
    token, now = secrets.token_urlsafe(32), clock.now()
    row = UserSession(
        token_hash=_hash(token),
        user_id=user.id,
        address=address[:64],
        browser=fitting(browser, 300),
        created_at=now,
        last_used_at=now,
    )
    user.last_seen_at = now
    db.session.add(row)
    return token


def holder(token: str) -> SignedIn | None:
    """Who holds this session now; None when it has ended, idled out, grown too old, or the account is disabled.

    Asked in the transaction of what the page reads next, so that no other is begun for it, and together with the firm's
    settings, which every page needs.
    """
    with reading():
        rows = db.session.connection().execute(_HOLDER, {"hash": _hash(token), **_youngest()}).all()
    if not rows:
        return None
    found = rows[0]
    settings.remember({row.setting: row.value for row in rows if row.setting})
    if clock.now() - found.last_used_at > TOUCH_EVERY:
        db.session.rollback()
        _touch(found)
    return SignedIn(
        found.user_id, found.id, found.token_hash, found.email, found.name, found.role, found.time_zone,
        bool(found.has_second_factor),
    )  # fmt: skip


def of_user(user_id: int) -> list[UserSession]:
    """A person's live sessions, the one used last first."""
    query = select(UserSession).join(UserSession.user).where(User.active, *_LIVE, UserSession.user_id == user_id)
    return list(db.session.scalars(query.order_by(UserSession.last_used_at.desc()), _youngest()))


def end(session_id: int) -> None:
    """End one session. The caller commits."""
    _end(UserSession.id == session_id)


def end_all(user_id: int, *, but: int | None = None) -> None:
    """End every session of a person, except one when named. The caller commits."""
    _end(UserSession.user_id == user_id, UserSession.id != (but or 0))


def _end(*which) -> None:
    query = update(UserSession).where(*which, UserSession.ended_at.is_(None)).values(ended_at=clock.now())
    db.session.execute(query.execution_options(synchronize_session=False))


def _youngest() -> dict[str, datetime]:
    """Since when a session must have been used, and begun, to be live."""
    limits, now = current_app.config["SETTINGS"], clock.now()
    return {
        "used_since": now - timedelta(minutes=limits.SESSION_IDLE_MINUTES),
        "begun_since": now - timedelta(hours=limits.SESSION_HOURS),
    }


_LIVE = (
    UserSession.ended_at.is_(None),
    UserSession.last_used_at > bindparam("used_since", type_=UtcDateTime()),
    UserSession.created_at > bindparam("begun_since", type_=UtcDateTime()),
)
_HAS_SECOND_FACTOR = exists().where(SecondFactor.user_id == User.id, SecondFactor.confirmed_at.is_not(None))
_HOLDER = (  # asked by every request, so put together once
    select(
        UserSession.id, UserSession.token_hash, UserSession.last_used_at, UserSession.user_id, User.email, User.name,
        User.role, User.time_zone, _HAS_SECOND_FACTOR.label("has_second_factor"), Setting.name.label("setting"),
        Setting.value,
    )
    .join(User, User.id == UserSession.user_id)
    .outerjoin(Setting, true())
    .where(UserSession.token_hash == bindparam("hash"), User.active, *_LIVE)
)  # fmt: skip


def _touch(found: Row) -> None:
    """Note the last use in a short transaction of its own; skipped while somebody else is writing."""
    now: datetime = clock.now()
    with db.engine.connect() as connection, little_patience(connection):
        try:
            connection.execute(update(UserSession).where(UserSession.id == found.id).values(last_used_at=now))
            connection.execute(update(User).where(User.id == found.user_id).values(last_seen_at=now))
            connection.commit()
        except OperationalError:
            connection.rollback()


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
