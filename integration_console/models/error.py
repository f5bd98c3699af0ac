"""Failures as they happened, the groups they form, and the records that could not be kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, ExternalId, PrimaryKey

KINDS = (
    "connection", "permission", "rate limit", "value", "refused", "missing", "conflict", "upstream", "drift", "apart",
    "backup", "ours",
)  # fmt: skip
SPEAKS_OF_VALUES = ("value", "refused", "apart")  # what is said of such a failure may hold what is in a record
ISSUE_STATES = ("open", "snoozed", "acknowledged", "resolved")


class Issue(Base):
    """A group of alike errors, found by its fingerprint."""

    __tablename__ = "issue"
    __table_args__ = (Index("ix_issue_state_last_seen_at_id", "state", "last_seen_at", "id"),)

    id: Mapped[PrimaryKey]
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(300))  # plain words
    service: Mapped[str] = mapped_column(String(40))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))
    resource: Mapped[str | None] = mapped_column(String(60))
    field: Mapped[str | None] = mapped_column(String(200))
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(20), default="open")
    state_by: Mapped[str | None] = mapped_column(String(320))
    state_at: Mapped[datetime | None]
    regressed_at: Mapped[datetime | None]  # came back after it was resolved
    assignee: Mapped[str | None] = mapped_column(String(320))  # the e-mail of who looks after it
    # Snoozed: out of sight until then, or until it was counted so often.
    snoozed_until: Mapped[datetime | None]
    snoozed_count: Mapped[int | None]
    retry_run_id: Mapped[int | None]  # the run that last read its records again


class IssueNote(Base):
    """What a person wrote on a problem."""

    __tablename__ = "issue_note"
    __table_args__ = (Index("ix_issue_note_issue_id_id", "issue_id", "id"),)

    id: Mapped[PrimaryKey]
    issue_id: Mapped[int] = mapped_column(ForeignKey("issue.id", ondelete="CASCADE"))
    author: Mapped[str] = mapped_column(String(320))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class IssueMention(Base):
    """A person named in a note, until they have read it."""

    __tablename__ = "issue_mention"
    __table_args__ = (Index("ix_issue_mention_email_seen_at", "email", "seen_at"),)

    id: Mapped[PrimaryKey]
    note_id: Mapped[int] = mapped_column(ForeignKey("issue_note.id", ondelete="CASCADE"), index=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issue.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(320))
    seen_at: Mapped[datetime | None]


class ErrorLog(Base):
    """One failure as it happened."""

    __tablename__ = "error_log"
    __table_args__ = (
        Index("ix_error_log_issue_id_id", "issue_id", "id"),
        Index("ix_error_log_created_at", "created_at"),
        Index("ix_error_log_run_id", "run_id"),
    )

    id: Mapped[PrimaryKey]
    issue_id: Mapped[int] = mapped_column(ForeignKey("issue.id", ondelete="CASCADE"))
    connection_id: Mapped[int | None]
    run_id: Mapped[int | None]
    transaction_key: Mapped[str | None] = mapped_column(String(32))  # Transaction.call_key
    resource: Mapped[str | None] = mapped_column(String(60))
    external_id: Mapped[str | None] = mapped_column(ExternalId)
    kind: Mapped[str] = mapped_column(String(30))
    message: Mapped[str] = mapped_column(Text)  # plain words
    raw_message: Mapped[str | None] = mapped_column(Text)  # the upstream's or our own, redacted
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]

    issue: Mapped[Issue] = relationship()


class DeadLetter(Base):
    """A record that came but could not be kept, with the reason; retried on request, closed when it passes (P5)."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        Index("uq_dead_letter_connection_id_resource_identity", "connection_id", "resource", "identity", unique=True),
        Index("ix_dead_letter_issue_id", "issue_id"),
        Index(  # what is still kept aside: few of all that ever were
            "ix_dead_letter_open", "identity",
            sqlite_where=text("resolved_at IS NULL"), postgresql_where=text("resolved_at IS NULL"),
        ),
        Index(  # how much waits for each problem
            "ix_dead_letter_open_issue", "issue_id",
            sqlite_where=text("resolved_at IS NULL"), postgresql_where=text("resolved_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issue.id", ondelete="SET NULL"))
    run_id: Mapped[int | None]
    resource: Mapped[str] = mapped_column(String(60))
    identity: Mapped[str] = mapped_column(ExternalId)  # the external id, or "#" and a hash where there is none
    external_id: Mapped[str | None] = mapped_column(ExternalId)
    field: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    payload: Mapped[str] = mapped_column(Text)  # as it came
    tries: Mapped[int] = mapped_column(default=1)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
