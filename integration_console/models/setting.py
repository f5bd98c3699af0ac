"""What the firm set on the settings pages, the leases processes hold, and what people did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey


class Setting(Base):
    """One value an admin set: firm.name, firm.time_zone, retention.transactions ..."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    updated_by: Mapped[str | None] = mapped_column(String(320))
    updated_at: Mapped[datetime]


class Lease(Base):
    """Who may do a thing that only one process may do at a time, and until when (D2, K1)."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    epoch: Mapped[int]
    until: Mapped[datetime]


class Heartbeat(Base):
    """A worker process that is or was alive, and what its clock last did."""

    __tablename__ = "heartbeat"

    owner: Mapped[str] = mapped_column(String(200), primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    chores: Mapped[dict] = mapped_column(default=dict)  # {"tick": {"at": ..., "took_ms": ...}, ...}


class AuditEvent(Base):
    """What a person did that others may ask about later. Only ever added to."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_at_id", "at", "id"), Index("ix_audit_event_action_id", "action", "id"))

    id: Mapped[PrimaryKey]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(320))
    action: Mapped[str] = mapped_column(String(100))
    target: Mapped[str] = mapped_column(String(200), default="")
    details: Mapped[dict] = mapped_column(default=dict)
    address: Mapped[str] = mapped_column(String(64), default="")
