"""The index behind HighLevel's searches, which "may take a few seconds" to know what was written: read by its id, a
record is newer than in a search.

Source: the vendor's page on the contact search, as copied in GitHub hoopai/highlevel-docs (2026).
"""

from ..server import Answer, Request, Upstream
from ..shelf import Shelf

SEARCHES = ("/contacts/search", "/opportunities/search")
INDEXED = ("contacts", "opportunities")


class GhlIndex(Upstream):
    _index: dict[str, Shelf] | None = None

    def hold_index(self) -> None:
        """From now on the searches answer as of this moment, until `catch_up`."""
        with self.lock:
            self._index = {resource: self.shelves[resource].copy() for resource in INDEXED}

    def catch_up(self) -> None:
        self._index = None

    def _find(self, request: Request) -> Answer:
        if self._index is None or self.short_path(request) not in SEARCHES:
            return super()._find(request)
        shelves, self.shelves = self.shelves, {**self.shelves, **self._index}
        try:
            return super()._find(request)
        finally:
            self.shelves = shelves
