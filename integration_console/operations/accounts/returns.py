"""The addresses to which a program may have people sent back after a consent, registered with us beforehand."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ...errors import InvalidInput
from ...models import OAuthState
from .. import settings as firm

SETTING = "firm.redirect_uris"


def registered() -> list[str]:
    """Every registered address: the settings page's, else the environment's."""
    return firm.get(SETTING).replace(",", " ").split()


def check(address: str) -> None:
    """Raise InvalidInput unless the address is empty or registered, character for character."""
    if address and address not in registered():
        raise InvalidInput(
            "This redirectUri is not registered. Enter it under Settings, Firm, exactly as it is used.",
            field="redirectUri",
        )


def way_back(asked: OAuthState, **said: str) -> str:
    """Where a program's browser goes in the end: its own address, with its state and what is said; "" when none.

    said: connectionId or error.
    """
    if not asked.return_to:
        return ""
    parts = urlsplit(asked.return_to)
    told = {name: value for name, value in {**said, "state": asked.their_state or ""}.items() if value}
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query, keep_blank_values=True), *told.items()])))
