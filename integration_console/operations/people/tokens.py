"""API tokens: made, listed, revoked; and who holds one. Only the hash of a token is kept (X10)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from flask_login import UserMixin
from sqlalchemy import Row, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, joinedload

from ... import clock
from ...errors import Conflict, InvalidInput, NotFound
from ...models import ApiToken, User, db, reading
from ...models.base import little_patience
from .. import audit
from .sessions import TOUCH_EVERY

PREFIX = "ic_"  # so that a token found lying about tells what it opens
SCOPES = ("read", "write")
OVERLAP = timedelta(days=7)  # so long the old token of a rotation works beside the new one
DAYS, LONGEST_DAYS = 90, 3650
_LONGEST = 100  # characters; nothing longer is looked up


@dataclass(frozen=True)
class TokenHolder(UserMixin):
    """A program that came with a token: its owner as they are now, and what the token allows of that."""

    user_id: int
    token_id: int
    token_name: str
    email: str
    name: str
    role: str
    time_zone: str | None
    scopes: tuple[str, ...]

    @property
    def shown_name(self) -> str:
        """The name, or the address of somebody who gave none."""
        return self.name or self.email

    @property
    def known_as(self) -> str:
        """Under what its doings are remembered: the owner and which of their tokens."""
        return f"{self.email} by token {self.token_name or self.token_id}"[:320]


def issue(owner: User, scopes: Iterable[str], *, name: str = "", days: int = DAYS, actor: str) -> tuple[ApiToken, str]:
    """Make a token for a person; the row, and the token itself, which is never seen again.

    scopes: of SCOPES; whoever may write may also read. days: until it ends.
    Raises InvalidInput naming the field; Conflict when the owner is disabled.
    """
    token, text = _made(owner, _known(scopes), _clean_name(name), timedelta(days=_checked_days(days)))
    audit.add(
        "API token made", token.name or owner.email, actor=actor, owner=owner.email, scopes=token.scopes, days=days
    )
    db.session.commit()
    return token, text


def rotate(token: ApiToken, *, overlap: bool, actor: str) -> tuple[ApiToken, str]:
    """A new token in the place of this one, for the same owner, name, scopes and length of life; row and token.

    overlap: the old one works for OVERLAP more, so that a program can change over; else it is refused at once.
    Raises Conflict when the old one opens nothing any more.
    """
    if (word := state(token)) != "live":
        raise Conflict(f"This token is {word}. Make a new one instead.")
    new, text = _made(token.user, token.scopes, token.name, token.expires_at - token.created_at)
    if overlap:
        token.expires_at = min(token.expires_at, new.created_at + OVERLAP)
    else:
        token.revoked_at = new.created_at
    db.session.flush()
    audit.add(
        "API token rotated", token.name or token.user.email, actor=actor, owner=token.user.email, token=token.id,
        new=new.id, old_ends=(token.revoked_at or token.expires_at).isoformat(),
    )  # fmt: skip
    db.session.commit()
    return new, text


def _made(owner: User, scopes: list[str], name: str, lives: timedelta) -> tuple[ApiToken, str]:
    if not owner.active:
        raise Conflict(f"{owner.email} is disabled, so no token of theirs could be used.")
    text, now = PREFIX + secrets.token_hex(32), clock.now()
    token = ApiToken(
        user_id=owner.id, name=name, token_hash=_hash(text), hint=text[-4:], scopes=scopes, created_at=now,
        expires_at=now + lives,
    )  # fmt: skip
    db.session.add(token)
    return token, text


def every() -> list[ApiToken]:
    """Every token there was, the newest first."""
    return list(db.session.scalars(select(ApiToken).options(joinedload(ApiToken.user)).order_by(ApiToken.id.desc())))


def find(token_id: int) -> ApiToken:
    """The token of that number. Raises NotFound."""
    if 0 < token_id < 2**63 and (token := db.session.get(ApiToken, token_id)):
        return token
    raise NotFound(f"There is no API token {token_id}.")


def revoke(token: ApiToken, *, actor: str) -> None:
    """Let a token open nothing any more, from its very next use on."""
    if token.revoked_at:
        return
    token.revoked_at = clock.now()
    audit.add("API token revoked", token.name or token.user.email, actor=actor, owner=token.user.email, token=token.id)
    db.session.commit()


def state(token: ApiToken) -> str:
    """ "live", "revoked", "expired", or "owner disabled"."""
    if token.revoked_at:
        return "revoked"
    if token.expires_at <= clock.now():
        return "expired"
    return "live" if token.user.active else "owner disabled"


def holder(text: str) -> TokenHolder | None:
    """Who comes with this token; None when it is unknown, revoked or expired, or its owner is disabled."""
    if not text.startswith(PREFIX) or len(text) > _LONGEST:
        return None
    with reading(), Session(db.engine) as session:
        found = session.execute(_live().where(ApiToken.token_hash == _hash(text))).first()
    if found is None:
        return None
    _note_use(found)
    return TokenHolder(
        found.user_id, found.id, found.token_name, found.email, found.name, found.role, found.time_zone,
        tuple(found.scopes),
    )  # fmt: skip


def _live():
    columns = (
        ApiToken.id, ApiToken.user_id, ApiToken.name.label("token_name"), ApiToken.scopes, ApiToken.last_used_at,
        User.email, User.name, User.role, User.time_zone,
    )  # fmt: skip
    return (
        select(*columns)
        .join(ApiToken.user)
        .where(User.active, ApiToken.revoked_at.is_(None), ApiToken.expires_at > clock.now())
    )


def _note_use(found: Row) -> None:
    """Keep when it was used, at most once a minute; skipped while somebody else is writing."""
    now = clock.now()
    if found.last_used_at and now - found.last_used_at <= TOUCH_EVERY:
        return
    with db.engine.connect() as connection, little_patience(connection):
        try:
            connection.execute(update(ApiToken).where(ApiToken.id == found.id).values(last_used_at=now))
            connection.commit()
        except OperationalError:
            connection.rollback()


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _known(scopes: Iterable[str]) -> list[str]:
    wanted = set(scopes)
    if not wanted or wanted - set(SCOPES):
        raise InvalidInput(f"The scope is one of {', '.join(SCOPES)}.", field="scope")
    return ["read", "write"] if "write" in wanted else ["read"]


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > 200 or not name.isprintable():
        raise InvalidInput("The name may have at most 200 characters, and none that cannot be seen.", field="name")
    return name


def _checked_days(days: int) -> int:
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"A token lives from 1 to {LONGEST_DAYS:,} days.", field="days")
    return days
