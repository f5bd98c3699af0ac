"""The first administrator: whoever has the one code the terminal shows is let in and makes the account."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from pathlib import Path

from flask import current_app

from ... import clock
from ...errors import Conflict, InvalidInput
from ...models import Setting, User, db
from .. import audit
from . import throttle, users


def setup_code() -> str | None:
    """A code that lets the first administrator in; None when there is one already.

    The one of SETUP_CODE, else a new one each time, of which only a hash is kept in the instance folder.
    """
    if users.has_administrator():
        return None
    if fixed := _fixed_code():
        return fixed
    code = "-".join(secrets.token_hex(2) for _ in range(5))
    file = _code_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(sha256(code.encode()).hexdigest())
    return code


def make(code: str, email: str, password: str, name: str, *, address: str) -> User:
    """Make the first administrator.

    Raises InvalidInput naming the field; Conflict when there is one already; TooMany after many wrong codes.
    """
    if users.has_administrator():
        raise Conflict("The console already has an administrator.")
    throttle.count("address", address)
    if not _is_code(code.strip()):
        raise InvalidInput("This code is not right. The newest one printed in the terminal counts.", field="code")
    user, _ = users.new(email, "admin", password, name)
    throttle.forget("address", address)
    db.session.add(Setting(name="setup.done", value=user.email, updated_at=clock.now()))  # its key lets one through
    audit.add("first administrator made", user.email, actor=user.email)
    users.keep_new(user)
    _code_file().unlink(missing_ok=True)
    return user


def _is_code(code: str) -> bool:
    if fixed := _fixed_code():
        return hmac.compare_digest(fixed.encode(), code.encode())
    file = _code_file()
    return file.exists() and hmac.compare_digest(file.read_text(), sha256(code.lower().encode()).hexdigest())


def _fixed_code() -> str:
    return current_app.config["SETTINGS"].SETUP_CODE.get_secret_value()


def _code_file() -> Path:
    return current_app.config["SETTINGS"].INSTANCE_DIR / "setup_code"
