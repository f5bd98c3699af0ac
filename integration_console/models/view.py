"""A filter somebody keeps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey


class SavedView(Base):
    """One list as somebody filtered it, under a name; their own, or everybody's."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("user_id", "path", "name"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(200), index=True)  # /transactions
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(Text)  # status=5xx&service=clio
    shared: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
