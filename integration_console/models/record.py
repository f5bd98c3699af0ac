"""Our copy of one upstream object."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, ExternalId, PrimaryKey

_ALWAYS_UPPER = {"id", "url", "api", "ip", "utc", "sla", "vat"}


class Record(Base):
    """One upstream object, whole, so that a field nobody mapped today can be mapped tomorrow."""

    __tablename__ = "record"
    __table_args__ = (
        Index("uq_record_connection_id_resource_external_id", "connection_id", "resource", "external_id", unique=True),
        Index(  # most resources have no owner; their rows need not pay for this
            "ix_record_connection_id_resource_owner_id", "connection_id", "resource", "owner_id",
            sqlite_where=text("owner_id IS NOT NULL"), postgresql_where=text("owner_id IS NOT NULL"),
        ),
        Index(  # what took place when: of most resources nothing does
            "ix_record_starts_at", "connection_id", "resource", "starts_at", "id",
            sqlite_where=text("starts_at IS NOT NULL"), postgresql_where=text("starts_at IS NOT NULL"),
        ),
        Index("ix_record_written_at_id", "written_at", "id"),  # what the search has to look at next
        # Two halves, so that PostgreSQL, before it has statistics, cannot take them for the index on external ids.
        Index(
            "ix_record_live", "connection_id", "resource", "id",
            sqlite_where=text("deleted_at IS NULL"), postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_record_deleted", "connection_id", "resource", "id",
            sqlite_where=text("deleted_at IS NOT NULL"), postgresql_where=text("deleted_at IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    resource: Mapped[str] = mapped_column(String(60))
    external_id: Mapped[str] = mapped_column(ExternalId)  # opaque text, compared exactly (P2)
    label: Mapped[str] = mapped_column(String(200), default="")  # what a person calls it; searched
    owner_id: Mapped[str | None] = mapped_column(
        ExternalId
    )  # external id of the record it was listed under, or made of
    starts_at: Mapped[datetime | None]  # when it takes place, for resources read by window
    updated_at: Mapped[datetime | None]  # the upstream's own time of change
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(16))
    first_seen_at: Mapped[datetime]
    written_at: Mapped[datetime]  # when we last wrote this row
    written_run_id: Mapped[int | None]  # the run that did
    deleted_at: Mapped[datetime | None]  # gone upstream since
    data: Mapped[dict]


def field_name(name: str) -> str:
    """A field's name for people: "client_id" and "clientId" are "Client ID".

    >>> field_name("statute_of_limitations"), field_name("clientId")
    ('Statute of limitations', 'Client ID')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace(".", " ").lower().split()
    shown = [word.upper() if word in _ALWAYS_UPPER else word for word in words]
    return " ".join([shown[0][:1].upper() + shown[0][1:], *shown[1:]]) if shown else name
