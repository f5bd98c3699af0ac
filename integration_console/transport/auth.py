"""The ways upstreams let us in: a key in a header, or OAuth 2 by authorization code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class ApiKey:
    """A key a person enters, sent in a header."""

    header: str
    credential: str = "api_key"
    prefix: str = ""


@dataclass(frozen=True)
class OAuth:
    """OAuth 2 by authorization code. Addresses may name {region_host}."""

    authorize_url: str
    token_url: str
    revoke_url: str | None = None
    scopes: tuple[str, ...] = ()
    pkce: bool = False
    client_auth: str = "body"  # or "basic"
    rotates: bool = False  # every refresh brings a new refresh token and spends the old one
    extra_params: Mapping[str, str] = field(default_factory=dict)  # in the authorize address
    body_extra: Mapping[str, str] = field(default_factory=dict)  # in token requests


@dataclass(frozen=True)
class Tokens:
    """A token endpoint's answer."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime | None
    scopes: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
