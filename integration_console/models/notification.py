"""Telling people: the rules they made, the notices that come of them, and how each connection last stood."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, PrimaryKey
from .connection import Connection

KINDS = ("slack", "email")
EVENTS = ("run_failed", "needs_person", "recovered", "issue", "digest")
# waiting: to be sent at next_try_at. held: it came in quiet hours, and goes out with the others after them.
# sending: a process has it in hand. sent. dead: given up after several tries.
NOTICE_STATES = ("waiting", "held", "sending", "sent", "dead")
STANDINGS = ("fine", "failing", "person")


class NotificationRule(Base):
    """Who is told what, where, and when not."""

    __tablename__ = "notification_rule"

    id: Mapped[PrimaryKey]
    kind: Mapped[str] = mapped_column(String(10))  # slack: through a service that speaks; email
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))  # through which it speaks
    place: Mapped[str] = mapped_column(String(320))  # the id of a channel, or an e-mail address
    place_name: Mapped[str] = mapped_column(String(200), default="")  # the channel's, for people
    events: Mapped[list] = mapped_column(default=list)
    about_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))  # only this one; None = all
    names_records: Mapped[bool] = mapped_column(default=False)  # notices may name records and repeat what was said
    quiet_from: Mapped[str | None] = mapped_column(String(5))  # "22:00", a wall clock of time_zone
    quiet_to: Mapped[str | None] = mapped_column(String(5))
    digest_at: Mapped[str] = mapped_column(String(5), default="08:00")
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    enabled: Mapped[bool] = mapped_column(default=True)
    since: Mapped[datetime]  # what was so before is not told
    changed_by: Mapped[str | None] = mapped_column(String(320))
    changed_at: Mapped[datetime]

    connection: Mapped[Connection | None] = relationship(foreign_keys=connection_id)
    about: Mapped[Connection | None] = relationship(foreign_keys=about_id)


class Notice(Base):
    """One thing to tell, once by each rule."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("rule_id", "key"),  # a change of state is told once, however often it is looked at
        Index("ix_notice_created_at", "created_at"),
        Index(
            "ix_notice_unsent", "rule_id", "next_try_at",
            sqlite_where=text("state IN ('waiting', 'held', 'sending')"),
            postgresql_where=text("state IN ('waiting', 'held', 'sending')"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    rule_id: Mapped[int] = mapped_column(ForeignKey("notification_rule.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(200))
    connection_id: Mapped[int | None]  # it is about
    title: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(String(300))  # of the page to open: "/runs/17"
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    said: Mapped[str | None] = mapped_column(Text)  # what came of the last try, in words
    sent_text: Mapped[str | None] = mapped_column(Text)  # what was sent, as plain text
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    rule: Mapped[NotificationRule] = relationship()


class ConnectionStanding(Base):
    """How reading, or a mapping, stood when it was last looked at. A change of it is what people are told."""

    __tablename__ = "connection_standing"

    connection_id: Mapped[int] = mapped_column(
        ForeignKey("connection.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    lane: Mapped[str] = mapped_column(String(40), primary_key=True)  # read, or "mapping 7": each fails for itself
    state: Mapped[str] = mapped_column(String(10))
    since: Mapped[datetime]
