"""Links that let one person choose their password: somebody new, or somebody who forgot theirs."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from flask import current_app
from sqlalchemy import select, update

from ... import clock
from ...errors import InvalidInput
from ...models import Invitation, User, db
from .. import audit, settings
from . import passwords, second_factor, sessions

GOOD_FOR = timedelta(hours=72)


def make(user: User, *, actor: str) -> str:
    """A link for this person, shown once; links made before stop working."""
    token, now = secrets.token_urlsafe(32), clock.now()
    end_all(user.id)
    db.session.add(Invitation(
        user_id=user.id, token_hash=_hash(token), invited_by=actor, created_at=now, expires_at=now + GOOD_FOR,
    ))  # fmt: skip
    audit.add("invited", user.email, actor=actor)
    db.session.commit()
    return f"{current_app.config['SETTINGS'].BASE_URL.rstrip('/')}/invitation/{token}"


def end_all(user_id: int) -> None:
    """Let no link made for this person work any more. The caller commits."""
    unused = update(Invitation).where(Invitation.user_id == user_id, Invitation.used_at.is_(None))
    db.session.execute(unused.values(used_at=clock.now()))


def waiting() -> dict[int, datetime]:
    """People who have not used their link: until when it is good, by their number."""
    query = select(Invitation.user_id, Invitation.expires_at).where(Invitation.used_at.is_(None))
    return dict(db.session.execute(query).all())


def of(token: str) -> User:
    """Whose link this is. Raises InvalidInput when it is unknown, used, too old, or the person is disabled."""
    found = db.session.scalar(
        select(User).join(Invitation, Invitation.user_id == User.id).where(*_usable(token), User.active)
    )
    if found is None:
        raise InvalidInput("This link is not good any more. Ask an administrator for a new one.", field="link")
    return found


def accept(token: str, password: str, name: str = "") -> User:
    """Choose the password; the link is spent and every session of the person ends. Raises InvalidInput."""
    user = of(token)
    about = (user.email, name or user.name, settings.get("firm.name"))
    shortest = passwords.SHORTEST_WITH_CODE if second_factor.has(user.id) else passwords.SHORTEST
    hashed = passwords.hashed(passwords.check(password, about=about, shortest=shortest))
    spent = update(Invitation).where(*_usable(token)).values(used_at=clock.now())
    if not db.session.execute(spent).rowcount:  # type: ignore[attr-defined]
        raise InvalidInput("This link was used a moment ago.", field="link")
    user.password_hash, user.name = hashed, name or user.name
    sessions.end_all(user.id)
    audit.add("invitation accepted", user.email, actor=user.email)
    db.session.commit()
    return user


def _usable(token: str) -> tuple:
    return Invitation.token_hash == _hash(token), Invitation.used_at.is_(None), Invitation.expires_at > clock.now()


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
