"""Credentials as they lie in the database: sealed, and as plain JSON inside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from flask import current_app

from .. import clock, logs
from ..errors import InvalidInput, NeedsPerson, UpstreamError
from ..models import Connection
from ..storage.vault import Vault
from ..transport import auth
from ..transport.named_secrets import is_secret


def vault() -> Vault:
    """The vault of this installation."""
    return _vault(current_app.config["SETTINGS"].ENCRYPTION_KEYS.get_secret_value())


def _told(value: str) -> None:
    """What this process holds it could tell by mistake: its log never does."""
    try:
        held = orjson.loads(value)
    except orjson.JSONDecodeError:
        held = value
    if isinstance(held, dict):
        logs.know(*(text for name, text in held.items() if isinstance(text, str) and is_secret(name.encode())))
    elif not isinstance(held, list):
        logs.know(value)


@cache
def _vault(keys: str) -> Vault:
    return Vault(keys, _told)


def seal(connection: Connection, credentials: Mapping[str, Any]) -> None:
    """Store credentials sealed, in the caller's transaction."""
    connection.credentials = vault().seal(f"connection:{connection.id}", orjson.dumps(dict(credentials)).decode())
    connection.expires_at = clock.parse(credentials.get("expires_at"))
    connection.renewed_at = clock.now()


def unseal(connection: Connection) -> dict[str, Any]:
    """The credentials. Raises NeedsPerson when there are none."""
    if not connection.credentials:
        raise NeedsPerson(f"{connection.name} has no credentials any more. Reconnect it.")
    return orjson.loads(vault().open(f"connection:{connection.id}", connection.credentials))


def kept(tokens: auth.Tokens) -> dict[str, Any]:
    """Tokens as they are sealed: plain JSON values, times as text."""
    return {
        "access_token": tokens.access_token, "refresh_token": tokens.refresh_token, "scopes": list(tokens.scopes),
        "expires_at": tokens.expires_at.isoformat() if tokens.expires_at else None,
        "obtained_at": clock.now().isoformat(), **tokens.extra,
    }  # fmt: skip


def kept_answer(given: Mapping[str, Any]) -> dict[str, Any]:
    """A token answer as a service gave it, or tokens kept before, as they are sealed.

    Raises InvalidInput when it holds no usable token.
    """
    try:
        if given.get("expires_at") or "obtained_at" in given:
            _ = auth.read_answer(given), clock.parse(given.get("expires_at")), clock.parse(given.get("obtained_at"))
            return dict(given)
        return kept(auth.read_answer(given))
    except (UpstreamError, ValueError, TypeError) as error:
        raise InvalidInput(f"This is no token answer: {error}", field="credentials") from None
