"""Whether a custom field that is about to empty another one is still there at all.

A service that lost a field tells it of no record any more, which looks as if somebody had emptied them all (P6).
Definitions are read once an hour; what would empty something is not sent on an older word than the write itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dictionary

from ...errors import NotAllowed
from ...models import Change
from ...services.writing import CUSTOM, by_name
from ..carrying.compare import OTHER
from ..carrying.ends import End
from ..carrying.leaving import Overtaken, look_again
from ..reading.keeping import Work
from .around import read_again

KIND = "custom_fields"  # the resource that holds an account's definitions of its own fields


class Definitions:
    """What a sender found out of them; each is asked for once."""

    def __init__(self, ends: Dictionary[tuple[int, str], End], work: Work, run_id: int | None) -> None:
        self.ends, self.work, self.run_id = ends, work, run_id
        self.there: dict[tuple[int, str], bool] = {}

    def check(self, change: Change) -> None:
        """Raise Overtaken, and have the pair compared again, where a field whose emptiness this carries is gone.

        A new record has nothing to be emptied.
        """
        if change.op == "create":
            return
        target = self.ends[change.connection_id, change.resource]
        source = next((end for end in self.ends.values() if end.side == OTHER.get(target.side)), None)
        if source is None or not source.custom or source.upstream is None:
            return
        for name in _emptied(change):
            if not self._is_there(source, name):
                with self.work() as session:
                    look_again(session, change.link_id)
                raise Overtaken(
                    f"{source.called([name])} is no longer there at {source.service.label}: it empties nothing."
                )

    def _is_there(self, source: End, name: str) -> bool:
        key = (source.connection_id, name)
        if key not in self.there:
            self.there[key] = self._asked(source, name.removeprefix(CUSTOM), name)
        return self.there[key]

    def _asked(self, source: End, external_id: str, name: str) -> bool:
        """Ask the service, and keep what it says."""
        kind, what = source.service.resources[KIND], f"whether {source.called([name])} is still there"
        try:
            told = read_again(source, kind, external_id, self.work, self.run_id, what)
        except NotAllowed:
            return True  # as it was known
        return told is not None and name in by_name(source.service.writing.fields(source.resource.key, [told]))


def _emptied(change: Change) -> Iterator[str]:
    """The custom fields that are said to be empty, where that is to change something."""
    for one in change.sources.values():
        names, value = str(one.get("field") or "").split(","), one.get("value")
        values = value if isinstance(value, list) and len(value) == len(names) > 1 else [value] * len(names)
        for name, said in zip(names, values, strict=True):
            if name.startswith(CUSTOM) and said in (None, "", []):
                yield name
