"""Remembered pairs of records, and what both sides changed at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, PrimaryKey
from .mapping import DataMapping
from .record import Record

# linked: a pair. waiting: looked at, and to be looked at again when something else is there. aside: does not take
# part, or must not be written, as `reason` says. ambiguous: a person decides. gone: one side was deleted.
# different, cut: a person said that these two are no pair; after a cut neither is matched again by itself.
LINK_STATES = ("linked", "waiting", "aside", "ambiguous", "gone", "different", "cut", "paused")
CONFLICT_STATES = ("open", "settled", "flipped")


class RecordLink(Base):
    """ "Their 17 is our 42": a pair of records under one mapping, or one record that has no pair yet, and why."""

    __tablename__ = "record_link"
    __table_args__ = (
        Index(
            "uq_record_link_left", "mapping_id", "left_record_id", unique=True,
            sqlite_where=text("state NOT IN ('different', 'cut', 'gone')"),
            postgresql_where=text("state NOT IN ('different', 'cut', 'gone')"),
        ),
        Index(
            "uq_record_link_right", "mapping_id", "right_record_id", unique=True,
            sqlite_where=text("state NOT IN ('different', 'cut', 'gone')"),
            postgresql_where=text("state NOT IN ('different', 'cut', 'gone')"),
        ),
        Index("ix_record_link_mapping_id_state_id", "mapping_id", "state", "id"),
        Index("ix_record_link_left_record_id", "left_record_id"),
        Index("ix_record_link_right_record_id", "right_record_id"),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    mapping_id: Mapped[int] = mapped_column(ForeignKey("data_mapping.id", ondelete="CASCADE"))
    left_record_id: Mapped[int | None] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"))
    right_record_id: Mapped[int | None] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(20))
    base: Mapped[dict] = mapped_column(default=dict)  # line -> [left, right] as last agreed, each side in its own words
    left_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # of the copies last compared
    right_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    version: Mapped[int | None]  # of the mapping they were compared under
    how: Mapped[str] = mapped_column(Text, default="")  # how the pair was found, in words
    reason: Mapped[str] = mapped_column(Text, default="")  # why it waits, is set aside or was paused, in words
    candidates: Mapped[list] = mapped_column(default=list)  # ambiguous: [{"record_id", "score", "why"}]
    writes: Mapped[dict] = mapped_column(default=dict)  # what was lately written, to notice a pair that flaps
    decided_by: Mapped[str | None] = mapped_column(String(320))
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    mapping: Mapped[DataMapping] = relationship()
    left_record: Mapped[Record | None] = relationship(foreign_keys=[left_record_id])
    right_record: Mapped[Record | None] = relationship(foreign_keys=[right_record_id])


class Conflict(Base):
    """Both sides changed the same field. Both values stay here, whoever won."""

    __tablename__ = "conflict"
    __table_args__ = (
        Index("ix_conflict_state_id", "state", "id"),
        Index("ix_conflict_link_id_id", "link_id", "id"),
        Index("ix_conflict_run_id", "run_id"),
        Index(  # a line that waits for a person is asked about once
            "uq_conflict_open", "link_id", "line", unique=True,
            sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    link_id: Mapped[int] = mapped_column(ForeignKey("record_link.id", ondelete="CASCADE"))
    mapping_id: Mapped[int]
    version: Mapped[int]
    run_id: Mapped[int | None]
    line: Mapped[str] = mapped_column(String(620))  # "left field|right field"
    left_field: Mapped[str] = mapped_column(String(300))
    right_field: Mapped[str] = mapped_column(String(300))
    # {"left", "right"}; "base_left" and "base_right" besides, where they had agreed before
    held: Mapped[dict] = mapped_column(default=dict)
    left_at: Mapped[datetime | None]  # when each side changed, by the upstream's own time
    right_at: Mapped[datetime | None]
    rule: Mapped[str] = mapped_column(String(10))
    winner: Mapped[str | None] = mapped_column(String(10))  # left, right; None while a person is asked
    state: Mapped[str] = mapped_column(String(20))
    settled_by: Mapped[str | None] = mapped_column(String(320))
    settled_at: Mapped[datetime | None]
    change_id: Mapped[int | None]  # the write that carried the winner over
    created_at: Mapped[datetime]

    link: Mapped[RecordLink] = relationship()
