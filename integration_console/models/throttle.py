"""How often something was tried in vain, and until when it must wait."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Throttle(Base):
    """Failed sign-ins of one account name or one address. Kept for unknown names too, so that waiting tells nothing."""

    __tablename__ = "throttle"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)  # "account:<hash>", "address:<address>"
    failures: Mapped[int] = mapped_column(default=0)
    until: Mapped[datetime | None]
    last_at: Mapped[datetime]
