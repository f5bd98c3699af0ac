"""What the Integrations API takes and gives, field by field: services and connections.

Requests are checked by these models, and the OpenAPI document is made of them, so neither can say what the other does
not.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from ... import services
from ...operations.api import integrations

SENT = ConfigDict(
    extra="forbid", strict=True, alias_generator=to_camel, validate_by_alias=True, validate_by_name=True,
    str_max_length=2000,
)  # fmt: skip
_TOLD = ConfigDict(extra="forbid", alias_generator=to_camel)

SERVICES = list(services.every())
EXAMPLE = "conn_5yV0pXkqEoTz1mW3bS8uJdRf"
_FREQUENCY = (
    "manual, 15min, hourly, daily, weekly, or a cron line of five fields and a time zone: 30 7 * * 1-5 Europe/Berlin"
)
ID = r"^[0-9A-Za-z_-]+$"
_SCHEDULE = r"^(manual|15min|hourly|daily|weekly|([0-9A-Za-z*,/#-]+ ){4,5}[0-9A-Za-z*,/#_+-]+)$"

Permission = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,200}$", examples=["contacts.readonly"])]
Service = Annotated[str, Field(json_schema_extra={"enum": SERVICES, "type": "string"}, examples=["clio"])]
ConnectionId = Annotated[str, Field(examples=[EXAMPLE])]


def _schedule(text: str) -> str:
    if not re.fullmatch(_SCHEDULE, text):
        raise PydanticCustomError("schedule", "It is one of: {choices}", {"choices": _FREQUENCY})
    return text


Frequency = Annotated[
    str,
    AfterValidator(_schedule),
    Field(description=_FREQUENCY, max_length=150, examples=["hourly"], json_schema_extra={"pattern": _SCHEDULE}),
]
WebhookUrl = Annotated[
    str | None,
    Field(
        description="Where run.finished, connection.needs_reconnect and issue.opened are told, signed by Standard "
        "Webhooks. https, and an address anybody can reach. null: nowhere.",
        examples=["https://app.example.com/hooks/console"],
    ),
]


class Sent(BaseModel):
    """What comes from a program: fields that are not listed are refused."""

    model_config = SENT


class Told(BaseModel):
    """What we answer."""

    model_config = _TOLD


class Answer(Told):
    """A good answer."""

    success: Literal[True] = True


# -- services ---------------------------------------------------------------------------------------------------------


class Integration(Told):
    """A service that can be connected."""

    id: Service
    name: str
    description: str
    category: str
    icon: str = Field(description="The address of an SVG picture", json_schema_extra={"format": "uri"})
    features: list[str]
    is_available: bool = Field(description="Whether the application settings it needs are complete")
    is_connected: bool


class Integrations(Answer):
    """Every service."""

    integrations: list[Integration]


# -- connections ------------------------------------------------------------------------------------------------------


class Settings(Told):
    """What a program may set of a connection."""

    webhook_url: str | None
    sync_frequency: Frequency


class ConnectionLine(Told):
    """A connection as the list shows it."""

    id: ConnectionId
    service: Service
    service_name: str
    status: Literal["pending", "connected", "paused", "expired", "error"]
    connected_at: datetime | None
    last_sync_at: datetime | None
    sync_status: Literal["never", "queued", "running", "success", "partial", "failed"]
    permissions: list[str]
    expires_at: datetime | None


class ConnectionWhole(ConnectionLine):
    """A connection with its settings."""

    settings: Settings


class ConnectionQuery(Sent):
    """Which connections."""

    model_config = SENT | ConfigDict(strict=False)  # an address holds text only

    service: Service | None = None
    status: Literal["pending", "connected", "paused", "expired", "error"] | None = None
    limit: int = Field(integrations.DEFAULT, ge=1, le=integrations.MOST)
    cursor: str | None = Field(None, max_length=100, pattern=ID, description="nextCursor of the page before")


class Connections(Answer):
    """One page of connections, the newest first."""

    connections: list[ConnectionLine]
    next_cursor: str | None


class ConnectionAnswer(Answer):
    """One connection."""

    connection: ConnectionWhole


def _values(name: str, said: str, secret: bool) -> type[Sent]:
    """The values the services' own declarations ask for, under the API's names."""
    words: dict[str, list[str]] = {}
    for service in services.every().values():
        for one in service.credentials:
            if secret or not one.secret:
                words.setdefault(one.name, []).append(f"{service.label}: {one.label}")
        if service.regions and not secret:
            words.setdefault("region", []).append(f"{service.label}: {', '.join(service.regions)}")
        for option in () if secret else service.options:
            words.setdefault(option, []).append(service.label)
        for one in () if secret else service.switches:
            words.setdefault(one.name, []).append(f"{service.label}: {one.label}")
    fields: dict[str, Any] = {
        field: (Annotated[str | None, Field(max_length=2000, description=". ".join(told))], None)
        for field, told in words.items()
    }
    return create_model(name, __base__=Sent, __doc__=said, **fields)


Credentials = _values("Credentials", "A key and what belongs to it, for services that are connected with one.", True)
_OwnSettings = _values("OwnSettings", "The services' own settings, such as region.", False)


class NewSettings(_OwnSettings):  # type: ignore[valid-type, misc]
    """Settings of a new connection."""

    webhook_url: WebhookUrl = None
    sync_frequency: Frequency | None = None


class NewConnection(Sent):
    """An account to connect: by consent, or with `credentials` by key."""

    service: Service
    permissions: list[Permission] = Field([], max_length=200)
    settings: NewSettings | None = None
    credentials: Credentials | None = None  # type: ignore[valid-type]
    name: str | None = Field(None, min_length=1, max_length=200)


class Begun(Answer):
    """A connection that was made, or one that waits for consent at `authUrl`."""

    connection_id: ConnectionId
    auth_url: str | None = None
    state: str | None = None


class ChangedSettings(Sent):
    """Settings to change; what is not named stays."""

    webhook_url: WebhookUrl = None
    sync_frequency: Frequency | None = None


class Change(Sent):
    """What to change of a connection; what is not named stays. A new key comes by itself."""

    settings: ChangedSettings | None = None
    permissions: list[Permission] | None = Field(None, max_length=200)
    credentials: Credentials | None = None  # type: ignore[valid-type]


class Changed(Told):
    """A connection after a change."""

    id: ConnectionId
    settings: Settings
    permissions: list[str]
    updated_at: datetime


class ChangeAnswer(Answer):
    """A changed connection; other permissions are in force once consent is given at `authUrl`."""

    connection: Changed
    auth_url: str | None = None


class Said(Answer):
    """What happened, in a sentence."""

    message: str
