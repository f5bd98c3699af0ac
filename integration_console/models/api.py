"""What the API remembers of its callers: how often they called, and what they were answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey


class CallCount(Base):
    """How many calls of one kind one caller has made in the present minute; shared by all web processes."""

    __tablename__ = "call_count"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)  # "sync:7:12": kind, whose, of what
    began_at: Mapped[int] = mapped_column(BigInteger)  # ms since 1970: compared within the statement that counts
    calls: Mapped[int]


class RepeatableCall(Base):
    """A POST that came with an Idempotency-Key, and what it was answered: the same again for a day."""

    __tablename__ = "repeatable_call"
    __table_args__ = (Index("ix_repeatable_call_created_at", "created_at"),)

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(64), unique=True)  # hash of whose key, and the key
    request_hash: Mapped[str] = mapped_column(String(64))  # of method, address and body
    answer: Mapped[str | None] = mapped_column(Text)  # sealed; None while the first call is under way
    status: Mapped[int | None]
    created_at: Mapped[datetime]


class PendingConnection(Base):
    """A consent that a program began: the connection it will become, until the person is back or too late."""

    __tablename__ = "pending_connection"

    id: Mapped[PrimaryKey]
    key: Mapped[str] = mapped_column(String(40), unique=True)  # of the coming connection: its id for programs
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)  # OAuthState.state_hash, which knows the rest
    service: Mapped[str] = mapped_column(String(40))
    permissions: Mapped[list] = mapped_column(default=list)  # as asked for
    webhook_url: Mapped[str | None] = mapped_column(Text)
    frequency: Mapped[str | None] = mapped_column(String(100))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)
