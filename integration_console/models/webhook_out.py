"""Webhooks we send: where a connection's events are told, and each message with its tries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey

MESSAGE_STATES = ("pending", "sending", "done", "dead")


class WebhookTarget(Base):
    """Where what happens to one connection is told, and the secret that signs it."""

    __tablename__ = "webhook_target"

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), unique=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)  # sealed "whsec_..."
    looked_until: Mapped[datetime]  # what happened before has been turned into messages
    failed_at: Mapped[datetime | None]  # since when a message was given up, until one arrives or a person acts
    failure: Mapped[str | None] = mapped_column(Text)  # why, in a sentence
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookMessage(Base):
    """One event on its way to a target."""

    __tablename__ = "webhook_message"
    __table_args__ = (
        UniqueConstraint("connection_id", "event"),  # told once, however often it is found
        Index("ix_webhook_message_state_due_at", "state", "due_at"),
    )

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    key: Mapped[str] = mapped_column(String(40), unique=True)  # "msg_...", the same for every try
    type: Mapped[str] = mapped_column(String(60))  # run.finished, connection.needs_reconnect, issue.opened
    event: Mapped[str] = mapped_column(String(100))  # what it is about: "run.finished:17"
    body: Mapped[str] = mapped_column(Text)  # as it is signed and sent
    state: Mapped[str] = mapped_column(String(20), default="pending")
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]  # not before; while it is being sent, when another sender may take it over
    message: Mapped[str | None] = mapped_column(Text)  # what the last try came to
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
