"""What the Integrations API takes and gives, field by field: consent (OAuth)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from .api_models import EXAMPLE, ID, SENT, Answer, ConnectionId, Sent, Told


class AuthorizeQuery(Sent):
    """Where to come back to, and what to ask for."""

    redirect_uri: str = Field(description="Must be registered with us exactly", max_length=2000)
    scopes: str | None = Field(None, description="Permissions to ask for, separated by commas", max_length=2000)
    state: str | None = Field(None, description="Yours; it comes back beside connectionId", max_length=1000)


class Authorize(Answer):
    """Where to send the person."""

    auth_url: str
    state: str = Field(description="Ours: what comes back from the service with the code")


class CallbackQuery(Sent):
    """What the service sends people back with; services add parameters of their own."""

    model_config = SENT | ConfigDict(extra="ignore")

    state: str = Field("", max_length=2000)
    code: str = Field("", max_length=2000)
    error: str = Field("", max_length=2000)
    iss: str = Field("", max_length=2000)


class CallbackAnswer(Answer):
    """The account that was connected."""

    connection_id: ConnectionId
    message: str


class Refresh(Sent):
    """Whose tokens to renew."""

    connection_id: str = Field(max_length=100, pattern=ID, examples=[EXAMPLE])


class Refreshed(Told):
    """A connection whose tokens were renewed."""

    id: ConnectionId
    status: Literal["connected", "paused", "expired", "error"]
    expires_at: datetime | None


class RefreshAnswer(Answer):
    """A connection whose tokens were renewed."""

    connection: Refreshed
