"""Who holds what no two records of a service may hold: a name at Xero, an e-mail address at HighLevel.

The keys of a mapping need not see it: two clients of one name are two people to them, and the service refuses the
second all the same, run after run. A person is asked about the two instead. So they are about two new records of one
e-mail address, where a mapping's key looks for it: the first is made, and the key finds it for the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...models import Change
from ...models.change import WAITING_STATES
from ..transforms import folded
from .ends import End, Seen

if TYPE_CHECKING:
    from ...services.writing import Field

Name = tuple[str, str, str]  # side, field, what it holds, as it is compared


@dataclass(frozen=True)
class Namesake:
    """A record that holds it already, and what the service takes only once."""

    record_id: int
    label: str
    said: str


class Namesakes:
    """What the records of both sides hold, and those that are being made."""

    def __init__(
        self, ends: Mapping[str, End], look: Callable[[], AbstractContextManager[Session]],
        keys: Sequence[Mapping[str, Any]],
    ) -> None:  # fmt: skip
        self.ends, self.look = ends, look
        self._looked_for = {side: _looked_for(end, keys) for side, end in ends.items()}
        self._held: dict[Name, tuple[int, str]] = {}
        self._made: dict[str, set[Name]] = {}  # by side

    def met(self, side: str, seen: Seen) -> Seen:
        """The same record, remembered for what it holds."""
        for one, name in _names(side, self.ends[side].once, seen.plain):
            among, said = one.once_among
            if not among or seen.plain.get(among, said) == said:
                self._held.setdefault(name, (seen.record_id, seen.label))
        return seen

    def holder(self, side: str, values: Mapping[str, Any]) -> Namesake | None:
        """Who holds one of these values on a side."""
        end = self.ends[side]
        for one, name in _names(side, end.once, values):
            if (found := self._held.get(name)) is not None:
                return Namesake(*found, f"{end.service.label} takes the same {one.label.lower()} only once")
        return None

    def made_first(self, side: str, values: Mapping[str, Any]) -> str:
        """Why a record with these values waits for another one that is being made; "" where it is the first."""
        end, made = self.ends[side], self._being_made(side)
        names = _names(side, self._looked_for[side], values)
        for one, name in names:
            if name in made:
                same = f"the same {one.label.lower()}"
                why = f"{end.service.label} takes {same} only once" if one.once else f"Two with {same} may be one"
                return f"{why}, and another record with {values[one.name]} is made first."
        made.update(name for _, name in names)
        return ""

    def _being_made(self, side: str) -> set[Name]:
        """What is on its way, of earlier runs and of other mappings, too: a run makes only so many at once."""
        if side not in self._made:
            end = self.ends[side]
            query = select(Change.wanted).where(
                Change.connection_id == end.connection_id, Change.resource == end.resource.key, Change.op == "create",
                Change.state.in_(WAITING_STATES),
            )  # fmt: skip
            with self.look() as session:
                fields = self._looked_for[side]
                waiting = session.scalars(query).all() if fields else []
            self._made[side] = {name for values in waiting for _, name in _names(side, fields, values)}
        return self._made[side]


def _looked_for(end: End, keys: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    """The fields of which no two new records at this end hold the same unasked."""
    names = {name for key in keys if key["by"] == "email" for name in key[end.side].split(",")}
    return tuple(one for one in end.fields() if one.once or one.name in names)


def _names(side: str, fields: tuple[Field, ...], values: Mapping[str, Any]) -> list[tuple[Field, Name]]:
    """What a record holds in these fields, where it holds anything."""
    return [(one, (side, one.name, folded(value))) for one in fields if (value := values.get(one.name))]
