"""Personal data: people who were erased, and what must be kept although its days are over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey

ERASURE_STATES = ("waiting", "done", "stopped")


class LegalHold(Base):
    """Nothing of an account, or of the whole firm, is removed or erased while it stands (X15)."""

    __tablename__ = "legal_hold"

    id: Mapped[PrimaryKey]
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"), index=True)  # None: the whole firm
    reason: Mapped[str] = mapped_column(Text)
    placed_by: Mapped[str] = mapped_column(String(320))
    placed_at: Mapped[datetime]
    lifted_by: Mapped[str | None] = mapped_column(String(320))
    lifted_at: Mapped[datetime | None]


class Erasure(Base):
    """One person taken out of everything the console keeps, in steps that can be killed and begun again."""

    __tablename__ = "erasure"

    id: Mapped[PrimaryKey]
    state: Mapped[str] = mapped_column(String(20), index=True)
    record_ids: Mapped[list] = mapped_column(default=list)
    terms: Mapped[str | None] = mapped_column(Text)  # sealed; what to look for in texts; gone when it is done
    reached: Mapped[dict] = mapped_column(default=dict)  # table -> the row up to which it was looked through
    counts: Mapped[dict] = mapped_column(default=dict)  # table -> rows cleared
    reason: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(320))
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    message: Mapped[str | None] = mapped_column(Text)
