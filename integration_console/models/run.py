"""Runs: one carrying of records, what each resource of it did, and how far each resource got."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, PrimaryKey
from .connection import Connection

LIVE_STATES = ("queued", "running", "waiting")
READS = ("full", "incremental")  # kinds of runs that read whole lists
READ = text("kind IN ('full', 'incremental')")  # each in the words of its index, or SQLite would not use it
ALONE = text("resource = 'outbox'")  # the part of a run that sends what belongs to no mapping
LIVE = text("state IN ('queued', 'running', 'waiting')")
ENDED_STATES = ("done", "done_with_problems", "failed", "interrupted", "needs_person")


class SyncRun(Base):
    """One run. The row is the truth: whoever holds its lease and epoch works on it, nobody else."""

    __tablename__ = "sync_run"
    __table_args__ = (
        UniqueConstraint("connection_id", "due_at"),  # a due slot is run once (D3)
        Index("ix_sync_run_state_retry_at", "state", "retry_at"),
        Index("ix_sync_run_live", "id", sqlite_where=LIVE, postgresql_where=LIVE),  # looked through every second
        Index("ix_sync_run_connection_id_id", "connection_id", "id"),
        # An account may have told of a thousand changes since it was read.
        Index("ix_sync_run_reads", "connection_id", "id", sqlite_where=READ, postgresql_where=READ),
        Index("ix_sync_run_mapping_id_id", "mapping_id", "id"),
        Index("ix_sync_run_ended_at", "ended_at"),
    )

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    kind: Mapped[str] = mapped_column(
        String(20)
    )  # full, incremental, record, webhook; push: what a mapping carries over
    mapping_id: Mapped[int | None] = mapped_column(ForeignKey("data_mapping.id", ondelete="SET NULL"))
    mapping_version: Mapped[int | None]  # the one version a push run uses throughout
    # {"asked": true, "left_out": ["contacts"], "records": {...}}, and what each step "took"
    options: Mapped[dict] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(20))
    cause: Mapped[str] = mapped_column(String(20))  # schedule, person, command, retry, mapping, webhook
    asked_by: Mapped[str | None] = mapped_column(String(320))
    due_at: Mapped[datetime | None]  # the slot of the schedule this run fills
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]  # waiting until
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None]
    epoch: Mapped[int] = mapped_column(default=0)  # rises with every claim; a writer of an older one stops
    attempts: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    failure_kind: Mapped[str | None] = mapped_column(String(30))
    message: Mapped[str | None] = mapped_column(Text)  # what happened, was anything lost, what to do next

    connection: Mapped[Connection] = relationship()
    parts: Mapped[list[RunPart]] = relationship(
        order_by="RunPart.id", back_populates="run", cascade="all, delete-orphan"
    )

    @property
    def in_part(self) -> bool:
        """Some of what its connection reads and no more: because it was asked so, or another run read the rest."""
        return bool(self.options.get("asked") or self.options.get("left_out"))


class RunPart(Base):
    """What one run did with one resource: its progress while live, its line of the receipt afterwards."""

    __tablename__ = "run_part"
    __table_args__ = (
        UniqueConstraint("run_id", "resource"),
        # At most one live run per connection and resource (D3).
        Index(
            "uq_run_part_live", "connection_id", "resource", unique=True,
            sqlite_where=text("live"), postgresql_where=text("live"),
        ),
        Index("ix_run_part_alone", "connection_id", "run_id", sqlite_where=ALONE, postgresql_where=ALONE),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    run_id: Mapped[int] = mapped_column(ForeignKey("sync_run.id", ondelete="CASCADE"))
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    resource: Mapped[str] = mapped_column(String(60))
    live: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str] = mapped_column(String(20), default="queued")  # queued, running, done, failed, skipped
    mode: Mapped[str | None] = mapped_column(String(20))  # full, incremental, record: as it was really read
    seen: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    deleted: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    conflicts: Mapped[int] = mapped_column(default=0)  # of a push run: fields both sides had changed
    ambiguous: Mapped[int] = mapped_column(default=0)  # and records a person must match
    calls: Mapped[int] = mapped_column(default=0)
    pages: Mapped[int] = mapped_column(default=0)
    waited_seconds: Mapped[float] = mapped_column(default=0.0)
    expected: Mapped[int | None]  # records, from the upstream's own count or our last one
    upstream_count: Mapped[int | None]
    complete: Mapped[bool] = mapped_column(default=False)
    since: Mapped[datetime | None]  # the window read, from
    until: Mapped[datetime | None]  # the window read, to: the newest change seen upstream
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    failure_kind: Mapped[str | None] = mapped_column(String(30))
    message: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)  # what was left out although all went well, and why

    run: Mapped[SyncRun] = relationship(back_populates="parts")


class SeenPage(Base):
    """Which unchanged records one committed page held, so that a full read can tell who is gone, also after a kill.

    New and changed records carry the run's number themselves; unchanged ones cost no write, so their
    numbers are packed here, one row a page, and dropped when the resource is finished.
    """

    __tablename__ = "seen_page"

    id: Mapped[PrimaryKey]
    run_id: Mapped[int] = mapped_column(ForeignKey("sync_run.id", ondelete="CASCADE"))
    resource: Mapped[str] = mapped_column(String(60))
    record_ids: Mapped[bytes] = mapped_column(LargeBinary)  # array("q"), native order

    __table_args__ = (Index("ix_seen_page_run_id_resource", "run_id", "resource"),)


class Checkpoint(Base):
    """How far one resource of one connection got. Committed together with the page it speaks of (P1)."""

    __tablename__ = "checkpoint"
    __table_args__ = (UniqueConstraint("connection_id", "resource"),)

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    resource: Mapped[str] = mapped_column(String(60))
    cursor: Mapped[dict | None]  # {"v": 1, "run": 7, "mode": "full", "next": ...} while a read is under way
    high_water: Mapped[datetime | None]  # newest change seen upstream, never our own time
    state: Mapped[dict] = mapped_column(default=dict)  # what the service wants remembered between reads
    last_read_at: Mapped[datetime | None]  # end of the last good read, full or not
    last_complete_at: Mapped[datetime | None]  # end of the last complete full read
    record_count: Mapped[int] = mapped_column(default=0)  # live records after the last read: no page counts a table
