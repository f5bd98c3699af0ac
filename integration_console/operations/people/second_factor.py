"""The second factor: an authenticator app's code, or one of ten recovery codes, each good once (X5)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

import pyotp
from sqlalchemy import delete, func, select, update

from ... import clock
from ...errors import Conflict, InvalidInput
from ...models import RecoveryCode, SecondFactor, User, db
from .. import audit, settings
from ..sealed import vault
from . import passwords, sessions, throttle

CODES = 10
STEP_S = 30
DRIFT = 1  # half-minutes a clock may be off
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Enrolment:
    """What a person's app needs: the key to type, and the same as a picture."""

    key: str
    picture: str  # a data: address of an SVG


def has(user_id: int) -> bool:
    """Whether this person signs in with a code."""
    found = select(SecondFactor.id).where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None))
    return db.session.scalar(found) is not None


def required_of(role: str) -> bool:
    """Whether the firm asks people of this role for a second factor."""
    return {"admins": role == "admin", "everyone": True}.get(settings.get("firm.second_factor"), False)


def codes_left(user_id: int) -> int:
    """How many recovery codes can still be used."""
    unused = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return db.session.scalar(unused) or 0


def begin(user: User) -> Enrolment:
    """A new key for the person's app; it counts when a code of it is typed. One begun earlier is replaced.

    Raises Conflict when they have a second factor already.
    """
    row = _row(user.id)
    if row is not None and row.confirmed_at:
        raise Conflict("You have a second factor already. Remove it first.")
    row = row or SecondFactor(user_id=user.id, seed="", created_at=clock.now())
    db.session.add(row)
    db.session.flush()
    row.seed = vault().seal(owner(user.id), pyotp.random_base32())
    db.session.commit()
    return enrolment(user)


def enrolment(user: User) -> Enrolment:
    """What was begun and is not confirmed yet. Raises Conflict when there is nothing of the kind."""
    import segno

    row = _row(user.id)
    if row is None or row.confirmed_at:
        raise Conflict("Begin again: there is no second factor waiting for its first code.")
    key = _seed(row)
    issuer = settings.get("firm.name") or "Integration Console"
    address = pyotp.TOTP(key).provisioning_uri(name=user.email, issuer_name=issuer)
    shown = " ".join(key[start : start + 4] for start in range(0, len(key), 4))
    return Enrolment(shown, segno.make(address, error="m").svg_data_uri(scale=5, border=2, light="white"))


def confirm(user: User, code: str, *, keep_session: int | None = None) -> list[str]:
    """The first code: from now on it is asked for. Returns the recovery codes, shown this once.

    Every other session of the person ends. Raises InvalidInput when the code is not right.
    """
    row = _row(user.id)
    if row is None or row.confirmed_at:
        raise Conflict("Begin again: there is no second factor waiting for its first code.")
    throttle.count("account", user.email)
    if not _take_code(row, code):
        raise InvalidInput("This code is not right. Codes change every half minute; is the phone's clock right?",
                           field="code")  # fmt: skip
    row.confirmed_at = clock.now()
    codes = _new_codes(user.id)
    throttle.forget("account", user.email)
    sessions.end_all(user.id, but=keep_session)
    audit.add("second factor added", user.email, actor=user.email)
    db.session.commit()
    return codes


def renew_codes(user: User, password: str) -> list[str]:
    """Ten new recovery codes; the old ones stop working. Raises InvalidInput when the password is wrong."""
    _prove(user, password)
    codes = _new_codes(user.id)
    audit.add("recovery codes renewed", user.email, actor=user.email)
    db.session.commit()
    return codes


def remove(user: User, password: str, *, keep_session: int | None = None) -> None:
    """Sign in with the password alone again; every other session ends.

    Raises InvalidInput when the password is wrong, or too short to stand alone.
    """
    _prove(user, password)
    if len(passwords.normal(password)) < passwords.SHORTEST:
        raise InvalidInput(
            f"Without a second factor a password needs {passwords.SHORTEST} characters. Change it first.",
            field="password",
        )
    _forget(user.id)
    sessions.end_all(user.id, but=keep_session)
    audit.add("second factor removed", user.email, actor=user.email)
    db.session.commit()


def reset(user: User, *, actor: str) -> None:
    """Take it away from somebody who lost their phone and their codes. They are signed out everywhere."""
    _forget(user.id)
    sessions.end_all(user.id)
    audit.add("second factor reset", user.email, actor=actor)
    db.session.commit()


def check(user: User, code: str) -> None:
    """The code somebody signs in with; nothing is asked of who has no second factor. The caller commits.

    Raises InvalidInput at the field "code".
    """
    row = _row(user.id)
    if row is None or not row.confirmed_at:
        return
    if not code.strip():
        raise InvalidInput("Enter the code of your authenticator app, or a recovery code.", field="code")
    if not (_take_code(row, code) or _take_recovery(user, code)):
        raise InvalidInput("This code is not right, or was used already. Wait for the next one.", field="code")


# -- inside -----------------------------------------------------------------------------------------------------------


def _row(user_id: int) -> SecondFactor | None:
    return db.session.scalar(select(SecondFactor).where(SecondFactor.user_id == user_id))


def owner(user_id: int) -> str:
    """For whom a person's seed is sealed."""
    return f"second_factor:{user_id}"


def _seed(row: SecondFactor) -> str:
    return vault().open(owner(row.user_id), row.seed)


def _take_code(row: SecondFactor, code: str) -> bool:
    """Whether the code is one of now, and newer than the last one taken: two browsers cannot use the same."""
    code = "".join(code.split())
    if not (code.isascii() and code.isdecimal() and len(code) == 6):
        return False
    app, now = pyotp.TOTP(_seed(row)), int(clock.now().timestamp()) // STEP_S
    fitting = [step for step in range(now - DRIFT, now + DRIFT + 1) if compare_digest(app.at(step * STEP_S), code)]
    if not fitting:
        return False
    taken = update(SecondFactor).where(SecondFactor.id == row.id, SecondFactor.last_step < fitting[0])
    return bool(db.session.execute(taken.values(last_step=fitting[0])).rowcount)  # type: ignore[attr-defined]


def _take_recovery(user: User, code: str) -> bool:
    wanted = (RecoveryCode.user_id == user.id, RecoveryCode.code_hash == _hash(user.id, code))
    used = update(RecoveryCode).where(*wanted, RecoveryCode.used_at.is_(None)).values(used_at=clock.now())
    good = bool(db.session.execute(used).rowcount)  # type: ignore[attr-defined]
    if good:
        audit.add("recovery code used", user.email, actor=user.email, left=codes_left(user.id))
    return good


def _new_codes(user_id: int) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = ["-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(2)) for _ in range(CODES)]
    db.session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(user_id, code)) for code in codes)
    return codes


def _hash(user_id: int, code: str) -> str:
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return sha256(f"{user_id}:{plain}".encode()).hexdigest()


def _prove(user: User, password: str) -> None:
    throttle.count("account", user.email)
    if not passwords.matches(user.password_hash, password):
        raise InvalidInput("This is not your password.", field="password")
    throttle.forget("account", user.email)


def _forget(user_id: int) -> None:
    db.session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
