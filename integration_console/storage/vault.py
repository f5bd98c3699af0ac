"""The vault: what must not be readable in the database or a backup is sealed here (X1)."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ..errors import SealBroken


class Vault:
    """Seals secrets with ENCRYPTION_KEYS: the first key writes, all of them read.

    The owner is sealed inside with the secret, so that one copied to another row is refused there.
    told: who hears of every value sealed and opened here.
    """

    def __init__(self, keys: str, told: Callable[[str], None] = lambda _value: None) -> None:
        self._told = told
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])
        except ValueError:
            raise SealBroken("ENCRYPTION_KEYS must be Fernet keys, separated by commas.") from None

    def seal(self, owner: str, value: str) -> str:
        """Sealed text for the row that `owner` names, as "connection:12"."""
        self._told(value)
        return self._fernet.encrypt(orjson.dumps([owner, value])).decode()

    def open(self, owner: str, sealed: str) -> str:
        """The value.

        Raises SealBroken when no key fits, the text was changed, or it was sealed for another owner.
        """
        try:
            sealed_for, value = orjson.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, UnicodeEncodeError):
            raise SealBroken from None
        if sealed_for != owner:
            raise SealBroken(f"This secret was stored for {sealed_for} and is refused for {owner}.")
        self._told(value)
        return value

    def opens(self, sealed: str) -> bool:
        """Whether one of the keys fits; what is inside is told to nobody."""
        try:
            self._fernet.decrypt(sealed.encode())
        except (InvalidToken, UnicodeEncodeError):
            return False
        return True

    def reseal(self, sealed: str) -> str:
        """The same secret under the first key, for `flask keys rotate`. Raises SealBroken when no key fits."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise SealBroken from None
