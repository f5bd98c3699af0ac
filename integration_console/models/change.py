"""The outbox: one write to an upstream, from the wish to its proof."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, ExternalId, PrimaryKey

# pending, retry: to be sent. sending: on its way. uncertain: sent, and nobody knows whether it arrived.
# done: its own success answer was understood (W2). dead: refused, a person decides. dropped: nobody wants it any more.
CHANGE_STATES = ("pending", "sending", "retry", "uncertain", "done", "dead", "dropped")
WAITING_STATES = ("pending", "sending", "retry", "uncertain")
LOST = "lost"  # among its options: it was once sent without an answer, so it is looked up before it is sent again
ORIGIN = "origin"  # among its options: whose record it makes one of, where it makes one of another
TOLD = "told"  # among its options: ids of what it may have made and is voided since, as a person was told
ERASED = "erased"  # among its options: its values went with a person who was erased, so it is never sent (X15)
OPERATIONS = ("create", "update", "delete")


class Change(Base):
    """One object to create, change or delete upstream, with what was there before and where each value is from."""

    __tablename__ = "change"
    __table_args__ = (
        Index("ix_change_state_connection_id_id", "state", "connection_id", "id"),
        Index("ix_change_run_id_id", "run_id", "id"),
        Index("ix_change_sent_run_id_id", "sent_run_id", "id"),
        Index("ix_change_record_id_id", "record_id", "id"),
        Index("ix_change_link_id_id", "link_id", "id"),
        Index("ix_change_issue_id_id", "issue_id", "id"),
        Index(  # one write of a pair at a time, each way
            "uq_change_waiting", "link_id", "connection_id", unique=True,
            sqlite_where=text("link_id IS NOT NULL AND state IN ('pending', 'sending', 'retry', 'uncertain')"),
            postgresql_where=text("link_id IS NOT NULL AND state IN ('pending', 'sending', 'retry', 'uncertain')"),
        ),
        Index(  # one write of an object on its way at a time (W7)
            "uq_change_sending", "connection_id", "resource", "external_id", unique=True,
            sqlite_where=text("state = 'sending' AND external_id IS NOT NULL"),
            postgresql_where=text("state = 'sending' AND external_id IS NOT NULL"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))  # of the target
    resource: Mapped[str] = mapped_column(String(60))
    op: Mapped[str] = mapped_column(String(10))
    external_id: Mapped[str | None] = mapped_column(ExternalId)  # none before a create is done
    record_id: Mapped[int | None]  # our copy of the target
    link_id: Mapped[int | None] = mapped_column(ForeignKey("record_link.id", ondelete="SET NULL"))
    mapping_id: Mapped[int | None]
    version: Mapped[int | None]  # of the mapping
    run_id: Mapped[int | None]  # the run that wanted it
    sent_run_id: Mapped[int | None]  # the run that sent it
    undoes_id: Mapped[int | None]  # the change this one takes back
    edits_id: Mapped[int | None]  # the refused change this one sends again with other values
    issue_id: Mapped[int | None]  # the problem it was refused for, also after it was tried again
    wanted: Mapped[dict] = mapped_column(default=dict)  # field -> value to write; None clears
    before: Mapped[dict] = mapped_column(default=dict)  # field -> value that was there
    after: Mapped[dict] = mapped_column(default=dict)  # field -> value as the upstream has it since
    sources: Mapped[dict] = mapped_column(default=dict)  # field -> {"record_id", "field", "value"} it came from
    expected: Mapped[str | None] = mapped_column(String(200))  # the version of the target that was read
    options: Mapped[dict] = mapped_column(default=dict)  # "closed": what the mapping allows; and those above
    idempotency_key: Mapped[str] = mapped_column(String(40), unique=True)  # our marker; another one after a refusal
    cause: Mapped[str] = mapped_column(Text, default="")  # in words: "mapping Contacts, version 2"
    asked_by: Mapped[str | None] = mapped_column(String(320))
    state: Mapped[str] = mapped_column(String(20), default="pending")
    tries: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    message: Mapped[str | None] = mapped_column(Text)  # why it waits or died, in words
    error_kind: Mapped[str | None] = mapped_column(String(30))
    error_field: Mapped[str | None] = mapped_column(String(200))
    call_key: Mapped[str | None] = mapped_column(String(32))  # Transaction.call_key of the call that decided
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]  # the last time
    done_at: Mapped[datetime | None]

    def put_back(self) -> None:
        """Have a refused write sent again as it was; one whose answer was lost is looked up first (W3).

        What the upstream refused for its values gets another key: under the old one it may refuse it again unread, for
        as long as it remembers.
        """
        self.state = "uncertain" if self.options.get(LOST) else "pending"
        if self.state == "pending" and self.error_kind == "value":
            self.idempotency_key = uuid4().hex
        self.tries, self.retry_at, self.message = 0, None, None
