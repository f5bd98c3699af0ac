"""People: add, change role, disable, sign in."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ... import clock
from ...errors import Conflict, InvalidInput, NotFound, together
from ...models import User, db, reading
from ...models.user import ROLES
from .. import audit, settings
from . import invitations, passwords, second_factor, sessions, throttle

_WRONG = "E-mail or password is wrong."


# -- who there is ----------------------------------------------------------------------------------------------------


def every() -> list[User]:
    """Everybody, by e-mail."""
    return list(db.session.scalars(select(User).order_by(User.email)))


def by_email(email: str) -> User:
    """The person with that e-mail, however it is capitalised.

    Raises NotFound.
    """
    user = db.session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound(f"There is nobody with the e-mail {email!r}.")
    return user


def by_id(user_id: int) -> User:
    """The person with that number.

    Raises NotFound.
    """
    if user := db.session.get(User, user_id):
        return user
    raise NotFound("There is no such person.")


def has_administrator() -> bool:
    """Whether anybody could administer the console today."""
    return bool(db.session.scalar(select(User.id).where(User.role == "admin", User.active).limit(1)))


def has_anybody() -> bool:
    """Whether there is any account yet."""
    return bool(db.session.scalar(select(User.id).limit(1)))


# -- changing who may come in ----------------------------------------------------------------------------------------


def add(email: str, role: str, password: str | None = None, name: str = "", *, actor: str) -> tuple[User, str]:
    """Add a person; returns them and their password, which is made up when none is given.

    Raises InvalidInput naming the field; Conflict when the e-mail is taken.
    """
    user, password = new(email, role, password, name)
    audit.add("person added", user.email, actor=actor, role=role)
    keep_new(user)
    return user, password


def set_role(user: User, role: str, *, actor: str) -> None:
    """Give a person another role. Their sessions end, so it counts at once."""
    before, role = user.role, _known_role(role)
    if before == role:
        return
    _one_at_a_time()
    user.role = role
    _keep_an_administrator()
    sessions.end_all(user.id)
    audit.add("role changed", user.email, actor=actor, before=before, after=role)
    db.session.commit()


def disable(user: User, *, actor: str) -> None:
    """Keep a person out, at once. What they did stays in the history."""
    if not user.active:
        return
    _one_at_a_time()
    user.active = False
    _keep_an_administrator()
    sessions.end_all(user.id)
    audit.add("person disabled", user.email, actor=actor)
    db.session.commit()


def enable(user: User, *, actor: str) -> None:
    """Let a disabled person in again."""
    if user.active:
        return
    user.active = True
    audit.add("person enabled", user.email, actor=actor)
    db.session.commit()


def reset_password(user: User, *, actor: str) -> str:
    """Replace a forgotten password by a made-up one, which is returned once. Ends the person's sessions and links."""
    password = passwords.made_up()
    user.password_hash = passwords.hashed(password)
    sessions.end_all(user.id)
    invitations.end_all(user.id)
    audit.add("password reset", user.email, actor=actor)
    db.session.commit()
    return password


def end_sessions(user: User, *, actor: str, but: int | None = None) -> None:
    """Sign a person out everywhere, except in one session when named."""
    sessions.end_all(user.id, but=but)
    audit.add("signed out everywhere", user.email, actor=actor)
    db.session.commit()


# -- one's own account -----------------------------------------------------------------------------------------------


def change_password(user: User, old: str, new: str, *, keep_session: int | None = None) -> None:
    """Change one's own password; every other session ends, and so does a link to choose one.

    Raises InvalidInput when the old one is wrong or the new one too weak; TooMany after many wrong tries.
    """
    throttle.count("account", user.email)
    if not passwords.matches(user.password_hash, old):
        raise InvalidInput("This is not your present password.", field="old_password")
    shortest = passwords.SHORTEST_WITH_CODE if second_factor.has(user.id) else passwords.SHORTEST
    new = passwords.check(new, about=_known_of(user.email, user.name), field="new_password", shortest=shortest)
    if new == passwords.normal(old):
        raise InvalidInput("This is the password you have now.", field="new_password")
    hashed = passwords.hashed(new)
    throttle.forget("account", user.email)
    user.password_hash = hashed
    sessions.end_all(user.id, but=keep_session)
    invitations.end_all(user.id)
    audit.add("password changed", user.email, actor=user.email)
    db.session.commit()


def save_profile(user: User, *, name: str, time_zone: str) -> None:
    """One's own name and time zone; no zone means the firm's."""
    user.name = _clean_name(name)
    user.time_zone = settings.check("firm.time_zone", time_zone) or None
    db.session.commit()


# -- signing in ------------------------------------------------------------------------------------------------------


def authenticate(email: str, password: str, *, address: str, code: str = "") -> User:
    """The person with this e-mail, password and, where they have a second factor, code.

    Unknown, disabled and wrong answer alike and cost the same (X5); no transaction is open while we hash.
    Raises InvalidInput, at the field "code" when only that is missing or wrong.
    Raises TooMany while the account or the address must wait.
    """
    email = email.strip().lower()[:320]
    throttle.count("address", address)
    throttle.count("account", email)
    with reading(), Session(db.engine) as session:
        found = session.execute(select(User.id, User.password_hash, User.active).where(User.email == email)).first()
    good = passwords.matches(found.password_hash if found else None, password)
    if not (good and found and found.active):
        audit.add("sign-in refused", email, actor=email or "nobody")
        db.session.commit()
        raise InvalidInput(_WRONG, field="password")
    user = db.session.get_one(User, found.id)
    try:
        second_factor.check(user, code)
    except InvalidInput:
        if code.strip():
            audit.add("sign-in refused", email, actor=email, why="code")
            db.session.commit()
        raise
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    throttle.forget("account", email)
    throttle.forget("address", address)
    return user


def sign_in(email: str, password: str, *, address: str, browser: str = "", code: str = "") -> str:
    """Check the password and the code and begin a session; returns its secret id for the cookie.

    Raises as `authenticate`.
    """
    user = authenticate(email, password, address=address, code=code)
    token = sessions.begin(user, address=address, browser=browser)
    audit.add("signed in", user.email, actor=user.email)
    db.session.commit()
    return token


def sign_out(who: sessions.SignedIn) -> None:
    """End the session at hand."""
    sessions.end(who.session_id)
    audit.add("signed out", who.email, actor=who.email)
    db.session.commit()


# -- a new person ----------------------------------------------------------------------------------------------------


def new(email: str, role: str, password: str | None, name: str) -> tuple[User, str]:
    """A person, not kept yet, and their password, made up when none is given. Raises InvalidInput naming the field."""
    about = _known_of(email.strip().lower(), name)
    email, name, role, password = together(
        lambda: _clean_email(email), lambda: _clean_name(name), lambda: _known_role(role),
        lambda: passwords.made_up() if password is None else passwords.check(password, about=about),
    )  # fmt: skip
    hashed = passwords.hashed(password)
    return User(email=email, name=name, role=role, password_hash=hashed, created_at=clock.now()), password


def keep_new(user: User) -> None:
    """Commit a new person. Raises Conflict when the e-mail is taken."""
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("There is already somebody with this e-mail.") from None


def _clean_email(email: str) -> str:
    try:
        checked = validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidInput("Enter an e-mail address such as ana@example.com.", field="email") from None
    return checked.normalized.lower()


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > 200 or not name.isprintable():
        raise InvalidInput("The name may have at most 200 characters, and none that cannot be seen.", field="name")
    return name


def _known_role(role: str) -> str:
    if role not in ROLES:
        raise InvalidInput(f"The role is one of {', '.join(ROLES)}.", field="role")
    return role


def _known_of(email: str, name: str) -> tuple[str, ...]:
    return (email, name, settings.get("firm.name"))


def _one_at_a_time() -> None:
    """Wait for whoever else takes an administrator away: of the last two, each would see the other one stay."""
    db.session.execute(select(User.id).where(User.role == "admin").order_by(User.id).with_for_update())


def _keep_an_administrator() -> None:
    """Refuse a change that would lock everybody out of the settings."""
    db.session.flush()
    if not db.session.scalar(select(func.count()).select_from(User).where(User.role == "admin", User.active)):
        db.session.rollback()
        raise Conflict("This is the last administrator. Make somebody else one first.")
