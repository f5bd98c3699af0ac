"""One API call as it happened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey

OUTCOMES = (
    "ok", "nothing", "retry", "slow down", "refresh", "refused", "stale", "missing", "not allowed", "needs a person",
    "unusable",
)  # fmt: skip


# Nearly every call ends like any other: those are found without an index, and to record them costs two less.
UNUSUAL = {"status": text("(status IS NULL OR status <> 200)"), "outcome": text("outcome <> 'ok'")}


class Transaction(Base):
    """One attempt of one API call, redacted before it came here. No foreign keys: it outlives what it names."""

    __tablename__ = "transaction"
    __table_args__ = tuple(
        Index(f"ix_transaction_{'_'.join(columns)}", *columns)
        for columns in (
            ("started_at", "id"),
            ("connection_id", "started_at", "id"),
            ("service", "started_at", "id"),
            ("run_id", "started_at", "id"),
            ("call_key",),
        )
    ) + tuple(
        Index(f"ix_transaction_unusual_{column}", column, "started_at", "id", sqlite_where=some, postgresql_where=some)
        for column, some in UNUSUAL.items()
    )

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int | None]
    run_id: Mapped[int | None]
    service: Mapped[str] = mapped_column(String(40))
    resource: Mapped[str | None] = mapped_column(String(60))
    direction: Mapped[str] = mapped_column(String(3), default="out")
    call_key: Mapped[str] = mapped_column(String(32))  # the same for every attempt of one call
    attempt: Mapped[int]
    method: Mapped[str] = mapped_column(String(10))
    host: Mapped[str] = mapped_column(String(255))
    path_template: Mapped[str] = mapped_column(String(300))
    url: Mapped[str] = mapped_column(Text)  # redacted
    status: Mapped[int | None]  # none when no answer came
    outcome: Mapped[str] = mapped_column(String(20))
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime]
    duration_ms: Mapped[float]
    waited_ms: Mapped[float]  # for our turn, before sending
    request_bytes: Mapped[int]
    response_bytes: Mapped[int]
    upstream_request_id: Mapped[str | None] = mapped_column(String(200))
    request_headers: Mapped[str | None] = mapped_column(Text)  # JSON, allow-listed
    response_headers: Mapped[str | None] = mapped_column(Text)
    body_cut: Mapped[bool] = mapped_column(default=False)
    # The long ones last: SQLite reads a row from its front, and lists never ask for these.
    request_body: Mapped[str | None] = mapped_column(Text)  # at most 64 KiB
    response_body: Mapped[str | None] = mapped_column(Text)


class CallTrace(Base):
    """That a call named something, by a keyed hash of it; see operations/finding/traces.py."""

    __tablename__ = "call_trace"
    __table_args__ = (Index("ix_call_trace_transaction_id", "transaction_id"), {"sqlite_with_rowid": False})

    hash: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    transaction_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
