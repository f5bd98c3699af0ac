"""Signing what we send, as Standard Webhooks says: HMAC-SHA256 of id, time and body.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (1.0.0)
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

PREFIX = "whsec_"
_BYTES = 32  # the document asks for 24 to 64


def new_secret() -> str:
    """A secret as it is handed to whoever receives."""
    return PREFIX + b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(keys: Iterable[str], message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of a message.

    keys: while a secret is being replaced, the new one and the old; one of their signatures must fit.
    at: seconds since 1970.
    """
    signed = b".".join((message_id.encode(), str(at).encode(), body))
    signatures = [
        "v1," + b64encode(hmac.digest(b64decode(key.removeprefix(PREFIX)), signed, "sha256")).decode() for key in keys
    ]
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": " ".join(signatures)}
