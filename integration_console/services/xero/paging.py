"""Xero's pages: numbered from 1, and each answer says how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..base import Answer, Call, dig, replace

PAGE = 100  # up to 1000 are allowed; larger answers come too close to the limit of what is read at once


@dataclass(frozen=True)
class XeroPages:
    """Every list is asked for page by page: without a page, documents come without their lines."""

    shifts: ClassVar[bool] = True

    size: int = PAGE

    def apply(self, call: Call, cursor: Any | None) -> Call:
        """The page of that number."""
        return replace(call, params={**call.params, "page": cursor or 1, "pageSize": self.size})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        """Until the last page it told of; where it told of none, until a page is empty."""
        page, last = int(call.params["page"]), dig(answer.data, "pagination.pageCount")
        over = page >= last if isinstance(last, int) else not items
        return None if over or not items else page + 1
