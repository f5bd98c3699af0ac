"""What the Integrations API takes and gives, field by field: syncs, and the records they brought."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from ... import services
from ...operations.api import data_types, integrations
from .api_models import ID, SENT, Answer, ConnectionId, Sent, Told

EXAMPLE_SYNC = "sync_1f_9c0b7de2a1f4c3d85e60"
DATA_TYPES = sorted({name for service in services.every().values() for name in data_types.names_of(service)})
DataType = Annotated[str, Field(json_schema_extra={"enum": DATA_TYPES, "type": "string"}, examples=["matters"])]


class NewSync(Sent):
    """What to read: everything, or what changed; all data types that are switched on when none is named."""

    sync_type: Literal["full", "incremental"]
    data_types: list[DataType] | None = Field(None, max_length=50)


class SyncBegun(Answer):
    """A sync that was asked for."""

    sync_id: str
    status: Literal["queued", "running"]
    started_at: datetime


class SyncQuery(Sent):
    """Which sync; the latest when none is named."""

    sync_id: str | None = Field(None, max_length=100, pattern=ID)


class Progress(Told):
    """How far a sync has come; null is what nobody knows."""

    done: int
    expected: int | None
    percent: int | None
    eta_seconds: int | None


class Sync(Told):
    """One sync."""

    id: str = Field(examples=[EXAMPLE_SYNC])
    connection_id: ConnectionId
    status: Literal["queued", "running", "success", "partial", "failed"]
    sync_type: Literal["full", "incremental"]
    started_at: datetime
    completed_at: datetime | None
    records_processed: int
    records_synced: int
    errors: int
    data_types: list[str]
    progress: Progress


class SyncAnswer(Answer):
    """One sync, as it stands now."""

    sync: Sync


class RecordQuery(Sent):
    """Which records."""

    model_config = SENT | ConfigDict(strict=False)  # an address holds text only

    data_type: DataType
    limit: int = Field(integrations.DEFAULT, ge=1, le=integrations.MOST)
    cursor: str | None = Field(None, max_length=100, pattern=ID, description="nextCursor of the page before")


class RecordLine(Told):
    """One record as it was last read."""

    external_id: str = Field(description="Its id at the service")
    data_type: DataType
    updated_at: datetime | None = Field(description="When it was changed there, where the service tells")
    seen_at: datetime = Field(description="When it was last written here")
    data: dict[str, Any] = Field(
        description="As the service sent it, save that Stripe's amounts are in major units with the currency in "
        "capitals, its status succeeded is completed, and QuickBooks' dates are times at midnight UTC"
    )


class Records(Answer):
    """One page of records, the newest first."""

    records: list[RecordLine]
    next_cursor: str | None
