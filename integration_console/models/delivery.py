"""Webhooks: our hook at a service, and every delivery that came from there, once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, PrimaryKey
from .connection import Connection

# wanted: to be made by the worker. asked: its exchange is under way. active: deliveries come, as far as we know.
# failed: it could not be made or renewed. broken: the service has switched it off. expired: its time is over.
# unwanted: to be taken away there by the worker, then the row goes.
SUBSCRIPTION_STATES = ("wanted", "asked", "active", "failed", "broken", "expired", "unwanted")
# waiting: kept, to be read. reading: a run reads its records. done: they were read. ignored: it names nothing we read.
# dead: given up after several tries, a person may replay it.
DELIVERY_STATES = ("waiting", "reading", "done", "ignored", "dead")


class WebhookSubscription(Base):
    """One hook of ours at a service, or the secret of one that a person registered there."""

    __tablename__ = "webhook_subscription"
    __table_args__ = (UniqueConstraint("connection_id", "topic"),)

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    topic: Mapped[str] = mapped_column(String(60), default="")  # what it is about, as the service names it
    external_id: Mapped[str | None] = mapped_column(String(200))  # theirs; none when registered by hand
    url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    message: Mapped[str | None] = mapped_column(Text)  # why it is so, in words
    secret: Mapped[str | None] = mapped_column(Text)  # sealed
    old_secret: Mapped[str | None] = mapped_column(Text)  # sealed; good until old_until, while a secret is rolled (H2)
    old_until: Mapped[datetime | None]
    asked_by: Mapped[str | None] = mapped_column(String(320))
    asked_at: Mapped[datetime]  # an exchange that begins much later is none of ours (H6)
    expires_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]  # when we last asked how it is
    next_try_at: Mapped[datetime | None]  # of making or renewing it, after a failure
    last_delivery_at: Mapped[datetime | None]

    connection: Mapped[Connection] = relationship()


class Delivery(Base):
    """One event, kept before its sender was answered. Several may have come in one body; the first of them has it."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("service", "connection_id", "event_key"),  # (H3)
        Index("ix_delivery_connection_id_id", "connection_id", "id"),
        Index("ix_delivery_state_id", "state", "id"),
        Index("ix_delivery_run_id", "run_id"),
        Index("ix_delivery_received_at", "received_at"),
        Index("ix_delivery_service_id", "service", "id"),
        Index("ix_delivery_kind_id", "kind", "id"),
        Index(  # those that came in another one's body
            "ix_delivery_first_id", "first_id",
            sqlite_where=text("first_id IS NOT NULL"), postgresql_where=text("first_id IS NOT NULL"),
        ),
        Index(  # what the worker looks for
            "ix_delivery_waiting", "connection_id", "next_try_at", "id",
            sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    service: Mapped[str] = mapped_column(String(40))
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    subscription_id: Mapped[int | None]  # whose secret proved it
    event_key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(100))
    records: Mapped[list] = mapped_column(default=list)  # [["matters", "17", null], ...]: resource, id, owner
    happened_at: Mapped[datetime | None]  # as the sender says
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    outcome: Mapped[str | None] = mapped_column(Text)  # in words
    run_id: Mapped[int | None]  # the run that read its records, or reads them
    done_at: Mapped[datetime | None]
    call_key: Mapped[str] = mapped_column(String(32))  # Transaction.call_key of the call it came with
    body_bytes: Mapped[int]
    body_hash: Mapped[str] = mapped_column(String(64))  # SHA-256 of the bytes as they came
    first_id: Mapped[int | None]  # the delivery that has the body, when it is not this one
    # The long ones last.
    headers: Mapped[dict] = mapped_column(default=dict)  # allow-listed
    body: Mapped[str | None] = mapped_column(Text)  # at most 1 MiB, secrets taken out

    connection: Mapped[Connection] = relationship()
