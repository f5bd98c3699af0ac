"""Passwords: which ones are good enough (X5), and their argon2id hashes."""

from __future__ import annotations

import re
import secrets
import unicodedata
from functools import cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ...errors import InvalidInput

SHORTEST, SHORTEST_WITH_CODE, LONGEST = 15, 8, 1000
_WORDS = (
    "integrationconsole", "integration", "console", "administrator", "admin", "password", "passwort", "contrasena",
    "motdepasse", "letmein", "welcome", "iloveyou", "qwertyuiop", "qwertzuiop", "qwerty", "qwertz", "asdfghjkl",
    "zxcvbnm", "correcthorsebatterystaple", "trustno1", "changeme", "secret", "dragon", "monkey", "football",
    "baseball", "sunshine", "princess", "superman", "lawfirm", "clio", "gohighlevel", "highlevel", "clockify",
    "default", "master", "login", "abc", "summer", "winter", "spring", "autumn", "test", "user", "root", "hello",
    "office", "company", "lawyer", "legal",
)  # fmt: skip
_LOOKALIKES = str.maketrans("@4301!$57", "aaeolisst")
_LEFT_AT_LEAST = 7  # characters that must remain once common words are taken out

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's figures for argon2id


def normal(password: str) -> str:
    """The form that is hashed, so that an accent typed on another keyboard is the same."""
    return unicodedata.normalize("NFC", password)


def check(password: str, *, about: tuple[str, ...] = (), field: str = "password", shortest: int = SHORTEST) -> str:
    """The password in its normal form.

    about: words others know of this person (e-mail, name, firm), which make a weak password.
    shortest: fewer characters are enough where a code is asked for as well.
    Raises InvalidInput saying what to do instead.
    """
    password = normal(password)
    if len(password) < shortest:
        raise InvalidInput(f"Use at least {shortest} characters; four unrelated words are fine.", field=field)
    if len(password) > LONGEST:
        raise InvalidInput(f"Use at most {LONGEST:,} characters.", field=field)
    if "\0" in password:
        raise InvalidInput("The password holds a character that cannot be typed.", field=field)
    if _is_common(password, about, min(_LEFT_AT_LEAST, shortest - 3)):
        raise InvalidInput("This is too easy to guess. Avoid common words, your name and rows of keys.", field=field)
    return password


def _is_common(password: str, about: tuple[str, ...], at_least: int) -> bool:
    """Whether nothing much is left once known words, repeats and runs of neighbours are taken out."""
    known = {part for text in about for part in re.split(r"[\W_]+", text.lower())}
    words = sorted({*_WORDS, *(word for word in known if len(word) > 2)}, key=len, reverse=True)
    spellings = (password.lower(), password.lower().translate(_LOOKALIKES))
    return min(_left(re.sub(r"[\W_]", "", spelling), words) for spelling in spellings) < at_least


def _left(text: str, words: list[str]) -> int:
    for word in words:
        text = text.replace(word, "")
    text = re.sub(r"(.+?)\1+", r"\1", text)  # said again adds nothing
    steps = [ord(b) - ord(a) for a, b in pairwise(text)]
    return len(text) - sum(1 for a, b in pairwise(steps) if a == b and abs(a) <= 1)


def hashed(password: str) -> str:
    """The argon2id hash of a password that passed `check`."""
    return _hasher.hash(normal(password))


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one hashed. Without a hash the same work is done, and the answer is no."""
    try:
        return _hasher.verify(password_hash or _nobodys_hash(), normal(password)) and password_hash is not None
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other figures than today's."""
    return _hasher.check_needs_rehash(password_hash)


def made_up() -> str:
    """A password for somebody's first sign-in: 20 characters that are easy to read out."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(24))
