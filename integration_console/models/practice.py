"""What an admin teaches the console about legal work: practice areas and limitation periods."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey

RULE_KINDS = ("word", "phrase", "pattern", "hint", "not")  # "not": a word that speaks against the area
LIMITATION_UNITS = ("days", "months", "years")
LIMITATION_MODES = ("propose", "set")


class PracticeAreaRule(Base):
    """One sign that a text is about a practice area, and how much it counts."""

    __tablename__ = "practice_area_rule"
    __table_args__ = (Index("ix_practice_area_rule_area", "area"),)

    id: Mapped[PrimaryKey]
    area: Mapped[str] = mapped_column(String(100))  # "Personal Injury"
    kind: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(String(300))
    weight: Mapped[float] = mapped_column(default=1.0)
    shipped: Mapped[bool] = mapped_column(default=False)  # came with the console
    enabled: Mapped[bool] = mapped_column(default=True)
    right_count: Mapped[int] = mapped_column(default=0)  # people agreed with what this rule led to
    wrong_count: Mapped[int] = mapped_column(default=0)  # people corrected it
    changed_by: Mapped[str | None] = mapped_column(String(320))
    changed_at: Mapped[datetime]


class PracticeAreaCorrection(Base):
    """What a person said about one detection."""

    __tablename__ = "practice_area_correction"

    id: Mapped[PrimaryKey]
    text: Mapped[str] = mapped_column(Text)
    detected: Mapped[str | None] = mapped_column(String(100))
    corrected: Mapped[str] = mapped_column(String(100))
    rule_ids: Mapped[list] = mapped_column(default=list)  # the rules that had led to `detected`
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime]


class LimitationRule(Base):
    """How long a claim may be brought: a period from a date of the matter, by practice area and jurisdiction."""

    __tablename__ = "limitation_rule"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(200))  # "California, personal injury: 2 years"
    practice_area: Mapped[str] = mapped_column(String(100))  # as the firm's Clio names it
    jurisdiction: Mapped[str] = mapped_column(String(100), default="")  # "California"; empty: any
    period: Mapped[int]
    unit: Mapped[str] = mapped_column(String(10))
    from_field: Mapped[str] = mapped_column(String(300))  # open_date, or custom:<id> of a date field
    to_field: Mapped[str] = mapped_column(String(300))  # statute_of_limitations, or custom:<id>
    mode: Mapped[str] = mapped_column(String(10), default="propose")
    source: Mapped[str] = mapped_column(Text, default="")  # the statute, as the firm cites it
    enabled: Mapped[bool] = mapped_column(default=True)
    changed_by: Mapped[str | None] = mapped_column(String(320))
    changed_at: Mapped[datetime]


class LimitationProposal(Base):
    """A limitation date worked out for one matter, waiting for a person or already set."""

    __tablename__ = "limitation_proposal"
    __table_args__ = (Index("uq_limitation_proposal_record_id_rule_id", "record_id", "rule_id", unique=True),)

    id: Mapped[PrimaryKey]
    record_id: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"))
    rule_id: Mapped[int] = mapped_column(ForeignKey("limitation_rule.id", ondelete="CASCADE"))
    due_on: Mapped[str] = mapped_column(String(10))  # ISO date
    state: Mapped[str] = mapped_column(String(20))  # proposed, set, dismissed
    decided_by: Mapped[str | None] = mapped_column(String(320))
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
