"""Absence proved: pages by number shift while they are read, so a record that was not met may be there all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...errors import Missing, NotAllowed
from ...services.base import Reading
from ...storage.full_reads import Place
from .keeping import Desk, Keeping

ASKED_ONE_BY_ONE = 10  # more than these, and their lists are read once more instead
WHERE_LISTS_LAG = 100  # the same where a list read once more may still not know them

Asked = Callable[[str | None], Reading]  # the owner of a list, where there is one -> how it was read


@dataclass(frozen=True)
class Proof:
    """Asks again for what a read did not meet."""

    of: Keeping
    asked: Asked

    @property
    def desk(self) -> Desk:
        """Where it is asked."""
        return self.of.desk

    def still_there(self, missed: list[Place]) -> set[int]:
        """Our numbers of those of these records that the upstream has: a few by their ids, many by their lists."""
        if len(missed) <= (WHERE_LISTS_LAG if self.of.lag else ASKED_ONE_BY_ONE):
            return {one.number for one in missed if self._has(one)}
        met = {owner: self._ids(owner) for owner in {self._owner(one) for one in missed}}
        return {one.number for one in missed if one.external_id in met[self._owner(one)]}

    def _owner(self, one: Place) -> str | None:
        return one.owner_id if self.of.resource.per else None

    def _has(self, one: Place) -> bool:
        try:
            self.desk.service.read_one(self.desk.upstream, self.of.resource, one.external_id, self._owner(one))
        except Missing:
            return False
        except NotAllowed:
            pass  # it is kept from us, and not said to be gone
        return True

    def _ids(self, owner: str | None) -> set[str]:
        """The ids of a list as it is now; of none where its owner went away."""
        try:
            pages = self.desk.service.read(self.desk.upstream, self.of.resource, self.asked(owner))
            return {found for page in pages for found in self._named(page.items)}
        except Missing:
            return set()

    def _named(self, items: Iterable) -> Iterable[str]:
        name = self.of.resource.id
        return (str(item[name]) for item in items if isinstance(item, dict) and name in item)
